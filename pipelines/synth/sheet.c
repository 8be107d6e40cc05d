#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/synth/synth.h"

enum { GAP = 2, SEARCH = 1000000, COLS_MAX = 64 };

struct sheet {
    uint64_t seed;
    const struct synth_options *opt;
    int32_t size, cols, w;
    const uint64_t *index; /* [rows * cols] */
    uint8_t *rgb;
    enum nn_status *st;
};

static int wanted(const struct synth_row *row, const struct synth_truth *t)
{
    return t->class == row->class &&
           (row->family == SYNTH_FAMILY_NONE || row->family == t->family) &&
           (!row->near_miss || t->near_miss);
}

static int same_row(const struct synth_row *a, const struct synth_row *b)
{
    return a->class == b->class && a->family == b->family &&
           a->near_miss == b->near_miss;
}

static enum nn_status find_row(uint64_t seed, const struct synth_options *opt,
                               const struct synth_row *row, uint64_t from,
                               int32_t cols, uint64_t *index,
                               struct nn_error *err)
{
    int32_t n = 0;

    for (uint64_t i = from; i < SEARCH && n < cols; i++) {
        struct synth_truth t;

        synth_describe(seed, i, opt, &t);
        if (wanted(row, &t)) {
            index[n++] = i;
        }
    }
    if (n < cols) {
        const char *family = synth_family_name(row->family);

        return nn_fail(
            err, NN_ERR_ARG, "only %d images of %s%s%s among the first %d",
            (int)n, row->near_miss ? "near-miss " : "",
            synth_class_name(row->class), family != NULL ? family : "", SEARCH);
    }
    return NN_OK;
}

static void draw_one(void *ctx, size_t i)
{
    struct sheet *s = ctx;
    size_t size = (size_t)s->size, step = size + GAP;
    size_t row = i / (size_t)s->cols, col = i % (size_t)s->cols;
    uint8_t *one = nn_mem_calloc(size * size, 3);

    if (one == NULL) {
        s->st[i] = NN_ERR_NOMEM;
        return;
    }
    s->st[i] = synth_render(s->seed, s->index[i], s->opt, s->size, one, NULL,
                            NULL, NULL);
    for (size_t y = 0; y < size; y++) {
        memcpy(s->rgb + 3 * ((GAP + row * step + y) * (size_t)s->w + GAP +
                             col * step),
               one + 3 * y * size, 3 * size);
    }
    nn_mem_free(one);
}

/* index [n,cols] of the images that the rows show. */
static enum nn_status find_rows(uint64_t seed, const struct synth_options *opt,
                                const struct synth_row *rows, size_t n,
                                int32_t cols, uint64_t *index,
                                struct nn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t *row = index + i * (size_t)cols;
        uint64_t from =
            i > 0 && same_row(&rows[i], &rows[i - 1]) ? row[-1] + 1 : 0;
        enum nn_status st = find_row(seed, opt, &rows[i], from, cols, row, err);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status synth_sheet(uint64_t seed, const struct synth_options *opt,
                           int32_t size, const struct synth_row *rows, size_t n,
                           int32_t cols, uint8_t **rgb, int32_t *w, int32_t *h,
                           struct nn_error *err)
{
    struct sheet s = { .seed = seed, .opt = opt, .size = size, .cols = cols };
    size_t count = n * (size_t)(cols > 0 ? cols : 0);
    uint64_t *index = NULL;
    enum nn_status st = NN_OK;

    *rgb = NULL;
    if (cols < 1 || cols > COLS_MAX || n < 1 || n > COLS_MAX ||
        size < SYNTH_SIZE_MIN || size > SYNTH_SIZE_MAX) {
        return nn_fail(err, NN_ERR_ARG,
                       "a sheet of %zu rows, %d columns, %d pixels", n,
                       (int)cols, (int)size);
    }
    *w = cols * (size + GAP) + GAP;
    *h = (int32_t)n * (size + GAP) + GAP;
    s.w = *w;
    index = nn_mem_calloc(count, sizeof *index);
    s.st = nn_mem_calloc(count, sizeof *s.st);
    s.rgb = nn_mem_calloc((size_t)*w * (size_t)*h, 3);
    if (index == NULL || s.st == NULL || s.rgb == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    memset(s.rgb, 255, 3 * (size_t)*w * (size_t)*h);
    st = find_rows(seed, opt, rows, n, cols, index, err);
    if (st) {
        goto out;
    }
    s.index = index;
    nn_parallel_for(count, draw_one, &s);
    for (size_t i = 0; i < count; i++) {
        if (s.st[i]) {
            st = nn_fail_nomem(err);
            goto out;
        }
    }
    *rgb = s.rgb;
    s.rgb = NULL;
out:
    nn_mem_free(s.rgb);
    nn_mem_free(s.st);
    nn_mem_free(index);
    return st;
}
