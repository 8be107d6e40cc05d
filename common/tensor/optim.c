#include "common/tensor/optim.h"

#include <math.h>
#include <string.h>

#include "common/base/parallel.h"

/* Floats per chunk: a fixed cut, so sums do not depend on the threads. */
enum { OPTIM_CHUNK = 16384 };

static size_t chunks_of(size_t n)
{
    return (n + OPTIM_CHUNK - 1) / OPTIM_CHUNK;
}

struct nn_optim_options nn_optim_defaults(enum nn_optim_kind kind)
{
    return (struct nn_optim_options){
        .kind = kind,
        .momentum = 0.9f,
        .nesterov = 1,
        .beta1 = 0.9f,
        .beta2 = 0.999f,
        .epsilon = 1e-8f,
        .weight_decay = kind == NN_OPTIM_ADAMW ? 0.05f : 1e-4f,
    };
}

enum nn_status nn_optim_init(struct nn_optim *o, const struct nn_graph *g,
                             const struct nn_optim_options *opt)
{
    *o = (struct nn_optim){ .opt = *opt };
    if (nn_buf_reset(&o->m, nn_graph_param_count(g)) ||
        (opt->kind == NN_OPTIM_ADAMW &&
         nn_buf_reset(&o->v, nn_graph_param_count(g)))) {
        nn_optim_release(o);
        return NN_ERR_NOMEM;
    }
    return NN_OK;
}

void nn_optim_release(struct nn_optim *o)
{
    nn_buf_release(&o->m);
    nn_buf_release(&o->v);
}

/* --- updates ---------------------------------------------------------------
 */

struct update {
    const struct nn_optim_options *opt;
    size_t n;
    float *w, *m, *v;
    const float *g;
    float lr, decay;        /* decay already switched off where it must be */
    float step_size, bias2; /* AdamW: lr / (1 - b1^t), sqrt(1 - b2^t) */
};

static void sgd_chunk(void *ctx, size_t chunk)
{
    const struct update *u = ctx;
    size_t from = chunk * OPTIM_CHUNK;
    size_t to = from + OPTIM_CHUNK < u->n ? from + OPTIM_CHUNK : u->n;
    float mu = u->opt->momentum;

    for (size_t i = from; i < to; i++) {
        float g = u->g[i] + u->decay * u->w[i];
        float v = mu * u->m[i] + g;

        u->m[i] = v;
        u->w[i] -= u->lr * (u->opt->nesterov ? g + mu * v : v);
    }
}

static void adamw_chunk(void *ctx, size_t chunk)
{
    const struct update *u = ctx;
    size_t from = chunk * OPTIM_CHUNK;
    size_t to = from + OPTIM_CHUNK < u->n ? from + OPTIM_CHUNK : u->n;
    float b1 = u->opt->beta1, b2 = u->opt->beta2, eps = u->opt->epsilon;
    float shrink = 1.0f - u->lr * u->decay, unbias = 1.0f / u->bias2;

    for (size_t i = from; i < to; i++) {
        float g = u->g[i];
        float m = b1 * u->m[i] + (1.0f - b1) * g;
        float v = b2 * u->v[i] + (1.0f - b2) * g * g;

        u->m[i] = m;
        u->v[i] = v;
        u->w[i] =
            u->w[i] * shrink - u->step_size * m / (sqrtf(v) * unbias + eps);
    }
}

struct step_job {
    struct nn_optim *o;
    const struct nn_graph *g;
    struct nn_params *p;
    double lr;
    const float *lr_scale;
};

static void all_updates(void *ctx)
{
    const struct step_job *j = ctx;
    const struct nn_optim *o = j->o;
    const struct nn_params *p = j->p;
    double t = (double)o->step;
    int adamw = o->opt.kind == NN_OPTIM_ADAMW;
    const struct nn_param *q;

    for (size_t i = 0; (q = nn_graph_param(j->g, i)) != NULL; i++) {
        double rate =
            j->lr * (j->lr_scale != NULL ? (double)j->lr_scale[i] : 1);
        struct update u = { .opt = &o->opt, .n = q->count };

        if (!q->trained || !(rate > 0)) {
            continue;
        }
        u.w = p->value.data + q->offset;
        u.g = p->grad.data + q->offset;
        u.m = o->m.data + q->offset;
        u.v = adamw ? o->v.data + q->offset : NULL;
        u.lr = (float)rate;
        u.decay = q->decay ? o->opt.weight_decay : 0.0f;
        if (adamw) {
            u.step_size = (float)(rate / (1 - pow((double)o->opt.beta1, t)));
            u.bias2 = (float)sqrt(1 - pow((double)o->opt.beta2, t));
        }
        nn_parallel_for(chunks_of(u.n), adamw ? adamw_chunk : sgd_chunk, &u);
    }
}

void nn_optim_step(struct nn_optim *o, const struct nn_graph *g,
                   struct nn_params *p, double lr, const float *lr_scale)
{
    struct step_job j = { o, g, p, lr, lr_scale };

    o->step++;
    nn_parallel_team(all_updates, &j);
}

/* --- clipping --------------------------------------------------------------
 */

enum { CLIP_PARTS = 64 };

struct clip {
    float *v;
    size_t n;
    float scale;
    double part[CLIP_PARTS]; /* one per chunk in work */
};

