#include "common/eval/metrics.h"

#include <math.h>

#define MAX_BINS 10000

static enum nn_status check_probability(double p, size_t i,
                                        struct nn_error *err)
{
    if (!(p >= 0 && p <= 1)) {
        return nn_fail(err, NN_ERR_NUMERIC, "probability %zu is %g", i, p);
    }
    return NN_OK;
}

static enum nn_status check_count(size_t n, struct nn_error *err)
{
    return n == 0 ? nn_fail(err, NN_ERR_ARG, "no probabilities to judge")
                  : NN_OK;
}

static enum nn_status check_all(const double *p, size_t n, struct nn_error *err)
{
    enum nn_status st = check_count(n, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        st = check_probability(p[i], i, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* Bin of p: lo < p <= hi with edges i / n_bins as the nearest doubles. */
static size_t bin_of(double p, int32_t n_bins)
{
    double m = n_bins;
    double b = ceil(p * m) - 1;

    if (b > 0 && p <= b / m) {
        b--;
    } else if (p > (b + 1) / m) {
        b++;
    }
    return b < 0 ? 0 : (size_t)b;
}

enum nn_status nn_reliability(const double *p, const uint8_t *hit, size_t n,
                              int32_t n_bins, struct nn_reliability_bin *bins,
                              double *ece, struct nn_error *err)
{
    struct nn_reliability_bin own[NN_ECE_BINS];
    struct nn_reliability_bin *b = bins != NULL ? bins : own;
    double sum = 0;
    enum nn_status st;

    if (n_bins < 1 || n_bins > MAX_BINS ||
        (bins == NULL && n_bins != NN_ECE_BINS)) {
        return nn_fail(err, NN_ERR_ARG, "cannot use %d bins", (int)n_bins);
    }
    st = check_all(p, n, err);
    if (st) {
        return st;
    }
    for (int32_t i = 0; i < n_bins; i++) {
        b[i] = (struct nn_reliability_bin){
            .lo = (double)i / n_bins,
            .hi = (double)(i + 1) / n_bins,
        };
    }
    for (size_t i = 0; i < n; i++) {
        struct nn_reliability_bin *at = &b[bin_of(p[i], n_bins)];

        at->n++;
        at->confidence += p[i];
        at->accuracy += hit[i] != 0;
    }
    for (int32_t i = 0; i < n_bins; i++) {
        sum += fabs(b[i].accuracy - b[i].confidence);
        b[i].confidence = b[i].n > 0 ? b[i].confidence / (double)b[i].n : NAN;
        b[i].accuracy = b[i].n > 0 ? b[i].accuracy / (double)b[i].n : NAN;
    }
    *ece = sum / (double)n;
    return NN_OK;
}

void nn_ece_add(struct nn_ece *e, double p, int hit)
{
    size_t b = bin_of(p, NN_ECE_BINS);

    e->confidence[b] += p;
    e->hits[b] += hit != 0;
    e->n++;
}

double nn_ece_value(const struct nn_ece *e)
{
    double sum = 0;

    for (size_t b = 0; b < NN_ECE_BINS; b++) {
        sum += fabs(e->hits[b] - e->confidence[b]);
    }
    return e->n > 0 ? sum / (double)e->n : (double)NAN;
}

static enum nn_status check_label(const int32_t *truth, size_t i, int32_t k,
                                  struct nn_error *err)
{
    if (truth[i] < 0 || truth[i] >= k) {
        return nn_fail(err, NN_ERR_ARG, "label %d of item %zu not in 0..%d",
                       (int)truth[i], i, (int)k - 1);
    }
    return NN_OK;
}

static enum nn_status check_classes(size_t n, int32_t k, struct nn_error *err)
{
    if (k < 1) {
        return nn_fail(err, NN_ERR_ARG, "cannot judge %d classes", (int)k);
    }
    return check_count(n, err);
}

enum nn_status nn_top_label(const double *p, const int32_t *truth, size_t n,
                            int32_t k, double *confidence, uint8_t *hit,
                            int32_t *best, struct nn_error *err)
{
    enum nn_status st = check_classes(n, k, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        const double *row = p + i * (size_t)k;
        int32_t top = 0;

        for (int32_t j = 0; j < k; j++) {
            if (!isfinite(row[j])) {
                return nn_fail(err, NN_ERR_NUMERIC,
                               "probability %d of item %zu is %g", (int)j, i,
                               row[j]);
            }
            top = row[j] > row[top] ? j : top;
        }
        if (confidence != NULL) {
            confidence[i] = row[top];
        }
        if (best != NULL) {
            best[i] = top;
        }
        if (hit != NULL) {
            st = check_label(truth, i, k, err);
            if (st) {
                return st;
            }
            hit[i] = truth[i] == top;
        }
    }
    return NN_OK;
}

enum nn_status nn_brier_binary(const double *p, const uint8_t *positive,
                               size_t n, double *out, struct nn_error *err)
{
    enum nn_status st = check_all(p, n, err);
    double sum = 0;

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        double off = p[i] - (positive[i] != 0);

        sum += off * off;
    }
    *out = sum / (double)n;
    return NN_OK;
}

static double nats(double p)
{
    return -log(p > NN_NLL_FLOOR ? p : NN_NLL_FLOOR);
}

enum nn_status nn_nll_classes(const double *p, const int32_t *truth, size_t n,
                              int32_t k, double *out, struct nn_error *err)
{
    enum nn_status st = check_classes(n, k, err);
    double sum = 0;

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        double q;

        st = check_label(truth, i, k, err);
        if (st) {
            return st;
        }
        q = p[i * (size_t)k + (size_t)truth[i]];
        st = check_probability(q, i, err);
        if (st) {
            return st;
        }
        sum += nats(q);
    }
    *out = sum / (double)n;
    return NN_OK;
}
