#include <stdlib.h>

#include "common/base/mem.h"
#include "common/image/burst.h"
#include "pipelines/audit/pile.h"

struct shot {
    const struct audit_photo *photo;
    uint64_t key;
    size_t at;
};

static int by_camera_and_time(const void *a, const void *b)
{
    const struct shot *x = a, *y = b;

    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    if (x->photo->time != y->photo->time) {
        return x->photo->time < y->photo->time ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

/* y belongs to the burst of x, the one before it. */
static int follows(const struct shot *x, const struct shot *y,
                   enum audit_unit_kind kind, double gap)
{
    double t = x->photo->time;

    return x->key == y->key &&
           (kind != AUDIT_BY_TIME || nn_burst_near(t, t, y->photo->time, gap));
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
        const struct audit_photo *p = &pile->photo[i];

        shot[i] =
            (struct shot){ p, kind == AUDIT_BY_TIME ? p->camera : p->folder,
                           i };
    }
    qsort(shot, pile->n, sizeof *shot, by_camera_and_time);
    for (size_t i = 0; i < pile->n; i++) {
        group += i > 0 && !follows(&shot[i - 1], &shot[i], kind, gap);
        pile->photo[shot[i].at].group = group;
    }
    number_groups(pile, number);
out:
    nn_mem_free(number);
    nn_mem_free(shot);
    return st;
}
