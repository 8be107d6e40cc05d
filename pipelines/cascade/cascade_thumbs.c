/* The thumbnails of photos through the gate, before anything is decoded. */
#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/dataset.h"
#include "common/image/thumbnail.h"
#include "pipelines/cascade/cascade_internal.h"

#define NOTE "judged by its EXIF thumbnail"

void cascade_use_thumbnails(struct cascade *c, int yes)
{
    c->thumbnails = yes;
}

int cascade_rejects_clearly(const struct model *m, double p_gate)
{
    double odds = p_gate / (1 - p_gate) * exp(CASCADE_THUMBNAIL_MARGIN);

    return p_gate < 1 && !model_gate_passes(m, odds / (1 + odds));
}

/* Of one photo of a step. */
struct look {
    int good; /* its thumbnail's input is there */
    double seconds;
    struct nn_shot shot;
    enum nn_status status;
};

struct step {
    const struct cascade *c;
    const struct nn_dataset *ds;
    const uint32_t *index; /* of the step's photos */
    size_t n, behind;      /* and how many more follow them */
    struct look *look;     /* [n] */
};

/* A shorter side below 5/8 of the gate's is too coarse for it. */
static int32_t least_side(const struct cascade *c)
{
    return (5 * c->gate_in.side + 7) / 8;
}

/* What cannot be read is told when the photo itself is looked at. */
static void look_at(void *ctx, size_t i)
{
    const struct step *s = ctx;
    const struct cascade *c = s->c;
    size_t floats = (size_t)c->gate_in.size * (size_t)c->gate_in.size * 3;
    struct nn_image img = NN_IMAGE_INIT;
    struct look *l = &s->look[i];
    struct nn_image_info info;
    struct nn_ends ends;
    double since = nn_time_s();

    *l = (struct look){ .good = 0 };
    if (i + s->n < s->n + s->behind) {
        nn_dataset_expect(s->ds, s->index[i + s->n], NN_THUMBNAIL_HEAD);
    }
    l->status = nn_dataset_ends(s->ds, s->index[i], NN_THUMBNAIL_HEAD,
                                NN_THUMBNAIL_TAIL, &ends, NULL);
    if (l->status) {
        return;
    }
    l->status =
        nn_image_thumbnail(ends.bytes, ends.head, ends.bytes + ends.head,
                           ends.tail, least_side(c), &img, &info);
    if (l->status || img.rgb == NULL) {
        goto out;
    }
    l->shot = info.shot;
    l->status = nn_prepare(&c->gate_in, &img, c->gate_x + i * floats, NULL);
    l->good = l->status == NN_OK;
out:
    nn_image_release(&img);
    nn_mem_free(ends.bytes);
    l->seconds = nn_time_s() - since;
}

/* The good ones' inputs side by side; how many they are, or -1: no memory. */
static int32_t gather(const struct step *s)
{
    const struct cascade *c = s->c;
    size_t floats = (size_t)c->gate_in.size * (size_t)c->gate_in.size * 3;
    int32_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->look[i].status == NN_ERR_NOMEM) {
            return -1;
        }
        if (!s->look[i].good) {
            continue;
        }
        if ((size_t)n != i) {
            memcpy(c->gate_x + (size_t)n * floats, c->gate_x + i * floats,
                   floats * sizeof(float));
        }
        n++;
    }
    return n;
}

/* One step of photos from row `from` on; those that are not rejected go to
 * rest. */
static enum nn_status judge(struct cascade_pass *p, const struct step *s,
                            size_t from, uint32_t *rest, size_t *n_rest,
                            struct nn_error *err)
{
    struct cascade *c = p->c;
    struct cascade_scores *out = p->out;
    size_t k = nn_scorer_outputs(c->gate), at = 0;
    int32_t n = gather(s);
    double since = nn_time_s(), spent;
    enum nn_status st;

    if (n < 0) {
        return nn_fail_nomem(err);
    }
    st = n > 0 ? nn_scorer_run(c->gate, c->gate_x, n, c->gate_z, err) : NN_OK;
    if (st) {
        return st;
    }
    spent = nn_time_s() - since;
    for (size_t i = 0; i < s->n; i++) {
        const struct look *l = &s->look[i];
        size_t row = from + i;
        double p_gate = 1;

        out->seconds[row] = l->seconds + (l->good ? spent / n : 0);
        if (l->good) {
            double z = gate_logit(c->model->gate, c->gate_z + at * k);

            p_gate = gate_probability(c->model->gate, z);
        }
        if (l->good && cascade_rejects_clearly(c->model, p_gate)) {
            cascade_put_gate(c->model, c->gate_z + at * k, row, out);
            cascade_note_row(p, row, NOTE, &l->shot);
            out->thumbnail[row] = 1;
        } else {
            rest[(*n_rest)++] = (uint32_t)row;
        }
        at += (size_t)l->good;
    }
    return NN_OK;
}

enum nn_status cascade_look_at_thumbnails(struct cascade_pass *p,
                                          const struct nn_dataset *ds,
                                          const uint32_t *index, size_t n,
                                          uint32_t *rest, size_t *n_rest,
                                          struct nn_error *err)
{
    struct cascade *c = p->c;
    size_t most = (size_t)c->max_batch;
    struct look *look = nn_mem_calloc(most, sizeof *look);
    double since = nn_time_s();
    enum nn_status st;

    *n_rest = 0;
    if (look == NULL) {
        return nn_fail_nomem(err);
    }
    st = cascade_take_inputs(c, &c->gate_in, &c->gate_x, err);
    if (st) {
        goto out;
    }
    for (size_t from = 0; from < n; from += most) {
        size_t here = n - from < most ? n - from : most;
        struct step s = { .c = c,
                          .ds = ds,
                          .index = index + from,
                          .n = here,
                          .behind = n - from - here,
                          .look = look };

        nn_parallel_for(here, look_at, &s);
        st = judge(p, &s, from, rest, n_rest, err);
        if (st) {
            goto out;
        }
    }
    p->out->gate_s += nn_time_s() - since;
out:
    nn_mem_free(look);
    return st;
}
