/* export: a net of a model file for other programs. */
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cascade/model.h"
#include "pipelines/export/onnx.h"
#include "pipelines/train/pretrain.h"

enum { NET_GATE, NET_SPECIES, NET_RUNG1 };

struct command {
    struct cmd_common common;
    const char *model, *onnx;
    int net;
};

/* --- metadata --- */

static json_t *strings(const char *const *v, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++) {
        nn_json_add(&a, json_string(v[i]));
    }
    return a;
}

static json_t *preprocessing(const struct nn_net_spec *s)
{
    return json_pack(
        "{s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:[f,f,f], s:[f,f,f], "
        "s:s}",
        "reduce_side", (int)s->size, "reduce",
        "first, when the shorter side has more than reduce_side pixels: to "
        "that many, by area averaging, aspect ratio kept (of a large JPEG "
        "partly while decoding)",
        "resize", NN_NET_FIT, "rule",
        "the whole image to size x size pixels, aspect ratio not kept", "size",
        (int)s->size, "filter",
        "bilinear, antialiased (Pillow's BILINEAR), rounded to bytes", "colour",
        "RGB, 0 to 255", "layout", "NCHW", "mean", (double)s->mean[0],
        (double)s->mean[1], (double)s->mean[2], "stddev", (double)s->stddev[0],
        (double)s->stddev[1], (double)s->stddev[2], "normalise",
        "(byte - mean) / stddev for each channel");
}

/* Metadata values are strings: others go in as JSON. The reference is taken
 * over. */
static int set_json(json_t *meta, const char *key, json_t *value)
{
    char *text = nn_json_line(value);
    int failed =
        text == NULL || json_object_set_new(meta, key, json_string(text));

    nn_mem_free(text);
    json_decref(value);
    return failed;
}

/* What every net has; NULL when out of memory. */
static json_t *net_metadata(const struct nn_net *net, const char *name)
{
    json_t *meta = json_pack("{s:s, s:s}", "net", name, "program",
                             "bearcascade " BEARCASCADE_VERSION);

    if (meta == NULL ||
        set_json(meta, "preprocessing", preprocessing(&net->spec)) ||
        set_json(meta, "outputs",
                 strings(net->spec.outputs, net->spec.n_outputs)) ||
        set_json(meta, "temperature", json_real(net->temperature))) {
        json_decref(meta);
        return NULL;
    }
    return meta;
}

/* What turns the numbers of both nets into a verdict; cascade.h. */
static json_t *decision(const struct model *m)
{
    double t1 = m->gate_policy.threshold;
    json_t *j = json_pack("{s:f, s:f}", "gate_threshold", t1, "threshold",
                          model_threshold(m));

    if (m->species != NULL) {
        nn_json_put(&j, "reject_threshold",
                    json_real(m->species_policy.reject_threshold));
    }
    if (model_says_none(m)) {
        nn_json_put(&j, "none_threshold", json_real(m->policy.none_threshold));
        nn_json_put(&j, "gate_weight", json_real(m->policy.gate_weight));
        nn_json_put(&j, "policy", cascade_policy_to_json(&m->policy));
    }
    if (m->rungs.n > 0) {
        nn_json_put(&j, "rungs", rungs_json(&m->rungs));
        nn_json_put(&j, "rungs_rule",
                    json_string("before the gate, in their order: none when "
                                "the probability p of a rung is below its "
                                "threshold; p_gate is then p * min(1, "
                                "gate_threshold / threshold). A rung gets the "
                                "input of the gate"));
    }
    nn_json_put(
        &j, "rule",
        json_string(
            m->species == NULL
                ? "none when p_gate < gate_threshold, else the class"
            : model_says_none(m)
                ? "p_gate: probability of the gate. none when p_gate < "
                  "gate_threshold. Else of the species net: n, its output '-' "
                  "divided by the sum of it and the classes; logit(1 - p_none) "
                  "= logit(1 - n) + gate_weight logit(p_gate); none "
                  "when 1 - p_none < none_threshold; p, the outputs but '-' "
                  "divided by their sum; unknown when the largest, or where "
                  "'?' is an output the sum over the classes, is below "
                  "reject_threshold, else the likeliest class. p_positive: "
                  "p_gate * min(1, threshold / gate_threshold) where p_gate < "
                  "gate_threshold, else 1 - p_none; a positive has p_positive "
                  ">= threshold"
                : "none when p_gate < gate_threshold. Else of the species "
                  "net: unknown when the largest probability is below "
                  "reject_threshold, else its class. p_positive is p_gate"));
    return j;
}

/* --- which net --- */

/* A rung in front of the gate. */
static enum nn_status export_rung(const struct command *c,
                                  const struct model *m, struct nn_error *err)
{
    size_t i = (size_t)(c->net - NET_RUNG1);
    char name[16];
    json_t *meta;
    int failed;
    enum nn_status st;

    if (i >= m->rungs.n) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' has %zu rungs in front of its gate", m->path,
                       m->rungs.n);
    }
    snprintf(name, sizeof name, "rung%d", c->net - NET_RUNG1 + 1);
    meta = net_metadata(m->rungs.v[i].net, name);
    failed = meta == NULL ||
             set_json(meta, "preprocessing", preprocessing(&m->gate->spec)) ||
             set_json(meta, "threshold", json_real(m->rungs.v[i].threshold)) ||
             set_json(meta, "decision", decision(m));
    st = failed ? nn_fail_nomem(err)
                : onnx_write(m->rungs.v[i].net, 1, &m->gate->spec, meta,
                             c->onnx, err);
    json_decref(meta);
    return st;
}

