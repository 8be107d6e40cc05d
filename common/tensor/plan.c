#include "common/tensor/plan.h"

#include <stdlib.h>

#include "common/base/mem.h"

enum { PLAN_GRAIN = NN_ALIGN / sizeof(float) };

static size_t rounded(size_t floats)
{
    return (floats + PLAN_GRAIN - 1) / PLAN_GRAIN * PLAN_GRAIN;
}

static int larger_first(const void *a, const void *b)
{
    const struct nn_plan_buffer *x = *(struct nn_plan_buffer *const *)a;
    const struct nn_plan_buffer *y = *(struct nn_plan_buffer *const *)b;

    if (x->floats != y->floats) {
        return x->floats > y->floats ? -1 : 1;
    }
    return (x > y) - (x < y);
}

static int together(const struct nn_plan_buffer *x,
                    const struct nn_plan_buffer *y)
{
    return x->first <= y->last && y->first <= x->last;
}

/* Lowest offset at which b overlaps none of the placed buffers: move up past
 * each one that is in the way until none is. */
static size_t lowest_gap(struct nn_plan_buffer *const *placed, size_t n,
                         const struct nn_plan_buffer *b)
{
    size_t at = 0, need = rounded(b->floats);
    int moved = 1;

    while (moved) {
        moved = 0;
        for (size_t i = 0; i < n; i++) {
            size_t from = placed[i]->offset;
            size_t to = from + rounded(placed[i]->floats);

            if (together(placed[i], b) && at < to && from < at + need) {
                at = to;
                moved = 1;
            }
        }
    }
    return at;
}

enum nn_status nn_plan(struct nn_plan_buffer *b, size_t n, size_t *total)
{
    struct nn_plan_buffer **order = nn_mem_calloc(n, sizeof *order);
    size_t m = 0;

    *total = 0;
    if (order == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (b[i].floats > 0) {
            order[m++] = &b[i];
        }
    }
    qsort(order, m, sizeof(struct nn_plan_buffer *), larger_first);
    for (size_t i = 0; i < m; i++) {
        size_t end;

        order[i]->offset = lowest_gap(order, i, order[i]);
        end = order[i]->offset + rounded(order[i]->floats);
        *total = end > *total ? end : *total;
    }
    nn_mem_free(order);
    return NN_OK;
}
