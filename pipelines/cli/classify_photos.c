/* Images in, one row an image out, in the order of the input. */
#include "pipelines/cli/classify_photos.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cli/pathlist.h"

/* Images that are taken at a time, and paths of standard input. */
enum { CLASSIFY_CHUNK = 256, TILED_CHUNK = 32 };

/* --- rows --- */

/* The name as it is printed. MegaDetector's readers want it below the folder
 * that was classified. */
static const char *shown_name(const struct classify *c, const char *file)
{
    if (c->format != PREDICTIONS_MEGADETECTOR) {
        return file;
    }
    if (c->inside > 0) {
        return strlen(file) > c->inside ? file + c->inside : file;
    }
    while (strncmp(file, "./", 2) == 0 && file[2] != '\0') {
        file += 2;
    }
    return file;
}

static void count_all(struct classify *c)
{
    int64_t total = 0;

    for (size_t i = 0; i < c->n_operands && total >= 0; i++) {
        int64_t n =
            strcmp(c->operands[i], "-") == 0
                ? -1
                : nn_stream_count(c->operands[i], data_generators, &stop_asked);

        total = n < 0 ? -1 : total + n;
    }
    c->counted = 1;
    c->total = total;
}

/* What an earlier run has done counts, but took no time. */
static void show_progress(struct classify *c)
{
    int64_t known = (int64_t)nn_stream_counts(c->stream).known;

    nn_progress_expect(&c->bar, c->total > 0 ? c->total : 0, known);
    nn_progress_update(&c->bar, (int64_t)c->done + known, NULL);
}

static enum nn_status flush_rows(struct classify *c, struct nn_error *err)
{
    if (c->results != NULL) {
        return results_flush(c->results, err);
    }
    if (fflush(c->out.to) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot write the output: %s",
                       strerror(errno));
    }
    return NN_OK;
}

static enum nn_status put_row(void *ctx, const struct predictions_row *row,
                              struct nn_error *err)
{
    struct classify *c = ctx;

    if (predictions_put(&c->out, row)) {
        return nn_fail_nomem(err);
    }
    return classify_pile_put(&c->pile, row, err);
}

/* Rows from..to-1, which are the items of the data set. */
static enum nn_status put_rows(void *ctx, const struct cascade_scores *s,
                               size_t from, size_t to, struct nn_error *err)
{
    struct classify *c = ctx;
    struct cascade *cascade = bc_session_cascade(c->session);
    const struct nn_origin *origin = nn_stream_origins(c->stream);
    enum nn_status st;

    for (size_t i = from; i < to; i++) {
        struct verdict v = { .best = -1 };

        if (s->ok[i]) {
            v = cascade_verdict(cascade, s, i);
            c->by_thumbnail += s->thumbnail[i];
            st = shift_rows_offer(&c->shift, c->ds->items[i].file, err);
            if (st) {
                return st;
            }
        } else {
            c->failed++;
        }
        const struct predictions_row row = {
            .file = shown_name(c, c->ds->items[i].file),
            .v = &v,
            .ms = 1000 * s->seconds[i],
            .error = s->reason[i],
            .note = s->note[i],
            .shot = s->shot[i],
            .bytes = origin[i].bytes,
            .mtime_ms = origin[i].mtime_ms,
        };

        st = c->bursts != NULL ? bursts_add(c->bursts, &row, err)
                               : put_row(c, &row, err);
        if (st) {
            return st;
        }
    }
    st = flush_rows(c, err);
    if (st) {
        return st;
    }
    c->done += to - from;
    show_progress(c);
    return stop_asked ? NN_ERR_STOPPED : NN_OK;
}

/* --- the nets --- */

/* A session with memory for as many images a step as pay, or for the few files
 * that are named. */
static enum nn_status make_room(struct classify *c, struct nn_error *err)
{
    struct bc_options o = BC_OPTIONS_INIT;
    size_t most = (size_t)cascade_pile_batch(nn_parallel_threads()), n = 0;
    char why[BC_TEXT_SIZE];

    if (c->session != NULL) {
        return NN_OK;
    }
    for (size_t i = 0; i < c->n_operands; i++) {
        int one = strcmp(c->operands[i], "-") != 0 &&
                  !pathlist_is_collection(c->operands[i]);

        n += one ? 1 : most;
    }
    o.max_batch = (int)(n < most ? n : most);
    o.threads = nn_parallel_threads();
    o.all_stages = c->all_stages;
    if (bc_session_create(c->model, &o, &c->session, why, sizeof why)) {
        return nn_fail(err, NN_ERR_NOMEM, "%s", why);
    }
    cascade_use_thumbnails(bc_session_cascade(c->session), c->thumbnails);
    return NN_OK;
}