static enum nn_status export_cascade(const struct command *c,
                                     const struct model *m,
                                     struct nn_error *err)
{
    int first = c->net == NET_GATE, failed;
    /* A single model's probabilities are those of its head. */
    int gate = first && m->system == MODEL_CASCADE;
    const struct nn_net *net = first ? m->gate : m->species;
    json_t *meta;
    enum nn_status st;

    if (c->net >= NET_RUNG1) {
        return export_rung(c, m, err);
    }
    if (net == NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' has no species net: one class, or no cascade",
                       m->path);
    }
    meta = net_metadata(net, gate ? "gate" : first ? "single" : "species");
    failed = meta == NULL ||
             json_object_set_new(meta, "system",
                                 json_string(model_system_name(m->system))) ||
             set_json(meta, "classes",
                      strings((const char *const *)m->classes, m->n_classes));
    if (!failed && m->system == MODEL_CASCADE) {
        failed = set_json(meta, "decision", decision(m));
    }
    if (!failed && first) {
        failed =
            set_json(meta, "threshold", json_real(m->gate_policy.threshold)) ||
            set_json(meta, "policy", gate_policy_to_json(&m->gate_policy));
    } else if (!failed) {
        failed = set_json(meta, "reject_threshold",
                          json_real(m->species_policy.reject_threshold)) ||
                 set_json(meta, "policy",
                          species_policy_to_json(&m->species_policy));
    }
    st = failed ? nn_fail_nomem(err)
                : onnx_write(net, gate, NULL, meta, c->onnx, err);
    json_decref(meta);
    return st;
}

static enum nn_status export_backbone(const struct command *c,
                                      const struct nn_st_file *f,
                                      struct nn_error *err)
{
    struct nn_net *net = NULL;
    json_t *meta;
    enum nn_status st = nn_net_load(f, "", &net, err);

    if (st) {
        return st;
    }
    meta = net_metadata(net, "backbone");
    if (meta == NULL ||
        set_json(meta, "classes",
                 strings(net->spec.outputs, net->spec.n_outputs))) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = onnx_write(net, 0, NULL, meta, c->onnx, err);
out:
    json_decref(meta);
    nn_net_destroy(&net);
    return st;
}

/* The path of the file itself, when a run folder is given. */
static char *model_file(const char *path)
{
    return nn_file_is_dir(path) ? nn_path_join(path, "best.safetensors")
                                : nn_mem_strdup(path);
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct command *c = ctx;
    struct nn_error why = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    struct model *m = NULL;
    const char *format;
    char *path = model_file(c->model);
    enum nn_status st;

    (void)line;
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_st_open(path, &f, err);
    if (st) {
        goto out;
    }
    format = nn_st_meta(f, "format");
    if (format != NULL && strcmp(format, PRETRAIN_FORMAT) == 0) {
        st = export_backbone(c, f, &why);
        if (st) {
            nn_fail(err, st, "cannot export '%s': %s", path, why.text);
            goto out;
        }
    } else {
        st = model_load(path, &m, err);
        if (st) {
            goto out;
        }
        st = export_cascade(c, m, err);
        if (st) {
            goto out;
        }
    }
    nn_log(NN_LOG_INFO, "wrote '%s'", c->onnx);
out:
    nn_st_close(&f);
    model_destroy(&m);
    nn_mem_free(path);
    return st;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    const struct command *c = ctx;

    (void)line;
    return c->onnx != NULL ? NN_OK
                           : nn_fail(err, NN_ERR_ARG, "--onnx OUT is needed");
}

int cmd_export(int argc, char **argv)
{
    struct command x = { .net = NET_GATE };
    const struct nn_option table[] = {
        NN_OPT_STRING(
            'm', "model", &x.model, "FILE|RUN",
            "a cascade or a backbone: a .safetensors file or a run folder; "
            "left out: the cascade that came with the program"),
        NN_OPT_STRING('o', "onnx", &x.onnx, "OUT", "file to write"),
        NN_OPT_CHOICE(0, "net", &x.net, "gate|species|rung1|rung2|rung3",
                      "which net of a cascade; rungs are those in front of "
                      "its gate"),
        CMD_COMMON_ROWS(x.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "export",
        .synopsis = "[--model FILE|RUN] --onnx OUT [--net NET]",
        .summary =
            "Write a net as ONNX (opset 17): input image [N,3,S,S], outputs "
            "probabilities (calibrated; of a gate [N,1]) and logits. The "
            "metadata say how an image becomes the input, name classes, "
            "outputs, threshold or reject threshold and temperature, and hold "
            "the decision of a whole cascade (examples/onnx_cascade.py).",
        .table = table,
        .examples = "  bearcascade export --model runs/bears --onnx gate.onnx\n"
                    "  bearcascade export -m runs/bears --net species "
                    "--onnx species.onnx\n",
        .min_operands = 0,
        .max_operands = 0,
    };
    const struct cmd c = {
        .options = &o,
        .common = &x.common,
        .model = &x.model,
        .check = check_usage,
        .run = run,
    };

    return cmd_run(&c, &x, argc, argv);
}
