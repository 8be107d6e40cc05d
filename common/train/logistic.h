/* common/train/logistic.h - regularised logistic regression, to the optimum.
 *
 * Rows x_i [D] with labels y_i and weights w_i >= 0 give the W [K,D] and b [K]
 * that minimise
 *
 *     sum_i w_i l(W s_i + b, y_i) / sum_i w_i  +  strength / 2 * |W|^2,
 *
 * where s_i = (x_i - mean) / deviation, feature by feature over the weighted
 * rows, and l is
 *     softmax:  -log softmax(z)[y]
 *     sigmoid:  sum over k of -log sigmoid(z_k) for k = y, of
 *               -log (1 - sigmoid(z_k)) for the others: K separate questions.
 * The biases are not regularised. The same with scikit-learn's C is
 * strength = 1 / (C sum_i w_i). What is returned is for x as it was: mean and
 * deviation are folded into W and b. A feature with the same value in all rows
 * has the weight 0.
 *
 * An output that the rows do not determine (softmax: no row has it; sigmoid:
 * no row has it, or all have) has the weights 0 and a bias that makes it
 * improbable (or, where all have it, certain): NN_LOGISTIC_FAR below the least
 * (softmax), or minus or plus NN_LOGISTIC_FAR (sigmoid).
 *
 * The strength is chosen from a list by cross-validation over groups of rows:
 * the one with the least mean loss on the rows that were held out, of equal
 * ones the first. All rows of a group are held out together, and the groups of
 * each label are dealt out evenly. The strengths are tried in the order given
 * (the strongest first), and no more once the loss has risen twice in a row.
 * A held-out row whose label is lacking in the other rows is not counted.
 *
 * Method: L-BFGS (Liu & Nocedal, Math. Programming 45, 1989) with the Cholesky
 * factor of c X'X / N + strength I as its first metric, c being the mean
 * variance of the predicted labels: near the Hessian (Boehning, Ann. Inst.
 * Statist. Math. 44, 1992), so that some ten to thirty passes over the rows
 * reach the optimum. All folds go through the rows together, each with its own
 * step. Fewer rows than features are first turned into points of the space
 * that they span, where the same optimum costs less to find. Products in
 * float, sums over more than NN_LOGISTIC_BLOCK rows in double, in the order of
 * the rows: the same bits for any number of threads. */
#ifndef NN_COMMON_TRAIN_LOGISTIC_H
#define NN_COMMON_TRAIN_LOGISTIC_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define NN_LOGISTIC_FAR 30.0
enum { NN_LOGISTIC_BLOCK = 2048, NN_LOGISTIC_OUTPUTS_MAX = 1024 };

enum nn_logistic_kind { NN_LOGISTIC_SOFTMAX, NN_LOGISTIC_SIGMOID };

struct nn_logistic_rows {
    size_t n, dims, outputs;
    float *x; /* [n,dims], NN_ALIGN-aligned; standardised in place */
    const int32_t *label;  /* [n] 0..outputs-1; sigmoid: -1 for none of them */
    const double *weight;  /* [n] >= 0; NULL: all 1 */
    const uint64_t *group; /* [n] rows of one value are held out together;
                              NULL: each row is a group */
};

struct nn_logistic_options {
    enum nn_logistic_kind kind;
    const double *strength; /* [n_strengths] > 0, the largest first; one: no
                               cross-validation */
    size_t n_strengths;
    int folds;     /* >= 2; no more than there are groups are made */
    uint64_t seed; /* of the folds */
    int max_iterations;
    const volatile sig_atomic_t *stop; /* or NULL */
};
/* softmax; 3, 1, 0.3 ... 0.0001; 5 folds, seed 1, 300 iterations. */
struct nn_logistic_options nn_logistic_defaults(void);

struct nn_logistic {
    size_t outputs, dims;
    float *weight, *bias; /* [outputs,dims], [outputs], of x as given */
    double strength;      /* chosen */
    size_t n_strengths;   /* of the options */
    double *loss;         /* [n_strengths] mean on held-out rows; NAN: not
                             tried, or nothing could be held out */
    double fitted;        /* mean loss on all rows, without the second term */
    double gradient;      /* the largest component of what is left, in the
                             units of the formula above */
    int iterations;       /* of the last fit */
};

/* Fit; out is released with nn_logistic_release(), after an error too. Where
 * nothing can be held out (one group, or each label in one group alone) the
 * first strength is taken.
 * Errors: NN_ERR_ARG (no rows, features or outputs, or too many of them; a
 * label or weight out of its range; no weight at all; an option out of its
 * range), NN_ERR_NUMERIC (a feature is NaN or infinite), NN_ERR_STOPPED,
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_logistic_fit(const struct nn_logistic_rows *rows,
                const struct nn_logistic_options *opt, struct nn_logistic *out,
                struct nn_error *err);
void nn_logistic_release(struct nn_logistic *l);

/* The fold of each of n rows, 0..folds-1, as the cross-validation has them;
 * *folds becomes the number of groups where that is less.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_logistic_folds(const struct nn_logistic_rows *r,
                                               uint64_t seed, int *folds,
                                               int32_t *fold);

#endif /* NN_COMMON_TRAIN_LOGISTIC_H */
