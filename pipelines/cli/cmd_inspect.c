/* inspect: what a model file or a data set holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/data/data_card.h"
#include "pipelines/cli/inspect_data.h"
#include "pipelines/cli/inspect_weights.h"
#include "pipelines/cascade/model.h"

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
    char *text;

    printf("%s net: MobileNetV4-Conv-Small x %.2f, %dx%d px (%s), %zu "
           "output%s, %.2f M parameters, %.1f M multiply-adds, temperature "
           "%.3f\n",
           name, (double)s->width, s->size, s->size, nn_fit_name(s->fit),
           s->n_outputs, s->n_outputs == 1 ? "" : "s",
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
    char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));

    if (text != NULL) {
        printf("%s: %s\n", title, text);
    }
    free(text);
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
    print_net("gate", m->gate, layers);
    if (policy != NULL) {
        printf("gate policy: %s\n", policy);
    }
    nn_mem_free(policy);
    if (m->species != NULL) {
        print_net("species", m->species, layers);
        printf("species policy: unknown_bear below %.3f (keeps %.1f %% of %zu "
               "validation pictures, accuracy %.3f)\n",
               m->species_policy.floor, 100 * m->species_policy.keep_rate,
               m->species_policy.n, m->species_policy.accuracy);
    }
    print_json_block("data", m->data);
    print_json_block("training", m->training);
}

static json_t *net_json(const struct nn_net *net)
{
    return json_pack("{s:f, s:i, s:s, s:I, s:I, s:f, s:o*}", "width",
                     (double)net->spec.width, "size", (int)net->spec.size,
                     "fit", nn_fit_name(net->spec.fit), "parameters",
                     (json_int_t)nn_graph_trained_count(net->graph),
                     "multiply_adds", (json_int_t)nn_net_macs(net),
                     "temperature", net->temperature, "test_views",
                     nn_net_views_json(&net->spec));
}

static void print_model_json(const struct model *m)
{
    json_t *j = json_object(), *classes = json_array();

    for (size_t k = 0; k < m->n_classes; k++) {
        json_array_append_new(classes, json_string(m->classes[k]));
    }
    json_object_set_new(j, "system", json_string(model_system_name(m->system)));
    json_object_set_new(j, "classes", classes);
    json_object_set_new(j, "gate", net_json(m->gate));
    json_object_set_new(j, "gate_policy", gate_policy_to_json(&m->gate_policy));
    if (m->species != NULL) {
        json_object_set_new(j, "species", net_json(m->species));
        json_object_set_new(j, "species_policy",
                            species_policy_to_json(&m->species_policy));
    }
    if (m->data != NULL) {
        json_object_set(j, "data", m->data);
    }
    if (m->training != NULL) {
        json_object_set(j, "training", m->training);
    }
    json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(j);
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
        if (format != NULL && strcmp(format, MODEL_FORMAT) == 0) {
            nn_st_close(&f);
        }
    }
    nn_mem_free(best);
    return f;
}

static int inspect_model(const char *path, int json, int layers)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *weights = open_weights(path);
    struct model *m = NULL;
    int status = EXIT_DONE;

    if (weights != NULL) {
        if (!json) {
            inspect_weights_print(weights, path, layers);
        } else if (inspect_weights_json(weights, layers)) {
            status = EXIT_FAILED;
        }
        nn_st_close(&weights);
        return status;
    }
    if (model_load(path, &m, &err)) {
        return cmd_fail("inspect", &err);
    }
    if (json) {
        print_model_json(m);
    } else {
        print_model(m, layers);
    }
    model_destroy(&m);
    return EXIT_DONE;
}

static int inspect_dataset(const char *path, int json, int pairs, uint64_t seed)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = NULL;
    size_t bad = 0;
    int status = EXIT_DONE;

    if (data_open(path, seed, &ds, &err)) {
        return cmd_fail("inspect", &err);
    }
    if (json) {
        status = inspect_data_json(ds) ? EXIT_FAILED : EXIT_DONE;
    } else {
        inspect_data_print(ds, pairs);
    }
    for (size_t i = 0; i < ds->n; i++) {
        bad += ds->items[i].bad != 0;
    }
    nn_dataset_close(&ds);
    return status == EXIT_DONE && bad > 0 ? EXIT_SOME_FAILED : status;
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

int cmd_inspect(int argc, char **argv)
{
    struct cmd_common common = { 0, 0 };
    int json = 0, layers = 0, pairs = 20, n = 0, status;
    uint64_t seed = 1;
    const struct nn_option table[] = {
        { "json", 0, NN_OPT_FLAG, &json, NULL, "one JSON object", 0, 0 },
        { "layers", 0, NN_OPT_FLAG, &layers, NULL,
          "models and weights: a line per layer", 0, 0 },
        { "pairs", 0, NN_OPT_INT, &pairs, "N",
          "data: duplicates and unreadable files to list", 0, 1000000 },
        { "seed", 's', NN_OPT_U64, &seed, "N",
          "data: seed of the split, where the folder has none", 0, 0 },
        CMD_COMMON_ROWS(common),
        CMD_TABLE_END,
    };
    const struct nn_options o = {
        .command = "inspect",
        .synopsis = "MODEL|WEIGHTS|DATA",
        .summary =
            "Show what a model file (or run folder) decides and how, "
            "what a file of weights such as a backbone says of itself, "
            "or what a data set holds: classes, negative families, counts "
            "per split, sizes, unreadable files, and near-duplicates "
            "within and across splits.",
        .table = table,
        .examples = "  bearcascade inspect photos\n"
                    "  bearcascade inspect runs/first --layers\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);
    struct nn_error err = NN_ERROR_INIT;

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return cmd_fail("inspect", &err);
    }
    status = cmd_parse(&o, argc, argv, operands, &n);
    if (status < 0) {
        cmd_apply_common(&common);
        status = is_model(operands[0])
                     ? inspect_model(operands[0], json, layers)
                     : inspect_dataset(operands[0], json, pairs, seed);
    }
    nn_mem_free(operands);
    return status;
}
