#include "pipelines/cascade/rung.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/net/format1.h"
#include "stage1_gate/gate.h"

enum { PREFIX = 32 };

double rung_score(double gate_threshold, double threshold, double p)
{
    double g =
        gate_threshold < threshold ? p * (gate_threshold / threshold) : p;

    return g >= gate_threshold ? nextafter(gate_threshold, 0) : g;
}

void rungs_release(struct rungs *r)
{
    for (size_t i = 0; i < r->n; i++) {
        nn_net_destroy(&r->v[i].net);
    }
    r->n = 0;
}

json_t *rungs_json(const struct rungs *r)
{
    json_t *a = json_array();

    for (size_t i = 0; i < r->n; i++) {
        nn_json_add(&a,
                    json_pack("{s:f, s:f, s:f}", "threshold", r->v[i].threshold,
                              "recall", r->v[i].recall, "fpr", r->v[i].fpr));
    }
    return a;
}

double rungs_macs(const struct rungs *r, const struct nn_net *gate,
                  double positive)
{
    double sum = 0, reach = 1;

    for (size_t i = 0; i < r->n; i++) {
        sum += reach * (double)nn_net_macs(r->v[i].net);
        reach = positive * r->v[i].recall + (1 - positive) * r->v[i].fpr;
    }
    return sum + reach * (double)nn_net_macs(gate);
}

/* --- files --------------------------------------------------------------- */

static void name(size_t i, char prefix[PREFIX])
{
    snprintf(prefix, PREFIX, "rung%zu.", i + 1);
}

enum nn_status rungs_save(struct nn_st_writer *w, const struct rungs *r,
                          const struct nn_net *gate, enum nn_dtype dtype,
                          struct nn_error *err)
{
    json_t *j;
    char *text, prefix[PREFIX];
    enum nn_status st;

    if (r->n == 0) {
        return NN_OK;
    }
    j = rungs_json(r);
    text = nn_json_dump(j, JSON_COMPACT);
    json_decref(j);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_st_writer_meta(w, "rungs", text);
    nn_mem_free(text);
    if (st) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        const struct nn_net *net = r->v[i].net;

        name(i, prefix);
        st = nn_net_same_trunk(gate, net)
                 ? nn_net_save_on(w, prefix, net, "gate.", gate, dtype, err)
                 : nn_net_save(w, prefix, net, dtype, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status load_one(const struct nn_st_file *f, const json_t *j,
                               const struct nn_net *gate, struct rungs *r,
                               struct nn_error *err)
{
    struct rung *v = &r->v[r->n];
    char prefix[PREFIX];
    int bad = 0;
    enum nn_status st;

    *v = (struct rung){ .threshold = nn_format1_share(j, "threshold", &bad),
                        .recall = nn_format1_share(j, "recall", &bad),
                        .fpr = nn_format1_share(j, "fpr", &bad) };
    if (bad) {
        return nn_fail(err, NN_ERR_FORMAT, "its rung %zu is damaged", r->n + 1);
    }
    name(r->n, prefix);
    st = nn_net_load(f, prefix, &v->net, err);
    if (st) {
        return st;
    }
    r->n++;
    if (!gate_outputs_ok(v->net)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "the outputs of its rung %zu are not named +class and "
                       "-family",
                       r->n);
    }
    return v->net->spec.size <= gate->spec.size
               ? NN_OK
               : nn_fail(err, NN_ERR_FORMAT,
                         "the input of its rung %zu is larger than that of its "
                         "gate",
                         r->n);
}

enum nn_status rungs_load(const struct nn_st_file *f, const struct nn_net *gate,
                          struct rungs *r, struct nn_error *err)
{
    const char *text = nn_st_meta(f, "rungs");
    json_error_t je;
    json_t *a = NULL;
    enum nn_status st;

    *r = (struct rungs){ .n = 0 };
    if (text == NULL) {
        return NN_OK;
    }
    st = nn_json_load(text, strlen(text), 0, &a, &je);
    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st || !json_is_array(a) || json_array_size(a) < 1 ||
        json_array_size(a) > RUNGS_MAX) {
        st = nn_fail(err, NN_ERR_FORMAT, "its metadata 'rungs' is damaged");
    }
    for (size_t i = 0; !st && i < json_array_size(a); i++) {
        st = load_one(f, json_array_get(a, i), gate, r, err);
    }
    json_decref(a);
    return st;
}