/* The whole photos, then the parts of those that are none. */
static enum nn_status score_tiled(struct classify *c, const uint32_t *index,
                                  struct cascade_scores *s,
                                  struct nn_error *err)
{
    struct cascade *cascade = bc_session_cascade(c->session);
    enum nn_status st = cascade_score(cascade, c->ds, index, c->ds->n,
                                      c->all_stages, NULL, s, err);

    if (st) {
        return st;
    }
    st = tiles_look(cascade, bc_model_inside(c->model), c->ds, c->tiles, s,
                    &c->tiled, err);
    return st ? st : put_rows(c, s, 0, s->n, err);
}

static enum nn_status classify_dataset(struct classify *c,
                                       const struct nn_dataset *ds,
                                       struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    uint32_t *index;
    enum nn_status st = make_room(c, err);

    if (st) {
        return st;
    }
    index = nn_mem_calloc(ds->n, sizeof *index);
    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        index[i] = (uint32_t)i;
    }
    c->ds = ds;
    st = c->tiles > 1
             ? score_tiled(c, index, &s, err)
             : cascade_score_rows(bc_session_cascade(c->session), ds, index,
                                  ds->n, c->all_stages, put_rows, c, &s, err);
    cascade_scores_release(&s);
    nn_mem_free(index);
    return st == NN_ERR_STOPPED ? NN_OK : st;
}

/* --- the photos --- */

/* All that the stream holds. The first photo goes alone, so that its row comes
 * at once. */
static enum nn_status classify_stream(struct classify *c, struct nn_error *err)
{
    struct nn_dataset *ds;
    enum nn_status st;

    for (;;) {
        size_t most = c->tiles > 1 ? TILED_CHUNK : CLASSIFY_CHUNK;

        st = nn_stream_next(c->stream, c->done == 0 ? 1 : most, &ds, err);
        if (st || ds == NULL) {
            return st;
        }
        st = classify_dataset(c, ds, err);
        nn_dataset_close(&ds);
        if (st || stop_asked) {
            return st;
        }
        if (!c->counted && !c->common.quiet) {
            count_all(c);
        }
    }
}

static size_t looked_at(const struct classify *c)
{
    return c->done + nn_stream_counts(c->stream).known;
}

/* Paths in order; runs of single files go through together. */
static enum nn_status classify_paths(struct classify *c,
                                     const char *const *paths, size_t n,
                                     struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < n && !stop_asked; i++) {
        int many = pathlist_is_collection(paths[i]);
        size_t before;

        st = many ? classify_stream(c, err) : NN_OK;
        if (st) {
            return st;
        }
        before = looked_at(c);
        st = nn_stream_add(c->stream, paths[i], err);
        if (st) {
            return st;
        }
        st = many ? classify_stream(c, err) : NN_OK;
        if (st) {
            return st;
        }
        if (many && looked_at(c) == before && !stop_asked) {
            nn_log(NN_LOG_WARN, "no images in '%s'", paths[i]);
        }
    }
    return stop_asked ? NN_OK : classify_stream(c, err);
}

static enum nn_status classify_stdin(struct classify *c, struct nn_error *err)
{
    struct pathlist list;
    enum nn_status st;

    pathlist_init(&list, 0, c->nul);
    do {
        st = pathlist_read(&list, CLASSIFY_CHUNK, err);
        if (st) {
            goto out;
        }
        st = classify_paths(c, (const char *const *)list.v, list.n, err);
        if (st) {
            goto out;
        }
    } while (!list.at_end && !stop_asked);
out:
    pathlist_release(&list);
    return st;
}

static enum nn_status classify_all(struct classify *c, struct nn_error *err)
{
    enum nn_status st;
    size_t from = 0;

    for (size_t i = 0; i < c->n_operands; i++) {
        if (strcmp(c->operands[i], "-") != 0) {
            continue;
        }
        st = classify_paths(c, c->operands + from, i - from, err);
        if (st) {
            return st;
        }
        st = classify_stdin(c, err);
        if (st) {
            return st;
        }
        from = i + 1;
    }
    return classify_paths(c, c->operands + from, c->n_operands - from, err);
}

