/* Images as files. The manifest of an unfinished run is kept line by line in
 * DIR/.manifest.part, so that a rerun draws nothing twice. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/synth/synth.h"

enum { BATCH = 128, LINE = 512, NAME = 96 };
#define MANIFEST_MAX ((size_t)1 << 32)

struct store {
    const char *dir;
    const struct synth_spec *spec;
    enum synth_format format;
    int splits;
    unsigned char *known_text[2]; /* manifests of earlier runs */
    const char **known;           /* [count] line of each image, or NULL */
    uint64_t first;               /* of the batch */
    struct slot {
        enum nn_status st;
        struct nn_error err;
        int fresh; /* drawn now: line is not in a file yet */
        char line[LINE];
    } * slot;
};

static enum nn_status options_text(const struct store *s, char **text,
                                   struct nn_error *err)
{
    const struct synth_options *o = &s->spec->opt;
    const float *c = o->class_share, *f = o->family_share;
    char *family = nn_mem_sprintf("%g", (double)f[0]);

    for (int i = 1; i < SYNTH_FAMILIES && family != NULL; i++) {
        char *longer = nn_mem_sprintf("%s,%g", family, (double)f[i]);

        nn_mem_free(family);
        family = longer;
    }
    *text =
        family == NULL
            ? NULL
            : nn_mem_sprintf("{\"seed\":%llu,\"size\":%d,\"format\":\"%s\","
                             "\"splits\":%s,\"class_share\":[%g,%g,%g,%g],"
                             "\"family_share\":[%s],\"near_miss_share\":%g,"
                             "\"valid_share\":%g,\"test_share\":%g}\n",
                             (unsigned long long)s->spec->seed,
                             (int)s->spec->size, synth_format_suffix(s->format),
                             s->splits ? "true" : "false", (double)c[0],
                             (double)c[1], (double)c[2], (double)c[3], family,
                             (double)o->near_miss_share, (double)o->valid_share,
                             (double)o->test_share);
    nn_mem_free(family);
    return *text != NULL ? NN_OK : nn_fail_nomem(err);
}

static enum nn_status write_text(const char *path, const void *text, size_t n,
                                 struct nn_error *err)
{
    struct nn_file_out out;
    enum nn_status st = nn_file_out_open(&out, path, err);

    if (st) {
        return st;
    }
    fwrite(text, 1, n, out.stream);
    return nn_file_out_commit(&out, err);
}

/* Refuse a folder that was filled with other options; note ours in a new
 * one. */
static enum nn_status claim(const struct store *s, struct nn_error *err)
{
    char *path = nn_path_join(s->dir, "synth.json"), *text = NULL;
    unsigned char *old = NULL;
    size_t n = 0;
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = options_text(s, &text, err);
    if (st) {
        goto out;
    }
    if (!nn_file_exists(path)) {
        st = write_text(path, text, strlen(text), err);
        goto out;
    }
    st = nn_file_read(path, 65536, &old, &n, err);
    if (st) {
        goto out;
    }
    if (strcmp((const char *)old, text) != 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "'%s' holds images of other options (see '%s'); "
                     "choose another folder",
                     s->dir, path);
    }
out:
    nn_mem_free(old);
    nn_mem_free(text);
    nn_mem_free(path);
    return st;
}

/* Remember the complete lines of a manifest by their index. */
static void learn(struct store *s, char *text)
{
    static const char head[] = "{\"index\":";
    char *line = text;

    while (*line != '\0') {
        char *end = strchr(line, '\n'), *after;

        if (end == NULL) {
            return; /* cut off in the middle of a line */
        }
        *end = '\0';
        if (strncmp(line, head, sizeof head - 1) == 0 && end - line < LINE) {
            unsigned long long i = strtoull(line + sizeof head - 1, &after, 10);

            if (*after == ',' && i < s->spec->count && end[-1] == '}') {
                s->known[i] = line;
            }
        }
        line = end + 1;
    }
}

