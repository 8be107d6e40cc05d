#include "pipelines/measure/evaluation.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/measure/evaluation_internal.h"

/* --- collecting the rows ---------------------------------------------------
 */

static void rows_release(struct evaluation_rows *r)
{
    nn_mem_free(r->score);
    nn_mem_free(r->positive);
    nn_mem_free(r->label);
    nn_mem_free(r->family);
    nn_mem_free(r->verdict);
    nn_mem_free(r->species);
    nn_mem_free(r->p);
    *r = (struct evaluation_rows){ 0 };
}

static enum nn_status rows_init(struct evaluation_rows *r, size_t n, size_t k,
                                struct nn_error *err)
{
    *r = (struct evaluation_rows){ .n_classes = k };
    r->score = nn_mem_calloc(n, sizeof *r->score);
    r->positive = nn_mem_calloc(n, sizeof *r->positive);
    r->label = nn_mem_calloc(n, sizeof *r->label);
    r->family = nn_mem_calloc(n, sizeof *r->family);
    r->verdict = nn_mem_calloc(n, sizeof *r->verdict);
    r->species = nn_mem_calloc(n, sizeof *r->species);
    r->p = nn_mem_calloc(n, k * sizeof *r->p);
    if (r->score == NULL || r->positive == NULL || r->label == NULL ||
        r->family == NULL || r->verdict == NULL || r->species == NULL ||
        r->p == NULL) {
        rows_release(r);
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

/* Column of the confusion matrix: classes, none, unknown. */
static int32_t verdict_column(const struct verdict *v, size_t k)
{
    if (v->kind == VERDICT_CLASS) {
        return v->best;
    }
    return (int32_t)k + (v->kind == VERDICT_UNKNOWN);
}

/* Readable pictures of pick[], positives first, in a fixed order. */
static void rows_fill(struct evaluation_rows *r, const struct model *m,
                      const struct nn_dataset *ds, const uint32_t *index,
                      const struct cascade_scores *s, const uint32_t *pick,
                      size_t n)
{
    size_t k = m->n_classes;

    for (int want = 1; want >= 0; want--) {
        for (size_t j = 0; j < n; j++) {
            size_t i = pick[j];
            const struct nn_item *it = &ds->items[index[i]];
            const double *p = s->ran[i] ? s->p + i * k : NULL;
            struct verdict v;

            if (!s->ok[i] || (it->label != NN_NEGATIVE) != want) {
                continue;
            }
            v = cascade_decide(m, s->p_bear[i], p);
            r->score[r->n] = s->p_bear[i];
            r->positive[r->n] = (uint8_t)want;
            r->label[r->n] = want ? it->label : (int32_t)k;
            r->family[r->n] = it->family;
            r->verdict[r->n] = verdict_column(&v, k);
            r->species[r->n] = p != NULL ? v.best : 0;
            if (p != NULL) {
                memcpy(r->p + r->n * k, p, k * sizeof *p);
            }
            r->n++;
            r->n_positives += (size_t)want;
        }
    }
}

/* --- the figures -----------------------------------------------------------
 */

static void fill_confusion(struct evaluation *e,
                           const struct evaluation_rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        e->confusion[(size_t)r->label[i] * (r->n_classes + 2) +
                     (size_t)r->verdict[i]]++;
    }
}

static enum nn_status all_figures(struct evaluation *e,
                                  const struct evaluation_rows *r,
                                  const struct model *m,
                                  const struct evaluation_sampling *how,
                                  struct nn_error *err)
{
    struct evaluation_query q = { .rows = r,
                                  .threshold = m->gate_policy.threshold,
                                  .family = EVALUATION_ALL_FAMILIES };
    const struct {
        enum evaluation_what what;
        struct evaluation_figure *to;
    } list[] = {
        { EVALUATION_ROC_AREA, &e->roc_area },
        { EVALUATION_AVERAGE_PRECISION, &e->average_precision },
        { EVALUATION_SPECIES_ACCURACY, &e->species_accuracy },
        { EVALUATION_MISS_RATE, &e->miss_rate },
        { EVALUATION_END_TO_END, &e->end_to_end },
        { EVALUATION_UNKNOWN_RATE, &e->unknown_rate },
        { EVALUATION_FPR95, &e->all.fpr95 },
        { EVALUATION_FPR99, &e->all.fpr99 },
        { EVALUATION_FALSE_ALARM, &e->all.false_alarm },
    };
    enum nn_status st = NN_OK;

