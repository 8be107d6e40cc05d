/* Figures of a table of outcomes, or of some of its rows. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/measure/outcomes.h"

const char *const outcomes_figure_names[OUTCOMES_FIGURES] = {
    [OUTCOMES_ROC_AREA] = "roc_area",
    [OUTCOMES_AVERAGE_PRECISION] = "average_precision",
    [OUTCOMES_FPR95] = "fpr95",
    [OUTCOMES_FPR99] = "fpr99",
    [OUTCOMES_SPECIES_ACCURACY] = "species_accuracy",
    [OUTCOMES_END_TO_END] = "end_to_end",
    [OUTCOMES_MACRO_F1] = "macro_f1",
    [OUTCOMES_OSCR_AREA] = "oscr_area",
    [OUTCOMES_GATE_ECE] = "gate_ece",
    [OUTCOMES_SPECIES_ECE] = "species_ece",
    [OUTCOMES_MISS_RATE] = "fnr",
    [OUTCOMES_FALSE_ALARM] = "fpr",
    [OUTCOMES_UNKNOWN_RATE] = "unknown_rate",
};

static double ratio(size_t a, size_t b)
{
    return b > 0 ? (double)a / (double)b : (double)NAN;
}

/* --- by the order of the scores --- */

static int ranked(const struct outcomes *t)
{
    return t->ranking.n > 0;
}

static void ranking_figures(const struct outcomes *t, const uint32_t *pick,
                            size_t n, double *value)
{
    struct nn_roc roc;

    nn_ranking_curve(&t->ranking, pick, n, &roc);
    value[OUTCOMES_ROC_AREA] = nn_roc_area(&roc);
    value[OUTCOMES_AVERAGE_PRECISION] = nn_roc_average_precision(&roc);
    value[OUTCOMES_FPR95] = nn_roc_at_tpr(&roc, 0.95).fpr;
    value[OUTCOMES_FPR99] = nn_roc_at_tpr(&roc, 0.99).fpr;
}

double outcomes_limit95(const struct outcomes *t, const uint32_t *pick,
                        size_t n)
{
    struct nn_roc roc;

    if (!ranked(t)) {
        return (double)NAN;
    }
    nn_ranking_curve(&t->ranking, pick, n, &roc);
    return nn_roc_at_tpr(&roc, 0.95).threshold;
}

/* --- by counting --- */

static void share_figures(const struct outcomes *t, const uint32_t *pick,
                          size_t n, double *value)
{
    size_t positives = 0, named = 0, right = 0, missed = 0, unknown = 0;
    size_t passed = 0;
    int32_t none = (int32_t)t->k;

    for (size_t j = 0; j < n; j++) {
        size_t i = pick != NULL ? pick[j] : j;

        right += t->verdict[i] == t->truth[i];
        if (t->positive[i]) {
            positives++;
            named += t->best[i] == t->truth[i];
            missed += t->verdict[i] == none;
            unknown += t->verdict[i] == none + 1;
        } else {
            passed += t->verdict[i] != none;
        }
    }
    value[OUTCOMES_SPECIES_ACCURACY] = ratio(named, positives);
    value[OUTCOMES_END_TO_END] = ratio(right, n);
    value[OUTCOMES_MISS_RATE] = ratio(missed, positives);
    value[OUTCOMES_FALSE_ALARM] = ratio(passed, n - positives);
    value[OUTCOMES_UNKNOWN_RATE] = ratio(unknown, positives);
}

static void calibration_figures(const struct outcomes *t, const uint32_t *pick,
                                size_t n, double *value)
{
    struct nn_ece gate = { .n = 0 }, species = { .n = 0 };

    for (size_t j = 0; j < n; j++) {
        size_t i = pick != NULL ? pick[j] : j;

        nn_ece_add(&gate, t->p_positive[i], t->positive[i]);
        if (t->positive[i]) {
            nn_ece_add(&species, t->p[i * t->k + (size_t)t->best[i]],
                       t->best[i] == t->truth[i]);
        }
    }
    value[OUTCOMES_GATE_ECE] = nn_ece_value(&gate);
    if (t->k > 1) {
        value[OUTCOMES_SPECIES_ECE] = nn_ece_value(&species);
    }
}

/* F1 of none counts too; unknown is an answer that is no class. */
static double macro_f1(const struct outcomes *t, const uint32_t *pick, size_t n)
{
    size_t counts[(OUTCOMES_F1_CLASSES + 1) * (OUTCOMES_F1_CLASSES + 2)];
    int32_t rows = (int32_t)t->k + 1;
    struct nn_confusion_figures f;

    if (t->k > OUTCOMES_F1_CLASSES ||
        nn_confusion_count(t->truth, t->verdict, pick, n, rows, rows + 1,
                           counts, NULL) ||
        nn_confusion_summarise(counts, rows, rows + 1, NULL, &f, NULL)) {
        return (double)NAN;
    }
    return f.macro_f1;
}

static void open_set_figures(const struct outcomes *t, const uint32_t *pick,
                             size_t n, double *value)
{
    struct nn_roc roc;

    value[OUTCOMES_MACRO_F1] = macro_f1(t, pick, n);
    if (ranked(t)) {
        nn_ranking_curve(&t->open_set, pick, n, &roc);
        value[OUTCOMES_OSCR_AREA] = nn_roc_area(&roc);
    }
}

void outcomes_figures(const struct outcomes *t, unsigned groups,
                      const uint32_t *pick, size_t n, double *value)
{
    n = pick != NULL ? n : t->n;
    for (int f = 0; f < OUTCOMES_FIGURES; f++) {
        value[f] = (double)NAN;
    }
    if ((groups & OUTCOMES_RANKING) != 0 && ranked(t)) {
        ranking_figures(t, pick, n, value);
    }
    if ((groups & OUTCOMES_SHARES) != 0) {
        share_figures(t, pick, n, value);
    }
    if ((groups & OUTCOMES_CALIBRATION) != 0) {
        calibration_figures(t, pick, n, value);
    }
    if ((groups & OUTCOMES_OPEN_SET) != 0) {
        open_set_figures(t, pick, n, value);
    }
}

void outcomes_families(const struct outcomes *t, const uint32_t *pick, size_t n,
                       double limit, struct outcomes_family *count,
                       size_t n_families)
{
    n = pick != NULL ? n : t->n;
    memset(count, 0, (n_families + 1) * sizeof *count);
    for (size_t j = 0; j < n; j++) {
        size_t i = pick != NULL ? pick[j] : j;
        struct outcomes_family *f =
            &count[t->family[i] >= 0 ? (size_t)t->family[i] : n_families];

        if (!t->positive[i]) {
            f->n++;
            f->over += t->p_positive[i] >= limit;
            f->passed += t->verdict[i] != (int32_t)t->k;
        }
    }
}

enum nn_status outcomes_confusion(const struct outcomes *t, size_t *counts,
                                  struct nn_error *err)
{
    return nn_confusion_count(t->truth, t->verdict, NULL, t->n,
                              (int32_t)t->k + 1, (int32_t)t->k + 2, counts,
                              err);
}
