/* The rungs in front of the gate, on one batch. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/net/normalise.h"
#include "pipelines/cascade/cascade_internal.h"

/* A rung at work. */
struct step {
    struct nn_scorer *scorer;
    struct nn_tta_scale view; /* from the gate's input to its own */
    float scale[3], shift[3]; /* and from the gate's normalisation */
    int as_is;                /* 1: that is the same */
};

struct ladder {
    const struct model *model;
    size_t floats; /* of a gate's input */
    struct step step[RUNGS_MAX];
    float *x;      /* [max_batch] inputs of a rung */
    float *z;      /* [max_batch] their outputs */
    float *gate_x; /* [max_batch,floats] what the gate gets */
};

/* (byte - mean) / stddev of one from that of the other. */
static void set_normalisation(struct step *s, const struct nn_net_spec *from,
                              const struct nn_net_spec *to)
{
    nn_normalise_anew(from->mean, from->stddev, to->mean, to->stddev, s->scale,
                      s->shift);
    s->as_is = 1;
    for (int c = 0; c < 3; c++) {
        s->as_is &=
            from->stddev[c] == to->stddev[c] && from->mean[c] == to->mean[c];
    }
}

static size_t floats_of(const struct nn_net *net)
{
    return (size_t)net->spec.size * (size_t)net->spec.size * 3;
}

static enum nn_status add_step(struct ladder *l, size_t i, int32_t max_batch,
                               struct nn_error *err)
{
    const struct nn_net *gate = l->model->gate;
    const struct nn_net *net = l->model->rungs.v[i].net;
    const struct nn_tta_view view = { .size = net->spec.size };
    struct step *s = &l->step[i];
    enum nn_status st = nn_scorer_create(net, max_batch, &s->scorer, err);

    if (st) {
        return st;
    }
    set_normalisation(s, &gate->spec, &net->spec);
    return nn_tta_scale_init(&s->view, gate->spec.size, view, err);
}

enum nn_status ladder_create(const struct model *m, int32_t max_batch,
                             struct ladder **out, struct nn_error *err)
{
    struct ladder *l = nn_mem_calloc(1, sizeof *l);
    size_t floats = 0, outputs = 0;
    enum nn_status st = NN_OK;

    *out = NULL;
    if (l == NULL) {
        return nn_fail_nomem(err);
    }
    l->model = m;
    l->floats = floats_of(m->gate);
    for (size_t i = 0; i < m->rungs.n; i++) {
        const struct nn_net *net = m->rungs.v[i].net;

        floats = floats_of(net) > floats ? floats_of(net) : floats;
        outputs = net->spec.n_outputs > outputs ? net->spec.n_outputs : outputs;
        st = add_step(l, i, max_batch, err);
        if (st) {
            goto out;
        }
    }
    l->x = nn_mem_aligned((size_t)max_batch, floats * sizeof *l->x);
    l->z = nn_mem_calloc((size_t)max_batch, outputs * sizeof *l->z);
    l->gate_x = nn_mem_aligned((size_t)max_batch, l->floats * sizeof *l->x);
    if (l->x == NULL || l->z == NULL || l->gate_x == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    *out = l;
    l = NULL;
out:
    ladder_destroy(&l);
    return st;
}

void ladder_destroy(struct ladder **lp)
{
    struct ladder *l = *lp;

    *lp = NULL;
    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < RUNGS_MAX; i++) {
        nn_scorer_destroy(&l->step[i].scorer);
        nn_tta_scale_release(&l->step[i].view);
    }
    nn_mem_free(l->x);
    nn_mem_free(l->z);
    nn_mem_free(l->gate_x);
    nn_mem_free(l);
}

/* The view of one gate's input that a rung sees. */
static void make_view(const struct step *s, const float *in, float *out)
{
    size_t pixels = (size_t)s->view.to * (size_t)s->view.to;

    nn_tta_scale_run(&s->view, in, 1, out);
    for (size_t i = 0; !s->as_is && i < pixels; i++) {
        for (int c = 0; c < 3; c++) {
            out[3 * i + (size_t)c] =
                out[3 * i + (size_t)c] * s->scale[c] + s->shift[c];
        }
    }
}

/* Rung i on the n images of b that are left; their probabilities. */
static enum nn_status look(struct ladder *l, size_t i,
                           const struct cascade_batch *b, const int32_t *left,
                           int32_t n, struct cascade_scores *out,
                           struct nn_error *err)
{
    struct step *s = &l->step[i];
    const struct nn_net *net = nn_scorer_net(s->scorer);
    size_t floats = floats_of(net), k = nn_scorer_outputs(s->scorer);
    enum nn_status st;

    for (int32_t j = 0; j < n; j++) {
        make_view(s, b->input + (size_t)left[j] * l->floats,
                  l->x + (size_t)j * floats);
    }
    st = nn_scorer_run(s->scorer, l->x, n, l->z, err);
    for (int32_t j = 0; !st && j < n; j++) {
        out->p_rung[(size_t)b->row[left[j]] * out->n_rungs + i] =
            gate_probability(net, gate_logit(net, l->z + (size_t)j * k));
    }
    return st;
}

int ladder_rejects(const struct model *m, struct cascade_scores *s, size_t row)
{
    double t1 = m->gate_policy.threshold;

    for (size_t i = 0; i < m->rungs.n; i++) {
        double p = s->p_rung[row * s->n_rungs + i], g, near;

        if (p >= m->rungs.v[i].threshold) {
            continue;
        }
        g = rung_score(t1, m->rungs.v[i].threshold, p);
        s->ok[row] = 1;
        s->rung[row] = (uint8_t)(i + 1);
        s->p_gate[row] = g;
        near = fmin(fmax(g, 1e-12), 1 - 1e-12); /* a finite logit */
        s->gate_z[row] = m->gate->temperature * log(near / (1 - near));
        s->p_positive[row] = model_score(m, g, 0);
        return 1;
    }
    return 0;
}

enum nn_status ladder_look_at_all(struct ladder *l,
                                  const struct cascade_batch *b,
                                  struct cascade_scores *s,
                                  const int32_t *which, int32_t n,
                                  struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (size_t i = 0; !st && n > 0 && i < l->model->rungs.n; i++) {
        st = look(l, i, b, which, n, s, err);
    }
    return st;
}

enum nn_status ladder_climb(struct ladder *l, const struct cascade_batch *b,
                            struct cascade_scores *s, int32_t *left,
                            int32_t *n_left, const float **input,
                            struct nn_error *err)
{
    int32_t n = *n_left;

    for (size_t i = 0; n > 0 && i < l->model->rungs.n; i++) {
        double t = l->model->rungs.v[i].threshold;
        enum nn_status st = look(l, i, b, left, n, s, err);
        int32_t m = 0;

        if (st) {
            return st;
        }
        for (int32_t j = 0; j < n; j++) {
            size_t row = b->row[left[j]];

            if (s->p_rung[row * s->n_rungs + i] >= t) {
                left[m++] = left[j];
            } else {
                ladder_rejects(l->model, s, row);
            }
        }
        n = m;
    }
    *n_left = n;
    *input = b->input;
    if (n == b->n) { /* all of them, where they lie */
        return NN_OK;
    }
    for (int32_t j = 0; j < n; j++) {
        memcpy(l->gate_x + (size_t)j * l->floats,
               b->input + (size_t)left[j] * l->floats,
               l->floats * sizeof(float));
    }
    *input = l->gate_x;
    return NN_OK;
}
