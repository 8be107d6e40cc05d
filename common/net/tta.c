#include "common/net/tta.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"

enum { VIEW_MIN = 32, CHANNELS = 3 };

/* --- text --- */

/* One view; *end is behind it. 0 when it is none. */
static int parse_view(const char *text, const char **end, struct nn_tta_view *v)
{
    char *behind;
    long size;

    if (text[0] < '0' || text[0] > '9') {
        return 0;
    }
    size = strtol(text, &behind, 10);
    if (size < VIEW_MIN || size > NN_TTA_MAX_SIZE) {
        return 0;
    }
    v->size = (int32_t)size;
    v->mirrored = *behind == 'm';
    *end = behind + v->mirrored;
    return **end == ',' || **end == '\0';
}

static const char *refuse(const struct nn_tta *views)
{
    const struct nn_tta_view *last = &views->v[views->n - 1];

    if (views->v[0].mirrored) {
        return "the first cannot be mirrored";
    }
    return last->size > views->v[0].size ? "the first must be the largest"
                                         : NULL;
}

enum nn_status nn_tta_parse(const char *text, struct nn_tta *views,
                            struct nn_error *err)
{
    const char *at = text, *why;

    for (views->n = 0; views->n < NN_TTA_MAX; at++) {
        if (!parse_view(at, &at, &views->v[views->n])) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s' is not a list of test-time augmentation: "
                           "sizes from %d to "
                           "%d, m behind one for mirrored, as in 224,160m",
                           text, VIEW_MIN, NN_TTA_MAX_SIZE);
        }
        views->n++;
        why = refuse(views);
        if (why != NULL) {
            return nn_fail(err, NN_ERR_ARG, "test-time augmentation '%s': %s",
                           text, why);
        }
        if (*at == '\0') {
            return NN_OK;
        }
    }
    return nn_fail(err, NN_ERR_ARG, "test-time augmentation '%s': more than %d",
                   text, NN_TTA_MAX);
}

/* --- scaling --- */

static void set_weights(struct nn_tta_scale *s, int32_t j)
{
    double r = (double)s->from / s->to, c = (j + 0.5) * r, sum = 0;
    float *w = s->weight + (size_t)j * (size_t)s->taps;
    int32_t first = (int32_t)floor(c - r + 0.5);

    first = first < 0 ? 0 : first;
    first = first > s->from - s->taps ? s->from - s->taps : first;
    s->first[j] = first;
    for (int32_t t = 0; t < s->taps; t++) {
        sum += fmax(0, 1 - fabs(first + t + 0.5 - c) / r);
    }
    for (int32_t t = 0; t < s->taps; t++) {
        w[t] = (float)(fmax(0, 1 - fabs(first + t + 0.5 - c) / r) / sum);
    }
}

enum nn_status nn_tta_scale_init(struct nn_tta_scale *s, int32_t from,
                                 struct nn_tta_view to, struct nn_error *err)
{
    *s = (struct nn_tta_scale){ .from = from,
                                .to = to.size,
                                .mirrored = to.mirrored };
    if (to.size < 1 || to.size > from || from > NN_TTA_MAX_SIZE) {
        return nn_fail(err, NN_ERR_ARG,
                       "a view of %d pixels cannot be made from %d",
                       (int)to.size, (int)from);
    }
    /* A triangle of width 2 r meets no more pixel centres than this. */
    s->taps = (int32_t)ceil(2.0 * from / to.size) + 1;
    s->taps = s->taps > from ? from : s->taps;
    s->first = nn_mem_calloc((size_t)to.size, sizeof *s->first);
    s->weight =
        nn_mem_calloc((size_t)to.size * (size_t)s->taps, sizeof *s->weight);
    if (s->first == NULL || s->weight == NULL) {
        return nn_fail_nomem(err);
    }
    for (int32_t j = 0; j < to.size; j++) {
        set_weights(s, j);
    }
    return NN_OK;
}

void nn_tta_scale_release(struct nn_tta_scale *s)
{
    nn_mem_free(s->first);
    nn_mem_free(s->weight);
    *s = (struct nn_tta_scale)NN_VIEW_SCALE_INIT;
}

struct scaling {
    const struct nn_tta_scale *s;
    const float *in;
    float *out;
};

/* Row i of all output rows: first the mean of rows, then along the row. */
static void scale_row(void *ctx, size_t i)
{
    const struct scaling *a = ctx;
    const struct nn_tta_scale *s = a->s;
    size_t from = (size_t)s->from, to = (size_t)s->to, y = i % to;
    size_t wide = from * CHANNELS;
    const float *in = a->in + i / to * from * wide + (size_t)s->first[y] * wide;
    float row[NN_TTA_MAX_SIZE * CHANNELS], *out = a->out + i * to * CHANNELS;

    memset(row, 0, wide * sizeof *row);
    for (int32_t t = 0; t < s->taps; t++, in += wide) {
        float w = s->weight[y * (size_t)s->taps + (size_t)t];

        for (size_t x = 0; x < wide; x++) {
            row[x] += w * in[x];
        }
    }
    for (size_t j = 0; j < to; j++) {
        const float *w = s->weight + j * (size_t)s->taps;
        const float *p = row + (size_t)s->first[j] * CHANNELS;
        float sum[CHANNELS] = { 0 };

        for (int32_t t = 0; t < s->taps; t++, p += CHANNELS) {
            for (int c = 0; c < CHANNELS; c++) {
                sum[c] += w[t] * p[c];
            }
        }
        memcpy(out + (s->mirrored ? to - 1 - j : j) * CHANNELS, sum,
               sizeof sum);
    }
}

void nn_tta_scale_run(const struct nn_tta_scale *s, const float *in, int32_t n,
                      float *out)
{
    struct scaling a = { s, in, out };

    nn_parallel_for((size_t)n * (size_t)s->to, scale_row, &a);
}

void nn_tta_scale_matrices(const struct nn_tta_scale *s, float *rows,
                           float *columns)
{
    size_t from = (size_t)s->from, to = (size_t)s->to;

    memset(rows, 0, to * from * sizeof *rows);
    memset(columns, 0, to * from * sizeof *columns);
    for (size_t j = 0; j < to; j++) {
        for (size_t t = 0; t < (size_t)s->taps; t++) {
            size_t i = (size_t)s->first[j] + t;
            float w = s->weight[j * (size_t)s->taps + t];

            rows[j * from + i] = w;
            columns[i * to + (s->mirrored ? to - 1 - j : j)] = w;
        }
    }
}
