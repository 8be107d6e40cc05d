/* pipelines/cascade/cascade.h - gate, then species: the one place that runs
 * both.
 *
 * The gate scores every image; the species net runs on what the gate lets
 * through (or on everything, for evaluation). Inputs are made by the rule of
 * common/net/prepare.h: an image is read once, and its inputs are bit for bit
 * those of training, whichever way it comes in, and so are its probabilities,
 * however many images a step holds. */
#ifndef PIPELINES_CASCADE_CASCADE_H
#define PIPELINES_CASCADE_CASCADE_H

#include <stddef.h>
#include <stdint.h>

#include "common/data/dataset.h"
#include "common/image/image.h"
#include "pipelines/cascade/model.h"

enum verdict_kind {
    VERDICT_NONE,    /* the gate said no, or the species net did */
    VERDICT_CLASS,   /* one of the classes */
    VERDICT_UNKNOWN, /* a positive, no class reaches the reject threshold */
};
/* "none", "class", "unknown" */
const char *verdict_kind_name(enum verdict_kind k);

struct verdict {
    double p_positive; /* score that model_threshold() applies to:
                          cascade_policy_score() of both stages; p_gate where
                          the species net cannot say none */
    double p_gate;     /* gate probability; where a rung rejects the image, that
                          of rung.h, below the gate's threshold */
    double p_none;     /* cascade_policy_none(); 0 where the species net has no
                          such output or did not run */
    const double *p;   /* [n_classes] species probabilities, given that it is
                          not none (their sum is below 1 where the net says
                          unknown); NULL when the species net did not run */
    int species_stage; /* 1: decided by the species net, 0: by the gate */
    enum verdict_kind kind;
    int32_t best; /* most likely class, or -1 when p is NULL */
};

/* The decision rule: none when model_gate_passes() says so, which is p_gate <
 * gate threshold, and by the species stage when p_positive is below
 * model_threshold(), which is 1 - p_none < none threshold; unknown when
 * species_confidence() of p is below the species net's reject threshold; else
 * the class of the largest p. With one class there is no species net and
 * passing the gate is the class. An image that passes the gate needs p and, of
 * a net that says none, p_none. */
struct verdict cascade_decide(const struct model *m, double p_gate,
                              double p_none, const double *p);
/* The name printed for a verdict: the class, "none" or "unknown". */
const char *verdict_label(const struct model *m, const struct verdict *v);

/* Images per step that are worth the memory: enough to feed a few cores. */
enum { CASCADE_BATCH = 32 };
/* Images per step for a pile of photos on so many threads: each needs two, and
 * a few keep memory small and rows coming. Verdicts do not depend on it. */
int32_t cascade_pile_batch(int threads);

struct cascade;
/* Executors for a model, which must outlive it, with memory for max_batch (1
 * or more) images per step; more images than that are scored in several steps.
 * Use one cascade from one thread. Errors: NN_ERR_ARG (max_batch),
 * NN_ERR_NOMEM, those of nn_scorer_create(). */
NN_MUST_CHECK enum nn_status cascade_create(const struct model *m,
                                            int32_t max_batch,
                                            struct cascade **out,
                                            struct nn_error *err);
/* nn_scorer_keep_features() of both nets, for cascade_score(). */
void cascade_keep_features(struct cascade *c, const char *dir);
/* 1: in cascade_score_rows() the gate looks first at the thumbnail in a photo's
 * EXIF block (common/image/thumbnail.h), where that counts. What it rejects
 * there by CASCADE_THUMBNAIL_MARGIN of log-odds or more is none, without being
 * decoded; all others are decoded and judged as ever. Without effect where
 * all_stages is asked for. */
#define CASCADE_THUMBNAIL_MARGIN 0.5
void cascade_use_thumbnails(struct cascade *c, int yes);
int32_t cascade_max_batch(const struct cascade *c);
void cascade_destroy(struct cascade **c);