/* What is neither photo nor failure, and what was not decoded. */
static void say_left_out(const struct classify *c)
{
    struct nn_stream_counts n = nn_stream_counts(c->stream);

    if (n.left_out > 0) {
        nn_log(NN_LOG_INFO,
               "left out: %zu hidden files, side files and others that are no "
               "photos%s%s%s",
               n.left_out, n.example != NULL ? " ('" : "",
               n.example != NULL ? n.example : "",
               n.example != NULL ? "' is the first)" : "");
    }
    if (c->thumbnails) {
        nn_log(NN_LOG_INFO,
               "%zu of %zu photos were judged by their EXIF thumbnails",
               c->by_thumbnail, c->done);
    }
}

/* --- where rows go --- */

static int is_known(void *ctx, const char *name, const struct nn_origin *o)
{
    struct classify *c = ctx;
    int failed = 0;
    int known = results_know(c->results, shown_name(c, name), o, 0, &failed);

    c->failed += (size_t)(known && failed);
    return known;
}

/* All that a row depends on beside the photo. */
static void fingerprint(struct classify *c)
{
    uint64_t h = run_mark(bc_model_inside(c->model));

    h = nn_hash_u64(&c->burst.by, sizeof c->burst.by, h);
    h = nn_hash_u64(&c->burst.gap, sizeof c->burst.gap, h);
    h = nn_hash_u64(&c->all_stages, sizeof c->all_stages, h);
    if (c->thumbnails) { /* files of older programs go on without */
        h = nn_hash_u64(&c->thumbnails, sizeof c->thumbnails, h);
    }
    if (c->tiles > 1) {
        h = nn_hash_u64(&c->tiles, sizeof c->tiles, h);
    }
    run_mark_text(h, c->run);
}

static enum nn_status open_output(struct classify *c, struct nn_error *err)
{
    const struct model *m = bc_model_inside(c->model);
    struct nn_stream_options opt = { .generators = data_generators };
    enum nn_status st;

    if (c->burst.by != NN_BURST_OFF) {
        c->out.bursts = 1;
        st = bursts_create(m, (enum nn_burst_by)c->burst.by, c->burst.gap,
                           put_row, c, &c->bursts, err);
        if (st) {
            return st;
        }
    }
    if (c->resume == NULL) {
        st = predictions_begin(&c->out, stdout,
                               (enum predictions_format)c->format, m);
        return st ? nn_fail_nomem(err)
                  : nn_stream_create(&opt, &c->stream, err);
    }
    fingerprint(c);
    c->out.run = c->run;
    st = results_open(c->resume, &c->out, (enum predictions_format)c->format, m,
                      &c->results, err);
    if (st) {
        return st;
    }
    opt.origins = 1;
    opt.known = is_known;
    opt.ctx = c;
    return nn_stream_create(&opt, &c->stream, err);
}

/* Frames whose burst was cut off by a stop are looked at again by the run that
 * goes on. */
static enum nn_status finish_bursts(struct classify *c, struct nn_error *err)
{
    enum nn_status st;

    if (c->bursts == NULL || (stop_asked && c->results != NULL)) {
        return NN_OK;
    }
    st = bursts_finish(c->bursts, err);
    return st ? st : flush_rows(c, err);
}

enum nn_status classify_photos(struct classify *c, struct cmd_line *line,
                               struct nn_error *err)
{
    enum nn_status st = open_output(c, err);

    if (st) {
        return st;
    }
    nn_progress_begin(&c->bar, "classify", "img", 0);
    st = classify_all(c, err);
    if (st == NN_OK) {
        st = finish_bursts(c, err);
    }
    nn_progress_end(&c->bar, NULL);
    if (c->results == NULL) {
        predictions_end(&c->out);
    }
    if (st) {
        return st;
    }
    say_left_out(c);
    if (c->tiles > 1) {
        nn_log(
            NN_LOG_INFO,
            "tiles: %zu photos without a positive were looked at in %d parts "
            "each; %zu of them have one",
            c->tiled.looked, c->tiles * c->tiles, c->tiled.found);
    }
    st = shift_rows_say(&c->shift, bc_model_inside(c->model), err);
    if (st) {
        return st;
    }
    if (stop_asked) {
        fputs("bearcascade classify: interrupted\n", stderr);
        line->exit = EXIT_FAILED;
    } else if (c->failed > 0) {
        line->exit = EXIT_SOME_FAILED;
    }
    return NN_OK;
}
