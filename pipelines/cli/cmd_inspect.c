/* inspect: what a model file or a data set holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/data/data_card.h"
#include "pipelines/cli/inspect_data.h"
#include "pipelines/cli/inspect_weights.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cascade/model_reference.h"

struct inspect {
    struct cmd_common common;
    int json, layers, pairs;
    uint64_t seed;
    struct data_rows data;
};

static void print_views(const struct nn_net_spec *s)
{
    if (s->n_more > 0) {
        printf("  mean of the logits of %zu views: %d px", 1 + s->n_more,
               (int)s->size);
        for (size_t i = 0; i < s->n_more; i++) {
            printf(", %d px%s", (int)s->more[i].size,
                   s->more[i].mirrored ? " mirrored" : "");
        }
        putchar('\n');
    }
}

static void print_net(const char *name, const struct nn_net *net, int layers)
{
    const struct nn_net_spec *s = &net->spec;
    char *text, arch[NN_ARCH_TEXT];

    nn_arch_text(s->arch, s->width, arch);
    printf("%s net: %s, %dx%d px (%s), %zu output%s, %.2f M parameters, %.1f "
           "M multiply-adds, temperature %.3f\n",
           name, arch, s->size, s->size, NN_NET_FIT, s->n_outputs,
           s->n_outputs == 1 ? "" : "s",
           (double)nn_graph_trained_count(net->graph) / 1e6,
           (double)nn_net_macs(net) / 1e6, net->temperature);
    print_views(s);
    if (layers) {
        text = nn_graph_describe(net->graph);
        if (text != NULL) {
            fputs(text, stdout);
        }
        nn_mem_free(text);
    }
}

static void print_json_block(const char *title, const json_t *j)
{
    char *text = nn_json_dump(j, JSON_INDENT(2));

    if (text != NULL) {
        printf("%s: %s\n", title, text);
    }
    nn_mem_free(text);
}

/* The decision of both stages, where both may say none. */
static void print_both(const struct model *m)
{
    char *text;

    if (!model_says_none(m)) {
        return;
    }
    text = cascade_policy_text(&m->policy);
    if (text != NULL) {
        printf("cascade policy: the species net says none below %.4f, "
               "threshold of p_positive %.4f; %s\n",
               m->policy.none_threshold, model_threshold(m), text);
    }
    nn_mem_free(text);
}

static void print_reference(const struct nn_shift_reference *ref)
{
    if (ref->n > 0) {
        printf("summary of %zu validation images (%.0f kB), for classify "
               "--check-shift\n",
               ref->n + ref->rest[0] + ref->rest[1],
               (double)model_reference_bytes(ref) / 1000);
    } else {
        puts("no summary of validation images, for classify --check-shift");
    }
}

/* What a rung hands on, and what the ladder costs where 1 % is positive. */
static void print_rungs(const struct model *m, int layers)
{
    for (size_t i = 0; i < m->rungs.n; i++) {
        const struct rung *r = &m->rungs.v[i];
        char name[16];

        snprintf(name, sizeof name, "rung %zu", i + 1);
        print_net(name, r->net, layers);
        printf("  threshold %.4f; of the validation images %.3f of the "
               "positives and %.3f of the negatives go on\n",
               r->threshold, r->recall, r->fpr);
    }
    if (m->rungs.n > 0) {
        printf("rungs and gate: %.1f M multiply-adds an image where 1 %% is "
               "positive\n",
               rungs_macs(&m->rungs, m->gate, .01) / 1e6);
    }
}

