#include "pipelines/cli/shift_rows.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "pipelines/data/open.h"
#include "pipelines/data/stop.h"
#include "pipelines/train/train_reference.h"

enum { SEED = 1 };
#define SHIFT_THOSE(name)                                                      \
    ((name) != NULL ? (name) : "those that the model was validated on")

static int shift_rows_asked(const struct shift_rows *s)
{
    return s->reference != NULL || s->check;
}

enum nn_status shift_rows_offer(struct shift_rows *s, const char *file,
                                struct nn_error *err)
{
    size_t at = s->n;
    char *own;

    if (!shift_rows_asked(s) || !nn_file_exists(file)) {
        return NN_OK;
    }
    if (s->offered == 0) {
        s->rng = nn_rng_make(SEED, 0x7368696674);
    }
    s->offered++;
    if (s->n == SHIFT_DRAWN) {
        at = nn_rng_below(&s->rng, (uint32_t)s->offered);
        if (at >= SHIFT_DRAWN) {
            return NN_OK;
        }
    }
    own = nn_mem_strdup(file);
    if (own == NULL) {
        return nn_fail_nomem(err);
    }
    nn_mem_free(s->file[at]);
    s->file[at] = own;
    s->n += at == s->n;
    return NN_OK;
}

void shift_rows_release(struct shift_rows *s)
{
    for (size_t i = 0; i < s->n; i++) {
        nn_mem_free(s->file[i]);
    }
    s->n = 0;
    nn_dataset_close(&s->known);
}

static void say(const struct shift_rows *s, const struct nn_shift_result *r)
{
    int alarm = r->p <= s->alarms;
    const char *name = s->reference;

    nn_log(alarm ? NN_LOG_WARN : NN_LOG_INFO,
           "of %zu photos that were drawn %zu look unlike %s%s%s "
           "(p = %.2g; were they alike, an alarm would come in %g %% of the "
           "piles at most)%s",
           r->n, r->far, name != NULL ? "those of '" : "", SHIFT_THOSE(name),
           name != NULL ? "'" : "", r->p, 100 * s->alarms,
           alarm ? ": what was measured on those need not hold here, so let "
                   "'bearcascade audit' tell how many positives are found"
                 : ": no alarm");
}

/* Splits stay as the source has them. */
enum nn_status shift_rows_open(struct shift_rows *s, const struct model *m,
                               struct nn_error *err)
{
    const struct nn_dataset_options o = { .generators = data_generators };

    if (s->reference != NULL) {
        return nn_dataset_open(s->reference, &o, &s->known, err);
    }
    if (s->check && m->reference.n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds no summary of its validation photos (an "
                       "older program, --no-reference, or too few of them): "
                       "name labelled photos with --reference DATA",
                       m->path);
    }
    return NN_OK;
}

/* Of the photos that were named. */
static enum nn_status learn(const struct shift_rows *s, const struct model *m,
                            const char *dir, struct nn_shift_reference *out,
                            struct nn_error *err)
{
    enum nn_status st;

    nn_dataset_fingerprint(s->known);
    st = nn_dataset_group(s->known, NN_NEAR_BITS, err);
    return st ? st
              : reference_of_photos(m, s->known, 1, dir, &stop_asked, out, err);
}

/* Features of the photos that were drawn. */
static enum nn_status look(const struct shift_rows *s, const struct model *m,
                           const char *dir, struct feature_table *t,
                           struct nn_error *err)
{
    struct nn_dataset *pile = NULL;
    enum nn_status st =
        nn_dataset_open_files((const char *const *)s->file, s->n, &pile, err);

    if (st) {
        return st;
    }
    t->n = s->n;
    t->index = nn_mem_calloc(s->n, sizeof *t->index);
    if (t->index == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < s->n; i++) {
        t->index[i] = (uint32_t)i;
    }
    st = feature_table_fill(t, m, pile, dir, "drawn", &stop_asked, err);
out:
    nn_dataset_close(&pile);
    return st;
}

static enum nn_status compare(const struct shift_rows *s, const struct model *m,
                              const char *dir, struct nn_error *err)
{
    struct nn_shift_reference named = { 0 };
    struct feature_table drawn = { 0 };
    struct nn_shift_result r = { 0 };
    enum nn_status st = NN_OK;

    if (s->reference != NULL) {
        st = learn(s, m, dir, &named, err);
        if (st) {
            goto out;
        }
    }
    st = look(s, m, dir, &drawn, err);
    if (st) {
        goto out;
    }
    st = nn_shift_test(s->reference != NULL ? &named : &m->reference, drawn.x,
                       drawn.n, &r, err);
    if (st) {
        goto out;
    }
    say(s, &r);
out:
    nn_mem_free(r.distance);
    feature_table_release(&drawn);
    nn_shift_release(&named);
    return st;
}

enum nn_status shift_rows_say(const struct shift_rows *s, const struct model *m,
                              struct nn_error *err)
{
    char *dir;
    enum nn_status st;

    if (!shift_rows_asked(s) || stop_asked) {
        return NN_OK;
    }
    if (s->n == 0) {
        nn_log(NN_LOG_WARN, "no photo in a file to compare with %s",
               SHIFT_THOSE(s->reference));
        return NN_OK;
    }
    dir = nn_feature_cache_dir();
    st = compare(s, m, dir, err);
    nn_mem_free(dir);
    return stop_asked ? NN_OK : st;
}
