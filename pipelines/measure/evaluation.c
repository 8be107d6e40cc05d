#include "pipelines/measure/evaluation.h"

#include <math.h>

#include "common/base/mem.h"
#include "pipelines/measure/outcomes.h"

/* Figures that `evaluate` gives with an interval. */
enum { WITH_INTERVAL = OUTCOMES_RANKING | OUTCOMES_SHARES };

struct sampling {
    size_t replicates; /* 0: no interval */
    uint64_t seed;
};

static struct evaluation_figure figure(const struct nn_interval *v)
{
    return (struct evaluation_figure){ v->value, v->lo, v->hi };
}

static void put_negatives(struct evaluation_negatives *to, const char *name,
                          size_t n, const struct nn_interval *v)
{
    *to = (struct evaluation_negatives){
        .name = name,
        .n = n,
        .fpr95 = figure(&v[OUTCOMES_FPR95]),
        .fpr99 = figure(&v[OUTCOMES_FPR99]),
        .fpr = figure(&v[OUTCOMES_FALSE_ALARM]),
    };
}

/* Of one kind alone every share is one of independent images. */
static void set_intervals(struct nn_interval *v, size_t n_positives,
                          size_t n_negatives)
{
    if (n_positives == 0 || n_negatives == 0) {
        outcomes_exact(v, n_positives, n_negatives);
    } else {
        outcomes_widen(v, n_positives, n_negatives);
    }
}

static enum nn_status all_figures(struct evaluation *e,
                                  const struct outcomes *t,
                                  const struct sampling *how,
                                  struct nn_error *err)
{
    struct nn_interval v[OUTCOMES_FIGURES];
    enum nn_status st = outcomes_intervals(t, WITH_INTERVAL, how->replicates,
                                           how->seed, v, err);

    if (st) {
        return st;
    }
    set_intervals(v, e->n_positives, e->n_negatives);
    e->roc_area = figure(&v[OUTCOMES_ROC_AREA]);
    e->average_precision = figure(&v[OUTCOMES_AVERAGE_PRECISION]);
    e->species_accuracy = figure(&v[OUTCOMES_SPECIES_ACCURACY]);
    e->fnr = figure(&v[OUTCOMES_MISS_RATE]);
    e->end_to_end = figure(&v[OUTCOMES_END_TO_END]);
    e->unknown_rate = figure(&v[OUTCOMES_UNKNOWN_RATE]);
    put_negatives(&e->all, "all", e->n_negatives, v);
    return NN_OK;
}

static enum nn_status family_figures(struct evaluation_negatives *to,
                                     const struct outcomes *all, int32_t family,
                                     const char *name,
                                     const struct sampling *how,
                                     struct nn_error *err)
{
    struct nn_interval v[OUTCOMES_FIGURES];
    struct outcomes t;
    enum nn_status st = outcomes_of_family(all, family, &t, err);

    if (st) {
        return st;
    }
    st = outcomes_intervals(&t, WITH_INTERVAL, how->replicates, how->seed, v,
                            err);
    if (st) {
        goto out;
    }
    set_intervals(v, t.n_positives, t.n - t.n_positives);
    put_negatives(to, name, t.n - t.n_positives, v);
out:
    outcomes_release(&t);
    return st;
}

/* Families without a negative here have no line. */
static enum nn_status all_families(struct evaluation *e,
                                   const struct outcomes *t,
                                   const struct nn_dataset *ds,
                                   const struct sampling *how,
                                   struct nn_error *err)
{
    struct outcomes_family *count =
        nn_mem_calloc(ds->n_families + 1, sizeof *count);
    enum nn_status st = NN_OK;

