#include "common/base/json.h"
#include "common/net/net_internal.h"
#include "common/net/format1.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/tensor/loss.h"

enum { MAX_OUTPUTS = 10000, MAX_SIZE = 4096 };

struct nn_net_spec nn_net_spec_defaults(void)
{
    struct nn_net_spec s = {
        .width = 1.0f,
        .size = 128,
        .dropout = 0.2f,
        .head = NN_HEAD_SOFTMAX,
    };

    nn_net_spec_set_arch(&s, NN_ARCH_MOBILENETV4);
    return s;
}

void nn_net_spec_set_arch(struct nn_net_spec *s, enum nn_arch arch)
{
    const struct nn_arch_info *info = nn_arch_info(arch);

    s->arch = arch;
    s->width = info->has_width ? s->width : 1;
    memcpy(s->mean, info->mean, sizeof s->mean);
    memcpy(s->stddev, info->stddev, sizeof s->stddev);
}

/* --- life --- */

static enum nn_status copy_outputs(struct nn_net *net,
                                   const struct nn_net_spec *spec)
{
    char **names = nn_mem_calloc(spec->n_outputs, sizeof *names);

    if (names == NULL) {
        return NN_ERR_NOMEM;
    }
    net->spec.outputs = (const char *const *)names;
    for (size_t i = 0; i < spec->n_outputs; i++) {
        names[i] = nn_mem_strdup(spec->outputs[i]);
        if (names[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return NN_OK;
}

static enum nn_status build(const struct nn_net_spec *spec, int32_t size,
                            struct nn_graph **out, struct nn_error *err)
{
    const struct nn_arch_shape s = { .arch = spec->arch,
                                     .width = spec->width,
                                     .dropout = spec->dropout,
                                     .size = size,
                                     .outputs = spec->n_outputs };

    return nn_arch_build(&s, out, err);
}

static void destroy_graphs(struct nn_net *net)
{
    nn_graph_destroy(&net->graph);
    for (size_t i = 0; i < NN_TTA_MAX - 1; i++) {
        nn_graph_destroy(&net->more[i]);
    }
}

/* The graphs that net->spec asks for. */
static enum nn_status build_graphs(struct nn_net *net, struct nn_error *err)
{
    const struct nn_net_spec *s = &net->spec;
    enum nn_status st = build(s, s->size, &net->graph, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < s->n_more; i++) {
        st = build(s, s->more[i].size, &net->more[i], err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status nn_net_create_empty(const struct nn_net_spec *spec,
                                   struct nn_net **out, struct nn_error *err)
{
    struct nn_net *net = nn_mem_calloc(1, sizeof *net);
    enum nn_status st;

    *out = NULL;
    if (net == NULL) {
        return nn_fail_nomem(err);
    }
    net->spec = *spec;
    net->spec.outputs = NULL;
    net->temperature = 1;
    if (copy_outputs(net, spec)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = build_graphs(net, err);
    if (st) {
        goto out;
    }
    if (nn_params_init(&net->params, net->graph, 0)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    *out = net;
    net = NULL;
out:
    nn_net_destroy(&net);
    return st;
}

enum nn_status nn_net_create(const struct nn_net_spec *spec, uint64_t seed,
                             struct nn_net **out, struct nn_error *err)
{
    enum nn_status st = nn_net_create_empty(spec, out, err);

    if (st) {
        return st;
    }
    nn_params_randomise(&(*out)->params, (*out)->graph, seed);
    return NN_OK;
}

void nn_net_destroy(struct nn_net **np)
{
    struct nn_net *net = *np;
    char **names;

    *np = NULL;
    if (net == NULL) {
        return;
    }
    names = (char **)(uintptr_t)net->spec.outputs;
    for (size_t i = 0; names != NULL && i < net->spec.n_outputs; i++) {
        nn_mem_free(names[i]);
    }
    nn_mem_free(names);
    nn_params_release(&net->params);
    destroy_graphs(net);
    nn_mem_free(net);
}

enum nn_status nn_net_set_tta(struct nn_net *net, const struct nn_tta *views,
                              struct nn_error *err)
{
    struct nn_net made = { .spec = net->spec };
    enum nn_status st;

    if (views->n == 0) {
        return NN_OK;
    }
    made.spec.size = views->v[0].size;
    made.spec.n_more = views->n - 1;
    for (size_t i = 0; i < views->n; i++) {
        if (views->v[i].size > views->v[0].size || views->v[0].mirrored) {
            return nn_fail(
                err, NN_ERR_ARG,
                "the first test-time view must be the largest, and not "
                "mirrored");
        }
        if (i > 0) {
            made.spec.more[i - 1] = views->v[i];
        }
    }
    st = build_graphs(&made, err);
    if (st) {
        destroy_graphs(&made);
        return st;
    }
    destroy_graphs(net);
    net->spec = made.spec;
    net->graph = made.graph;
    memcpy(net->more, made.more, sizeof net->more);
    return NN_OK;
}

struct nn_input nn_net_input(const struct nn_net_spec *s)
{
    struct nn_input in = { .size = s->size, .side = s->size };

    memcpy(in.mean, s->mean, sizeof in.mean);
    memcpy(in.stddev, s->stddev, sizeof in.stddev);
    return in;
}

size_t nn_net_macs(const struct nn_net *net)
{
    size_t n = nn_graph_macs(net->graph);

    for (size_t i = 0; i < net->spec.n_more; i++) {
        n += nn_graph_macs(net->more[i]);
    }
    return n;
}

/* --- writing --- */

static json_t *three(const float v[3])
{
    return json_pack("[f, f, f]", (double)v[0], (double)v[1], (double)v[2]);
}

json_t *nn_net_tta_json(const struct nn_net_spec *s)
{
    json_t *a = s->n_more > 0 ? json_array() : NULL;

    for (size_t i = 0; i < s->n_more; i++) {
        nn_json_add(&a, json_pack("{s:i, s:b}", "size", (int)s->more[i].size,
                                  "mirrored", s->more[i].mirrored));
    }
    return a;
}

json_t *nn_net_spec_json(const struct nn_net *net)
{
    const struct nn_net_spec *s = &net->spec;
    const struct nn_arch_info *arch = nn_arch_info(s->arch);
    int sigmoid = s->head == NN_HEAD_SIGMOID;
    json_t *outputs = json_array(), *j = json_object();

    for (size_t i = 0; i < s->n_outputs; i++) {
        nn_json_add(&outputs, json_string(s->outputs[i]));
    }
    nn_json_put(&j, "architecture", json_string(arch->name));
    if (arch->has_width) {
        nn_json_put(&j, "width", json_real((double)s->width));
    }
    nn_json_put(&j, "size", json_integer(s->size));
    nn_json_put(&j, "dropout", json_real((double)s->dropout));
    nn_json_put(&j, "head", json_string(sigmoid ? "sigmoid" : "softmax"));
    /* One rule; programs up to 1.2 read its name and share. */
    nn_json_put(&j, "fit", json_string(NN_NET_FIT));
    nn_json_put(&j, "crop_share", json_real(1));
    nn_json_put(&j, "mean", three(s->mean));
    nn_json_put(&j, "stddev", three(s->stddev));
    nn_json_put(&j, "outputs", outputs);
    nn_json_put(&j, "temperature", json_real(net->temperature));
    if (s->n_more > 0) {
        nn_json_put(&j, "tta", nn_net_tta_json(s));
    }
    return j;
}

/* --- reading --- */

struct reader {
    const json_t *j;
    const char *prefix;
    struct nn_error *err;
    enum nn_status st; /* sticky */
};

static void bad(struct reader *r, const char *key)
{
    if (r->st) {
        return;
    }
    r->st = nn_fail(r->err, NN_ERR_FORMAT,
                    "its '%snet' metadata has no usable '%s'", r->prefix, key);
}

static double get_number(struct reader *r, const char *key, double lo,
                         double hi)
{
    const json_t *v = json_object_get(r->j, key);
    double x = json_number_value(v);

    if (!json_is_number(v) || !(x >= lo && x <= hi)) {
        bad(r, key);
        return lo;
    }
    return x;
}

static const char *get_text(struct reader *r, const char *key)
{
    const char *s = json_string_value(json_object_get(r->j, key));

    if (s == NULL) {
        bad(r, key);
        return "";
    }
    return s;
}

static void get_three(struct reader *r, const char *key, double lo, float v[3])
{
    const json_t *a = json_object_get(r->j, key);

    for (size_t i = 0; i < 3; i++) {
        double x = json_number_value(json_array_get(a, i));

        if (json_array_size(a) != 3 || !(x >= lo && x <= 1e6)) {
            bad(r, key);
            return;
        }
        v[i] = (float)x;
    }
}

static void read_arch(struct reader *r, struct nn_net_spec *s)
{
    const char *name = get_text(r, "architecture");
    enum nn_arch arch;

    if (r->st) {
        return;
    }
    if (nn_arch_parse(name, &arch)) {
        r->st = nn_fail(r->err, NN_ERR_FORMAT,
                        "its '%snet' is of an unknown architecture, '%.40s'",
                        r->prefix, name);
        return;
    }
    nn_net_spec_set_arch(s, arch);
    if (nn_arch_info(arch)->has_width) {
        s->width = (float)get_number(r, "width", 0.01, 16);
    }
}

static void read_words(struct reader *r, struct nn_net_spec *s)
{
    const char *head = get_text(r, "head");

    if (strcmp(head, "sigmoid") == 0) {
        s->head = NN_HEAD_SIGMOID;
    } else if (strcmp(head, "softmax") == 0) {
        s->head = NN_HEAD_SOFTMAX;
    } else {
        bad(r, "head");
    }
    if (strcmp(get_text(r, "fit"), NN_NET_FIT) != 0) {
        bad(r, "fit");
    }
}

static void read_views(struct reader *r, struct nn_net_spec *s)
{
    const json_t *a = nn_format1_get(r->j, "tta");
    size_t n = json_array_size(a);

    if (a != NULL && (n < 1 || n >= NN_TTA_MAX)) {
        bad(r, "tta");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t size = json_integer_value(json_object_get(v, "size"));
        const json_t *mirrored = json_object_get(v, "mirrored");

        if (size < 32 || size > s->size || s->size > NN_TTA_MAX_SIZE ||
            !json_is_boolean(mirrored)) {
            bad(r, "tta");
            return;
        }
        s->more[i].size = (int32_t)size;
        s->more[i].mirrored = json_is_true(mirrored);
    }
    s->n_more = n;
}

/* Names of outputs, borrowed from the JSON. */
static const char **read_outputs(struct reader *r, size_t *n)
{
    const json_t *a = json_object_get(r->j, "outputs");
    const char **names;

    *n = json_array_size(a);
    if (*n < 1 || *n > MAX_OUTPUTS) {
        bad(r, "outputs");
        return NULL;
    }
    names = nn_mem_calloc(*n, sizeof *names);
    for (size_t i = 0; names != NULL && i < *n; i++) {
        names[i] = json_string_value(json_array_get(a, i));
        if (names[i] == NULL) {
            bad(r, "outputs");
            names[i] = "";
        }
    }
    if (names == NULL && !r->st) {
        r->st = nn_fail_nomem(r->err);
    }
    return names;
}

static enum nn_status read_net(const struct nn_st_file *f, struct reader *r,
                               struct nn_net **out)
{
    struct nn_net_spec s = nn_net_spec_defaults();
    double temperature;
    const char **names;
    enum nn_status st;

    read_arch(r, &s);
    s.size = (int32_t)get_number(r, "size", 32, MAX_SIZE);
    s.dropout = (float)get_number(r, "dropout", 0, 0.99);
    get_number(r, "crop_share", 1, 1);
    temperature = get_number(r, "temperature", 1e-3, 1e3);
    read_words(r, &s);
    read_views(r, &s);
    get_three(r, "mean", 0, s.mean);
    get_three(r, "stddev", 1e-3, s.stddev);
    names = read_outputs(r, &s.n_outputs);
    s.outputs = names;
    st = r->st;
    if (st) {
        goto out;
    }
    st = nn_net_create_empty(&s, out, r->err);
    if (st) {
        goto out;
    }
    (*out)->temperature = temperature;
    st = nn_params_load(f, r->prefix, (*out)->graph, (*out)->params.value.data,
                        1, NULL, r->err);
out:
    nn_mem_free(names);
    return st;
}

enum nn_status nn_net_load(const struct nn_st_file *f, const char *prefix,
                           struct nn_net **out, struct nn_error *err)
{
    char *key = nn_mem_sprintf("%snet", prefix);
    const char *text = key != NULL ? nn_st_meta(f, key) : NULL;
    json_error_t je;
    json_t *j = NULL;
    struct reader r = { j, prefix, err, NN_OK };
    struct nn_net *net = NULL;
    enum nn_status st;

    *out = NULL;
    if (key == NULL) {
        return nn_fail_nomem(err);
    }
    st = text == NULL ? NN_ERR_FORMAT
                      : nn_json_load(text, strlen(text), 0, &j, &je);
    if (st == NN_ERR_NOMEM) {
        nn_fail_nomem(err);
        goto out;
    }
    if (st) {
        nn_fail(err, st, "no usable '%s' in its metadata", key);
        goto out;
    }
    r.j = j;
    st = read_net(f, &r, &net);
    if (st) {
        goto out;
    }
    *out = net;
    net = NULL;
out:
    nn_net_destroy(&net);
    json_decref(j);
    nn_mem_free(key);
    return st;
}

/* Names that two architectures share are no reason to take their weights. */
static enum nn_status check_arch(const struct nn_net *net,
                                 const struct nn_st_file *f, const char *path,
                                 const char *prefix, struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    enum nn_arch arch;
    int known;
    enum nn_status st = nn_arch_of_file(f, prefix, &arch, &known, &why);

    if (st) {
        return nn_fail(err, st, "'%s' %s", path, why.text);
    }
    if (known && arch != net->spec.arch) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' holds weights of %s, and this net is %s", path,
                       nn_arch_info(arch)->title,
                       nn_arch_info(net->spec.arch)->title);
    }
    return NN_OK;
}

enum nn_status nn_net_init_from(struct nn_net *net, const char *path,
                                const char *prefix,
                                struct nn_load_report *report,
                                struct nn_error *err)
{
    struct nn_st_file *f = NULL;
    enum nn_status st = nn_st_open(path, &f, err);

    if (st) {
        return st;
    }
    st = check_arch(net, f, path, prefix, err);
    if (st) {
        goto out;
    }
    st = nn_params_load(f, prefix, net->graph, net->params.value.data, 0,
                        report, err);
    if (st || report->taken > 0) {
        goto out;
    }
    st = nn_params_load(f, "", net->graph, net->params.value.data, 0, report,
                        err);
    if (st || report->taken > 0) {
        goto out;
    }
    st = nn_fail(err, NN_ERR_FORMAT, "no weights of '%s' fit: %s", path,
                 report->mismatched > 0 ? report->first_mismatched
                                        : "other tensor names");
out:
    nn_st_close(&f);
    return st;
}

void nn_net_init_log(const char *who, const char *path,
                     const struct nn_load_report *r)
{
    int all = r->taken + r->missing + r->mismatched;

    nn_log(NN_LOG_INFO, "%s: starts from '%s': %d of %d tensors", who, path,
           r->taken, all);
    if (r->mismatched > 0) {
        nn_log(NN_LOG_INFO,
               "%s: %d of another shape there, left at random: %s%s", who,
               r->mismatched, r->first_mismatched,
               r->mismatched > 1 ? ", ..." : "");
    }
    if (r->missing > 0) {
        nn_log(NN_LOG_INFO, "%s: %d not there, left at random: %s%s", who,
               r->missing, r->first_missing, r->missing > 1 ? ", ..." : "");
    }
    if (r->unused > 0) {
        nn_log(NN_LOG_INFO,
               "%s: %d of the file have no place in this net: %s%s", who,
               r->unused, r->first_unused, r->unused > 1 ? ", ..." : "");
    }
}

void nn_net_probabilities(const struct nn_net *net, const float *logits,
                          float *p)
{
    int32_t k = (int32_t)net->spec.n_outputs;

    if (net->spec.head == NN_HEAD_SOFTMAX) {
        nn_softmax(logits, k, (float)net->temperature, p);
        return;
    }
    for (int32_t i = 0; i < k; i++) {
        p[i] = nn_sigmoid(logits[i] / (float)net->temperature);
    }
}
