/* Figures of one run on a resample of the test pictures. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/compare/comparison.h"

/* Classes of a confusion matrix that fits on the stack; a resample must not
 * allocate. */
enum { STACK_CLASSES = 64 };

const char *const comparison_figure_names[N_FIGURES] = {
    [FIGURE_ROC_AREA] = "roc_area",
    [FIGURE_AVERAGE_PRECISION] = "average_precision",
    [FIGURE_FPR95] = "fpr95",
    [FIGURE_FPR99] = "fpr99",
    [FIGURE_SPECIES_ACCURACY] = "species_accuracy",
    [FIGURE_END_TO_END] = "end_to_end",
    [FIGURE_MACRO_F1] = "macro_f1",
    [FIGURE_OSCR_AREA] = "oscr_area",
    [FIGURE_GATE_ECE] = "gate_ece",
    [FIGURE_SPECIES_ECE] = "species_ece",
    [FIGURE_MISS_RATE] = "miss_rate",
    [FIGURE_FALSE_ALARM] = "false_alarm",
    [FIGURE_UNKNOWN_RATE] = "unknown_rate",
};

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

/* --- calibration -----------------------------------------------------------
 */

/* Expected calibration error, bins as nn_reliability() has them. */
struct bins {
    double confidence[NN_ECE_BINS];
    double hits[NN_ECE_BINS];
    size_t n;
};

static void bin_add(struct bins *b, double p, int hit)
{
    int i = (int)ceil(p * NN_ECE_BINS) - 1;

    i = i < 0 ? 0 : i;
    i = i >= NN_ECE_BINS ? NN_ECE_BINS - 1 : i;
    b->confidence[i] += p;
    b->hits[i] += hit;
    b->n++;
}

static double bins_error(const struct bins *b)
{
    double sum = 0;

    for (int i = 0; i < NN_ECE_BINS; i++) {
        sum += fabs(b->hits[i] - b->confidence[i]);
    }
    return ratio(sum, (double)b->n);
}

/* --- one pass over the pictures --------------------------------------------
 */

struct counts {
    size_t n, positives, named, right, missed, alarms, unknown;
    struct bins gate, species;
    size_t hits[STACK_CLASSES + 1], rows[STACK_CLASSES + 1],
        columns[STACK_CLASSES + 1];
};

static void count(const struct comparison *c, const struct comparison_run *r,
                  size_t i, struct counts *t)
{
    size_t k = c->k;
    int positive = c->positive[i];

    t->n++;
    t->right += r->right[i];
    bin_add(&t->gate, r->p_bear[i], positive);
    if (positive) {
        int named = r->best[i] == c->label[i];

        t->positives++;
        t->named += (size_t)named;
        t->missed += r->verdict[i] == (int32_t)k;
        t->unknown += r->verdict[i] == (int32_t)k + 1;
        bin_add(&t->species, r->trust[i], named);
    } else {
        t->alarms += r->verdict[i] != (int32_t)k;
    }
    if (k <= STACK_CLASSES) {
        t->rows[c->label[i]]++;
        t->hits[c->label[i]] += r->right[i];
        if (r->verdict[i] <= (int32_t)k) {
            t->columns[r->verdict[i]]++;
        }
    }
}

/* Mean F1 of the classes and of none; unknown is an answer that is no class. */
static double macro_f1(const struct comparison *c, const struct counts *t)
{
    double sum = 0;
    size_t m = 0;

    for (size_t i = 0; i <= c->k && c->k <= STACK_CLASSES; i++) {
        size_t both = t->rows[i] + t->columns[i];

        if (both > 0) {
            sum += 2.0 * (double)t->hits[i] / (double)both;
            m++;
        }
    }
    return ratio(sum, (double)m);
}

void comparison_figures(const struct comparison *c,
                        const struct comparison_run *r, const uint32_t *pick,
                        size_t n, double *value)
{
    struct counts t = { 0 };
    struct nn_roc roc;
    double positives, negatives;

    for (size_t j = 0; j < n; j++) {
        count(c, r, pick != NULL ? pick[j] : j, &t);
    }
    positives = (double)t.positives;
    negatives = (double)(t.n - t.positives);
    nn_ranking_curve(&r->ranking, pick, n, &roc);
    value[FIGURE_ROC_AREA] = nn_roc_area(&roc);
    value[FIGURE_AVERAGE_PRECISION] = nn_roc_average_precision(&roc);
    value[FIGURE_FPR95] = nn_roc_at_tpr(&roc, 0.95).fpr;
    value[FIGURE_FPR99] = nn_roc_at_tpr(&roc, 0.99).fpr;
    nn_ranking_curve(&r->open_set, pick, n, &roc);
    value[FIGURE_OSCR_AREA] = nn_roc_area(&roc);
    value[FIGURE_SPECIES_ACCURACY] = ratio((double)t.named, positives);
    value[FIGURE_END_TO_END] = ratio((double)t.right, (double)t.n);
    value[FIGURE_MACRO_F1] = macro_f1(c, &t);
    value[FIGURE_GATE_ECE] = bins_error(&t.gate);
    value[FIGURE_SPECIES_ECE] = c->k > 1 ? bins_error(&t.species) : (double)NAN;
    value[FIGURE_MISS_RATE] = ratio((double)t.missed, positives);
    value[FIGURE_FALSE_ALARM] = ratio((double)t.alarms, negatives);
    value[FIGURE_UNKNOWN_RATE] = ratio((double)t.unknown, positives);
}

void comparison_family_figures(const struct comparison *c,
                               const struct comparison_run *r,
                               const uint32_t *pick, size_t n, double *value)
{
    size_t nf = c->ds->n_families;
    double limit, all;
    struct nn_roc roc;

    nn_ranking_curve(&r->ranking, pick, n, &roc);
    limit = nn_roc_at_tpr(&roc, 0.95).threshold;
    for (size_t f = 0; f < nf; f++) {
        size_t over = 0, alarms = 0, m = 0;

        for (size_t j = 0; j < n; j++) {
            size_t i = pick != NULL ? pick[j] : j;

            if (c->positive[i] ||
                c->ds->items[c->index[i]].family != (int32_t)f) {
                continue;
            }
            m++;
            over += r->p_bear[i] >= limit;
            alarms += r->verdict[i] != (int32_t)c->k;
        }
        all = (double)m;
        value[2 * f] = ratio((double)over, all);
        value[2 * f + 1] = ratio((double)alarms, all);
    }
}

/* --- intervals -------------------------------------------------------------
 */

enum nn_status comparison_intervals(const struct comparison *c, nn_stats_fn *fn,
                                    void *ctx, size_t n_stats,
                                    struct nn_interval *out,
                                    struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = c->n,
                                       .stratum = c->positive,
                                       .replicates = (size_t)c->opt->replicates,
                                       .confidence = 0.95,
                                       .seed = 1 };

    return nn_bootstrap_many(&spec, fn, ctx, n_stats, out, err);
}

json_t *comparison_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}
