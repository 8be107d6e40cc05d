#include "common/eval/shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/sampling.h"

enum { FAR_PART = 10, SIGNS_SEED = 0x7369676e, STEPS = 2048, LANES = 8 };

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

double nn_shift_p_value(const size_t n[2], size_t n_drawn, size_t far)
{
    double most = 0;

    if (n[0] < NN_SHIFT_MIN && n[1] < NN_SHIFT_MIN) {
        return NAN;
    }
    if (n[0] < NN_SHIFT_MIN || n[1] < NN_SHIFT_MIN) {
        return tail(n[n[1] >= NN_SHIFT_MIN], n_drawn, far);
    }
    for (size_t N0 = 0; N0 <= n_drawn; N0++) {
        double p = mixed_tail(n, N0, n_drawn - N0, far);

        most = p > most ? p : most;
    }
    return most < 1 ? most : 1;
}

/* sum [n] of x [from_dims], for rows `from` on of the signs: side by side, as
 * each sum has to wait for its last addition. n <= LANES. */
static void reduce_lanes(const float *x, size_t from_dims, size_t from,
                         size_t n, float *sum)
{
    double s[LANES] = { 0 };
    uint64_t plus[LANES] = { 0 };

    for (size_t i = 0; i < from_dims; i += 64) {
        size_t end = i + 64 < from_dims ? i + 64 : from_dims;

        for (size_t k = 0; k < n; k++) {
            plus[k] = nn_rng_at(SIGNS_SEED, from + k, i / 64);
        }
        for (size_t j = i; j < end; j++) {
            const double value[2] = { -(double)x[j], (double)x[j] };

            for (size_t k = 0; k < LANES; k++) {
                s[k] += value[plus[k] >> (j - i) & 1];
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        sum[k] = (float)s[k];
    }
}

/* sum [dims] of x [from_dims], each with signs of its own. */
static void reduce(const float *x, size_t from_dims, size_t dims, float *sum)
{
    for (size_t k = 0; k < dims; k += LANES) {
        reduce_lanes(x, from_dims, k, dims - k < LANES ? dims - k : LANES,
                     sum + k);
    }
}

/* To length 1. */
static void unit_row(float *x, size_t dims)
{
    double sum = 0;

    for (size_t i = 0; i < dims; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    sum = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < dims; i++) {
        x[i] *= (float)sum;
    }
}

/* x [from_dims] as rows of the reference are made. */
static void make_row(const struct nn_shift_reference *ref, const float *x,
                     float *row)
{
    if (ref->dims < ref->from_dims) {
        reduce(x, ref->from_dims, ref->dims, row);
    } else {
        memcpy(row, x, ref->dims * sizeof *row);
    }
    unit_row(row, ref->dims);
}

static void keep_near(struct nn_shift_reference *ref, const float *x)
{
    float *row = ref->near + ref->n++ * ref->dims;

    make_row(ref, x, row);
    for (size_t i = 0; ref->dims < ref->from_dims && i < ref->dims; i++) {
        row[i] = roundf(row[i] * STEPS) / STEPS;
    }
}

/* Photos of the first part into ref, those of the rest into rest. */
static size_t part(const struct nn_shift_known *known,
                   struct nn_shift_reference *ref, size_t *rest)
{
    size_t most = known->most_near > 0 ? known->most_near : known->n;
    double share = 2 * most < known->n ? (double)most / (double)known->n : 0.5;
    size_t n = 0;

    for (size_t i = 0; i < known->n; i++) {
        struct nn_rng rng = nn_rng_make(known->seed, known->group[i]);

        if (nn_rng_double(&rng) >= share) {
            rest[n++] = i;
        } else if (ref->n < most) {
            keep_near(ref, known->x + i * known->dims);
        }
    }
    return n;
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

/* row: [dims] to work in. */
static double distance(const struct nn_shift_reference *ref, const float *x,
                       float *row)
{
    double nearest[NN_SHIFT_NEAREST] = { INFINITY, INFINITY, INFINITY };

    make_row(ref, x, row);
    for (size_t i = 0; i < ref->n; i++) {
        double d = 1 - dot(row, ref->near + i * ref->dims, ref->dims);

        for (int k = 0; k < NN_SHIFT_NEAREST; k++) {
            if (d < nearest[k]) {
                double was = nearest[k];

                nearest[k] = d;
                d = was;
            }
        }
    }
    return (nearest[0] + nearest[1] + nearest[2]) / NN_SHIFT_NEAREST;
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* n_y, and the larger of t_0 and t_1. */
static void set_limit(const struct nn_shift_known *known, const size_t *rest,
                      size_t n_rest, double *d, float *row,
                      struct nn_shift_reference *ref)
{
    for (int y = 0; y < 2; y++) {
        size_t n = 0;

        for (size_t i = 0; i < n_rest; i++) {
            if (known->kind[rest[i]] == y) {
                d[n++] = distance(ref, known->x + rest[i] * known->dims, row);
            }
        }
        ref->rest[y] = n;
        if (n >= NN_SHIFT_MIN) {
            qsort(d, n, sizeof *d, falling);
            ref->limit = fmax(ref->limit, d[beyond(n) - 1]);
        }
    }
}

enum nn_status nn_shift_learn(const struct nn_shift_known *known,
                              struct nn_shift_reference *out,
                              struct nn_error *err)
{
    int fewer = known->keep_dims > 0 && known->keep_dims < known->dims;
    struct nn_shift_reference ref = {
        .dims = fewer ? known->keep_dims : known->dims,
        .from_dims = known->dims,
    };
    float *row = nn_mem_calloc(ref.dims, sizeof *row);
    double *d = nn_mem_calloc(known->n, sizeof *d);
    size_t *rest = nn_mem_calloc(known->n, sizeof *rest), n_rest;
    enum nn_status st = NN_OK;

    *out = (struct nn_shift_reference){ 0 };
    ref.near = nn_mem_calloc(known->n, ref.dims * sizeof *ref.near);
    if (row == NULL || d == NULL || rest == NULL || ref.near == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    n_rest = part(known, &ref, rest);
    set_limit(known, rest, n_rest, d, row, &ref);
    if (ref.n < NN_SHIFT_NEAREST ||
        (ref.rest[0] < NN_SHIFT_MIN && ref.rest[1] < NN_SHIFT_MIN)) {
        st = nn_fail(err, NN_ERR_ARG,
                     "%zu reference photos are too few: %d or more are needed "
                     "of a kind",
                     known->n, 3 * NN_SHIFT_MIN);
        goto out;
    }
    *out = ref;
    ref.near = NULL;
out:
    nn_mem_free(ref.near);
    nn_mem_free(row);
    nn_mem_free(d);
    nn_mem_free(rest);
    return st;
}

void nn_shift_release(struct nn_shift_reference *ref)
{
    nn_mem_free(ref->near);
    *ref = (struct nn_shift_reference){ 0 };
}

enum nn_status nn_shift_test(const struct nn_shift_reference *ref,
                             const float *drawn, size_t n,
                             struct nn_shift_result *out, struct nn_error *err)
{
    float *row;

    *out = (struct nn_shift_result){ .n = n };
    if (n == 0 || n > NN_SHIFT_MOST || ref->n < NN_SHIFT_NEAREST) {
        return nn_fail(err, NN_ERR_ARG, "%zu photos to compare with %zu", n,
                       ref->n);
    }
    row = nn_mem_calloc(ref->dims, sizeof *row);
    out->distance = nn_mem_calloc(n, sizeof *out->distance);
    if (row == NULL || out->distance == NULL) {
        nn_mem_free(row);
        nn_mem_free(out->distance);
        out->distance = NULL;
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        out->distance[i] = distance(ref, drawn + i * ref->from_dims, row);
        out->far += out->distance[i] > ref->limit;
    }
    out->p = nn_shift_p_value(ref->rest, n, out->far);
    nn_mem_free(row);
    return NN_OK;
}
