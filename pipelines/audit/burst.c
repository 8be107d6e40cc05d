#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/image/burst.h"
#include "pipelines/audit/pile.h"

struct shot {
    const struct audit_photo *photo;
    uint64_t key;
    size_t at;
    double time; /* 0 where there is none */
};

static int by_camera_and_time(const void *a, const void *b)
{
    const struct shot *x = a, *y = b;

    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    if (x->photo->has_time != y->photo->has_time) {
        return x->photo->has_time ? -1 : 1;
    }
    if (x->time < y->time || x->time > y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

/* y belongs to the burst of x, the one before it. */
static int follows(const struct shot *x, const struct shot *y,
                   enum audit_unit_kind kind, double gap)
{
    if (x->key != y->key || kind != AUDIT_BY_TIME) {
        return x->key == y->key;
    }
    return x->photo->has_time && y->photo->has_time &&
           nn_burst_near(x->time, x->time, y->time, gap);
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

/* Photos without a time are units of their own; with none that has one there
 * would be no bursts at all. */
static enum nn_status check_times(const struct audit_pile *pile,
                                  struct nn_error *err)
{
    size_t without = 0, first = 0;

    for (size_t i = pile->n; i-- > 0;) {
        if (!pile->photo[i].has_time) {
            without++;
            first = i;
        }
    }
    if (without == pile->n) {
        return nn_fail(err, NN_ERR_ARG,
                       "no photo has a \"time\" in the predictions: --unit "
                       "folder or photo needs none");
    }
    if (without > 0) {
        nn_log(NN_LOG_INFO,
               "%zu of %zu photos have no time ('%s' is the first): each of "
               "them is looked at alone",
               without, pile->n, pile->photo[first].file);
    }
    return NN_OK;
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
    if (kind == AUDIT_BY_TIME) {
        st = check_times(pile, err);
        if (st) {
            return st;
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
            (struct shot){ p, kind == AUDIT_BY_TIME ? p->camera : p->folder, i,
                           p->has_time ? p->time : 0 };
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
