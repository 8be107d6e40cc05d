#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipelines/synth/synth.h"

#define SPEC_COUNT_MAX ((uint64_t)1 << 40)

/* Digits up to the next ':' or the end. Returns 0, or -1. */
static int take_number(const char **at, uint64_t *out)
{
    char *end;

    if (**at < '0' || **at > '9') {
        return -1;
    }
    errno = 0;
    *out = strtoull(*at, &end, 10);
    if (errno != 0 || (*end != '\0' && *end != ':')) {
        return -1;
    }
    *at = end;
    return 0;
}

static enum nn_status take_kind(const char *v, size_t n,
                                struct synth_options *opt, struct nn_error *err)
{
    if (n == 3 && strncmp(v, "all", n) == 0) {
        return NN_OK;
    }
    if (n == 5 && strncmp(v, "bears", n) == 0) {
        opt->class_share[SYNTH_NEGATIVE] = 0.0f;
        return NN_OK;
    }
    if (n == 9 && strncmp(v, "negatives", n) == 0) {
        for (int i = 0; i < SYNTH_CLASSES; i++) {
            opt->class_share[i] = 0.0f;
        }
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_ARG,
                   "kind '%.*s' is not all, bears or negatives", (int)n, v);
}

static enum nn_status take_part(const char *part, size_t n,
                                struct synth_spec *spec, struct nn_error *err)
{
    const char *eq = memchr(part, '=', n), *v = eq != NULL ? eq + 1 : NULL;
    size_t key = eq != NULL ? (size_t)(eq - part) : n;
    char *end;

    if (key == 4 && eq != NULL && strncmp(part, "size", key) == 0) {
        uint64_t size = 0;

        if (take_number(&v, &size) || size < SYNTH_SIZE_MIN ||
            size > SYNTH_SIZE_MAX) {
            return nn_fail(err, NN_ERR_ARG, "'%.*s': size is not in %d..%d",
                           (int)n, part, SYNTH_SIZE_MIN, SYNTH_SIZE_MAX);
        }
        spec->size = (int32_t)size;
        return NN_OK;
    }
    if (key == 9 && eq != NULL && strncmp(part, "near-miss", key) == 0) {
        float share = strtof(v, &end);

        if (end == v || end != part + n || !(share >= 0.0f && share <= 1.0f)) {
            return nn_fail(err, NN_ERR_ARG, "'%.*s': share is not in 0..1",
                           (int)n, part);
        }
        spec->opt.near_miss_share = share;
        return NN_OK;
    }
    if (key == 4 && eq != NULL && strncmp(part, "kind", key) == 0) {
        return take_kind(v, n - key - 1, &spec->opt, err);
    }
    return nn_fail(err, NN_ERR_ARG,
                   "'%.*s' is not size=, near-miss= or kind=", (int)n, part);
}

enum nn_status synth_open_spec(const char *text, struct synth_spec *spec,
                               struct nn_error *err)
{
    const char *at = text;

    *spec = (struct synth_spec){ .seed = 1,
                                 .size = SYNTH_SIZE_DEFAULT,
                                 .opt = synth_defaults() };
    if (strncmp(at, "synth:", 6) != 0) {
        return nn_fail(err, NN_ERR_ARG, "'%s' does not start with 'synth:'",
                       text);
    }
    at += 6;
    if (take_number(&at, &spec->count) || spec->count < 1 ||
        spec->count > SPEC_COUNT_MAX) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s': 'synth:' wants a number of images, as in "
                       "synth:1000:7",
                       text);
    }
    if (*at == ':' && at[1] >= '0' && at[1] <= '9') {
        at++;
        if (take_number(&at, &spec->seed)) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s': the seed is not a whole number", text);
        }
    }
    while (*at == ':') {
        size_t n = strcspn(++at, ":");
        enum nn_status st = take_part(at, n, spec, err);

        if (st) {
            return st;
        }
        at += n;
    }
    return NN_OK;
}
