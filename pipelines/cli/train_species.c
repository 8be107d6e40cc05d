#include "pipelines/cli/train_species.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/data/negatives.h"
#include "pipelines/cli/train_rungs.h"
#include "pipelines/mine/species_rounds.h"
#include "pipelines/train/cascade_fit.h"

const char *train_kept_features(const struct train *t)
{
    return nn_train_feature_dir(&t->gate.train) != NULL
               ? nn_train_feature_dir(&t->species.train)
               : NULL;
}

/* Images of no class join ds; extra grows with it. */
static enum nn_status add_unknown(struct nn_dataset *ds,
                                  const struct mine_sources *unknown,
                                  uint8_t **extra, size_t *n,
                                  struct nn_error *err)
{
    size_t had = ds->n;
    uint8_t *grown;
    enum nn_status st =
        nn_negatives_add(ds, unknown->v, unknown->n, "photos of no class", err);

    *n = ds->n - had;
    if (st || *n == 0) {
        return st;
    }
    grown = nn_mem_realloc(*extra, ds->n, 1);
    if (grown == NULL) {
        return nn_fail_nomem(err);
    }
    memset(grown + had, SPECIES_UNKNOWN, *n);
    *extra = grown;
    return NN_OK;
}

/* What the species net may say besides the classes. */
static enum nn_status make_extra(const struct train *t, struct nn_dataset *ds,
                                 const struct mine_sources *unknown,
                                 struct model *m, struct species_options *o,
                                 uint8_t **extra, struct nn_error *err)
{
    size_t n = 0;
    enum nn_status st;

    if (t->species_none == SPECIES_NONE_OFF) {
        return NN_OK;
    }
    st = cascade_fit_none(ds, m, train_kept_features(t), extra, err);
    if (st) {
        return st;
    }
    if (unknown->n > 0) {
        if (*extra == NULL) {
            return nn_fail(err, NN_ERR_ARG,
                           "--unknown needs training negatives too");
        }
        st = add_unknown(ds, unknown, extra, &n, err);
    }
    o->says_unknown = n > 0;
    return st;
}

/* The species net, and where it may say none, thresholds of both stages: once,
 * and in each round of mining behind the cascade. */
struct species_fit {
    const struct train *t;
    const struct nn_dataset *ds;
    const struct nn_run *run;
    struct species_options o;
};

static enum nn_status fit_species(void *ctx, const char *task,
                                  const uint8_t *extra, struct model *m,
                                  struct nn_train_result *r,
                                  struct nn_error *err)
{
    const struct species_fit *f = ctx;
    const struct train *t = f->t;
    const struct cascade_aim aim = { .min_recall = t->min_recall,
                                     .cheapest =
                                         t->thresholds == THRESHOLDS_CHEAPEST,
                                     .gate_recall = t->gate_recall,
                                     .gate_pass = t->gate_pass,
                                     .rung_loss = t->rung_loss };
    struct species_options o = f->o;
    enum nn_status st;

    o.task = task;
    o.extra = extra;
    st = species_train(f->ds, &o, f->run, &m->species, &m->species_policy, r,
                       err);
    if (st || extra == NULL) {
        return st;
    }
    return cascade_fit_policy(f->ds, m, train_kept_features(t), &aim, err);
}

static enum nn_status mine_for_species(struct species_fit *f,
                                       struct nn_dataset *ds, struct model *m,
                                       uint8_t **extra,
                                       struct nn_train_result *r,
                                       struct nn_error *err)
{
    const struct train *t = f->t;
    const struct species_rounds how = {
        .how = &t->rounds,
        .gate_features = nn_train_feature_dir(&t->gate.train),
        .species_features = nn_train_feature_dir(&t->species.train),
        .seed = t->seed,
        .fit = fit_species,
        .ctx = f,
    };

    return mine_species_rounds(ds, &how, f->run, m, extra, r, err);
}

enum nn_status train_make_species(const struct train *t, struct nn_dataset *ds,
                                  const struct mine_sources *unknown,
                                  const struct nn_run *run, struct model *m,
                                  struct nn_train_result *r,
                                  struct nn_error *err)
{
    struct species_fit fit = { t, ds, run, t->species };
    struct rungs rungs;
    uint8_t *extra = NULL;
    enum nn_status st = train_rungs(t, ds, m->gate, run, &rungs, err);

    if (st) {
        goto out;
    }
    /* The gate has seen the same bears, and the negatives besides. */
    if (t->species_from == SPECIES_FROM_GATE) {
        fit.o.start = m->gate;
    }
    st = make_extra(t, ds, unknown, m, &fit.o, &extra, err);
    if (st) {
        goto out;
    }
    if (extra != NULL) {
        m->rungs = rungs;
        rungs.n = 0;
    }
    st = fit_species(&fit, NULL, extra, m, r, err);
    if (!st && extra != NULL && t->rounds.species > 0) {
        st = mine_for_species(&fit, ds, m, &extra, r, err);
    }
out:
    rungs_release(&rungs);
    nn_mem_free(extra);
    return st;
}
