/* classify --detections: boxes of a detector, our verdicts. */
#include "pipelines/cli/classify_boxes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cli/box_crops.h"
#include "pipelines/cli/box_head.h"
#include "pipelines/cli/box_rows.h"
#include "pipelines/cli/results.h"
#include "pipelines/cli/run_mark.h"
#include "pipelines/piles/md_file.h"
#include "pipelines/piles/md_image.h"
#include "pipelines/piles/merge.h"

/* Photos that are read at a time. */
enum { PHOTOS = 16, SAID = 5 };

struct photo {
    char *file, *path; /* as the file names it, and to open it */
    json_t *image;
    struct box *box;
    struct nn_image *crop; /* [n] */
    size_t n, cap, first;  /* first: of its crops among the scores */
    struct nn_error why;   /* status 0: it was read */
    int failed;            /* the detector's own failure, or a video */
    size_t n_replaced;
    struct nn_origin origin; /* these where there are results */
    uint64_t record;
};

struct boxes {
    const struct classify_boxes *o;
    const struct model *m;
    struct cascade *cascade;
    struct classify_pile *pile;
    struct md_file md;
    const char *root;
    struct photo photo[PHOTOS];
    size_t n, done, said;
    struct predictions out;
    struct results *results; /* of --resume, or NULL */
    char *head, run[RUN_MARK_SIZE];
    size_t n_known, n_gone, n_boxes, n_bare, n_failed, n_videos, n_unread,
        n_replaced;
};

/* --- usage --- */

enum nn_status classify_boxes_check(const struct classify_boxes *b,
                                    const struct cmd_line *line,
                                    const char *resume,
                                    enum predictions_format format,
                                    struct nn_error *err)
{
    if (b->merge && (b->detections != NULL || resume != NULL || line->n < 1)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--merge needs files of results, and nothing else");
    }
    if (b->detections == NULL) {
        return NN_OK;
    }
    if (line->n > 1 || (line->n == 1 && !nn_file_is_dir(line->operands[0]))) {
        return nn_fail(err, NN_ERR_ARG,
                       "--detections FILE needs one PATH, the folder below "
                       "which its photos are, or none");
    }
    if (format != PREDICTIONS_TEXT && format != PREDICTIONS_MEGADETECTOR) {
        return nn_fail(err, NN_ERR_ARG,
                       "--detections writes the MegaDetector format only");
    }
    return NN_OK;
}

/* --- boxes of a photo --- */

static int is_animal(const struct md_file *md, const json_t *detection)
{
    json_t *names = json_object_get(md->head, "detection_categories");
    const char *key = json_string_value(json_object_get(detection, "category"));
    const char *name =
        key != NULL ? json_string_value(json_object_get(names, key)) : NULL;

    return name != NULL && strcasecmp(name, "animal") == 0;
}

static void release_photo(struct photo *p)
{
    for (size_t k = 0; p->crop != NULL && k < p->n; k++) {
        nn_image_release(&p->crop[k]);
    }
    json_decref(p->image);
    nn_mem_free(p->crop);
    nn_mem_free(p->box);
    nn_mem_free(p->file);
    nn_mem_free(p->path);
}

/* 1: a box that is classified. Numbers are distrusted. */
static int read_box(const struct boxes *g, const json_t *detection,
                    struct box *b)
{
    const json_t *v = json_object_get(detection, "bbox");
    double d[4];

    for (size_t i = 0; i < 4; i++) {
        const json_t *x = json_array_get(v, i);

        d[i] = json_number_value(x);
        if (!json_is_number(x) || !(d[i] >= -1 && d[i] <= 2)) {
            return 0;
        }
    }
    *b = (struct box){ .x = d[0], .y = d[1], .w = d[2], .h = d[3] };
    return is_animal(&g->md, detection) && b->w > 0 && b->h > 0 &&
           json_number_value(json_object_get(detection, "conf")) >= g->o->least;
}

static enum nn_status take_boxes(struct boxes *g, struct photo *p)
{
    json_t *all = json_object_get(p->image, "detections"), *d;
    size_t i;