/* Scores of n images. Owned arrays, freed by cascade_scores_release(). */
struct cascade_scores {
    size_t n, n_classes;
    uint8_t *ok;            /* 0: could not be read */
    char **reason;          /* why not; NULL where ok */
    enum nn_status *status; /* and what kind of failure it is */
    char **note;            /* what is odd about it; NULL: nothing */
    struct nn_shot **shot;  /* what its camera wrote; NULL: nothing; of items
                               alone, not of images in memory */
    uint8_t *ran;           /* 1: the species net ran */
    uint8_t *thumbnail;     /* 1: judged by its thumbnail alone */
    size_t n_rungs;         /* R, of the model */
    uint8_t *rung;          /* i: the i-th rung rejected it; 0: none did */
    double *p_rung;         /* [n,R] of the rungs that saw it, else 0 */
    double *gate_z;         /* [n] gate logit before temperature */
    double *p_gate;         /* [n] as in struct verdict */
    double *p_none;         /* [n] 0 where ran = 0 or there is no such output */
    double *p_positive;     /* [n] as in struct verdict */
    double *p;       /* [n,n_classes]; rows of images with ran = 0 are 0 */
    double *seconds; /* [n] its own reading and decoding, and its share of the
                        nets' steps */
    double gate_s, species_s; /* wall time of each stage; reading counts for
                                 the gate, a second decoding for the other */
    size_t species_steps; /* runs of the species net; images that pass the gate
                             are collected, so that most are full */
};
#define CASCADE_SCORES_INIT                                                    \
    {                                                                          \
        0                                                                      \
    }
/* Score items index[0..n-1] of ds in one pass of the loader. all_stages: run
 * the species net on every readable image. label: progress text, or NULL.
 * Errors: those of the loader and of nn_scorer_run(); an image that cannot be
 * read is no error, its row says why. *out is empty on error. */
NN_MUST_CHECK enum nn_status cascade_score(struct cascade *c,
                                           const struct nn_dataset *ds,
                                           const uint32_t *index, size_t n,
                                           int all_stages, const char *label,
                                           struct cascade_scores *out,
                                           struct nn_error *err);
/* The same, told of rows as they come: rows(ctx, out, from, to) once for each
 * piece from..to-1, in order, as soon as it is final. What it returns other
 * than NN_OK ends the pass and is returned. */
typedef enum nn_status cascade_rows_fn(void *ctx,
                                       const struct cascade_scores *s,
                                       size_t from, size_t to,
                                       struct nn_error *err);
NN_MUST_CHECK enum nn_status
cascade_score_rows(struct cascade *c, const struct nn_dataset *ds,
                   const uint32_t *index, size_t n, int all_stages,
                   cascade_rows_fn *rows, void *ctx, struct cascade_scores *out,
                   struct nn_error *err);

/* An image in memory: decoded and oriented, or else a file's bytes. */
struct cascade_input {
    const struct nn_image *image; /* NULL: bytes */
    const uint8_t *bytes;
    size_t size;
};
/* Score images in memory, in order. The bytes of a file give the numbers that
 * the file gives. A decoded image gives those too where nothing was to be
 * gained from a JPEG's scaled decoding: always when it came from another
 * format, else when it was decoded with nn_decode_for() and nn_decode_serves()
 * says that this serves both nets; from a JPEG decoded in full they differ a
 * little. Errors: NN_ERR_ARG (an empty image), those of nn_scorer_run(); bytes
 * that cannot be decoded are no error, their row says why. */
NN_MUST_CHECK enum nn_status
cascade_score_inputs(struct cascade *c, const struct cascade_input *inputs,
                     size_t n, int all_stages, struct cascade_scores *out,
                     struct nn_error *err);
void cascade_scores_release(struct cascade_scores *s);

/* Verdict of image i (which must be ok), from scores of m. */
struct verdict cascade_scores_verdict(const struct model *m,
                                      const struct cascade_scores *s, size_t i);
/* The same of c's model. */
struct verdict cascade_verdict(const struct cascade *c,
                               const struct cascade_scores *s, size_t i);

#endif /* PIPELINES_CASCADE_CASCADE_H */
