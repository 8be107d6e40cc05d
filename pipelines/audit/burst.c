#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/audit/pile.h"

struct shot {
    const struct audit_photo *photo;
    size_t folder; /* bytes of the name up to the last '/' */
    size_t at;
};

static int by_folder_and_time(const void *a, const void *b)
{
    const struct shot *x = a, *y = b;
    size_t n = x->folder < y->folder ? x->folder : y->folder;
    int c = memcmp(x->photo->file, y->photo->file, n);

    if (c != 0) {
        return c;
    }
    if (x->folder != y->folder) {
        return x->folder < y->folder ? -1 : 1;
    }
    if (x->photo->time != y->photo->time) {
        return x->photo->time < y->photo->time ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

static int same_folder(const struct shot *a, const struct shot *b)
{
    return a->folder == b->folder &&
           memcmp(a->photo->file, b->photo->file, a->folder) == 0;
}

static void number_groups(struct audit_pile *pile, size_t *number)
{
    size_t n = 0;

    for (size_t i = 0; i < pile->n; i++) {
        size_t *to = &number[pile->photo[i].group];

        if (*to == 0) {
            *to = ++n;
        }
        pile->photo[i].group = *to - 1;
    }
    pile->n_groups = n;
}

enum nn_status audit_pile_group(struct audit_pile *pile,
                                enum audit_unit_kind kind, double gap,
                                struct nn_error *err)
{
    struct shot *shot = NULL;
    size_t *number = NULL, group = 0;
    enum nn_status st = NN_OK;

    if (kind == AUDIT_PHOTOS) {
        return NN_OK;
    }
    for (size_t i = 0; kind == AUDIT_BY_TIME && i < pile->n; i++) {
        if (!pile->photo[i].has_time) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s' has no \"time\" in the predictions: --unit "
                           "folder or photo needs none",
                           pile->photo[i].file);
        }
    }
    shot = nn_mem_calloc(pile->n, sizeof *shot);
    number = nn_mem_calloc(pile->n, sizeof *number);
    if (shot == NULL || number == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < pile->n; i++) {
        const char *slash = strrchr(pile->photo[i].file, '/');

        shot[i].photo = &pile->photo[i];
        shot[i].folder =
            slash == NULL ? 0 : (size_t)(slash - pile->photo[i].file);
        shot[i].at = i;
    }
    qsort(shot, pile->n, sizeof *shot, by_folder_and_time);
    for (size_t i = 0; i < pile->n; i++) {
        int64_t wait =
            i == 0 ? 0 : shot[i].photo->time - shot[i - 1].photo->time;

        if (i > 0 && (!same_folder(&shot[i - 1], &shot[i]) ||
                      (kind == AUDIT_BY_TIME && (double)wait > gap))) {
            group++;
        }
        pile->photo[shot[i].at].group = group;
    }
    number_groups(pile, number);
out:
    nn_mem_free(number);
    nn_mem_free(shot);
    return st;
}
