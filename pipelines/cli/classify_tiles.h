/* pipelines/cli/classify_tiles.h - classify --tiles: parts of a photo, for
 * what is far away in it. */
#ifndef PIPELINES_CLI_CLASSIFY_TILES_H
#define PIPELINES_CLI_CLASSIFY_TILES_H

#include "pipelines/cascade/cascade.h"
#include "pipelines/cli/box_crops.h"

enum { TILES_MOST = 8 };

/* Part k of n x n (2 or more): 1.2 / n of the photo's width and height, so that
 * neighbours share a part of what they show; the rows from above, each from the
 * left. */
struct box tiles_box(int n, int k);

/* A second look at the readable photos of ds that s calls none, in n x n parts,
 * each cut out and judged as a photo of its own. A photo with a part that is
 * not none takes the scores of the part with the largest p_positive, and a note
 * of where that part is; all others stay as they are. m: the model of c; s:
 * scores of all items of ds, in order. The photos that were looked at, and
 * those of them with such a part, are added to *count. Errors: NN_ERR_NOMEM,
 * those of cascade_score_inputs(). */
struct tiles_counts {
    size_t looked, found;
};
NN_MUST_CHECK enum nn_status
tiles_look(struct cascade *c, const struct model *m,
           const struct nn_dataset *ds, int n, struct cascade_scores *s,
           struct tiles_counts *count, struct nn_error *err);

#endif /* PIPELINES_CLI_CLASSIFY_TILES_H */
