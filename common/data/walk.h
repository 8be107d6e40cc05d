/* common/data/walk.h - the files below a folder, one after another.
 *
 * In the order of their paths, byte by byte, as if each folder's name ended
 * with a slash; of any depth. Links are followed. Memory: the names in the
 * folders from the top to the present one. */
#ifndef NN_COMMON_DATA_WALK_H
#define NN_COMMON_DATA_WALK_H

#include <stddef.h>

#include "common/base/status.h"

enum nn_walk_kind {
    NN_WALK_END,
    NN_WALK_FILE,   /* anything but a folder, a broken link too */
    NN_WALK_CLOSED, /* a folder that cannot be read, or not to its end */
    NN_WALK_LOOP,   /* a link back to a folder above, which is not followed */
};
struct nn_walk_entry {
    enum nn_walk_kind kind;
    const char *path; /* to open it; these live until the next call */
    const char *name; /* the same below the name that the walk was given */
    size_t depth;     /* folders between it and the top */
    int reason;       /* of NN_WALK_CLOSED: errno */
};

struct nn_walk;
/* name: of the top, "" for names below it. Errors: NN_ERR_IO (the top cannot be
 * opened: err names it), NN_ERR_NOMEM; *out is then NULL. */
NN_MUST_CHECK enum nn_status nn_walk_open(const char *top, const char *name,
                                          struct nn_walk **out,
                                          struct nn_error *err);
/* The next entry, or kind NN_WALK_END. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_walk_next(struct nn_walk *w, struct nn_walk_entry *e, struct nn_error *err);
int nn_walk_top_holds_folders(const struct nn_walk *w);
/* Hidden files, and hidden folders and those of thumbnails or deleted files
 * (nn_is_junk_name()), that were passed over so far. */
size_t nn_walk_passed_over(const struct nn_walk *w);
void nn_walk_close(struct nn_walk **w); /* NULL is fine */

#endif /* NN_COMMON_DATA_WALK_H */
