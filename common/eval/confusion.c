#include "common/eval/metrics.h"

#include <math.h>
#include <string.h>

static enum nn_status check_shape(int32_t n_rows, int32_t n_cols,
                                  struct nn_error *err)
{
    if (n_rows < 1 || n_cols < n_rows) {
        return nn_fail(err, NN_ERR_ARG,
                       "a confusion table of %d classes cannot have %d columns",
                       (int)n_rows, (int)n_cols);
    }
    return NN_OK;
}

enum nn_status nn_confusion_count(const int32_t *truth, const int32_t *decided,
                                  const uint32_t *pick, size_t n,
                                  int32_t n_rows, int32_t n_cols,
                                  size_t *counts, struct nn_error *err)
{
    enum nn_status st = check_shape(n_rows, n_cols, err);

    if (st) {
        return st;
    }
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no decisions to count");
    }
    memset(counts, 0, (size_t)n_rows * (size_t)n_cols * sizeof *counts);
    for (size_t j = 0; j < n; j++) {
        size_t i = pick != NULL ? pick[j] : j;

        if (truth[i] < 0 || truth[i] >= n_rows) {
            return nn_fail(err, NN_ERR_ARG, "label %d of item %zu not in 0..%d",
                           (int)truth[i], i, (int)n_rows - 1);
        }
        if (decided[i] < 0 || decided[i] >= n_cols) {
            return nn_fail(err, NN_ERR_ARG,
                           "decision %d of item %zu not in 0..%d",
                           (int)decided[i], i, (int)n_cols - 1);
        }
        counts[(size_t)truth[i] * (size_t)n_cols + (size_t)decided[i]]++;
    }
    return NN_OK;
}

static double ratio(size_t part, size_t whole)
{
    return whole == 0 ? NAN : (double)part / (double)whole;
}

static struct nn_class_figures class_figures(const size_t *counts, size_t rows,
                                             size_t cols, size_t k)
{
    struct nn_class_figures f = { 0, 0, counts[k * cols + k], 0, 0, 0 };

    for (size_t c = 0; c < cols; c++) {
        f.support += counts[k * cols + c];
    }
    for (size_t r = 0; r < rows; r++) {
        f.predicted += counts[r * cols + k];
    }
    f.precision = ratio(f.hits, f.predicted);
    f.recall = ratio(f.hits, f.support);
    f.f1 = ratio(2 * f.hits, f.support + f.predicted);
    return f;
}

enum nn_status nn_confusion_summarise(const size_t *counts, int32_t n_rows,
                                      int32_t n_cols,
                                      struct nn_class_figures *per_class,
                                      struct nn_confusion_figures *out,
                                      struct nn_error *err)
{
    enum nn_status st = check_shape(n_rows, n_cols, err);
    size_t n = 0, hits = 0, n_recall = 0, n_f1 = 0;
    double recall = 0, f1 = 0;

    if (st) {
        return st;
    }
    for (size_t i = 0; i < (size_t)n_rows * (size_t)n_cols; i++) {
        n += counts[i];
    }
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG, "the confusion table is empty");
    }
    for (size_t k = 0; k < (size_t)n_rows; k++) {
        struct nn_class_figures f =
            class_figures(counts, (size_t)n_rows, (size_t)n_cols, k);

        hits += f.hits;
        if (f.support > 0) {
            recall += f.recall;
            n_recall++;
        }
        if (f.support + f.predicted > 0) {
            f1 += f.f1;
            n_f1++;
        }
        if (per_class != NULL) {
            per_class[k] = f;
        }
    }
    *out = (struct nn_confusion_figures){
        .n = n,
        .accuracy = ratio(hits, n),
        .balanced_accuracy = recall / (double)n_recall,
        .macro_f1 = f1 / (double)n_f1,
    };
    return NN_OK;
}
