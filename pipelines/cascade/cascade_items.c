/* Items of a data set through both nets. Apart from the rest because the
 * library goes without data sets, and so without archives. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/loader.h"
#include "common/data/score_items.h"
#include "pipelines/cascade/cascade_internal.h"

/* A pass of the loader over some of the rows. */
struct loaded {
    struct cascade_pass *pass;
    const uint32_t *of; /* the loader's rows among those of the scores, which
                           are ascending; NULL: the same */
    uint32_t *row;      /* [max_batch] of the present batch */
    struct nn_loader *loader;
    struct nn_batch batch;
};

static size_t row_of(const struct loaded *l, size_t row)
{
    return l->of != NULL ? l->of[row] : row;
}

static void item_failed(void *ctx, size_t row, uint32_t item,
                        const struct nn_error *why)
{
    const struct loaded *l = ctx;

    (void)item;
    cascade_fail_row(l->pass, row_of(l, row), why);
}

static void item_noted(void *ctx, size_t row, const struct nn_told *told)
{
    const struct loaded *l = ctx;

    cascade_note_row(l->pass, row_of(l, row), told->note, &told->shot);
}

static enum nn_status loaded_second(void *ctx, uint8_t *want,
                                    const float **input, struct nn_error *err)
{
    struct loaded *l = ctx;

    *input = l->batch.second;
    return nn_loader_second(l->loader, want, err);
}

/* The batch that the loader gave, and the rows that it makes final. */
static enum nn_status score_loaded(struct loaded *l, double since,
                                   struct nn_progress *bar,
                                   struct nn_error *err)
{
    const struct nn_batch *got = &l->batch;
    const struct cascade_batch b = { .n = got->n,
                                     .input = got->input,
                                     .row = l->row,
                                     .since = since,
                                     .seconds = got->seconds,
                                     .second = loaded_second,
                                     .ctx = l };
    enum nn_status st;

    for (int32_t i = 0; i < got->n; i++) {
        l->row[i] = (uint32_t)row_of(l, got->row[i]);
    }
    st = cascade_score_batch(l->pass, &b, err);
    if (st) {
        return st;
    }
    if (bar != NULL) {
        nn_progress_update(bar, (int64_t)l->row[got->n - 1] + 1, NULL);
    }
    return cascade_tell(l->pass, (size_t)l->row[got->n - 1] + 1, err);
}

static enum nn_status score_items(struct loaded *l, const uint32_t *index,
                                  size_t n, struct nn_progress *bar,
                                  struct nn_error *err)
{
    double since = nn_time_s();
    enum nn_status st = nn_loader_start(l->loader, index, n, 0, 0, err);

    if (st) {
        return st;
    }
    st = nn_loader_next(l->loader, &l->batch, err);
    if (st) {
        return st;
    }
    while (l->batch.n > 0) {
        st = score_loaded(l, since, bar, err);
        if (st) {
            return st;
        }
        since = nn_time_s();
        st = nn_loader_next(l->loader, &l->batch, err);
        if (st) {
            return st;
        }
    }
    return cascade_flush(l->pass, err);
}

/* Items index[0..n-1] decoded; `of`: their rows, or NULL. */
static enum nn_status score_decoded(struct cascade_pass *p,
                                    const struct nn_dataset *ds,
                                    const uint32_t *index, size_t n,
                                    const uint32_t *of, struct nn_progress *bar,
                                    struct nn_error *err)
{
    struct cascade *c = p->c;
    struct nn_loader_options o = nn_loader_once(&c->gate_in, n, c->max_batch);
    struct loaded l = { .pass = p, .of = of };
    enum nn_status st;

    l.row = nn_mem_calloc((size_t)c->max_batch, sizeof *l.row);
    if (l.row == NULL) {
        return nn_fail_nomem(err);
    }
    o.second = cascade_second_input(c);
    o.failed = item_failed;
    o.noted = item_noted;
    o.failed_ctx = &l;
    st = nn_loader_create(ds, &o, &l.loader, err);
    if (st) {
        goto out;
    }
    st = score_items(&l, index, n, bar, err);
    nn_loader_destroy(&l.loader);
out:
    nn_mem_free(l.row);
    return st;
}

/* Thumbnails first; what they do not settle is decoded. */
static enum nn_status score_rest(struct cascade_pass *p,
                                 const struct nn_dataset *ds,
                                 const uint32_t *index, size_t n,
                                 struct nn_error *err)
{
    uint32_t *rest = nn_mem_calloc(n, sizeof *rest), *items = NULL;
    size_t n_rest = 0;
    enum nn_status st;

