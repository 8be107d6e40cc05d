/* common/data/loader_internal.h - between the files of the loader. */
#ifndef NN_COMMON_DATA_LOADER_INTERNAL_H
#define NN_COMMON_DATA_LOADER_INTERNAL_H

#include <pthread.h>

#include "common/base/context.h"
#include "common/data/loader.h"

/* Of one image in a batch under way. */
struct cell {
    struct nn_error why; /* status NN_OK: it could be read */
    /* While the second input is not made: what makes it, the image if it
     * serves for that, else the file; else both are empty. */
    struct nn_image img;
    uint8_t *bytes;
    size_t size;
    float seconds; /* that reading and preparing it took its worker */
    struct nn_told told;
};

/* One batch under way. Its images are the positions
 * number * batch .. + n - 1 of the pass. */
struct slot {
    float *input;      /* [batch,size,size,3] */
    float *second;     /* [batch,size,size,3] of the second input, or NULL */
    uint32_t *index;   /* [batch] */
    uint32_t *row;     /* [batch] */
    struct cell *cell; /* [batch] */
    float *seconds;    /* [batch] of the cells, for the consumer */
    int32_t n;         /* images, once the consumer holds it; else 0 */
    int32_t kept;      /* of these, those that could be read */
    int32_t done;
};

struct worker {
    struct nn_loader *l;
    pthread_t thread;
    uint8_t *rgb; /* one view, of the larger input */
};

struct nn_loader {
    const struct nn_dataset *ds;
    struct nn_loader_options opt;
    struct nn_context context; /* of whoever made the loader */
    struct nn_augment augment;
    struct nn_input first, second;
    size_t view_bytes, second_bytes; /* [size,size,3]; 0: no second */
    struct slot *slot;               /* [prefetch], a ring over batch numbers */
    struct nn_image *cache;          /* [ds->n] */
    uint8_t *bad;                    /* [ds->n] 1: warned of */
    uint32_t *count;        /* [ds->n] occurrences, while starting a pass */
    uint32_t *order, *view; /* [pass_n] items, and which occurrence each is */
    size_t order_cap, view_cap;
    struct worker *worker; /* [n_workers], of which n_threads run */
    int n_workers, n_threads;
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    /* The rest is guarded by lock. */
    size_t pass_n;   /* positions of the pass */
    size_t skipped;  /* rows in front of them */
    size_t next;     /* position that the next worker takes */
    size_t batch_no; /* batch that the consumer waits for or holds */
    int busy;        /* workers on an image */
    int quit;
    int urgent; /* the workers have the priority of other threads */
    struct nn_error failure; /* first error that is no image's fault */
    uint64_t epoch;
    struct nn_loader_stats stats;
};

/* loader_fill.c: make position `at` of the pass, in a worker; rgb is its
 * scratch. */
void nn_loader_fill(struct nn_loader *l, size_t at, uint64_t epoch,
                    uint8_t *rgb);
/* Say why an image is left out. The caller holds the lock. */
void nn_loader_report(struct nn_loader *l, size_t row, uint32_t item,
                      const struct nn_error *why);

#endif /* NN_COMMON_DATA_LOADER_INTERNAL_H */
