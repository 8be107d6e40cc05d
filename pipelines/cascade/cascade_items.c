/* Items of a data set through both nets. Apart from the rest because the
 * library goes without data sets, and so without archives. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/loader.h"
#include "common/data/score_items.h"
#include "pipelines/cascade/cascade_internal.h"

static void item_failed(void *ctx, size_t row, uint32_t item,
                        const struct nn_error *why)
{
    (void)item;
    cascade_fail_row(ctx, row, why);
}

static void item_noted(void *ctx, size_t row, const struct nn_told *told)
{
    cascade_note_row(ctx, row, told->note, &told->shot);
}

struct loaded {
    struct nn_loader *loader;
    const struct nn_batch *batch;
};

static enum nn_status loaded_second(void *ctx, uint8_t *want,
                                    const float **input, struct nn_error *err)
{
    struct loaded *l = ctx;

    *input = l->batch->second;
    return nn_loader_second(l->loader, want, err);
}

static enum nn_status score_items(struct cascade_pass *p, struct nn_loader *l,
                                  const uint32_t *index, size_t n,
                                  struct nn_progress *bar, struct nn_error *err)
{
    struct nn_batch got;
    struct loaded ctx = { l, &got };
    double since = nn_time_s();
    enum nn_status st = nn_loader_start(l, index, n, 0, 0, err);

    if (st) {
        return st;
    }
    st = nn_loader_next(l, &got, err);
    if (st) {
        return st;
    }
    while (got.n > 0) {
        const struct cascade_batch b = { .n = got.n,
                                         .input = got.input,
                                         .row = got.row,
                                         .since = since,
                                         .seconds = got.seconds,
                                         .second = loaded_second,
                                         .ctx = &ctx };

        st = cascade_score_batch(p, &b, err);
        if (st) {
            return st;
        }
        if (bar != NULL) {
            nn_progress_update(bar, (int64_t)got.row[got.n - 1] + 1, NULL);
        }
        st = cascade_tell(p, (size_t)got.row[got.n - 1] + 1, err);
        if (st) {
            return st;
        }
        since = nn_time_s();
        st = nn_loader_next(l, &got, err);
        if (st) {
            return st;
        }
    }
    st = cascade_flush(p, err);
    if (st) {
        return st;
    }
    return cascade_tell(p, n, err);
}

static enum nn_status score_dataset(struct cascade_pass *p,
                                    const struct nn_dataset *ds,
                                    const uint32_t *index, size_t n,
                                    struct nn_progress *bar,
                                    struct nn_error *err)
{
    struct cascade *c = p->c;
    struct nn_loader_options o = nn_loader_once(&c->gate_in, n, c->max_batch);
    struct nn_loader *l = NULL;
    enum nn_status st;

    o.second = c->species != NULL ? &c->species_in : NULL;
    o.failed = item_failed;
    o.noted = item_noted;
    o.failed_ctx = p;
    st = nn_loader_create(ds, &o, &l, err);
    if (st) {
        return st;
    }
    st = score_items(p, l, index, n, bar, err);
    nn_loader_destroy(&l);
    return st;
}

/* Both nets over all items, each through the features that it keeps. */
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
    enum nn_status st = cascade_scores_init(out, n, c->model->n_classes, err);

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
    enum nn_status st = cascade_scores_init(out, n, c->model->n_classes, err);

    if (st) {
        return st;
    }
    st = score_dataset(&p, ds, index, n, NULL, err);
    if (st) {
        cascade_scores_release(out);
    }
    return st;
}
