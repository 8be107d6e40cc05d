/* stage1_gate/gate.h - stage 1: is it one of the wanted things at all?
 *
 * A small net (common/net/arch.h) whose outputs are the classes ("+grizzly")
 * and the negative families ("-dog"; "-" for negatives without a family). The
 * answer is the softmax mass of the classes, p = P(any class | image) =
 * sigmoid(z), z = logsumexp(z_k of the classes) - logsumexp(z_f of the
 * families), so with one class and no families it is the usual binary
 * classifier. Finer labels than the question needs make a better gate:
 * docs/training.md has the comparison with a plain bear / not bear output. The
 * threshold is the largest that keeps the asked recall on the validation
 * positives. */
#ifndef STAGE1_GATE_GATE_H
#define STAGE1_GATE_GATE_H

#include "common/train/train.h"
#include "stage1_gate/gate_lessons.h"

struct gate_policy {
    double threshold;    /* pass when p >= threshold */
    double min_recall;   /* asked for */
    double recall;       /* on the validation positives */
    double recall_lower; /* exact one-sided 95 % lower bound (Clopper & Pearson
                            1934) */
    double fpr;          /* share of validation negatives that pass */
    double fpr_upper;    /* exact one-sided 95 % upper bound */
    size_t n_positives, n_negatives; /* validation */
    int certified;                   /* recall_lower >= min_recall */
    size_t n_needed; /* positives with which it could be certified */
};

struct gate_options {
    struct nn_train_options train;
    enum nn_arch arch;
    float width;
    int32_t size;
    struct nn_tta tta;     /* of the trained net */
    double positive_share; /* of an epoch's draws; 0: as many as there are */
    double min_recall;
    const char *init; /* weights to start from, or NULL */
    const char *task; /* name in results.csv and of the saved state: "gate" */
    const struct nn_net *start; /* a gate of the same net and outputs whose
                                   weights come first, or NULL */
    const struct gate_lessons *lessons; /* of a teacher, for every weight that
                                           epochs train; NULL: labels alone */
};
/* The defaults found by measurement (docs/training.md). */
struct gate_options gate_defaults(void);

/* Size and preprocessing of the net; the caller fills the outputs. */
struct nn_net_spec gate_net_spec(float width, int32_t size);

/* z above from the net's outputs, before the temperature; and p from z. */
double gate_logit(const struct nn_net *gate, const float *outputs);
double gate_probability(const struct nn_net *gate, double z);
/* 1 when the outputs' names are those of a gate: "+..." and "-..." both. */
int gate_outputs_ok(const struct nn_net *net);

/* Train a gate on ds (splits set). *out and *policy are set on success.
 * Errors: as nn_train(); NN_ERR_ARG when train or valid lacks positives or
 * negatives (names which), or when opt->start does not fit. */
NN_MUST_CHECK enum nn_status
gate_train(const struct nn_dataset *ds, const struct gate_options *opt,
           const struct nn_run *run, struct nn_net **out,
           struct gate_policy *policy, struct nn_train_result *result,
           struct nn_error *err);

/* Give a trained gate of ds's classes and families the test-time augmentation
 * of opt, and fit its temperature and threshold again on the validation images.
 * Errors: as gate_train(). */
NN_MUST_CHECK enum nn_status gate_calibrate(const struct nn_dataset *ds,
                                            const struct gate_options *opt,
                                            struct nn_net *gate,
                                            struct gate_policy *policy,
                                            struct nn_error *err);

/* Choose the threshold from scores of validation items (positive[i] 1 or 0).*/
NN_MUST_CHECK enum nn_status gate_choose(const double *p,
                                         const uint8_t *positive, size_t n,
                                         double min_recall,
                                         struct gate_policy *policy,
                                         struct nn_error *err);
/* What a threshold that was chosen elsewhere does on those items; min_recall is
 * written down. The lower bound is that of a threshold on the score of a
 * positive, nn_threshold_at_recall(). Positives there must be. */
struct gate_policy gate_policy_at(const double *p, const uint8_t *positive,
                                  size_t n, double threshold,
                                  double min_recall);
/* One line for a person: threshold, rate, bound or "cannot be certified with
 * n = ...". Heap string (nn_mem_free) or NULL. */
char *gate_policy_text(const struct gate_policy *policy);

/* Metadata of the model file ("gate.policy"). */
json_t *gate_policy_to_json(const struct gate_policy *policy);
NN_MUST_CHECK enum nn_status gate_policy_from_json(const json_t *j,
                                                   struct gate_policy *policy,
                                                   struct nn_error *err);

#endif /* STAGE1_GATE_GATE_H */
