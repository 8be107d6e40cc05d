/* stage2_species/species.h - stage 2: which of the classes is it?
 *
 * A net with a softmax over the classes, trained on positives, and up to two
 * outputs more: "-", where it may also say none, trained on negatives that the
 * gate lets through; and behind it "?", where it was shown things of the right
 * kind but of no trained class (outlier exposure: Hendrycks et al. 2019).
 * Calibrated by one temperature (Guo et al. 2017) on the validation images of
 * its outputs. Given that it is not none, the probabilities of the classes (and
 * of "?") are a softmax of their own. The verdict is "unknown" below a reject
 * threshold: on the largest probability of a class, or of a net with "?" on the
 * sum over the classes, 1 - p("?"). */
#ifndef STAGE2_SPECIES_SPECIES_H
#define STAGE2_SPECIES_SPECIES_H

#include "common/train/train.h"

struct species_policy {
    double reject_threshold; /* verdict unknown below this probability */
    double coverage;         /* share of validation positives that stay above */
    double accuracy;         /* validation accuracy without rejection */
    double ece_before, ece_after; /* calibration error, validation */
    size_t n;                     /* validation positives */
};

/* What a negative of the data set is to the species net. */
enum species_extra {
    SPECIES_UNUSED,
    SPECIES_NONE,    /* species_hard_negatives() */
    SPECIES_UNKNOWN, /* of the right kind, of no class */
};

struct species_options {
    struct nn_train_options train;
    enum nn_arch arch;
    float width;
    int32_t size;
    struct nn_tta tta; /* of the trained net */
    const char *task;  /* name in results.csv and of the saved state; NULL:
                          "species" */
    double coverage;   /* the reject threshold is the largest that keeps this
                          share, 0.95 */
    /* [ds->n] enum species_extra of negatives; NULL: the net has no output but
     * those of the classes. */
    const uint8_t *extra;
    int says_unknown;  /* some of extra are SPECIES_UNKNOWN: "?" is an output */
    double none_share; /* of an epoch's images, 0.25; the classes have equal
                          shares of the rest, and an epoch shows as many images
                          of classes as there are */
    double unknown_share;       /* the same of "?", 0.1 */
    const char *init;           /* weights to start from, or NULL */
    const struct nn_net *start; /* or a net whose weights of the same name and
                                   size to start from (the gate's), or NULL */
};
/* The defaults found by measurement (docs/training.md). */
struct species_options species_defaults(void);

/* Size and preprocessing of the net; the caller fills the outputs. */
struct nn_net_spec species_net_spec(float width, int32_t size);

/* 1: its outputs are those of n_classes classes and "-", perhaps "?". */
int species_says_none(const struct nn_net *net, size_t n_classes);
/* 1: they are the classes, "-" and "?". */
int species_says_unknown(const struct nn_net *net, size_t n_classes);
/* p_none of a net that says none, and the probabilities p [n_classes] of the
 * classes given that it is not none, from one row of logits:
 *   p_none = exp(z_none / T) / sum of exp(z_k / T) over none and the classes
 *   p[k]   = exp(z_k / T) / the same sum over all outputs but none
 * "?" has no part in p_none: what may be unknown is no likelier to be a
 * positive for that, and negatives rank better without it. */
double species_answer(const struct nn_net *net, const float *logits,
                      size_t n_classes, double *p);

/* Which negatives stand for none: of the items item[0..n-1] with the gate's
 * probabilities p [n] all with p >= limit, and the hardest below it where those
 * are fewer than at_least; chosen[item] becomes SPECIES_NONE. Of equal p the
 * first.
 * *n_chosen: how many. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
species_hard_negatives(const double *p, const uint32_t *item, size_t n,
                       double limit, size_t at_least, uint8_t *chosen,
                       size_t *n_chosen, struct nn_error *err);

/* The number that the reject threshold applies to, from p [n_classes] of
 * species_answer() or a softmax over the classes: the largest, or their sum
 * where the net says unknown. */
double species_confidence(int says_unknown, const double *p, size_t n_classes);

/* Train on the classes of ds (two or more; splits set). *out and *policy are
 * set on success.
 * Errors: as nn_train(); NN_ERR_ARG when a class has no image in train, or
 * valid has none at all. */
NN_MUST_CHECK enum nn_status
species_train(const struct nn_dataset *ds, const struct species_options *opt,
              const struct nn_run *run, struct nn_net **out,
              struct species_policy *policy, struct nn_train_result *result,
              struct nn_error *err);

json_t *species_policy_to_json(const struct species_policy *policy);
NN_MUST_CHECK enum nn_status
species_policy_from_json(const json_t *j, struct species_policy *policy,
                         struct nn_error *err);

#endif /* STAGE2_SPECIES_SPECIES_H */
