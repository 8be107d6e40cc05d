/* common/data/decisions.h - what a person decided about photos of a data set.
 *
 * A file of decisions is JSON lines. The first object may name the kind:
 *     {"format": "bearcascade-decisions 1", ...}
 * and each of the others is a photo:
 *     {"file": NAME, "hash": HEX, "label": CLASS|"none"|null, ...}
 *   file   as the data set shows it (text.h), or that behind the data set's
 *          path
 *   hash   64-bit XXH3 of its bytes, 16 hex digits; may be left out
 *   label  a class of the data set; "none": a negative, unless a class is
 *          called so; null: the photo is left out. A row without it says
 *          nothing.
 *   add    true: where the data set has no such photo, the one that lies at
 *          `file` (a path, or ARCHIVE:MEMBER) joins its train part
 * Other keys are for those who wrote the file (docs/cleaning.md, docs/audit.md)
 * and are ignored here. The photos themselves are never touched. */
#ifndef NN_COMMON_DATA_DECISIONS_H
#define NN_COMMON_DATA_DECISIONS_H

#include <jansson.h>

#include "common/data/dataset.h"

#define NN_DECISIONS_FORMAT "bearcascade-decisions 1"

struct nn_decision {
    json_t *row;       /* all of it; owned */
    char *file;        /* bytes, or NULL */
    uint64_t hash;     /* 0: not given */
    const char *label; /* of row; NULL: left out */
    int add;           /* 1: to join the data set where it lacks the photo */
    size_t line;
};
struct nn_decisions {
    char *path;
    json_t *head;          /* or NULL */
    int begun;             /* private */
    struct nn_decision *v; /* [n] rows with a label, in the file's order */
    size_t n, cap;
};
#define NN_DECISIONS_INIT                                                      \
    {                                                                          \
        .path = NULL                                                           \
    }

/* Errors: NN_ERR_FORMAT (names the line: no JSON, a first object that is
 * neither of the kind nor a photo, neither file nor hash, a label that is no
 * text, a damaged hash), NN_ERR_IO, NN_ERR_NOMEM. Release also after an error.
 */
NN_MUST_CHECK enum nn_status nn_decisions_read(const char *path,
                                               struct nn_decisions *d,
                                               struct nn_error *err);
void nn_decisions_release(struct nn_decisions *d);

struct nn_decision_counts {
    size_t relabelled, dropped; /* items that another label or none was given */
    size_t kept;                /* items whose label was confirmed */
    size_t added;               /* photos that joined the train part */
    size_t unreadable, leaking; /* photos that did not: cannot be read; near to
                                   one of valid or test */
    size_t undecided;           /* to be added, and left out */
    size_t absent;              /* other rows that are of no item */
    const struct nn_decision *first_absent; /* or NULL */
};
/* item[k] becomes the item that row k is of, or ds->n where there is none: the
 * item of that name, whose bytes are the same where the row has a hash, else
 * the only item with that hash, so that photos that were renamed or moved keep
 * their decision and those that were edited or replaced lose it. Needs
 * fingerprints. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_decisions_match(const struct nn_decisions *d,
                                                const struct nn_dataset *ds,
                                                size_t *item,
                                                struct nn_error *err);
/* Give items the labels that were decided and take those that were dropped out
 * of ds, whose order stays; splits and groups stay too. Photos that are to be
 * added stand behind the others, in the order of the rows: of train, without
 * family and group, fingerprinted. One whose bytes are not those of its row is
 * absent, and none joins that is near to an item of valid or test, or whose
 * bytes another row has added. Needs fingerprints.
 * Errors: NN_ERR_FORMAT (a label that is no class of ds, two rows that decide
 * differently on a photo: name the line; no row is of an item of ds or to be
 * added; all items are dropped), NN_ERR_IO (none of those to be added can be
 * read), those of nn_dataset_append_places(), NN_ERR_NOMEM; ds is then as it
 * was. */
NN_MUST_CHECK enum nn_status nn_decisions_apply(const struct nn_decisions *d,
                                                struct nn_dataset *ds,
                                                struct nn_decision_counts *n,
                                                struct nn_error *err);

#endif /* NN_COMMON_DATA_DECISIONS_H */