    json_array_foreach(all, i, d)
    {
        struct box b;

        p->n_replaced += json_object_del(d, "classifications") == 0;
        if (p->failed || !read_box(g, d, &b)) {
            continue;
        }
        b.at = i;
        if (nn_mem_grow(&p->box, &p->cap, p->n + 1, sizeof *p->box)) {
            return NN_ERR_NOMEM;
        }
        p->box[p->n++] = b;
    }
    p->crop = nn_mem_calloc(p->n, sizeof *p->crop);
    return p->crop == NULL ? NN_ERR_NOMEM : NN_OK;
}

/* A format from 1.5 on wants the frames of a video. */
static enum nn_status add_frames(json_t *image)
{
    json_t *frames = json_array(), *d;
    size_t i;

    if (json_object_get(image, "frames_processed") != NULL) {
        json_decref(frames);
        return NN_OK;
    }
    json_array_foreach(json_object_get(image, "detections"), i, d)
    {
        json_t *frame = json_object_get(d, "frame_number");
        size_t n = json_array_size(frames);
        json_t *last = n > 0 ? json_array_get(frames, n - 1) : NULL;

        if (json_is_integer(frame) &&
            (last == NULL || !json_equal(frame, last))) {
            nn_json_add(&frames, json_incref(frame));
        }
    }
    return json_object_set_new(image, "frames_processed", frames) == 0
               ? NN_OK
               : NN_ERR_NOMEM;
}

static enum nn_status take_photo(struct boxes *g)
{
    struct photo *p = &g->photo[g->n];

    *p = (struct photo){ .file = nn_mem_strdup(g->md.file) };
    p->image = json_incref(g->md.image);
    box_row_clear(p->image, g->results != NULL);
    g->n++;
    if (p->file == NULL) {
        return NN_ERR_NOMEM;
    }
    p->path = md_image_path(g->root, p->file);
    if (p->path == NULL) {
        return NN_ERR_NOMEM;
    }
    p->failed = md_image_boxes(p->image, p->file, &p->why) != NN_OK;
    if (p->failed && p->why.status == NN_ERR_UNSUPPORTED) {
        g->n_videos++;
        if (add_frames(p->image)) {
            return NN_ERR_NOMEM;
        }
    } else if (p->failed) {
        g->n_failed++;
        if (json_object_get(p->image, "detections") == NULL &&
            json_object_set_new(p->image, "detections", json_null()) != 0) {
            return NN_ERR_NOMEM;
        }
    }
    return take_boxes(g, p);
}

