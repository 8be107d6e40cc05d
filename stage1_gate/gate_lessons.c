#include "stage1_gate/gate_lessons.h"

#include "common/base/mem.h"

void gate_lessons_release(struct gate_lessons *l)
{
    nn_mem_free(l->ok);
    nn_mem_free(l->positive);
    nn_mem_free(l->of_class);
    *l = (struct gate_lessons){ .n = 0 };
}

int gate_lessons_has(const struct gate_lessons *l, size_t i)
{
    return i < l->n && l->ok[i];
}

/* The label's output, or `outputs` where there is none. */
static size_t label_of(const float *row, size_t outputs)
{
    size_t k = 0;

    while (k < outputs && row[k] == 0) {
        k++;
    }
    return k;
}

void gate_lessons_apply(const struct gate_lessons *l, size_t i, float *row,
                        size_t outputs)
{
    size_t label = label_of(row, outputs), negative = outputs - 1;
    double w = label < outputs ? l->weight : 1, p;

    if (!gate_lessons_has(l, i)) {
        return;
    }
    p = (double)l->positive[i];
    if (label >= l->n_classes && label < outputs) {
        negative = label;
    }
    for (size_t k = 0; k < outputs; k++) {
        double s = k < l->n_classes
                       ? p * (double)l->of_class[i * l->n_classes + k]
                   : k == negative ? 1 - p
                                   : 0;

        row[k] = (float)((1 - w) * (double)row[k] + w * s);
    }
}