    for (size_t i = 0; !st && i < sizeof list / sizeof list[0]; i++) {
        q.what = list[i].what;
        st = evaluation_figure(&q, how, list[i].to, err);
    }
    e->all.name = "all";
    e->all.n = e->n_negatives;
    return st;
}

static enum nn_status
family_figures(struct evaluation *e, const struct evaluation_rows *r,
               const struct model *m, const struct nn_dataset *ds,
               const struct evaluation_sampling *how, struct nn_error *err)
{
    enum nn_status st = NN_OK;

    e->families = nn_mem_calloc(ds->n_families, sizeof *e->families);
    if (e->families == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t f = 0; !st && f < ds->n_families; f++) {
        struct evaluation_negatives *to = &e->families[e->n_families];
        struct evaluation_query q = { .rows = r,
                                      .threshold = m->gate_policy.threshold,
                                      .family = (int32_t)f };
        size_t n = 0;

        for (size_t i = r->n_positives; i < r->n; i++) {
            n += r->family[i] == (int32_t)f;
        }
        if (n == 0) {
            continue;
        }
        *to = (struct evaluation_negatives){ .name = ds->families[f], .n = n };
        q.what = EVALUATION_FPR95;
        st = evaluation_figure(&q, how, &to->fpr95, err);
        q.what = EVALUATION_FPR99;
        st = st ? st : evaluation_figure(&q, how, &to->fpr99, err);
        q.what = EVALUATION_FALSE_ALARM;
        st = st ? st : evaluation_figure(&q, how, &to->false_alarm, err);
        e->n_families++;
    }
    return st;
}

enum nn_status
evaluation_compute(const struct model *m, const struct nn_dataset *ds,
                   const uint32_t *index, const struct cascade_scores *s,
                   const uint32_t *pick, size_t n, const char *title,
                   int replicates, uint64_t seed, struct evaluation *e,
                   struct nn_error *err)
{
    const struct evaluation_sampling how = { replicates, seed };
    struct evaluation_rows r;
    enum nn_status st = rows_init(&r, n, m->n_classes, err);
    size_t k = m->n_classes;

    *e = (struct evaluation){ .title = title, .n_classes = k };
    if (st) {
        return st;
    }
    rows_fill(&r, m, ds, index, s, pick, n);
    e->n_positives = r.n_positives;
    e->n_negatives = r.n - r.n_positives;
    e->n_failed = n - r.n;
    e->ms_gate = 1000 * s->gate_s / (double)s->n;
    e->ms_species = 1000 * s->species_s / (double)s->n;
    if (r.n == 0) {
        st = nn_fail(err, NN_ERR_ARG, "no readable picture in '%s'", title);
        goto out;
    }
    e->confusion = nn_mem_calloc((k + 1) * (k + 2), sizeof *e->confusion);
    if (e->confusion == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    fill_confusion(e, &r);
    evaluation_calibration(&r, e);
    st = all_figures(e, &r, m, &how, err);
    if (!st) {
        st = family_figures(e, &r, m, ds, &how, err);
    }
out:
    rows_release(&r);
    if (st) {
        evaluation_release(e);
    }
    return st;
}

void evaluation_release(struct evaluation *e)
{
    nn_mem_free(e->families);
    nn_mem_free(e->confusion);
    e->families = NULL;
    e->confusion = NULL;
    e->n_families = 0;
}