static void print_model(const struct model *m, int layers)
{
    char *policy = gate_policy_text(&m->gate_policy);

    printf("model %s\nsystem %s, classes:", m->path,
           model_system_name(m->system));
    for (size_t k = 0; k < m->n_classes; k++) {
        printf(" %s", m->classes[k]);
    }
    putchar('\n');
    print_rungs(m, layers);
    print_net("gate", m->gate, layers);
    if (policy != NULL) {
        printf("gate policy: %s\n", policy);
    }
    nn_mem_free(policy);
    if (m->species != NULL) {
        print_net("species", m->species, layers);
        if (model_one_trunk(m)) {
            printf("  on the gate's trunk: of an image that passes the gate, "
                   "its classifier alone is computed\n");
        }
        printf("species policy: unknown below %.3f (keeps %.1f %% of %zu "
               "validation images, accuracy %.3f)\n",
               m->species_policy.reject_threshold,
               100 * m->species_policy.coverage, m->species_policy.n,
               m->species_policy.accuracy);
    }
    print_both(m);
    if (m->seen.n[NN_TRAIN] > 0) {
        printf("fingerprints of %zu images trained on, %zu validated on\n",
               m->seen.n[NN_TRAIN], m->seen.n[NN_VALID]);
    }
    print_reference(&m->reference);
    print_json_block("data", m->data);
    print_json_block("training", m->training);
}

static json_t *net_json(const struct nn_net *net)
{
    json_t *j = json_pack(
        "{s:s, s:f, s:i, s:s, s:I, s:I, s:f}", "architecture",
        nn_arch_info(net->spec.arch)->name, "width", (double)net->spec.width,
        "size", (int)net->spec.size, "fit", NN_NET_FIT, "parameters",
        (json_int_t)nn_graph_trained_count(net->graph), "multiply_adds",
        (json_int_t)nn_net_macs(net), "temperature", net->temperature);

    if (net->spec.n_more > 0) {
        nn_json_put(&j, "tta", nn_net_tta_json(&net->spec));
    }
    return j;
}

static json_t *rung_nets_json(const struct rungs *r)
{
    json_t *a = json_array();

    for (size_t i = 0; i < r->n; i++) {
        nn_json_add(&a, net_json(r->v[i].net));
    }
    return a;
}

static enum nn_status print_model_json(const struct model *m,
                                       struct nn_error *err)
{
    json_t *j = json_object(), *classes = json_array();
    enum nn_status st;

    for (size_t k = 0; k < m->n_classes; k++) {
        nn_json_add(&classes, json_string(m->classes[k]));
    }
    nn_json_put(&j, "system", json_string(model_system_name(m->system)));
    nn_json_put(&j, "classes", classes);
    nn_json_put(&j, "gate", net_json(m->gate));
    nn_json_put(&j, "gate_policy", gate_policy_to_json(&m->gate_policy));
    if (m->rungs.n > 0) {
        nn_json_put(&j, "rungs", rungs_json(&m->rungs));
        nn_json_put(&j, "rung_nets", rung_nets_json(&m->rungs));
        nn_json_put(&j, "ladder_multiply_adds_at_1_percent",
                    json_real(rungs_macs(&m->rungs, m->gate, .01)));
    }
    if (m->species != NULL) {
        nn_json_put(&j, "species", net_json(m->species));
        nn_json_put(&j, "one_trunk", json_boolean(model_one_trunk(m)));
        nn_json_put(&j, "species_policy",
                    species_policy_to_json(&m->species_policy));
    }
    if (model_says_none(m)) {
        nn_json_put(&j, "cascade_policy", cascade_policy_to_json(&m->policy));
    }
    if (m->seen.n[NN_TRAIN] > 0) {
        nn_json_put(&j, "seen", nn_seen_json(&m->seen));
    }
    nn_json_put(&j, "reference",
                m->reference.n > 0 ? model_reference_json(&m->reference)
                                   : json_null());
    if (m->data != NULL) {
        nn_json_put(&j, "data", json_incref(m->data));
    }
    if (m->training != NULL) {
        nn_json_put(&j, "training", json_incref(m->training));
    }
    st = nn_json_print(j, stdout, err);
    json_decref(j);
    return st;
}

/* A file that is read but is no model; a damaged one is left to model_load(),
 * which says what is wrong. */