static enum nn_status recall(struct store *s, struct nn_error *err)
{
    static const char *const names[] = { "manifest.jsonl", ".manifest.part" };

    memset(s->known, 0, (size_t)s->spec->count * sizeof *s->known);
    for (int i = 0; i < 2; i++) {
        char *path = nn_path_join(s->dir, names[i]);
        enum nn_status st = NN_OK;
        size_t n = 0;

        if (path == NULL) {
            return nn_fail_nomem(err);
        }
        if (nn_file_exists(path)) {
            nn_mem_free(s->known_text[i]);
            s->known_text[i] = NULL;
            st = nn_file_read(path, MANIFEST_MAX, &s->known_text[i], &n, err);
        }
        nn_mem_free(path);
        if (st) {
            return st;
        }
        if (s->known_text[i] != NULL) {
            learn(s, (char *)s->known_text[i]);
        }
    }
    return NN_OK;
}

static void describe_line(const struct store *s, uint64_t i, const char *file,
                          const struct synth_truth *t, char *line)
{
    const char *family = synth_family_name(t->family);
    int bear = t->class != SYNTH_NEGATIVE;

    snprintf(line, LINE,
             "{\"index\":%llu,\"file\":\"%s\",\"label\":\"%s\","
             "\"split\":\"%s\",\"family\":\"%s\",\"near_miss\":%s,"
             "\"visible\":%.4f,\"area\":%.4f,\"extent\":%.4f,"
             "\"box\":[%d,%d,%d,%d],\"size\":%d}",
             (unsigned long long)i, file,
             bear ? synth_class_name(t->class) : "", synth_split_name(t->split),
             family != NULL ? family : "", t->near_miss ? "true" : "false",
             (double)t->visible, (double)t->area, (double)t->extent,
             (int)t->box[0], (int)t->box[1], (int)t->box[2], (int)t->box[3],
             (int)s->spec->size);
}

/* `path` is DIR/a/b/file: make DIR/a/b. */
static enum nn_status make_parent(const char *path, struct nn_error *err)
{
    const char *base = nn_path_base(path);
    char *parent = nn_mem_strndup(path, (size_t)(base - path) - 1);
    enum nn_status st;

    if (parent == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_mkdirs(parent, err);
    nn_mem_free(parent);
    return st;
}

static enum nn_status make_image(struct store *s, uint64_t i, struct slot *slot)
{
    const struct synth_spec *sp = s->spec;
    struct synth_truth t;
    uint8_t *bytes = NULL;
    size_t n = 0;
    char name[NAME], *path = NULL;
    enum nn_status st = NN_OK;

    synth_describe(sp->seed, i, &sp->opt, &t);
    if (synth_file_name(sp->seed, i, &t, s->splits, s->format, name, NAME)) {
        return nn_fail(&slot->err, NN_ERR_ARG, "file name too long");
    }
    path = nn_path_join(s->dir, name);
    if (path == NULL) {
        return nn_fail_nomem(&slot->err);
    }
    slot->fresh = s->known[i] == NULL || !nn_file_exists(path);
    if (!slot->fresh) {
        goto out;
    }
    st = synth_encode(sp->seed, i, &sp->opt, sp->size, s->format, &bytes, &n,
                      &t, &slot->err);
    if (st) {
        goto out;
    }
    st = make_parent(path, &slot->err);
    if (st) {
        goto out;
    }
    st = write_text(path, bytes, n, &slot->err);
    if (st) {
        goto out;
    }
    describe_line(s, i, name, &t, slot->line);
out:
    nn_mem_free(bytes);
    nn_mem_free(path);
    return st;
}

static void work(void *ctx, size_t k)
{
    struct store *s = ctx;

    s->slot[k].st = make_image(s, s->first + k, &s->slot[k]);
}

/* The lines of all images of a batch that could be made; returned is the first
 * failure. */
static enum nn_status put_lines(const struct store *s, size_t n, FILE *lines,
                                struct nn_error *err)
{
    const struct slot *failed = NULL;

