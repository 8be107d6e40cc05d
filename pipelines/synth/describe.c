#include "common/base/rng.h"
#include "pipelines/synth/synth.h"

enum { DRAW_CLASS = 1 }; /* stream of the labels, apart from the looks */

static const char *const class_names[] = { "black", "grizzly", "teddy",
                                           "negative" };
static const char *const family_names[] = { "empty",      "dog",    "boar",
                                            "cow",        "ape",    "plush",
                                            "rock_stump", "people", "objects",
                                            "texture" };
static const char *const split_names[] = { "train", "valid", "test" };

const char *synth_class_name(enum synth_class c)
{
    return (int)c >= 0 && c <= SYNTH_NEGATIVE ? class_names[c] : NULL;
}

const char *synth_family_name(enum synth_family f)
{
    return (int)f >= 0 && f < SYNTH_FAMILIES ? family_names[f] : NULL;
}

const char *synth_split_name(enum synth_split s)
{
    return (int)s >= 0 && s < SYNTH_SPLITS ? split_names[s] : NULL;
}

struct synth_options synth_defaults(void)
{
    struct synth_options o = {
        .class_share = { 1.0f, 1.0f, 1.0f, 3.0f },
        .near_miss_share = 0.02f,
        .valid_share = 0.15f,
        .test_share = 0.15f,
    };

    for (int i = 0; i < SYNTH_FAMILIES; i++) {
        o.family_share[i] = 1.0f;
    }
    return o;
}

static enum nn_status check_shares(const float *w, int n, const char *what,
                                   struct nn_error *err)
{
    float sum = 0.0f;

    for (int i = 0; i < n; i++) {
        if (!(w[i] >= 0.0f && w[i] <= 1e6f)) {
            return nn_fail(err, NN_ERR_ARG,
                           "%s share %d is %g, not in 0..1000000", what, i,
                           (double)w[i]);
        }
        sum += w[i];
    }
    return sum > 0.0f ? NN_OK
                      : nn_fail(err, NN_ERR_ARG, "all %s shares are 0", what);
}

static enum nn_status check_part(float v, const char *what,
                                 struct nn_error *err)
{
    return v >= 0.0f && v <= 1.0f
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG, "%s share is %g, not in 0..1", what,
                         (double)v);
}

enum nn_status synth_check(const struct synth_options *opt,
                           struct nn_error *err)
{
    enum nn_status st =
        check_shares(opt->class_share, SYNTH_CLASSES + 1, "class", err);

    if (st) {
        return st;
    }
    st = check_shares(opt->family_share, SYNTH_FAMILIES, "family", err);
    if (st) {
        return st;
    }
    st = check_part(opt->near_miss_share, "near-miss", err);
    if (st) {
        return st;
    }
    st = check_part(opt->valid_share, "valid", err);
    if (st) {
        return st;
    }
    st = check_part(opt->test_share, "test", err);
    if (st) {
        return st;
    }
    if (opt->valid_share + opt->test_share > 1.0f) {
        return nn_fail(err, NN_ERR_ARG,
                       "valid and test shares together are above 1");
    }
    return NN_OK;
}

static int pick(float u, const float *w, int n)
{
    float sum = 0.0f;
    int last = 0;

    for (int i = 0; i < n; i++) {
        sum += w[i];
    }
    u *= sum;
    for (int i = 0; i < n; i++) {
        if (w[i] > 0.0f) {
            last = i;
            if (u < w[i]) {
                return i;
            }
        }
        u -= w[i];
    }
    return last;
}

/* Families that have a bear-like form. */
static int has_near_miss(enum synth_family f)
{
    return f != SYNTH_EMPTY;
}

void synth_describe(uint64_t seed, uint64_t index,
                    const struct synth_options *opt, struct synth_truth *truth)
{
    struct nn_rng r = nn_rng_make(seed, nn_rng_stream(seed, index, DRAW_CLASS));
    float kind = nn_rng_float(&r), family = nn_rng_float(&r);
    float near_miss = nn_rng_float(&r), split = nn_rng_float(&r);

    *truth = (struct synth_truth){
        .class =
            (enum synth_class)pick(kind, opt->class_share, SYNTH_CLASSES + 1),
        .family = SYNTH_FAMILY_NONE,
        .split = split < opt->test_share                      ? SYNTH_TEST
                 : split < opt->test_share + opt->valid_share ? SYNTH_VALID
                                                              : SYNTH_TRAIN,
    };
    if (truth->class != SYNTH_NEGATIVE) {
        return;
    }
    truth->family =
        (enum synth_family)pick(family, opt->family_share, SYNTH_FAMILIES);
    if (near_miss < opt->near_miss_share) {
        /* an empty scene cannot be one: another family takes its place */
        struct synth_options o = *opt;

        o.family_share[SYNTH_EMPTY] = 0.0f;
        truth->family =
            (enum synth_family)pick(family, o.family_share, SYNTH_FAMILIES);
        truth->near_miss = has_near_miss(truth->family);
    }
}