static struct nn_st_file *open_weights(const char *path)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    char *best = NULL;
    const char *format;

    if (nn_file_is_dir(path)) {
        best = nn_path_join(path, "best.safetensors");
        path = best;
    }
    if (path != NULL && nn_st_open(path, &f, &err) == NN_OK) {
        format = nn_st_meta(f, "format");
        if (format != NULL && model_format_known(format)) {
            nn_st_close(&f);
        }
    }
    nn_mem_free(best);
    return f;
}

static enum nn_status inspect_weights(const struct inspect *i,
                                      const struct nn_st_file *f,
                                      const char *path, struct nn_error *err)
{
    if (i->json) {
        return inspect_weights_json(f, i->layers, err);
    }
    inspect_weights_print(f, path, i->layers);
    return NN_OK;
}

static enum nn_status inspect_model(const struct inspect *i, const char *path,
                                    struct nn_error *err)
{
    struct nn_st_file *weights = open_weights(path);
    struct model *m = NULL;
    enum nn_status st;

    if (weights != NULL) {
        st = inspect_weights(i, weights, path, err);
        nn_st_close(&weights);
        return st;
    }
    st = model_load(path, &m, err);
    if (st) {
        return st;
    }
    if (i->json) {
        st = print_model_json(m, err);
    } else {
        print_model(m, i->layers);
    }
    model_destroy(&m);
    return st;
}

static enum nn_status inspect_dataset(const struct inspect *i, const char *path,
                                      int *exit, struct nn_error *err)
{
    struct data_options how = data_rows_options(&i->data, i->seed);
    struct nn_dataset *ds = NULL;
    enum nn_status st;

    how.lists_bad = 1;
    st = data_open(path, &how, &ds, err);
    if (st) {
        return st;
    }
    if (i->json) {
        st = inspect_data_json(ds, err);
    } else {
        inspect_data_print(ds, i->pairs);
    }
    for (size_t k = 0; k < ds->n; k++) {
        if (ds->items[k].bad) {
            *exit = EXIT_SOME_FAILED;
        }
    }
    nn_dataset_close(&ds);
    return st;
}

static int is_model(const char *path)
{
    size_t len = strlen(path);
    char *best;
    int yes;

    if (len > 12 && strcasecmp(path + len - 12, ".safetensors") == 0) {
        return 1;
    }
    best = nn_path_join(path, "best.safetensors");
    yes = best != NULL && nn_file_exists(best);
    nn_mem_free(best);
    return yes;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const char *path = line->operands[0];

    return is_model(path) ? inspect_model(ctx, path, err)
                          : inspect_dataset(ctx, path, &line->exit, err);
}

int cmd_inspect(int argc, char **argv)
{
    struct inspect i = { .pairs = 20, .seed = 1 };
    const struct nn_option table[] = {
        NN_OPT_FLAG(0, "json", &i.json, "one JSON object"),
        NN_OPT_FLAG(0, "layers", &i.layers,
                    "models and weights: a line per layer"),
        NN_OPT_INT(0, "pairs", &i.pairs, "N", 0, 1000000,
                   "data: duplicates and unreadable files to list"),
        NN_OPT_U64('s', "seed", &i.seed, "N",
                   "data: seed of the split, where the folder has none"),
        DATA_ROWS(i.data),
        CMD_COMMON_ROWS(i.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "inspect",
        .synopsis = "MODEL|WEIGHTS|DATA",
        .summary =
            "Show what a model file (or run folder) decides and how, what a "
            "file of weights such as a backbone says of itself, or what a data "
            "set holds: classes, negative families, counts per split, sizes, "
            "unreadable files, and near-duplicates within and across splits.",
        .table = table,
        .examples = "  bearcascade inspect photos\n"
                    "  bearcascade inspect runs/first --layers\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &i.common,
        .run = run,
    };

    return cmd_run(&c, &i, argc, argv);
}
