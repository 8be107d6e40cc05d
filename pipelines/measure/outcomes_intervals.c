/* Intervals of the figures: from resamples, exact where those all agree. */
#include <math.h>

#include "pipelines/measure/outcomes.h"

struct resampled {
    const struct outcomes *t;
    unsigned groups;
};

static void resample(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct resampled *r = ctx;

    outcomes_figures(r->t, r->groups, pick, n, value);
}

enum nn_status outcomes_intervals(const struct outcomes *t, unsigned groups,
                                  size_t replicates, uint64_t seed,
                                  struct nn_interval *out, struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = t->n,
                                       .stratum = t->positive,
                                       .replicates = replicates,
                                       .confidence = NN_CONFIDENCE,
                                       .seed = seed };
    struct resampled ctx = { t, groups };
    double value[OUTCOMES_FIGURES];

    if (replicates > 0) {
        return nn_bootstrap_many(&spec, resample, &ctx, OUTCOMES_FIGURES, out,
                                 err);
    }
    outcomes_figures(t, groups, NULL, t->n, value);
    for (int f = 0; f < OUTCOMES_FIGURES; f++) {
        out[f] = (struct nn_interval){ .value = value[f],
                                       .lo = (double)NAN,
                                       .hi = (double)NAN,
                                       .p_zero = (double)NAN };
    }
    return NN_OK;
}

/* --- where all resamples agree --- */

/* What a figure is a share of. */
enum whole { NO_SHARE, OF_POSITIVES, OF_NEGATIVES, OF_ALL };

static size_t images_of(int figure, size_t n_positives, size_t n_negatives)
{
    static const enum whole whole[OUTCOMES_FIGURES] = {
        [OUTCOMES_FPR95] = OF_NEGATIVES,
        [OUTCOMES_FPR99] = OF_NEGATIVES,
        [OUTCOMES_FALSE_ALARM] = OF_NEGATIVES,
        [OUTCOMES_SPECIES_ACCURACY] = OF_POSITIVES,
        [OUTCOMES_MISS_RATE] = OF_POSITIVES,
        [OUTCOMES_UNKNOWN_RATE] = OF_POSITIVES,
        [OUTCOMES_END_TO_END] = OF_ALL,
    };
    const size_t n[] = { 0, n_positives, n_negatives,
                         n_positives + n_negatives };

    return n[whole[figure]];
}

/* A mean over runs is not the share itself to the last digit. */
#define ROUNDING 1e-12

static int all_agree(const struct nn_interval *v)
{
    return v->hi - v->lo < ROUNDING;
}

static void exact_share(struct nn_interval *v, size_t n)
{
    const double side = (1 + NN_CONFIDENCE) / 2;

    if (n > 0 && !isnan(v->value)) {
        size_t k = (size_t)llround(v->value * (double)n);

        v->lo = nn_clopper_pearson_lower(k, n, side);
        v->hi = nn_clopper_pearson_upper(k, n, side);
    }
}

void outcomes_exact(struct nn_interval *v, size_t n_positives,
                    size_t n_negatives)
{
    for (int f = 0; f < OUTCOMES_FIGURES; f++) {
        exact_share(&v[f], images_of(f, n_positives, n_negatives));
    }
}

void outcomes_widen_share(struct nn_interval *v, size_t n)
{
    if (all_agree(v)) {
        exact_share(v, n);
    }
}

void outcomes_drop_interval(struct nn_interval *v)
{
    if (all_agree(v)) {
        v->lo = v->hi = (double)NAN;
    }
}

void outcomes_widen(struct nn_interval *v, size_t n_positives,
                    size_t n_negatives)
{
    for (int f = 0; f < OUTCOMES_FIGURES; f++) {
        size_t n = images_of(f, n_positives, n_negatives);

        if (n > 0) {
            outcomes_widen_share(&v[f], n);
        } else {
            outcomes_drop_interval(&v[f]);
        }
    }
}

void outcomes_widen_difference(struct nn_interval *v, size_t n_positives,
                               size_t n_negatives)
{
    for (int f = 0; f < OUTCOMES_FIGURES; f++) {
        size_t n = images_of(f, n_positives, n_negatives);

        if (n == 0) {
            outcomes_drop_interval(&v[f]);
        } else if (all_agree(&v[f])) {
            double rare = nn_clopper_pearson_upper(0, n, NN_CONFIDENCE);
            double by = fabs(v[f].value) < ROUNDING ? rare : 2 * rare;

            v[f].lo = fmax(v[f].value - by, -1);
            v[f].hi = fmin(v[f].value + by, 1);
        }
    }
}
