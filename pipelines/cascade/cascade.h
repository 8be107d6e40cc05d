/* pipelines/cascade/cascade.h - gate, then species: the one place that runs
 * both.
 *
 * The gate scores every picture; the species net runs on what the gate lets
 * through (or on everything, for evaluation). Both go through the loader that
 * training and validation use, so a picture gets the same numbers everywhere.
 */
#ifndef PIPELINES_CASCADE_CASCADE_H
#define PIPELINES_CASCADE_CASCADE_H

#include <stddef.h>
#include <stdint.h>

#include "common/data/dataset.h"
#include "pipelines/cascade/model.h"

enum verdict_kind {
    VERDICT_NONE,    /* the gate said no */
    VERDICT_CLASS,   /* one of the classes */
    VERDICT_UNKNOWN, /* passed the gate, no class above the floor */
};
/* "none", "class", "unknown_bear" */
const char *verdict_kind_name(enum verdict_kind k);

struct verdict {
    double p_bear;     /* gate probability */
    const double *p;   /* [n_classes] species probabilities; NULL when the
                          species net did not run */
    int species_stage; /* 1: decided by the species net, 0: by the gate */
    enum verdict_kind kind;
    int32_t best; /* most likely class, or -1 when p is NULL */
};

/* The decision rule: none when p_bear < gate threshold; unknown when the
 * largest p is below the species floor; else the class of the largest p. With
 * one class there is no species net and passing the gate is the class. */
struct verdict cascade_decide(const struct model *m, double p_bear,
                              const double *p);
/* The name printed for a verdict: the class, "none" or "unknown_bear". */
const char *verdict_label(const struct model *m, const struct verdict *v);

struct cascade;
/* Executors for a model, which must outlive it. */
NN_MUST_CHECK enum nn_status cascade_create(const struct model *m,
                                            struct cascade **out,
                                            struct nn_error *err);
void cascade_destroy(struct cascade **c);

/* Scores of n pictures. Owned arrays, freed by cascade_scores_release(). */
struct cascade_scores {
    size_t n, n_classes;
    uint8_t *ok;    /* 0: could not be read */
    uint8_t *ran;   /* 1: the species net ran */
    double *gate_z; /* [n] gate logit before temperature */
    double *p_bear; /* [n] */
    double *p;      /* [n,n_classes]; rows of pictures with ran = 0 are 0 */
    double gate_s, species_s; /* wall time of each stage, reading included */
};
#define CASCADE_SCORES_INIT                                                    \
    {                                                                          \
        0, 0, 0, 0, 0, 0, 0, 0, 0                                              \
    }
/* Score items index[0..n-1] of ds. all_stages: run the species net on every
 * readable picture. label: progress text, or NULL. */
NN_MUST_CHECK enum nn_status cascade_score(struct cascade *c,
                                           const struct nn_dataset *ds,
                                           const uint32_t *index, size_t n,
                                           int all_stages, const char *label,
                                           struct cascade_scores *out,
                                           struct nn_error *err);
void cascade_scores_release(struct cascade_scores *s);

/* Verdict of picture i (which must be ok). */
struct verdict cascade_verdict(const struct cascade *c,
                               const struct cascade_scores *s, size_t i);

#endif /* PIPELINES_CASCADE_CASCADE_H */
