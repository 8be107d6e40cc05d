/* pipelines/piles/recurring.h - positives that show the same view of the same
 * camera again and again: a stump, a stone, a branch in the sun.
 *
 * Two positives show one view when the camera (common/image/burst.h) and the
 * label are the same and the photos are near-duplicates (nn_dataset_group()). A
 * view recurs when it comes in RECURRING_EVENTS bursts or more, bursts being
 * RECURRING_GAP seconds apart (photos without a time are one each): what one
 * animal did in front of the camera once is one burst. No verdict is changed:
 * an animal that is small, or that comes back to the same place, can look like
 * a view too, so a person looks at one photo of each, `show`, the one with the
 * highest score.
 *
 * The report has a JSON object a line, most photos first: {"camera" (its
 * folder), "label", "photos", "events", "first", "last" (capture times, where
 * known), "p_least", "p_most", "show", "files"}. */
#ifndef PIPELINES_PILES_RECURRING_H
#define PIPELINES_PILES_RECURRING_H

#include "pipelines/piles/moved.h"
#include "pipelines/piles/pile_rows.h"

enum { RECURRING_EVENTS = 3, RECURRING_GAP = 30 };

struct recurring_counts {
    size_t positives; /* that were looked at */
    size_t unseen;    /* of others: in archives, or no longer to be read */
    size_t views;     /* that recur */
    size_t photos;    /* that show them */
};
/* Errors: those of pile_rows_next(), nn_dataset_group() and nn_file_out_open(),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_recurring(struct pile_rows *rows,
                                            struct pile_moved *moved,
                                            const char *path,
                                            struct recurring_counts *n,
                                            struct nn_error *err);

#endif /* PIPELINES_PILES_RECURRING_H */