    e->families = nn_mem_calloc(ds->n_families, sizeof *e->families);
    if (e->families == NULL || count == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    outcomes_families(t, NULL, t->n, 0, count, ds->n_families);
    for (size_t f = 0; f < ds->n_families; f++) {
        if (count[f].n == 0) {
            continue;
        }
        st = family_figures(&e->families[e->n_families++], t, (int32_t)f,
                            ds->families[f], how, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(count);
    return st;
}

static void calibration(struct evaluation *e, const struct outcomes *t)
{
    double v[OUTCOMES_FIGURES];

    outcomes_figures(t, OUTCOMES_CALIBRATION, NULL, t->n, v);
    e->gate_ece = v[OUTCOMES_GATE_ECE];
    e->species_ece = v[OUTCOMES_SPECIES_ECE];
    if (nn_brier_binary(t->p_positive, t->positive, t->n, &e->gate_brier,
                        NULL)) {
        e->gate_brier = (double)NAN;
    }
}

/* Which stage said none. */
static void stages(struct evaluation *e, const struct model *m,
                   const struct nn_dataset *ds, const uint32_t *index,
                   const struct cascade_scores *s, const uint32_t *pick,
                   size_t n)
{
    for (size_t j = 0; j < n; j++) {
        size_t i = pick != NULL ? pick[j] : j;
        int positive = ds->items[index[i]].label != NN_NEGATIVE;
        struct verdict v = cascade_scores_verdict(m, s, i);

        if (s->ok[i] && v.kind == VERDICT_NONE) {
            int rung = s->rung != NULL ? s->rung[i] : 0;

            (rung > 0          ? e->none_by_rung[rung - 1]
             : v.species_stage ? e->none_by_species
                               : e->none_by_gate)[positive]++;
        }
    }
}

int evaluation_has_both(const struct evaluation *e)
{
    return e->n_positives > 0 && e->n_negatives > 0;
}

/* Everything but the times. */
static enum nn_status fill(struct evaluation *e, const struct outcomes *t,
                           const struct nn_dataset *ds,
                           const struct sampling *how, struct nn_error *err)
{
    size_t k = t->k;
    enum nn_status st;

    e->n_positives = t->n_positives;
    e->n_negatives = t->n - t->n_positives;
    if (t->n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no readable image in '%s'", e->title);
    }
    e->confusion = nn_mem_calloc((k + 1) * (k + 2), sizeof *e->confusion);
    if (e->confusion == NULL) {
        return nn_fail_nomem(err);
    }
    st = outcomes_confusion(t, e->confusion, err);
    if (st) {
        return st;
    }
    calibration(e, t);
    st = all_figures(e, t, how, err);
    if (st) {
        return st;
    }
    return all_families(e, t, ds, how, err);
}

enum nn_status
evaluation_compute(const struct model *m, const struct nn_dataset *ds,
                   const uint32_t *index, const struct cascade_scores *s,
                   const uint32_t *pick, size_t n, const char *title,
                   int replicates, uint64_t seed, struct evaluation *e,
                   struct nn_error *err)
{
    struct sampling how = { (size_t)replicates, seed };
    struct outcomes t;
    enum nn_status st = outcomes_of_scores(&t, m, ds, index, s, pick, n, err);

    *e = (struct evaluation){ .title = title, .n_classes = m->n_classes };
    if (st) {
        return st;
    }
    e->n_failed = n - t.n;
    if (t.n_positives == 0 || t.n_positives == t.n) {
        how.replicates = 0;
    }
    stages(e, m, ds, index, s, pick, n);
    e->ms_gate = 1000 * s->gate_s / (double)s->n;
    e->ms_species = 1000 * s->species_s / (double)s->n;
    st = fill(e, &t, ds, &how, err);
    outcomes_release(&t);
    if (st) {
        evaluation_release(e);
        return st;
    }
    if (!evaluation_has_both(e)) {
        /* One kind does not show how far probabilities can be trusted. */
        e->gate_ece = e->gate_brier = (double)NAN;
    }
    return NN_OK;
}

void evaluation_release(struct evaluation *e)
{
    nn_mem_free(e->families);
    nn_mem_free(e->confusion);
    e->families = NULL;
    e->confusion = NULL;
    e->n_families = 0;
}
