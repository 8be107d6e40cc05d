#include "common/train/mix.h"

#include <math.h>
#include <string.h>

#include "common/base/parallel.h"

#define MIX_STREAM 0x6d697875u

struct nn_mix nn_mix_none(void)
{
    return (struct nn_mix){ .share = 1 };
}

int nn_mix_is_on(const struct nn_mix *m)
{
    return m->share > 0 && (m->mixup > 0 || m->cutmix > 0);
}

double nn_mix_beta(struct nn_rng *rng, double a)
{
    for (;;) {
        double x = pow(nn_rng_double(rng), 1 / a);
        double y = pow(nn_rng_double(rng), 1 / a);

        /* Small a: both powers may vanish, which is no draw. */
        if (x + y > 0 && x + y <= 1) {
            return x / (x + y);
        }
    }
}

struct mixing {
    const struct nn_mix *mix;
    uint64_t seed, step;
    const float *in, *t, *w;
    float *out, *mixed_t, *mixed_w;
    int32_t n, size, k;
};

static void blend(float *out, const float *a, const float *b, size_t n, float l)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = l * a[i] + (1 - l) * b[i];
    }
}

/* Bounds of a side of length `length` about a centre, within 0..size. */
static void clip(int32_t centre, int32_t length, int32_t size, int32_t *from,
                 int32_t *to)
{
    *from = centre - length / 2;
    *to = *from + length;
    *from = *from > 0 ? *from : 0;
    *to = *to < size ? *to : size;
}

/* Paste a box of b into out, which holds image i; returns the share of the
 * image that is left. */
static float paste(struct nn_rng *rng, float *out, const float *b, int32_t size,
                   double l)
{
    int32_t side = (int32_t)(sqrt(1 - l) * (double)size + 0.5);
    int32_t x0, x1, y0, y1;

    clip((int32_t)nn_rng_below(rng, (uint32_t)size), side, size, &x0, &x1);
    clip((int32_t)nn_rng_below(rng, (uint32_t)size), side, size, &y0, &y1);
    for (int32_t y = y0; x1 > x0 && y < y1; y++) {
        size_t at = ((size_t)y * (size_t)size + (size_t)x0) * 3;

        memcpy(out + at, b + at, (size_t)(x1 - x0) * 3 * sizeof *out);
    }
    return 1 -
           (float)(x1 - x0) * (float)(y1 - y0) / ((float)size * (float)size);
}

static void mix_one(void *ctx, size_t i)
{
    const struct mixing *m = ctx;
    size_t j = (size_t)m->n - 1 - i, k = (size_t)m->k;
    size_t floats = (size_t)m->size * (size_t)m->size * 3;
    struct nn_rng rng =
        nn_rng_make(m->seed, nn_rng_stream(MIX_STREAM, m->step, i));
    const float *a = m->in + i * floats, *b = m->in + j * floats;
    float *out = m->out + i * floats, l = 1;
    int cut = m->mix->cutmix > 0;

    if (i == j || !nn_rng_chance(&rng, m->mix->share)) {
        memcpy(out, a, floats * sizeof *out);
    } else {
        if (cut && m->mix->mixup > 0) {
            cut = nn_rng_chance(&rng, 0.5f);
        }
        l = (float)nn_mix_beta(&rng,
                               (double)(cut ? m->mix->cutmix : m->mix->mixup));
        if (cut) {
            memcpy(out, a, floats * sizeof *out);
            l = paste(&rng, out, b, m->size, (double)l);
        } else {
            blend(out, a, b, floats, l);
        }
    }
    blend(m->mixed_t + i * k, m->t + i * k, m->t + j * k, k, l);
    m->mixed_w[i] = l * m->w[i] + (1 - l) * m->w[j];
}

void nn_mix_batch(const struct nn_mix *mix, uint64_t seed, uint64_t step,
                  const float *in, const float *t, const float *w, int32_t n,
                  int32_t size, int32_t k, float *out, float *mixed_t,
                  float *mixed_w)
{
    struct mixing m = { .mix = mix,
                        .seed = seed,
                        .step = step,
                        .in = in,
                        .t = t,
                        .w = w,
                        .out = out,
                        .mixed_t = mixed_t,
                        .mixed_w = mixed_w,
                        .n = n,
                        .size = size,
                        .k = k };

    nn_parallel_for((size_t)n, mix_one, &m);
}
