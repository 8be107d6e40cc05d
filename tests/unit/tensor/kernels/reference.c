#include "tests/unit/tensor/kernels/reference.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tensor/kernels/conv_internal.h"
#include "tests/unit/testkit.h"

enum { GUARD = 64 }; /* floats on each side */
static const uint32_t guard_bits = 0x7fc0dead;

struct guarded guarded_make(size_t n)
{
    struct guarded g = { .n = n };
    g.block = nn_mem_aligned(n + 2 * GUARD, sizeof(float));
    ck_assert_ptr_nonnull(g.block);
    g.v = (float *)g.block + GUARD;
    for (size_t i = 0; i < GUARD; i++) {
        memcpy((float *)g.block + i, &guard_bits, sizeof(guard_bits));
        memcpy(g.v + n + i, &guard_bits, sizeof(guard_bits));
    }
    return g;
}

void guarded_check(const struct guarded *g, const char *what)
{
    for (size_t i = 0; i < GUARD; i++) {
        testkit_assert(memcmp((float *)g->block + i, &guard_bits, 4) == 0,
                       "%s: written %zu floats before its start", what,
                       GUARD - i);
        testkit_assert(memcmp(g->v + g->n + i, &guard_bits, 4) == 0,
                       "%s: written %zu floats behind its end", what, i);
    }
}

void guarded_free(struct guarded *g)
{
    nn_mem_free(g->block);
    g->block = NULL;
}

uint32_t next_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*seed >> 4) * below) >> 28);
}

void fill_whole(float *v, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        float a = (float)(1 + next_random(seed, 4));
        v[i] = next_random(seed, 2) ? a : -a;
    }
}

void fill_float(float *v, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = (float)next_random(seed, 1u << 24) / 8388608.0f - 1.0f;
    }
}

static double *doubles(size_t n)
{
    double *p = nn_mem_calloc(n, sizeof(double));
    ck_assert_ptr_nonnull(p);
    return p;
}

/* The terms of one result of one filter at one kernel position. */
static void add_tap(const struct nn_conv_shape *s, const float *x,
                    const float *w, float dy, struct reference *r, size_t iy,
                    size_t ix, size_t iw)
{
    size_t icg = (size_t)(s->ic / s->groups);
    for (size_t i = 0; i < icg; i++) {
        double a = (double)x[ix + i], b = (double)w[iw + i], g = (double)dy;
        r->y[iy] += a * b;
        r->y_mag[iy] += fabs(a * b);
        r->dx[ix + i] += g * b;
        r->dx_mag[ix + i] += fabs(g * b);
        r->dw[iw + i] += g * a;
        r->dw_mag[iw + i] += fabs(g * a);
    }
}

static void add_result(const struct nn_conv_shape *s, int32_t b, int32_t oh,
                       int32_t ow, int32_t oc, const float *x, const float *w,
                       float dy, struct reference *r, size_t iy)
{
    int32_t icg = s->ic / s->groups, group = oc / (s->oc / s->groups);
    for (int32_t kh = 0; kh < s->kh; kh++) {
        for (int32_t kw = 0; kw < s->kw; kw++) {
            int32_t ih = oh * s->stride_h + kh - s->pad_h;
            int32_t iw = ow * s->stride_w + kw - s->pad_w;
            if (ih < 0 || ih >= s->h || iw < 0 || iw >= s->w) {
                continue;
            }
            int32_t ix = ((b * s->h + ih) * s->w + iw) * s->ic + group * icg;
            int32_t at = ((oc * s->kh + kh) * s->kw + kw) * icg;
            add_tap(s, x, w, dy, r, iy, (size_t)ix, (size_t)at);
        }
    }
}

struct reference reference_make(const struct nn_conv_shape *s, int32_t batch,
                                const float *x, const float *w, const float *dy)
{
    int32_t gh = nn_conv_out_h(s), gw = nn_conv_out_w(s);
    size_t taps = (size_t)(s->kh * s->kw), icg = (size_t)(s->ic / s->groups);
    struct reference r = {
        .n_x = (size_t)(batch * s->h * s->w * s->ic),
        .n_w = (size_t)s->oc * taps * icg,
        .n_y = (size_t)(batch * gh * gw * s->oc),
        .k_y = taps * icg,
        .k_dx = taps * (size_t)(s->oc / s->groups),
        .k_dw = (size_t)(batch * gh * gw),
    };
    r.y = doubles(r.n_y);
    r.y_mag = doubles(r.n_y);
    r.dx = doubles(r.n_x);
    r.dx_mag = doubles(r.n_x);
    r.dw = doubles(r.n_w);
    r.dw_mag = doubles(r.n_w);
    size_t iy = 0;
    for (int32_t b = 0; b < batch; b++) {
        for (int32_t oh = 0; oh < gh; oh++) {
            for (int32_t ow = 0; ow < gw; ow++) {
                for (int32_t oc = 0; oc < s->oc; oc++, iy++) {
                    add_result(s, b, oh, ow, oc, x, w, dy[iy], &r, iy);
                }
            }
        }
    }
    return r;
}

void reference_free(struct reference *r)
{
    nn_mem_free(r->y);
    nn_mem_free(r->y_mag);
    nn_mem_free(r->dx);
    nn_mem_free(r->dx_mag);
    nn_mem_free(r->dw);
    nn_mem_free(r->dw_mag);
}

void compare(const float *got, const double *want, const double *mag,
             const float *extra, size_t n, size_t terms, int exact,
             const char *what)
{
    double factor = (sqrt((double)terms) + 4) * (double)FLT_EPSILON;
    for (size_t i = 0; i < n; i++) {
        double e = extra ? (double)extra[i] : 0;
        double bound = exact ? 0 : factor * (mag[i] + fabs(e));
        double diff = fabs((double)got[i] - (want[i] + e));
        testkit_assert(diff <= bound, "%s[%zu] is %.9g, not %.9g (bound %.3g)",
                       what, i, (double)got[i], want[i] + e, bound);
    }
}

const char *method_of(const struct nn_conv *c)
{
    return c->kind == NN_CONV_DEPTHWISE ? "depthwise"
           : c->winograd                ? "winograd"
                                        : "gemm";
}

const char *isa_of(const struct nn_conv *c)
{
    return c->k->name;
}
