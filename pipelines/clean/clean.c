#include "pipelines/clean/clean.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/clean/flat.h"

const char *clean_output_name(const struct clean_findings *f, int32_t output)
{
    return output == f->negatives || output < 0 ? "none"
                                                : f->ds->classes[output];
}

/* --- judging --- */

struct rows {
    float *x, *p, *flat;
    int32_t *label;
    uint64_t *group;
    uint8_t *ok;
};

static void release_rows(struct rows *r)
{
    nn_mem_free(r->x);
    nn_mem_free(r->p);
    nn_mem_free(r->flat);
    nn_mem_free(r->label);
    nn_mem_free(r->group);
    nn_mem_free(r->ok);
}

static enum nn_status list_items(struct clean_findings *f, struct nn_error *err)
{
    const struct nn_dataset *ds = f->ds;
    size_t n_negatives = 0;

    f->item = nn_mem_calloc(ds->n, sizeof *f->item);
    f->damaged = nn_mem_calloc(ds->n, sizeof *f->damaged);
    if (f->item == NULL || f->damaged == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].bad) {
            f->damaged[f->n_damaged++] = (uint32_t)i;
            continue;
        }
        f->item[f->n++] = (uint32_t)i;
        n_negatives += ds->items[i].label == NN_NEGATIVE;
    }
    f->negatives = n_negatives > 0 ? (int32_t)ds->n_classes : -1;
    f->n_outputs = ds->n_classes + (n_negatives > 0);
    return f->n_outputs > 1
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "'%s' has one label alone, '%s': nothing to tell "
                         "apart",
                         ds->path, clean_output_name(f, 0));
}

static enum nn_status make_room(struct clean_findings *f, size_t dims,
                                struct rows *r, struct nn_error *err)
{
    r->x = nn_mem_aligned(f->n * dims, sizeof *r->x);
    r->p = nn_mem_calloc(f->n * f->n_outputs, sizeof *r->p);
    r->flat = nn_mem_calloc(f->n, sizeof *r->flat);
    r->label = nn_mem_calloc(f->n, sizeof *r->label);
    r->group = nn_mem_calloc(f->n, sizeof *r->group);
    r->ok = nn_mem_calloc(f->n, 1);
    f->fold = nn_mem_calloc(f->n, sizeof *f->fold);
    f->d = nn_mem_calloc(f->n, sizeof *f->d);
    f->order = nn_mem_calloc(f->n, sizeof *f->order);
    f->sampled = nn_mem_calloc(f->n, 1);
    return r->x == NULL || r->p == NULL || r->flat == NULL ||
                   r->label == NULL || r->group == NULL || r->ok == NULL ||
                   f->fold == NULL || f->d == NULL || f->order == NULL ||
                   f->sampled == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

/* Rows of photos that could be read after all, closed up. */
static void close_up(struct clean_findings *f, size_t dims, struct rows *r)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct nn_item *it = &f->ds->items[f->item[i]];

        if (!r->ok[i]) {
            f->damaged[f->n_damaged++] = f->item[i];
            continue;
        }
        memmove(r->x + n * dims, r->x + i * dims, dims * sizeof *r->x);
        r->label[n] = it->label == NN_NEGATIVE ? f->negatives : it->label;
        r->group[n] = it->group;
        f->item[n++] = f->item[i];
    }
    f->n = n;
}

static enum nn_status judge(struct clean_findings *f,
                            const struct clean_options *o, struct nn_error *err)
{
    size_t dims = nn_feature_dims(o->net);
    struct rows r = { .x = NULL };
    struct clean_rows rows;
    enum nn_status st = make_room(f, dims, &r, err);

    if (st) {
        goto out;
    }
    st = nn_features_of_items(o->net, f->ds, f->item, f->n, &o->views, r.x,
                              r.ok, err);
    if (st) {
        goto out;
    }
    close_up(f, dims, &r);
    rows =
        (struct clean_rows){ f->n, dims, f->n_outputs, r.x, r.label, r.group };
    st = clean_crossfit(&rows, o->folds, o->seed, o->views.stop, r.p, f->fold,
                        err);
    if (st) {
        goto out;
    }
    clean_flatness_of_items(f->ds, f->item, f->n, r.flat);
    st = clean_doubts(&rows, r.p, f->fold, r.flat, f->negatives, f->d, err);
out:
    release_rows(&r);
    return st;
}

