#include "pipelines/cli/classify_tiles.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"

#define SHARE 1.2 /* of a part's side that it would have without overlap */

/* Photos whose parts are in memory at a time. */
enum { PHOTOS = 8 };

struct box tiles_box(int n, int k)
{
    double side = SHARE / n, step = (1 - side) / (n - 1);

    return (struct box){ .x = k % n * step,
                         .y = k / n * step, // NOLINT(bugprone-integer-division)
                         .w = side,
                         .h = side };
}

struct tiles {
    struct cascade *c;
    const struct nn_dataset *ds;
    int n;        /* on a side */
    size_t parts; /* n * n */
    int32_t side; /* of the larger net */
    struct box *box;
    struct nn_image *crop; /* [PHOTOS,parts] */
    uint32_t item[PHOTOS];
    struct nn_error why[PHOTOS];
    size_t n_photos;
    struct tiles_counts *count;
};

/* 1: readable, and no more than none. */
static int is_none(const struct tiles *t, const struct cascade_scores *s,
                   size_t i)
{
    return s->ok[i] && cascade_verdict(t->c, s, i).kind == VERDICT_NONE;
}

static void cut_photo(void *ctx, size_t i)
{
    struct tiles *t = ctx;
    struct nn_image *crop = t->crop + i * t->parts;
    uint8_t *bytes = NULL;
    size_t size = 0;

    t->why[i] = (struct nn_error)NN_ERROR_INIT;
    t->why[i].status =
        nn_dataset_read(t->ds, t->item[i], &bytes, &size, &t->why[i]);
    if (t->why[i].status == NN_OK) {
        t->why[i].status = box_crops_of(bytes, size, t->box, t->parts, 0,
                                        t->side, crop, &t->why[i]);
    }
    nn_mem_free(bytes);
}

static void note_part(struct cascade_scores *s, size_t i, const struct box *b)
{
    char text[80];

    snprintf(text, sizeof text,
             "seen in the part from %.2f,%.2f to %.2f,%.2f of the photo", b->x,
             b->y, b->x + b->w, b->y + b->h);
    nn_mem_free(s->note[i]);
    s->note[i] = nn_mem_strdup(text);
}

/* Row i gets what row k of `part` says. */
static void take_part(struct cascade_scores *s, size_t i,
                      const struct cascade_scores *part, size_t k)
{
    s->ran[i] = part->ran[k];
    s->gate_z[i] = part->gate_z[k];
    s->p_gate[i] = part->p_gate[k];
    s->p_none[i] = part->p_none[k];
    s->p_positive[i] = part->p_positive[k];
    memcpy(s->p + i * s->n_classes, part->p + k * s->n_classes,
           s->n_classes * sizeof *s->p);
}

/* Rows of the photos under way, from the scores of their parts. */
static void take_best(const struct tiles *t, const struct cascade_scores *all,
                      struct cascade_scores *s)
{
    size_t at = 0;

    for (size_t i = 0; i < t->n_photos; i++) {
        size_t row = t->item[i], best = t->parts;

        if (t->why[i].status) {
            continue;
        }
        for (size_t k = 0; k < t->parts; k++) {
            s->seconds[row] += all->seconds[at + k];
            if (is_none(t, all, at + k)) {
                continue;
            }
            best = best == t->parts ||
                           all->p_positive[at + k] > all->p_positive[at + best]
                       ? k
                       : best;
        }
        if (best < t->parts) {
            take_part(s, row, all, at + best);
            note_part(s, row, &t->box[best]);
            t->count->found++;
        }
        at += t->parts;
    }
}

static void drop_crops(struct tiles *t)
{
    for (size_t k = 0; k < t->n_photos * t->parts; k++) {
        nn_image_release(&t->crop[k]);
    }
    t->n_photos = 0;
}

/* The photos under way. One that cannot be cut keeps its row: it was readable
 * a moment ago. */
static enum nn_status look(struct tiles *t, struct cascade_scores *s,
                           struct nn_error *err)
{
    struct cascade_input *in =
        nn_mem_calloc(t->n_photos * t->parts, sizeof *in);
    struct cascade_scores all = CASCADE_SCORES_INIT;
    enum nn_status st = NN_OK;
    size_t n = 0;

    if (in == NULL) {
        return nn_fail_nomem(err);
    }
    nn_parallel_for(t->n_photos, cut_photo, t);
    for (size_t i = 0; i < t->n_photos; i++) {
        if (t->why[i].status == NN_ERR_NOMEM) {
            st = nn_fail_nomem(err);
            goto out;
        }
        for (size_t k = 0; !t->why[i].status && k < t->parts; k++) {
            in[n++].image = &t->crop[i * t->parts + k];
        }
    }
    st = n > 0 ? cascade_score_inputs(t->c, in, n, 0, &all, err) : NN_OK;
    if (st) {
        goto out;
    }
    take_best(t, &all, s);
out:
    cascade_scores_release(&all);
    nn_mem_free(in);
    drop_crops(t);
    return st;
}

static enum nn_status look_at_all(struct tiles *t, struct cascade_scores *s,
                                  struct nn_error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        if (is_none(t, s, i)) {
            t->item[t->n_photos++] = (uint32_t)i;
            t->count->looked++;
        }
        if (t->n_photos == PHOTOS || (i + 1 == s->n && t->n_photos > 0)) {
            enum nn_status st = look(t, s, err);

            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

enum nn_status tiles_look(struct cascade *c, const struct model *m,
                          const struct nn_dataset *ds, int n,
                          struct cascade_scores *s, struct tiles_counts *count,
                          struct nn_error *err)
{
    struct tiles t = { .c = c,
                       .ds = ds,
                       .n = n,
                       .parts = (size_t)n * (size_t)n,
                       .side = model_input_side(m),
                       .count = count };
    enum nn_status st;

    t.box = nn_mem_calloc(t.parts, sizeof *t.box);
    t.crop = nn_mem_calloc(PHOTOS * t.parts, sizeof *t.crop);
    if (t.box == NULL || t.crop == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t k = 0; k < t.parts; k++) {
        t.box[k] = tiles_box(n, (int)k);
    }
    st = look_at_all(&t, s, err);
out:
    nn_mem_free(t.box);
    nn_mem_free(t.crop);
    return st;
}
