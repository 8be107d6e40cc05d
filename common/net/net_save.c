/* A net into a file, alone or on the trunk of another one. */
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/net/net_internal.h"

static enum nn_status save_spec(struct nn_st_writer *w, const char *prefix,
                                const struct nn_net *net)
{
    json_t *j = nn_net_spec_json(net);
    char *text = nn_json_dump(j, JSON_COMPACT | JSON_SORT_KEYS);
    char *key = nn_mem_sprintf("%snet", prefix);
    enum nn_status st = NN_ERR_NOMEM;

    if (text == NULL || key == NULL) {
        goto out;
    }
    st = nn_st_writer_meta(w, key, text);
out:
    json_decref(j);
    nn_mem_free(text);
    nn_mem_free(key);
    return st;
}

enum nn_status nn_net_save(struct nn_st_writer *w, const char *prefix,
                           const struct nn_net *net, enum nn_dtype dtype,
                           struct nn_error *err)
{
    enum nn_status st = save_spec(w, prefix, net);

    if (st) {
        return nn_fail(err, st, "%s", nn_status_str(st));
    }
    st = nn_st_writer_add_params(w, prefix, dtype, net->graph,
                                 net->params.value.data);
    return st ? nn_fail(err, st, "%s", nn_status_str(st)) : NN_OK;
}

/* --- on a trunk --- */

/* The tensor of that name in the other net, when its bits are the same. */
static int has_equal(const struct nn_net *other, const struct nn_net *net,
                     const struct nn_param *p)
{
    const struct nn_param *q = nn_graph_find_param(other->graph, p->name);

    return q != NULL && nn_shape_equal(q->shape, p->shape) &&
           memcmp(other->params.value.data + q->offset,
                  net->params.value.data + p->offset,
                  p->count * sizeof(float)) == 0;
}

int nn_net_same_trunk(const struct nn_net *a, const struct nn_net *b)
{
    int last = nn_graph_last_stage(a->graph);
    const struct nn_param *weight =
        nn_graph_stage_param(a->graph, last, NN_PARAM_WEIGHT);
    const struct nn_param *bias =
        nn_graph_stage_param(a->graph, last, NN_PARAM_BIAS);
    const struct nn_param *p;

    if (a->spec.arch != b->spec.arch) {
        return 0;
    }
    for (size_t i = 0; (p = nn_graph_param(a->graph, i)) != NULL; i++) {
        if (p != weight && p != bias && !has_equal(b, a, p)) {
            return 0;
        }
    }
    return 1;
}

static enum nn_status save_rest(struct nn_st_writer *w, const char *prefix,
                                const struct nn_net *net,
                                const char *trunk_prefix,
                                const struct nn_net *trunk, enum nn_dtype dtype)
{
    char *key = nn_mem_sprintf("%s" NN_TRUNK_KEY, prefix);
    const struct nn_param *p;
    enum nn_status st = NN_ERR_NOMEM;

    if (key == NULL) {
        return st;
    }
    st = nn_st_writer_meta(w, key, trunk_prefix);
    nn_mem_free(key);
    if (st) {
        return st;
    }
    for (size_t i = 0; (p = nn_graph_param(net->graph, i)) != NULL; i++) {
        if (has_equal(trunk, net, p)) {
            continue;
        }
        st = nn_st_writer_add_param(w, prefix, dtype, net->graph, i,
                                    net->params.value.data);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status nn_net_save_on(struct nn_st_writer *w, const char *prefix,
                              const struct nn_net *net,
                              const char *trunk_prefix,
                              const struct nn_net *trunk, enum nn_dtype dtype,
                              struct nn_error *err)
{
    enum nn_status st = save_spec(w, prefix, net);

    if (st) {
        return nn_fail(err, st, "%s", nn_status_str(st));
    }
    st = save_rest(w, prefix, net, trunk_prefix, trunk, dtype);
    return st ? nn_fail(err, st, "%s", nn_status_str(st)) : NN_OK;
}