static int is_gone(const struct photo *p)
{
    struct stat s;

    return stat(p->path, &s) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Takes the last photo away if its row is there already. What is gone, perhaps
 * sorted by a run that was killed, keeps the verdict that it had. */
static enum nn_status pass_known(struct boxes *g)
{
    struct photo *p = &g->photo[g->n - 1];
    int failed = 0, kept;
    char *text;

    if (g->results == NULL) {
        return NN_OK;
    }
    text = nn_json_dump(p->image, JSON_REAL_PRECISION(15));
    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    p->origin = nn_origin_of(p->path);
    p->record = nn_hash_u64(text, strlen(text), 1);
    p->record += p->record == 0;
    nn_mem_free(text);
    kept = !p->failed && is_gone(p) &&
           results_keep(g->results, p->file, p->record);
    if (kept ||
        results_know(g->results, p->file, &p->origin, p->record, &failed)) {
        g->n_gone += (size_t)kept;
        g->n_known++;
        g->n_unread += (size_t)(failed && !p->failed);
        release_photo(p);
        g->n--;
    }
    return NN_OK;
}

/* --- scores --- */

static void read_crops(void *ctx, size_t i)
{
    struct boxes *g = ctx;
    struct photo *p = &g->photo[i];

    if (!p->failed && p->n > 0) {
        p->why.status = box_crops(p->path, p->box, p->n, g->o->margin,
                                  model_input_side(g->m), p->crop, &p->why);
    }
}

static enum nn_status score(struct boxes *g, struct cascade_scores *s,
                            struct nn_error *err)
{
    struct cascade_input *in;
    size_t n = 0;
    enum nn_status st = NN_OK;

    nn_parallel_for(g->n, read_crops, g);
    for (size_t i = 0; i < g->n; i++) {
        if (g->photo[i].why.status == NN_ERR_NOMEM) {
            return nn_fail_nomem(err);
        }
        g->photo[i].first = n;
        n += g->photo[i].why.status == NN_OK ? g->photo[i].n : 0;
    }
    if (n == 0) {
        return NN_OK;
    }
    in = nn_mem_calloc(n, sizeof *in);
    if (in == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < g->n; i++) {
        const struct photo *p = &g->photo[i];

        for (size_t k = 0; p->why.status == NN_OK && k < p->n; k++) {
            in[p->first + k].image = &p->crop[k];
        }
    }
    st = cascade_score_inputs(g->cascade, in, n, 1, s, err);
    nn_mem_free(in);
    g->n_boxes += n;
    return st;
}

/* --- output --- */

/* Classifications of its boxes; *best: the box that is most like a positive. */
static enum nn_status put_boxes(const struct boxes *g, const struct photo *p,
                                const struct cascade_scores *s,
                                struct verdict *best)
{
    json_t *all = json_object_get(p->image, "detections");

    *best = (struct verdict){ .kind = VERDICT_NONE, .best = -1 };
    for (size_t k = 0; k < p->n; k++) {
        struct verdict v = cascade_verdict(g->cascade, s, p->first + k);
        json_t *list = box_row_shares(g->m, &v);

        if (json_object_set_new(json_array_get(all, p->box[k].at),
                                "classifications", list) != 0) {
            return NN_ERR_NOMEM;
        }
        if (k == 0 || v.p_positive > best->p_positive) {
            *best = v;
        }
    }
    return NN_OK;
}

static enum nn_status put_photo(struct boxes *g, struct photo *p,
                                const struct cascade_scores *s,
                                struct nn_error *err)
{
    struct verdict v = { .best = -1 };
    struct predictions_row row = { .file = p->file,
                                   .v = &v,
                                   .bytes = p->origin.bytes,
                                   .mtime_ms = p->origin.mtime_ms,
                                   .image = p->image,
                                   .record = p->record };
    int bad = 0;

    g->n_replaced += p->n_replaced;
    if (p->why.status == NN_OK) {
        bad = put_boxes(g, p, s, &v) || box_row_verdict(p->image, g->m, &v);
        g->n_bare += p->n == 0;
    } else {
        row.error = p->why.text;
        if (!p->failed) {
            g->n_unread++;
            if (g->said++ < SAID) {
                nn_log(NN_LOG_WARN, "%s", p->why.text);
            }
            bad = json_object_set_new(p->image, "classification_failure",
                                      nn_json_text(p->why.text)) != 0;
        }
    }
    if (bad || predictions_put(&g->out, &row)) {
        return nn_fail_nomem(err);
    }
    g->done++;
    row.file = p->path;
    return classify_pile_put(g->pile, &row, err);
}

static void drop(struct boxes *g)
{
    while (g->n > 0) {
        release_photo(&g->photo[--g->n]);
    }
}

static enum nn_status next_photos(struct boxes *g, int *more,
                                  struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    enum nn_status st = NN_OK;

    *more = 1;
    while (st == NN_OK && *more && g->n < PHOTOS && !stop_asked) {
        st = md_file_next(&g->md, more, err);
        if (st == NN_OK && *more && (take_photo(g) || pass_known(g))) {
            st = nn_fail_nomem(err);
        }
    }
    if (st == NN_OK) {
        st = score(g, &s, err);
    }
    for (size_t i = 0; st == NN_OK && i < g->n; i++) {
        st = put_photo(g, &g->photo[i], &s, err);
    }
    cascade_scores_release(&s);
    drop(g);
    return st;
}

/* --- the run --- */

static enum nn_status open_output(struct boxes *g, const char *resume,
                                  struct nn_error *err)
{
    uint64_t mark;

    if (box_head_mark(g->md.head, g->m, &mark)) {
        return nn_fail_nomem(err);
    }
    mark = nn_hash_u64(&g->o->least, sizeof g->o->least, mark);
    mark = nn_hash_u64(&g->o->margin, sizeof g->o->margin, mark);
    run_mark_text(mark, g->run);
    g->head = box_head_text(g->md.head, g->m);
    if (g->head == NULL) {
        return nn_fail_nomem(err);
    }
    g->out.head = g->head;
    if (resume == NULL) {
        return predictions_begin(&g->out, stdout, PREDICTIONS_MEGADETECTOR,
                                 g->m)
                   ? nn_fail_nomem(err)
                   : NN_OK;
    }
    g->out.run = g->run;
    return results_open(resume, &g->out, PREDICTIONS_MEGADETECTOR, g->m,
                        &g->results, err);
}

static enum nn_status flush_rows(struct boxes *g, struct nn_error *err)
{
    if (g->results != NULL) {
        return results_flush(g->results, err);
    }
    return fflush(stdout) == 0
               ? NN_OK
               : nn_fail(err, NN_ERR_IO, "cannot write the output: %s",
                         strerror(errno));
}

static void say(const struct boxes *g)
{
    nn_log(NN_LOG_INFO,
           "%zu boxes in %zu photos; %zu photos without a box of an animal are "
           "none",
           g->n_boxes, g->done, g->n_bare);
    if (g->n_known > 0) {
        nn_log(NN_LOG_INFO, "%zu photos have their rows already", g->n_known);
    }
    if (g->n_gone > 0) {
        nn_log(NN_LOG_INFO, "%zu of them are gone and keep their verdicts",
               g->n_gone);
    }
    if (g->n_replaced > 0) {
        nn_log(NN_LOG_INFO, "classifications of %zu boxes were replaced",
               g->n_replaced);
    }
    if (g->n_failed + g->n_videos + g->n_unread > 0) {
        nn_log(NN_LOG_WARN,
               "without a verdict: %zu photos that cannot be read, %zu that "
               "the detector could not read, %zu videos",
               g->n_unread, g->n_failed, g->n_videos);
    }
}

static enum nn_status run_all(struct boxes *g, struct cmd_line *line,
                              struct nn_error *err)
{
    struct nn_progress bar;
    int more = 1;
    enum nn_status st = NN_OK;

    nn_progress_begin(&bar, "classify", "img", 0);
    while (st == NN_OK && more && !stop_asked) {
        st = next_photos(g, &more, err);
        nn_progress_update(&bar, (int64_t)(g->n_known + g->done), NULL);
        if (st == NN_OK) {
            st = flush_rows(g, err);
        }
    }
    nn_progress_end(&bar, NULL);
    if (st) {
        return st;
    }
    if (g->results == NULL) {
        predictions_end(&g->out);
    } else if (!stop_asked) {
        results_settle(g->results);
    }
    say(g);
    if (stop_asked) {
        fputs("bearcascade classify: interrupted\n", stderr);
        line->exit = EXIT_FAILED;
    } else if (g->n_failed + g->n_videos + g->n_unread > 0) {
        line->exit = EXIT_SOME_FAILED;
    }
    return NN_OK;
}

enum nn_status classify_boxes_run(const struct classify_boxes *b,
                                  struct bc_model *model,
                                  struct classify_pile *pile,
                                  const char *resume, struct cmd_line *line,
                                  struct nn_error *err)
{
    struct boxes g = { .o = b, .m = bc_model_inside(model), .pile = pile };
    struct bc_options o = BC_OPTIONS_INIT;
    struct bc_session *session = NULL;
    char why[BC_TEXT_SIZE];
    enum nn_status st = md_file_open(&g.md, b->detections, err), closed;

    if (st) {
        goto out;
    }
    g.root = line->n > 0 ? line->operands[0] : "";
    o.max_batch = PHOTOS;
    o.threads = nn_parallel_threads();
    if (bc_session_create(model, &o, &session, why, sizeof why)) {
        st = nn_fail(err, NN_ERR_NOMEM, "%s", why);
        goto out;
    }
    g.cascade = bc_session_cascade(session);
    st = open_output(&g, resume, err);
    if (st == NN_OK) {
        st = run_all(&g, line, err);
    }
out:
    closed = results_close(&g.results, st ? NULL : err);
    nn_mem_free(g.head);
    md_file_release(&g.md);
    bc_session_destroy(&session);
    return st ? st : closed;
}

/* --- merging --- */

enum nn_status classify_boxes_merge(const struct cmd_line *line,
                                    struct nn_error *err)
{
    struct pile_merge_counts n;
    enum nn_status st =
        pile_merge(line->operands, (size_t)line->n, stdout, &n, err);

    if (st == NN_OK && n.twice > 0) {
        nn_log(NN_LOG_INFO,
               "%zu rows of %d files; %zu rows of photos that had one were "
               "left out, %zu of them differ",
               n.rows, line->n, n.twice, n.differing);
    }
    return st;
}
