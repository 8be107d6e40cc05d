/* common/data/negatives.h - which negatives a training sees. */
#ifndef NN_COMMON_DATA_NEGATIVES_H
#define NN_COMMON_DATA_NEGATIVES_H

#include "common/data/dataset.h"

/* Take the images of the named families out of train and valid (test keeps
 * them): how well is a net on what it has never seen?
 * Errors: NN_ERR_ARG (no such family: names it). */
NN_MUST_CHECK enum nn_status nn_negatives_leave_out(struct nn_dataset *ds,
                                                    const char *const *families,
                                                    size_t n,
                                                    struct nn_error *err);

/* Append the images of n sources to ds as training negatives without a family;
 * what: "negatives", or what else they are to the reader of the log.
 * Guard against leaks: unreadable ones, and those that nn_items_near() finds
 * near to an item of ds outside train or of a class, stay out; counts are
 * logged, the last as a warning. Sources
 * are fingerprinted, and must stay open as long as ds.
 * Errors: NN_ERR_IO (of a source not one image can be read: names it),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_negatives_add(struct nn_dataset *ds,
                                              struct nn_dataset *const *sources,
                                              size_t n, const char *what,
                                              struct nn_error *err);

/* Append the images of n sources to ds as NN_SPLIT_UNLABELLED: what they show
 * is for somebody else to say, and their label means nothing. Unreadable ones
 * stay out, and those that nn_items_near() finds near to an item of ds: it has
 * a label, or measures. Counts are logged; sources as above. Errors: as above.
 */
NN_MUST_CHECK enum nn_status
nn_unlabelled_add(struct nn_dataset *ds, struct nn_dataset *const *sources,
                  size_t n, struct nn_error *err);

#endif /* NN_COMMON_DATA_NEGATIVES_H */
