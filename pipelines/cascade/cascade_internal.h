/* pipelines/cascade/cascade_internal.h - what the two ways to score share. */
#ifndef PIPELINES_CASCADE_INTERNAL_H
#define PIPELINES_CASCADE_INTERNAL_H

#include "pipelines/cascade/cascade.h"

struct ladder;

struct cascade {
    const struct model *model;
    struct ladder *ladder;            /* NULL: the model has no rungs */
    struct nn_scorer *gate, *species; /* species may be NULL */
    struct nn_input gate_in, species_in;
    int32_t max_batch;
    int32_t species_batch;     /* images that the species net takes at once */
    int one_trunk;             /* model_one_trunk() */
    float *seen;               /* then what the gate computed of images that
                                  pass [max_batch,C] */
    uint32_t *seen_row;        /* [max_batch] whose that is */
    float *gate_z, *species_z; /* logits [max_batch,K] of each */
    float *p;                  /* [species outputs] */
    float *gate_x, *species_x; /* inputs [max_batch,...], where one is needed */
    float *wait_x;             /* inputs that wait for a full step of the
                                  species net [max_batch,...] */
    uint32_t *wait_row;        /* [max_batch] whose they are */
    uint8_t *want;             /* [max_batch] images for the species net */
    int32_t *left, n_left;     /* [max_batch] images for the gate */
    int thumbnails;            /* 1: cascade_use_thumbnails() */
};

struct cascade_batch {
    int32_t n;
    const float *input;   /* of the gate, [n,size,size,3] */
    const uint32_t *row;  /* [n] of the scores */
    const uint8_t *bad;   /* [n] 1: the input means nothing; NULL: all good */
    double since;         /* when reading it began */
    const float *seconds; /* [n] of reading each; NULL: all alike */
    /* Inputs of the species net where want [n] is 1, which becomes 0 where
     * that fails. */
    enum nn_status (*second)(void *ctx, uint8_t *want, const float **input,
                             struct nn_error *err);
    void *ctx;
};

/* A pass over all images. */
struct cascade_pass {
    struct cascade *c;
    int all_stages;
    int rungs_alone; /* 1: every rung looks, and no other net */
    struct cascade_scores *out;
    cascade_rows_fn *rows; /* or NULL */
    void *ctx;
    size_t told;       /* rows that it knows of */
    int32_t n_wait;    /* inputs in wait_x */
    double wait_since; /* when the first of them came */
    int no_memory;     /* for a reason */
};

/* Room for n images in *s, of model m. Errors: NN_ERR_NOMEM. */
enum nn_status cascade_scores_init(struct cascade_scores *s,
                                   const struct model *m, size_t n,
                                   struct nn_error *err);
/* The image of that row could not be read. */
void cascade_fail_row(struct cascade_pass *p, size_t row,
                      const struct nn_error *why);
/* What is odd about the image of that row ("": nothing), and what its camera
 * wrote. */
void cascade_note_row(struct cascade_pass *p, size_t row, const char *note,
                      const struct nn_shot *shot);
/* What the species net wants prepared; NULL: nothing, for it never runs. (On
 * the gate's trunk it does for images that a rung rejects and that are wanted
 * all the same.) */
const struct nn_input *cascade_second_input(const struct cascade *c);
/* Room for max_batch inputs in *x, unless it is there. */
enum nn_status cascade_take_inputs(const struct cascade *c,
                                   const struct nn_input *in, float **x,
                                   struct nn_error *err);
/* The gate on one batch, into the scores. The images that pass wait until they
 * fill a step of the species net, but no longer than CASCADE_WAIT batches or
 * CASCADE_WAIT_S seconds: their rows, and all behind them, are held back
 * meanwhile. */
enum { CASCADE_WAIT = 8 };
#define CASCADE_WAIT_S 1.0
enum nn_status cascade_score_batch(struct cascade_pass *p,
                                   const struct cascade_batch *b,
                                   struct nn_error *err);
/* Scorers of m's rungs, and room for max_batch images. Errors: those of
 * nn_scorer_create(), NN_ERR_NOMEM. */
enum nn_status ladder_create(const struct model *m, int32_t max_batch,
                             struct ladder **out, struct nn_error *err);
void ladder_destroy(struct ladder **l);
/* The images left[0..*n_left-1] of b through the rungs. Rows of those that a
 * rung rejects are final but for the species net; the others stay in left, in
 * order, and *input holds their gate inputs side by side until the next call.
 * Each rung runs on what the one before it has left of the batch. */
enum nn_status ladder_climb(struct ladder *l, const struct cascade_batch *b,
                            struct cascade_scores *s, int32_t *left,
                            int32_t *n_left, const float **input,
                            struct nn_error *err);
/* Every rung on the images which[0..n-1] of b: their probabilities alone. */
enum nn_status ladder_look_at_all(struct ladder *l,
                                  const struct cascade_batch *b,
                                  struct cascade_scores *s,
                                  const int32_t *which, int32_t n,
                                  struct nn_error *err);
/* 1: by the probabilities of a row a rung rejects it, and the row says so. */
int ladder_rejects(const struct model *m, struct cascade_scores *s, size_t row);
/* What the gate's outputs z say of a row, and what the species net's do, into
 * the scores. */
void cascade_put_gate(const struct model *m, const float *z, size_t row,
                      struct cascade_scores *s);
void cascade_put_species(struct cascade *c, const float *z, size_t row,
                         struct cascade_scores *s);
/* 1: p_gate is below what passes by CASCADE_THUMBNAIL_MARGIN or more. */
int cascade_rejects_clearly(const struct model *m, double p_gate);
/* The rows of items index[0..n-1] that the gate rejects clearly by their
 * thumbnails are final; rest [n] gets the others, ascending. */
enum nn_status cascade_look_at_thumbnails(struct cascade_pass *p,
                                          const struct nn_dataset *ds,
                                          const uint32_t *index, size_t n,
                                          uint32_t *rest, size_t *n_rest,
                                          struct nn_error *err);
/* The species net on the images that wait. */
enum nn_status cascade_flush(struct cascade_pass *p, struct nn_error *err);
/* Rows before `to` are final, unless one of them waits. */
enum nn_status cascade_tell(struct cascade_pass *p, size_t to,
                            struct nn_error *err);

#endif /* PIPELINES_CASCADE_INTERNAL_H */
