#include "pipelines/train/train_subset.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"

enum { MAX_LIST_BYTES = 1 << 30 };

/* --- the list --- */

struct name_list {
    char **v; /* sorted */
    size_t n, cap;
    unsigned char *text;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines of the file; empty ones do not count. */
static enum nn_status read_list(const char *path, struct name_list *l,
                                struct nn_error *err)
{
    size_t size = 0;
    enum nn_status st =
        nn_file_read(path, MAX_LIST_BYTES, &l->text, &size, err);

    if (st) {
        return st;
    }
    if (strlen((char *)l->text) != size) {
        return nn_fail(err, NN_ERR_FORMAT, "'%s' holds a zero byte", path);
    }
    for (char *at = (char *)l->text; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        int last = at[n] == '\0';

        at[n] = '\0';
        if (n > 0) {
            if (nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
                return nn_fail_nomem(err);
            }
            l->v[l->n++] = at;
        }
        at += n + !last;
    }
    if (l->n > 0) {
        qsort(l->v, l->n, sizeof *l->v, by_name);
    }
    return NN_OK;
}

/* The first of the names that nobody found. */
static enum nn_status complain(const struct name_list *l, const uint8_t *seen,
                               const struct nn_dataset *ds, const char *path,
                               struct nn_error *err)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!seen[i] && (i == 0 || strcmp(l->v[i - 1], l->v[i]) != 0)) {
            return nn_fail(
                err, NN_ERR_ARG,
                "'%s' of the list '%s' is not a training negative of "
                "'%s'",
                l->v[i], path, ds->path);
        }
    }
    return NN_OK;
}

/* Drops the training negatives that are not in the list, and marks in seen[]
 * the lines of those that are. Returns how many it dropped. */
static size_t drop_unlisted(struct nn_dataset *ds, const struct name_list *l,
                            uint8_t *seen)
{
    size_t dropped = 0;

    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];
        char **at;

        if (it->split != NN_TRAIN || it->label != NN_NEGATIVE) {
            continue;
        }
        at = l->n == 0 ? NULL
                       : bsearch(&it->file, l->v, l->n, sizeof *l->v, by_name);
        if (at == NULL) {
            it->split = NN_SPLIT_NONE;
            dropped++;
            continue;
        }
        while (at > l->v && strcmp(at[-1], *at) == 0) {
            at--; /* of a name that comes twice, the first */
        }
        seen[at - l->v] = 1;
    }
    return dropped;
}

static enum nn_status keep_listed(struct nn_dataset *ds, const char *path,
                                  struct nn_error *err)
{
    struct name_list l = { .n = 0 };
    uint8_t *seen = NULL;
    size_t dropped;
    enum nn_status st = read_list(path, &l, err);

    if (st) {
        goto out;
    }
    seen = nn_mem_calloc(l.n + 1, 1);
    if (seen == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    dropped = drop_unlisted(ds, &l, seen);
    st = complain(&l, seen, ds, path, err);
    if (st) {
        goto out;
    }
    nn_log(NN_LOG_INFO, "%zu training negatives are left out (%s)", dropped,
           path);
out:
    nn_mem_free(seen);
    nn_mem_free(l.v);
    nn_mem_free(l.text);
    return st;
}

/* --- weights --- */

static void balance(struct nn_dataset *ds)
{
    const double n[2] = {
        (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_NEGATIVE),
        (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_POSITIVE),
    };

    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];
        double own = n[it->label != NN_NEGATIVE];

        if (it->split == NN_TRAIN && own > 0) {
            it->weight *= (float)((n[0] + n[1]) / (2 * own));
        }
    }
}

enum nn_status train_take_subset(struct nn_dataset *ds,
                                 const struct train_subset *s,
                                 struct nn_error *err)
{
    if (s->only_negatives != NULL) {
        enum nn_status st = keep_listed(ds, s->only_negatives, err);

        if (st) {
            return st;
        }
    }
    if (s->class_weights) {
        balance(ds);
    }
    return NN_OK;
}

void train_subset_loss(const struct train_subset *s, struct nn_loss *loss)
{
    if (s->gate_focal > 0) {
        loss->kind = NN_LOSS_FOCAL_CATEGORICAL;
        loss->gamma = (float)s->gate_focal;
    }
}

enum nn_status train_join_classes(struct model *m, struct nn_error *err)
{
    size_t size = 1;
    char *all, *end;

    for (size_t i = 0; i < m->n_classes; i++) {
        size += strlen(m->classes[i]) + 1;
    }
    all = nn_mem_calloc(size, 1);
    if (all == NULL) {
        return nn_fail_nomem(err);
    }
    end = all;
    for (size_t i = 0; i < m->n_classes; i++) {
        size_t n = strlen(m->classes[i]);

        if (i > 0) {
            *end++ = '|';
        }
        memcpy(end, m->classes[i], n);
        end += n;
        nn_mem_free(m->classes[i]);
    }
    m->classes[0] = all;
    m->n_classes = 1;
    return NN_OK;
}
