#include "pipelines/cli/shift_rows.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "common/data/feature_rows.h"
#include "pipelines/audit/shift.h"
#include "pipelines/data/open.h"
#include "pipelines/data/stop.h"

enum { BATCH = 16, SEED = 1 };

enum nn_status shift_rows_offer(struct shift_rows *s, const char *file,
                                struct nn_error *err)
{
    size_t at = s->n;
    char *own;

    if (s->reference == NULL || !nn_file_exists(file)) {
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

struct page { /* features of some items */
    size_t n, dims;
    uint32_t *index;
    float *x;
    uint8_t *ok;
};

static void release(struct page *p)
{
    nn_mem_free(p->index);
    nn_mem_free(p->x);
    nn_mem_free(p->ok);
}

/* Of items index[0..n-1]; those that cannot be read are left out. */
static enum nn_status embed(const struct model *m, const struct nn_dataset *ds,
                            struct page *p, const char *label,
                            struct nn_error *err)
{
    char *dir = nn_feature_cache_dir();
    const struct nn_feature_options o = { .dir = dir,
                                          .limit_bytes = NN_FEATURE_CACHE_BYTES,
                                          .batch = BATCH,
                                          .label = label,
                                          .stop = &stop_asked };
    size_t n = 0;
    enum nn_status st = NN_OK;

    p->dims = nn_feature_dims(model_strong_net(m));
    p->x = nn_mem_aligned(p->n, p->dims * sizeof *p->x);
    p->ok = nn_mem_calloc(p->n, 1);
    if (p->x == NULL || p->ok == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_features_of_items(model_strong_net(m), ds, p->index, p->n, &o, p->x,
                              p->ok, err);
    for (size_t i = 0; !st && i < p->n; i++) {
        if (p->ok[i]) {
            memmove(p->x + n * p->dims, p->x + i * p->dims,
                    p->dims * sizeof *p->x);
            p->index[n++] = p->index[i];
        }
    }
    p->n = st ? p->n : n;
out:
    nn_mem_free(dir);
    return st;
}

/* The valid part, or all where there is none. */
static enum nn_status choose_items(const struct nn_dataset *ds, struct page *p,
                                   struct nn_error *err)
{
    size_t valid = 0;

    p->index = nn_mem_calloc(ds->n, sizeof *p->index);
    if (p->index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        valid += ds->items[i].split == NN_VALID;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (!ds->items[i].bad &&
            (valid == 0 || ds->items[i].split == NN_VALID)) {
            p->index[p->n++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

static enum nn_status compare(const struct page *known,
                              const struct nn_dataset *ds,
                              const struct page *drawn,
                              struct shift_result *out, struct nn_error *err)
{
    uint8_t *kind = nn_mem_calloc(known->n, 1);
    uint64_t *group = nn_mem_calloc(known->n, sizeof *group);
    const struct shift_reference ref = { known->n, known->dims, known->x,
                                         kind,     group,       SEED };
    enum nn_status st;

    *out = (struct shift_result){ 0 };
    if (kind == NULL || group == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < known->n; i++) {
        const struct nn_item *it = &ds->items[known->index[i]];

        kind[i] = it->label != NN_NEGATIVE;
        group[i] = it->group > 0 ? it->group : known->index[i] + 1U;
    }
    st = shift_test(&ref, drawn->x, drawn->n, out, err);
out:
    nn_mem_free(kind);
    nn_mem_free(group);
    return st;
}

static void say(const struct shift_rows *s, const struct shift_result *r)
{
    int alarm = r->p <= s->alarms;

    nn_log(alarm ? NN_LOG_WARN : NN_LOG_INFO,
           "of %zu photos that were drawn %zu look unlike those of '%s' "
           "(p = %.2g; were they alike, an alarm would come in %g %% of the "
           "piles at most)%s",
           r->n, r->far, s->reference, r->p, 100 * s->alarms,
           alarm ? ": what was measured on those need not hold here, so let "
                   "'bearcascade audit' tell how many positives are found"
                 : ": no alarm");
}

/* Splits stay as the source has them. */
enum nn_status shift_rows_open(struct shift_rows *s, struct nn_error *err)
{
    const struct nn_dataset_options o = { .generators = data_generators };

    return s->reference == NULL
               ? NN_OK
               : nn_dataset_open(s->reference, &o, &s->known, err);
}

enum nn_status shift_rows_say(const struct shift_rows *s, const struct model *m,
                              struct nn_error *err)
{
    struct nn_dataset *ds = s->known, *pile = NULL;
    struct page known = { 0 }, drawn = { .n = s->n };
    struct shift_result r = { 0 };
    enum nn_status st;

    if (s->reference == NULL || stop_asked) {
        return NN_OK;
    }
    if (s->n == 0) {
        nn_log(NN_LOG_WARN, "no photo in a file to compare with '%s'",
               s->reference);
        return NN_OK;
    }
    nn_dataset_fingerprint(ds);
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (st) {
        goto out;
    }
    st = choose_items(ds, &known, err);
    if (st) {
        goto out;
    }
    st = embed(m, ds, &known, "reference", err);
    if (st) {
        goto out;
    }
    st = nn_dataset_open_files((const char *const *)s->file, s->n, &pile, err);
    if (st) {
        goto out;
    }
    drawn.index = nn_mem_calloc(s->n, sizeof *drawn.index);
    if (drawn.index == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < s->n; i++) {
        drawn.index[i] = (uint32_t)i;
    }
    st = embed(m, pile, &drawn, "drawn", err);
    if (st) {
        goto out;
    }
    st = compare(&known, ds, &drawn, &r, err);
    if (!st) {
        say(s, &r);
    }
out:
    nn_mem_free(r.distance);
    release(&drawn);
    release(&known);
    nn_dataset_close(&pile);
    return stop_asked ? NN_OK : st;
}
