#include "common/image/augment_internal.h"

/* Ranges, set by eye beside frames of trail cameras at night: a lamp beside
 * the lens lights the middle, leaves are pale, the rest is dark and grainy. */
static const float contrast[2] = { 0.4f, 1.1f };
static const float lift[2] = { -50, 30 }; /* grey levels */
static const float falloff[2] = { 0, 6 };
static const float middle[2] = { 0.3f, 0.7f }; /* of the lamp, in sides */
static const float most_noise = 12;            /* standard deviation */

struct lamp {
    double weight[3]; /* of red, green and blue; they add up to 1 */
    double contrast, lift, falloff, x, y, noise;
};

static double between(struct nn_rng *rng, const float range[2])
{
    return (double)nn_rng_range(rng, range[0], range[1]);
}

static struct lamp draw_lamp(struct nn_rng *rng)
{
    struct lamp l;
    double sum = 0;

    for (int c = 0; c < 3; c++) {
        l.weight[c] = 0.1 + (double)nn_rng_float(rng);
        sum += l.weight[c];
    }
    for (int c = 0; c < 3; c++) {
        l.weight[c] /= sum;
    }
    l.contrast = between(rng, contrast);
    l.lift = between(rng, lift);
    l.falloff = between(rng, falloff);
    l.x = between(rng, middle);
    l.y = between(rng, middle);
    l.noise = (double)(nn_rng_float(rng) * most_noise);
    return l;
}

/* Near-normal with standard deviation 1: four bytes added up, whose mean is
 * 510 and whose standard deviation is 147.8. */
static double noise_of(uint64_t bits)
{
    int sum = 0;

    for (int i = 0; i < 4; i++, bits >>= 8) {
        sum += (int)(bits & 255);
    }
    return (sum - 510) / 147.8;
}

static uint8_t shade(const struct lamp *l, const uint8_t *rgb, double light,
                     double noise)
{
    double grey =
        l->weight[0] * rgb[0] + l->weight[1] * rgb[1] + l->weight[2] * rgb[2];
    double v =
        ((grey - 128) * l->contrast + 128 + l->lift) * light + noise * l->noise;

    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5));
}

void nn_infrared(struct nn_rng *rng, uint8_t *rgb, int32_t size)
{
    const struct lamp l = draw_lamp(rng);
    uint64_t bits = 0;

    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++, rgb += 3) {
            double dx = (x + 0.5) / size - l.x, dy = (y + 0.5) / size - l.y;
            double light = 1 / (1 + l.falloff * (dx * dx + dy * dy));

            bits = x % 2 == 0 ? nn_rng_u64(rng) : bits >> 32;
            rgb[0] = shade(&l, rgb, light, noise_of(bits));
            rgb[1] = rgb[2] = rgb[0];
        }
    }
}