/* Eight float lanes over blocks of 256, the blocks summed in double. */
static void square_chunk(void *ctx, size_t chunk)
{
    struct clip *c = ctx;
    size_t from = chunk * OPTIM_CHUNK;
    size_t to = from + OPTIM_CHUNK < c->n ? from + OPTIM_CHUNK : c->n;
    double sum = 0;

    for (size_t at = from; at < to; at += 256) {
        size_t n = to - at < 256 ? to - at : 256, i = 0;
        const float *v = c->v + at;
        float lane[8] = { 0 };

        for (; i + 8 <= n; i += 8) {
            for (size_t j = 0; j < 8; j++) {
                lane[j] += v[i + j] * v[i + j];
            }
        }
        for (; i < n; i++) {
            sum += (double)v[i] * (double)v[i];
        }
        for (size_t j = 0; j < 8; j++) {
            sum += (double)lane[j];
        }
    }
    c->part[chunk] = sum;
}

static double sum_squares(float *v, size_t n)
{
    size_t max = (size_t)CLIP_PARTS * OPTIM_CHUNK;
    double sum = 0;

    for (size_t at = 0; at < n; at += max) {
        struct clip c = { .v = v + at, .n = n - at < max ? n - at : max };
        size_t parts = chunks_of(c.n);

        nn_parallel_for(parts, square_chunk, &c);
        for (size_t i = 0; i < parts; i++) {
            sum += c.part[i];
        }
    }
    return sum;
}

static void scale_chunk(void *ctx, size_t chunk)
{
    const struct clip *c = ctx;
    size_t from = chunk * OPTIM_CHUNK;
    size_t to = from + OPTIM_CHUNK < c->n ? from + OPTIM_CHUNK : c->n;

    for (size_t i = from; i < to; i++) {
        c->v[i] *= c->scale;
    }
}

struct clip_job {
    const struct nn_params *p;
    const struct nn_graph *g;
    double max_norm, norm;
};

static void clip_all(void *ctx)
{
    struct clip_job *j = ctx;
    float *grad = j->p->grad.data;
    const struct nn_param *q;
    double sum = 0;

    for (size_t i = 0; (q = nn_graph_param(j->g, i)) != NULL; i++) {
        if (q->trained) {
            sum += sum_squares(grad + q->offset, q->count);
        }
    }
    j->norm = sqrt(sum);
    if (!(j->max_norm > 0) || !(j->norm > j->max_norm)) {
        return;
    }
    for (size_t i = 0; (q = nn_graph_param(j->g, i)) != NULL; i++) {
        struct clip c = { .v = grad + q->offset, .n = q->count };

        c.scale = (float)(j->max_norm / (j->norm + 1e-6));
        if (q->trained) {
            nn_parallel_for(chunks_of(c.n), scale_chunk, &c);
        }
    }
}

double nn_grad_clip(struct nn_params *p, const struct nn_graph *g,
                    double max_norm)
{
    struct clip_job j = { p, g, max_norm, 0 };

    nn_parallel_team(clip_all, &j);
    return j.norm;
}

static void clear_chunk(void *ctx, size_t chunk)
{
    const struct nn_buf *grad = ctx;
    size_t from = chunk * OPTIM_CHUNK, n = grad->count - from;

    memset(grad->data + from, 0,
           (n < OPTIM_CHUNK ? n : OPTIM_CHUNK) * sizeof(float));
}

void nn_grad_clear(struct nn_params *p)
{
    nn_parallel_for(chunks_of(p->grad.count), clear_chunk, &p->grad);
}

/* --- averages and schedules ------------------------------------------------
 */

struct ema {
    float *avg;
    const float *value;
    size_t n;
    float keep;
};

static void ema_chunk(void *ctx, size_t chunk)
{
    const struct ema *e = ctx;
    size_t from = chunk * OPTIM_CHUNK;
    size_t to = from + OPTIM_CHUNK < e->n ? from + OPTIM_CHUNK : e->n;

    for (size_t i = from; i < to; i++) {
        e->avg[i] = e->value[i] + e->keep * (e->avg[i] - e->value[i]);
    }
}

void nn_ema_update(struct nn_buf *avg, const struct nn_params *p, double decay,
                   int64_t t)
{
    double early = (1.0 + (double)t) / (10.0 + (double)t);
    struct ema e = { avg->data, p->value.data, avg->count,
                     (float)(early < decay ? early : decay) };

    nn_parallel_for(chunks_of(e.n), ema_chunk, &e);
}

/* From a to b along half a cosine, x in 0..1. */
static double cosine(double a, double b, double x)
{
    return b + (a - b) * 0.5 * (1 + cos(3.141592653589793 * x));
}

double nn_schedule_at(const struct nn_schedule *s, int64_t step, int64_t total)
{
    double warm = s->warmup_share * (double)total;
    double at = (double)step, rest = (double)(total - 1) - warm;
    double x = rest > 0 ? (at - warm) / rest : 1;

    if (s->kind == NN_SCHEDULE_CONSTANT) {
        return s->peak;
    }
    x = x < 1 ? x : 1;
    if (s->kind == NN_SCHEDULE_COSINE) {
        if (at < warm) {
            return s->peak * (at + 1) / (warm + 1);
        }
        return cosine(s->peak, s->peak * s->final_share, x);
    }
    if (at < warm) {
        return cosine(s->peak / 25, s->peak, at / warm);
    }
    return cosine(s->peak, s->peak / 1e4, x);
}