    for (size_t k = 0; k < n; k++) {
        const struct slot *slot = &s->slot[k];

        if (slot->st == NN_OK && slot->fresh) {
            fprintf(lines, "%s\n", slot->line);
        } else if (slot->st && failed == NULL) {
            failed = slot;
        }
    }
    if (fflush(lines) != 0 && failed == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot write to '%s': %s", s->dir,
                       strerror(errno));
    }
    if (failed != NULL) {
        *err = failed->err;
        return failed->st;
    }
    return NN_OK;
}

/* Draw what is missing; `lines` gets a line for each as they are done. */
static enum nn_status draw_all(struct store *s, FILE *lines,
                               struct nn_error *err)
{
    struct nn_progress bar = { 0 };
    enum nn_status st = NN_OK;

    nn_progress_begin(&bar, "draw", "img", (int64_t)s->spec->count);
    while (s->first < s->spec->count) {
        uint64_t left = s->spec->count - s->first;
        size_t n = left < BATCH ? (size_t)left : BATCH;

        nn_parallel_for(n, work, s);
        st = put_lines(s, n, lines, err);
        if (st) {
            goto out;
        }
        s->first += n;
        nn_progress_update(&bar, (int64_t)s->first, NULL);
    }
out:
    nn_progress_end(&bar, NULL);
    return st;
}

/* The lines that are known now, in order of index. */
static enum nn_status list_all(const struct store *s, const char *path,
                               struct nn_error *err)
{
    struct nn_file_out out;
    enum nn_status st = nn_file_out_open(&out, path, err);

    if (st) {
        return st;
    }
    for (uint64_t i = 0; i < s->spec->count; i++) {
        if (s->known[i] != NULL) {
            fprintf(out.stream, "%s\n", s->known[i]);
        }
    }
    return nn_file_out_commit(&out, err);
}

/* Draw what is missing; its lines go to the end of the file `part`. */
static enum nn_status draw_to(struct store *s, const char *part,
                              struct nn_error *err)
{
    FILE *lines = fopen(part, "a");
    enum nn_status st;

    if (lines == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", part,
                       strerror(errno));
    }
    fputc('\n', lines); /* ends a line that an interrupted run left */
    st = draw_all(s, lines, err);
    if (fclose(lines) != 0 && st == NN_OK) {
        return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", part,
                       strerror(errno));
    }
    return st;
}

static enum nn_status draw_and_list(struct store *s, struct nn_error *err)
{
    char *part = nn_path_join(s->dir, ".manifest.part");
    char *done = nn_path_join(s->dir, "manifest.jsonl");
    enum nn_status st;

    if (part == NULL || done == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = draw_to(s, part, err);
    if (st) {
        goto out;
    }
    st = recall(s, err);
    if (st) {
        goto out;
    }
    st = list_all(s, done, err);
    if (st) {
        goto out;
    }
    remove(part);
out:
    nn_mem_free(done);
    nn_mem_free(part);
    return st;
}

enum nn_status synth_write(const char *dir, const struct synth_spec *spec,
                           enum synth_format format, int splits,
                           struct nn_error *err)
{
    struct nn_error own = NN_ERROR_INIT;
    struct store s = {
        .dir = dir, .spec = spec, .format = format, .splits = splits
    };
    enum nn_status st;

    err = err != NULL ? err : &own;
    st = nn_file_mkdirs(dir, err);
    if (st) {
        return st;
    }
    st = claim(&s, err);
    if (st) {
        return st;
    }
    s.known = nn_mem_calloc((size_t)spec->count, sizeof *s.known);
    s.slot = nn_mem_calloc(BATCH, sizeof *s.slot);
    if (s.known == NULL || s.slot == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = recall(&s, err);
    if (st) {
        goto out;
    }
    st = draw_and_list(&s, err);
out:
    nn_mem_free(s.slot);
    nn_mem_free(s.known);
    nn_mem_free(s.known_text[0]);
    nn_mem_free(s.known_text[1]);
    return st;
}
