#include "pipelines/audit/shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/sampling.h"

enum { NEAREST = 3, FAR_PART = 10 };

static size_t beyond(size_t n)
{
    return (n + FAR_PART - 1) / FAR_PART;
}

/* P(K >= k) for N drawn photos and n of the reference. */
static double tail(size_t n, size_t N, size_t k)
{
    size_t j = beyond(n);

    if (k == 0) {
        return 1;
    }
    return k > N ? 0 : nn_hypergeom_cdf(n + N, n, k + j - 1, j - 1);
}

/* P(K_0 + K_1 >= far) with N_0 of N photos of kind 0. */
static double mixed_tail(const size_t n[2], size_t N0, size_t N1, size_t far)
{
    double sum = 0, at_least = 1;

    for (size_t k = 0; k <= N0; k++) {
        double next = k < N0 ? tail(n[0], N0, k + 1) : 0;

        if (k >= far) {
            return sum + at_least;
        }
        sum += (at_least - next) * tail(n[1], N1, far - k);
        at_least = next;
    }
    return sum;
}

double shift_p_value(const size_t n[2], size_t n_drawn, size_t far)
{
    double most = 0;

    if (n[0] < SHIFT_MIN && n[1] < SHIFT_MIN) {
        return NAN;
    }
    if (n[0] < SHIFT_MIN || n[1] < SHIFT_MIN) {
        return tail(n[n[1] >= SHIFT_MIN], n_drawn, far);
    }
    for (size_t N0 = 0; N0 <= n_drawn; N0++) {
        double p = mixed_tail(n, N0, n_drawn - N0, far);

        most = p > most ? p : most;
    }
    return most < 1 ? most : 1;
}

struct halves {
    float *near; /* [n_near,dims] rows of length 1 */
    size_t n_near, n_rest, dims;
    size_t *rest; /* [n_rest] rows of the reference */
};

static void unit_row(const float *x, size_t dims, float *to)
{
    double sum = 0;

    for (size_t i = 0; i < dims; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    sum = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < dims; i++) {
        to[i] = x[i] * (float)sum;
    }
}

static enum nn_status part(const struct shift_reference *ref, struct halves *h,
                           struct nn_error *err)
{
    h->dims = ref->dims;
    h->near = nn_mem_calloc(ref->n, ref->dims * sizeof *h->near);
    h->rest = nn_mem_calloc(ref->n, sizeof *h->rest);
    if (h->near == NULL || h->rest == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ref->n; i++) {
        struct nn_rng rng = nn_rng_make(ref->seed, ref->group[i]);

        if (nn_rng_below(&rng, 2) == 0) {
            unit_row(ref->x + i * ref->dims, ref->dims,
                     h->near + h->n_near++ * ref->dims);
        } else {
            h->rest[h->n_rest++] = i;
        }
    }
    return NN_OK;
}

/* Four sums, so that they are computed side by side. */
static double dot(const float *a, const float *b, size_t n)
{
    float s[4] = { 0 };
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        for (size_t k = 0; k < 4; k++) {
            s[k] += a[i + k] * b[i + k];
        }
    }
    for (; i < n; i++) {
        s[0] += a[i] * b[i];
    }
    return (double)s[0] + (double)s[1] + (double)s[2] + (double)s[3];
}

static double distance(const struct halves *h, const float *x, float *unit)
{
    double nearest[NEAREST] = { INFINITY, INFINITY, INFINITY };

    unit_row(x, h->dims, unit);
    for (size_t i = 0; i < h->n_near; i++) {
        double d = 1 - dot(unit, h->near + i * h->dims, h->dims);

        for (int k = 0; k < NEAREST; k++) {
            if (d < nearest[k]) {
                double was = nearest[k];

                nearest[k] = d;
                d = was;
            }
        }
    }
    return (nearest[0] + nearest[1] + nearest[2]) / NEAREST;
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* The larger of t_0 and t_1; n[y] photos of the second half. */
static double limit(const struct shift_reference *ref, const struct halves *h,
                    double *d, float *unit, size_t n[2])
{
    double most = 0;

    for (int y = 0; y < 2; y++) {
        n[y] = 0;
        for (size_t i = 0; i < h->n_rest; i++) {
            if (ref->kind[h->rest[i]] == y) {
                d[n[y]++] = distance(h, ref->x + h->rest[i] * h->dims, unit);
            }
        }
        if (n[y] >= SHIFT_MIN) {
            qsort(d, n[y], sizeof *d, falling);
            most = fmax(most, d[beyond(n[y]) - 1]);
        }
    }
    return most;
}

enum nn_status shift_test(const struct shift_reference *ref, const float *drawn,
                          size_t n, struct shift_result *out,
                          struct nn_error *err)
{
    struct halves h = { 0 };
    float *unit = nn_mem_calloc(ref->dims, sizeof *unit);
    double *d = nn_mem_calloc(ref->n, sizeof *d), t;
    size_t of[2];
    enum nn_status st;

    *out = (struct shift_result){ .n = n };
    if (n == 0 || n > SHIFT_MOST) {
        st = nn_fail(err, NN_ERR_ARG, "%zu photos to compare", n);
        goto out;
    }
    out->distance = nn_mem_calloc(n, sizeof *out->distance);
    if (unit == NULL || d == NULL || out->distance == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = part(ref, &h, err);
    if (st) {
        goto out;
    }
    t = limit(ref, &h, d, unit, of);
    if (h.n_near < NEAREST || (of[0] < SHIFT_MIN && of[1] < SHIFT_MIN)) {
        st = nn_fail(err, NN_ERR_ARG,
                     "%zu reference photos are too few: %d or more are needed "
                     "of a kind",
                     ref->n, 3 * SHIFT_MIN);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        out->distance[i] = distance(&h, drawn + i * ref->dims, unit) / t;
        out->far += out->distance[i] > 1;
    }
    out->p = shift_p_value(of, n, out->far);
out:
    nn_mem_free(h.near);
    nn_mem_free(h.rest);
    nn_mem_free(unit);
    nn_mem_free(d);
    return st;
}
