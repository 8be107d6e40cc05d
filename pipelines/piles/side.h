/* pipelines/piles/side.h - the files beside a photo that belong to it.
 *
 * A side file of IMG_1.JPG is a file of its folder that is no photo by its
 * name (.xmp, .aae, .thm, raw files, videos, notes: what classify leaves out)
 * and is called IMG_1.* or IMG_1.JPG.*, in any letter case. */
#ifndef PIPELINES_PILES_SIDE_H
#define PIPELINES_PILES_SIDE_H

#include <stddef.h>

#include "common/base/status.h"

/* The side files of the last folder; zero at first. */
struct pile_sides {
    char *folder;
    char **name; /* sorted, letter case aside */
    size_t n, cap;
};
/* The side files of the photo: names from..to-1. A folder that cannot be read
 * has none. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_sides_of(struct pile_sides *s,
                                           const char *photo, size_t *from,
                                           size_t *to, struct nn_error *err);
void pile_sides_release(struct pile_sides *s);

#endif /* PIPELINES_PILES_SIDE_H */
