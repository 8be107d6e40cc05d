/* pipelines/cascade/cascade_burst.h - one verdict from several photos of one
 * scene. */
#ifndef PIPELINES_CASCADE_CASCADE_BURST_H
#define PIPELINES_CASCADE_CASCADE_BURST_H

#include "pipelines/cascade/cascade.h"

/* The verdict of a burst from those of its n >= 1 frames, each by the rule of
 * m.
 *
 * p_positive is the largest of the frames': the animal is often in one of them
 * only, and what it is not in says nothing against it (docs/model-format.md has
 * the comparison with sums and means of log-odds). The class is that of the
 * mean of the class probabilities, weighted by p_positive, over the frames that
 * are positives: frames that show it well count, those that show nothing do
 * not. p [n_classes] is filled and the verdict's p points to it, or is NULL
 * where no frame has any. */
struct verdict cascade_decide_burst(const struct model *m,
                                    const struct verdict *const *frame,
                                    size_t n, double *p);

#endif /* PIPELINES_CASCADE_CASCADE_BURST_H */