/* --- the lists --- */

struct ranked {
    double doubt;
    uint32_t row;
};

static int by_doubt(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->doubt < y->doubt || x->doubt > y->doubt) {
        return x->doubt < y->doubt ? 1 : -1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

static enum nn_status rank(struct clean_findings *f,
                           const struct clean_options *o, struct nn_error *err)
{
    struct ranked *v = nn_mem_calloc(f->n, sizeof *v);
    size_t most = o->most, left = f->n;

    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < f->n; i++) {
        int settled = o->decided != NULL && o->decided[f->item[i]];

        v[i] =
            (struct ranked){ settled ? -INFINITY : f->d[i].doubt, (uint32_t)i };
        left -= (size_t)settled;
    }
    qsort(v, f->n, sizeof *v, by_doubt);
    for (size_t i = 0; i < f->n; i++) {
        f->order[i] = v[i].row;
    }
    nn_mem_free(v);
    if (most == 0) {
        most = (size_t)(CLEAN_SHARE * (double)f->n);
        most = most > CLEAN_LEAST_LISTED ? most : CLEAN_LEAST_LISTED;
        most = most < CLEAN_MOST_LISTED ? most : CLEAN_MOST_LISTED;
    }
    f->n_listed = most < left ? most : left;
    return NN_OK;
}

/* Evenly, without replacement, among those listed (Knuth's algorithm S). */
static void draw_sample(struct clean_findings *f, uint64_t seed)
{
    size_t left = f->n_listed < CLEAN_SAMPLE ? f->n_listed : CLEAN_SAMPLE;

    f->n_sample = left;
    for (size_t i = 0; i < f->n_listed; i++) {
        uint64_t bits = nn_rng_at(seed, nn_rng_stream(0x636c6e, 0, 0), i);
        double u = (double)(bits >> 11) * 0x1p-53;

        if (u * (double)(f->n_listed - i) < (double)left) {
            f->sampled[f->order[i]] = 1;
            left--;
        }
    }
}

static enum nn_status add_pair(struct clean_findings *f, size_t item,
                               size_t twin, int conflict, struct nn_error *err)
{
    if (nn_mem_grow(&f->pair, &f->cap_pairs, f->n_pairs + 1, sizeof *f->pair)) {
        return nn_fail_nomem(err);
    }
    f->pair[f->n_pairs++] =
        (struct clean_pair){ (uint32_t)item, (uint32_t)twin, conflict };
    return NN_OK;
}

/* Each beside the first of its group: other labels first. */
static enum nn_status find_pairs(struct clean_findings *f, struct nn_error *err)
{
    const struct nn_dataset *ds = f->ds;

    for (int conflict = 1; conflict >= 0; conflict--) {
        for (size_t i = 0; i < ds->n; i++) {
            const struct nn_item *a = &ds->items[i], *b;

            if (a->bad || a->group == 0 || a->group > i) {
                continue; /* the first of its group comes as a twin */
            }
            b = &ds->items[a->group - 1];
            if (conflict ? a->label != b->label
                         : a->label == b->label && a->split != b->split) {
                enum nn_status st = add_pair(f, i, a->group - 1, conflict, err);

                if (st) {
                    return st;
                }
            }
        }
    }
    return NN_OK;
}

enum nn_status clean_find(const struct nn_dataset *ds,
                          const struct clean_options *o,
                          struct clean_findings *f, struct nn_error *err)
{
    enum nn_status st;

    *f = (struct clean_findings){ .ds = ds };
    st = list_items(f, err);
    if (st) {
        return st;
    }
    st = judge(f, o, err);
    if (st) {
        return st;
    }
    st = rank(f, o, err);
    if (st) {
        return st;
    }
    draw_sample(f, o->seed);
    return find_pairs(f, err);
}

void clean_findings_release(struct clean_findings *f)
{
    nn_mem_free(f->item);
    nn_mem_free(f->fold);
    nn_mem_free(f->d);
    nn_mem_free(f->order);
    nn_mem_free(f->sampled);
    nn_mem_free(f->pair);
    nn_mem_free(f->damaged);
    *f = (struct clean_findings){ .ds = NULL };
}
