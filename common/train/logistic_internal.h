/* common/train/logistic_internal.h - between the files of the regression.
 *
 * Several problems on the same rows are solved together: problem f leaves out
 * the rows of fold f. Its coefficients are [K,D+1], the bias last. */
#ifndef NN_COMMON_TRAIN_LOGISTIC_INTERNAL_H
#define NN_COMMON_TRAIN_LOGISTIC_INTERNAL_H

#include "common/train/logistic.h"

struct nn_lr {
    size_t n, d, k, f; /* rows, features, outputs, problems */
    enum nn_logistic_kind kind;
    double strength;
    const float *x; /* [n,d] standardised */
    const int32_t *label;
    const double *w;     /* [n] */
    const int32_t *fold; /* [n], or NULL: nothing is left out */
    /* Of each problem and output: */
    uint8_t *known; /* [f,k] 1: the rows determine it */
    double *total;  /* [f] weight of its rows */
    double *z;      /* [n,f,k] logits */
    double *coef;   /* [f,k,d+1] */
    /* Those under way, ascending: */
    size_t n_active;
    size_t *active; /* [f] */
    /* Of those: */
    float *zp;    /* [n,n_active,k] logits of the directions */
    float *block; /* [NN_LOGISTIC_BLOCK,f,k] */
    float *cols;  /* [f,k,d] directions, or gradients of a block */
    float *bias;  /* [f,k] */
    double *sums; /* [chunks,sum_width] */
    struct nn_lr_products *products;
};

/* Derivatives of the mean loss along the direction, at a step of each. */
struct nn_lr_line {
    double value, slope, curve;
};

/* --- rows (logistic_rows.c) --- */

/* known, total, and room for the rest; all coefficients and logits are 0.
 * Release with nn_lr_close(), after an error too. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_lr_open(struct nn_lr *lr, struct nn_error *err);
void nn_lr_close(struct nn_lr *lr);
/* lr->zp = logits of direction p [f,k,d+1] of the active problems, each at its
 * place. */
NN_MUST_CHECK enum nn_status nn_lr_product(struct nn_lr *lr, const double *p,
                                           struct nn_error *err);
/* The mean loss at z + step * zp: line [f]. */
void nn_lr_along(struct nn_lr *lr, const double *step, struct nn_lr_line *line);
/* z += step * zp. */
void nn_lr_move(struct nn_lr *lr, const double *step);
/* grad [f,k,d+1] of the mean loss at z, of the active problems. */
NN_MUST_CHECK enum nn_status nn_lr_gradient(struct nn_lr *lr, double *grad,
                                            struct nn_error *err);
/* Mean loss of the rows that each problem leaves out, NAN without any. */
double nn_lr_held_out(const struct nn_lr *lr);
/* Mean over rows, problems and known outputs of p (1 - p). */
double nn_lr_variance(const struct nn_lr *lr);

/* --- the metric (logistic_metric.c) --- */

struct nn_lr_metric {
    size_t d;
    double *gram; /* [d,d] X'X / N, lower half */
    double *l;    /* [d,d] Cholesky factor of scale * gram + strength */
    double scale;
};
NN_MUST_CHECK enum nn_status nn_lr_metric_open(struct nn_lr_metric *m,
                                               const struct nn_lr *lr,
                                               struct nn_error *err);
void nn_lr_metric_close(struct nn_lr_metric *m);
NN_MUST_CHECK enum nn_status nn_lr_metric_set(struct nn_lr_metric *m,
                                              double scale, double strength,
                                              struct nn_error *err);
/* Each of `count` vectors v [d+1] becomes the inverse metric times it. room:
 * so many doubles. Parallel. */
void nn_lr_metric_apply(const struct nn_lr_metric *m, double *const *v,
                        size_t count, double *room);
size_t nn_lr_metric_room(const struct nn_lr_metric *m, size_t count);

/* --- the rows in the space that they span (logistic_space.c) --- */

struct nn_lr_space {
    size_t n, d, rank, dims; /* dims: rank, and what fills it up with zeros */
    float *z;                /* [n,dims], NN_ALIGN-aligned */
    double *r;               /* [n,n] the same in double */
    size_t *pivot;           /* [rank] the rows that span it */
};
/* Of lr's rows, of which only x, n and d are read; worth it where n < d.
 * Release with nn_lr_space_close(), after an error too. Errors:
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_lr_space_open(struct nn_lr_space *s,
                                              const struct nn_lr *lr,
                                              struct nn_error *err);
void nn_lr_space_close(struct nn_lr_space *s);
/* Coefficients v [dims+1] of an output for z, which are lost, become those for
 * x: w [d+1], zeros before. */
void nn_lr_space_back(const struct nn_lr_space *s, const float *x, double *v,
                      double *w);

/* --- the optimum (logistic_solve.c) --- */

double nn_lr_dot(const double *a, const double *b, size_t n);
/* From where lr stands. left: stop where the metric says that no more than
 * this can be gained. Errors: NN_ERR_STOPPED, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_lr_solve(struct nn_lr *lr,
                                         const struct nn_lr_metric *m,
                                         double left,
                                         const struct nn_logistic_options *opt,
                                         int *iterations, struct nn_error *err);

#endif /* NN_COMMON_TRAIN_LOGISTIC_INTERNAL_H */
