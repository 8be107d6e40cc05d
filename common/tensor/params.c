/* Parameter arrays: allocation and random start. */
#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/tensor/graph_internal.h"

enum nn_status nn_params_init(struct nn_params *p, const struct nn_graph *g,
                              int with_grad)
{
    *p = (struct nn_params)NN_PARAMS_INIT;
    if (nn_buf_reset(&p->value, g->param_floats) ||
        (with_grad && nn_buf_reset(&p->grad, g->param_floats))) {
        nn_params_release(p);
        return NN_ERR_NOMEM;
    }
    return NN_OK;
}

void nn_params_release(struct nn_params *p)
{
    nn_buf_release(&p->value);
    nn_buf_release(&p->grad);
}

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static void fill(float *v, size_t n, float x)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = x;
    }
}

static void normal(const struct nn_param *q, float *v, uint64_t seed,
                   double stddev)
{
    uint64_t stream = nn_hash_u64(q->name, strlen(q->name), 0);
    struct nn_rng rng = nn_rng_make(seed, stream);

    for (size_t i = 0; i < q->count; i++) {
        v[i] = nn_rng_normal(&rng) * (float)stddev;
    }
}

void nn_params_randomise(struct nn_params *p, const struct nn_graph *g,
                         uint64_t seed)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct nn_node_info *node = &g->node[i];
        const struct nn_param *q =
            node->param >= 0 ? &g->param[node->param] : NULL;
        float *v = q != NULL ? p->value.data + q->offset : NULL;

        if (node->op == NN_OP_BNORM) {
            fill(v, q->count, 1.0f);
            fill(p->value.data + q[NN_BN_BIAS].offset, q->count, 0.0f);
            fill(p->value.data + q[NN_BN_MEAN].offset, q->count, 0.0f);
            fill(p->value.data + q[NN_BN_VAR].offset, q->count, 1.0f);
        } else if (node->op == NN_OP_CONV2D) {
            const struct nn_conv_shape *c = &node->conv;
            double fan_out = (double)c->kh * c->kw * c->oc / c->groups;

            normal(q, v, seed, node->dense ? 0.01 : sqrt(2.0 / fan_out));
            if (node->bias && ends_with(q[1].name, ".bias")) {
                fill(p->value.data + q[1].offset, q[1].count, 0.0f);
            }
        }
    }
}