    items = nn_mem_calloc(n, sizeof *items);
    if (rest == NULL || items == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = cascade_look_at_thumbnails(p, ds, index, n, rest, &n_rest, err);
    if (st || n_rest == 0) {
        goto out;
    }
    for (size_t i = 0; i < n_rest; i++) {
        items[i] = index[rest[i]];
    }
    st = score_decoded(p, ds, items, n_rest, rest, NULL, err);
out:
    nn_mem_free(rest);
    nn_mem_free(items);
    return st;
}

static enum nn_status score_dataset(struct cascade_pass *p,
                                    const struct nn_dataset *ds,
                                    const uint32_t *index, size_t n,
                                    struct nn_progress *bar,
                                    struct nn_error *err)
{
    int first_look = p->rows != NULL && p->c->thumbnails && !p->all_stages;
    enum nn_status st = first_look
                            ? score_rest(p, ds, index, n, err)
                            : score_decoded(p, ds, index, n, NULL, bar, err);

    return st ? st : cascade_tell(p, n, err);
}

/* The rungs over all items that could be read; what they reject is none. */
static enum nn_status climb_kept(struct cascade *c, const struct nn_dataset *ds,
                                 const uint32_t *index, size_t n,
                                 struct cascade_scores *out,
                                 struct nn_error *err)
{
    struct cascade_pass p = { .c = c, .rungs_alone = 1, .out = out };
    enum nn_status st = score_decoded(&p, ds, index, n, NULL, NULL, err);

    for (size_t i = 0; !st && i < n; i++) {
        if (out->ok[i]) {
            ladder_rejects(c->model, out, i);
        }
    }
    return st;
}

/* All nets over all items, the gate's and the species net through the features
 * that they keep. */
static enum nn_status score_kept(struct cascade *c, const struct nn_dataset *ds,
                                 const uint32_t *index, size_t n,
                                 const char *label, struct cascade_scores *out,
                                 struct nn_error *err)
{
    size_t gate = nn_scorer_outputs(c->gate);
    size_t species = c->species != NULL ? nn_scorer_outputs(c->species) : 0;
    float *z = nn_mem_calloc(n, (gate > species ? gate : species) * sizeof *z);
    enum nn_status st;

    if (z == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_scorer_run_items(c->gate, ds, index, n, label, z, out->ok, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (out->ok[i]) {
            cascade_put_gate(c->model, z + i * gate, i, out);
        }
    }
    if (c->ladder != NULL) {
        st = climb_kept(c, ds, index, n, out, err);
        if (st) {
            goto out;
        }
    }
    if (species == 0) {
        goto out;
    }
    st = nn_scorer_run_items(c->species, ds, index, n, label, z, out->ok, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (out->ok[i]) {
            cascade_put_species(c, z + i * species, i, out);
        }
    }
out:
    nn_mem_free(z);
    return st;
}

enum nn_status cascade_score(struct cascade *c, const struct nn_dataset *ds,
                             const uint32_t *index, size_t n, int all_stages,
                             const char *label, struct cascade_scores *out,
                             struct nn_error *err)
{
    struct cascade_pass p = { .c = c, .all_stages = all_stages, .out = out };
    struct nn_progress bar;
    enum nn_status st = cascade_scores_init(out, c->model, n, err);

    if (st) {
        return st;
    }
    if (all_stages && nn_scorer_feature_dir(c->gate) != NULL) {
        st = score_kept(c, ds, index, n, label, out, err);
        if (st) {
            cascade_scores_release(out);
        }
        return st;
    }
    if (label != NULL) {
        nn_progress_begin(&bar, label, "img", (int64_t)n);
    }
    st = score_dataset(&p, ds, index, n, label != NULL ? &bar : NULL, err);
    if (label != NULL) {
        nn_progress_end(&bar, NULL);
    }
    if (st) {
        cascade_scores_release(out);
    }
    return st;
}

enum nn_status cascade_score_rows(struct cascade *c,
                                  const struct nn_dataset *ds,
                                  const uint32_t *index, size_t n,
                                  int all_stages, cascade_rows_fn *rows,
                                  void *ctx, struct cascade_scores *out,
                                  struct nn_error *err)
{
    struct cascade_pass p = {
        .c = c, .all_stages = all_stages, .out = out, .rows = rows, .ctx = ctx
    };
    enum nn_status st = cascade_scores_init(out, c->model, n, err);

    if (st) {
        return st;
    }
    st = score_dataset(&p, ds, index, n, NULL, err);
    if (st) {
        cascade_scores_release(out);
    }
    return st;
}
