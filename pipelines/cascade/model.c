#include "pipelines/cascade/model.h"

#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/feature_rows.h"
#include "pipelines/cascade/baseline_score.h"
#include "pipelines/cascade/model_reference.h"

static const char *const system_names[MODEL_SYSTEMS] = {
    "cascade", "multilabel", "softmax-none", "softmax-max"
};

const char *model_system_name(enum model_system s)
{
    return system_names[s];
}

int model_says_none(const struct model *m)
{
    return m->species != NULL && m->species->spec.n_outputs > m->n_classes;
}

const struct nn_net *model_strong_net(const struct model *m)
{
    return m->species != NULL ? m->species : m->gate;
}

int32_t model_input_side(const struct model *m)
{
    int32_t gate = m->gate->spec.size;

    return m->species != NULL && m->species->spec.size > gate
               ? m->species->spec.size
               : gate;
}

int model_one_trunk(const struct model *m)
{
    const struct nn_net_spec *a = &m->gate->spec, *b;

    if (m->species == NULL) {
        return 0;
    }
    b = &m->species->spec;
    return a->size == b->size && a->n_more == 0 && b->n_more == 0 &&
           memcmp(a->mean, b->mean, sizeof a->mean) == 0 &&
           memcmp(a->stddev, b->stddev, sizeof a->stddev) == 0 &&
           nn_net_same_trunk(m->gate, m->species);
}

int model_says_unknown(const struct model *m)
{
    return m->species != NULL && species_says_unknown(m->species, m->n_classes);
}

double model_threshold(const struct model *m)
{
    if (m->threshold_given) {
        return m->threshold;
    }
    return model_says_none(m)
               ? cascade_policy_threshold(m->policy.none_threshold)
               : m->gate_policy.threshold;
}

double model_score(const struct model *m, double p_gate, double p_none)
{
    return model_says_none(m)
               ? cascade_policy_score(m->gate_policy.threshold,
                                      m->policy.none_threshold, p_gate, p_none)
               : p_gate;
}

int model_gate_passes(const struct model *m, double p_gate)
{
    double t = m->gate_policy.threshold;

    if (!model_says_none(m)) {
        return p_gate >= model_threshold(m);
    }
    return p_gate >= t ||
           (m->threshold_given && model_score(m, p_gate, 0) >= m->threshold);
}

enum nn_status model_set_threshold(struct model *m, double p,
                                   struct nn_error *err)
{
    if (!(p >= 0 && p <= 1)) {
        return nn_fail(err, NN_ERR_ARG, "a threshold of %g is not in 0..1", p);
    }
    m->threshold_given = 1;
    m->threshold = p;
    return NN_OK;
}

enum nn_status model_set_reject_threshold(struct model *m, double p,
                                          struct nn_error *err)
{
    if (!(p >= 0 && p <= 1)) {
        return nn_fail(err, NN_ERR_ARG, "unknown below %g is not in 0..1", p);
    }
    if (m->species == NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' never says unknown: that takes a cascade of two "
                       "or more classes",
                       m->path != NULL ? m->path : "the model");
    }
    m->species_policy.reject_threshold = p;
    m->reject_given = 1;
    return NN_OK;
}

static enum nn_status set_classes(struct model *m, size_t n,
                                  const char *(*name)(const void *, size_t),
                                  const void *ctx, struct nn_error *err)
{
    m->classes = nn_mem_calloc(n, sizeof *m->classes);
    if (m->classes == NULL) {
        return nn_fail_nomem(err);
    }
    m->n_classes = n;
    for (size_t i = 0; i < n; i++) {
        m->classes[i] = nn_mem_strdup(name(ctx, i));
        if (m->classes[i] == NULL) {
            return nn_fail_nomem(err);
        }
    }
    return NN_OK;
}

static const char *dataset_class(const void *ctx, size_t i)
{
    const struct nn_dataset *ds = ctx;

    return ds->classes[i];
}

static const char *json_class(const void *ctx, size_t i)
{
    return json_string_value(json_array_get(ctx, i));
}

enum nn_status model_create(const struct nn_dataset *ds, struct model **out,
                            struct nn_error *err)
{
    struct model *m;
    enum nn_status st;

    *out = NULL;
    if (ds->n_classes < 1 || ds->n_classes > MODEL_MAX_CLASSES) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' has %zu classes; 1 to %d are possible", ds->path,
                       ds->n_classes, MODEL_MAX_CLASSES);
    }
    m = nn_mem_calloc(1, sizeof *m);
    if (m == NULL) {
        return nn_fail_nomem(err);
    }
    m->system = MODEL_CASCADE;
    st = set_classes(m, ds->n_classes, dataset_class, ds, err);
    if (st) {
        model_destroy(&m);
        return st;
    }
    *out = m;
    return NN_OK;
}

void model_destroy(struct model **mp)
{
    struct model *m = *mp;

    *mp = NULL;
    if (m == NULL) {
        return;
    }
    rungs_release(&m->rungs);
    nn_net_destroy(&m->gate);
    nn_net_destroy(&m->species);
    for (size_t i = 0; m->classes != NULL && i < m->n_classes; i++) {
        nn_mem_free(m->classes[i]);
    }
    nn_mem_free(m->classes);
    json_decref(m->data);
    json_decref(m->training);
    nn_seen_release(&m->seen);
    nn_shift_release(&m->reference);
    nn_mem_free(m->path);
    nn_mem_free(m);
}

/* --- reading ----------------------------------------------------------- */

static enum nn_status get_json(const struct nn_st_file *f, const char *key,
                               int required, json_t **out, struct nn_error *err)
{
    const char *text = nn_st_meta(f, key);
    json_error_t je;
    enum nn_status st;

    *out = NULL;
    if (text == NULL) {
        if (!required) {
            return NN_OK;
        }
        return nn_fail(err, NN_ERR_FORMAT, "no '%s' in its metadata", key);
    }
    st = nn_json_load(text, strlen(text), 0, out, &je);
    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return nn_fail(err, NN_ERR_FORMAT, "its metadata '%s' is damaged: %s",
                       key, je.text);
    }
    return NN_OK;
}

int model_format_known(const char *format)
{
    return strcmp(format, MODEL_FORMAT) == 0 ||
           strcmp(format, MODEL_FORMAT_1) == 0 ||
           strcmp(format, MODEL_FORMAT_3) == 0;
}

static enum nn_status read_header(const struct nn_st_file *f, struct model *m,
                                  struct nn_error *err)
{
    const char *format = nn_st_meta(f, "format");
    const char *system = nn_st_meta(f, "system");

    if (format == NULL || !model_format_known(format)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "not a '%s' file (its format is '%s')", MODEL_FORMAT,
                       format != NULL ? format : "not given");
    }
    for (int s = 0; system != NULL && s < MODEL_SYSTEMS; s++) {
        if (strcmp(system, system_names[s]) == 0) {
            m->system = (enum model_system)s;
            return NN_OK;
        }
    }
    return nn_fail(err, NN_ERR_FORMAT, "its system '%s' is not known",
                   system != NULL ? system : "");
}

static enum nn_status read_classes(const struct nn_st_file *f, struct model *m,
                                   struct nn_error *err)
{
    json_t *a;
    enum nn_status st = get_json(f, "classes", 1, &a, err);
    size_t n = json_array_size(a);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        if (!json_is_string(json_array_get(a, i))) {
            n = 0;
        }
    }
    if (n < 1 || n > MODEL_MAX_CLASSES) {
        st = nn_fail(err, NN_ERR_FORMAT, "its class list is damaged");
    } else {
        st = set_classes(m, n, json_class, a, err);
    }
    json_decref(a);
    return st;
}

/* The classes stand in one order everywhere; `sign` bytes are in front of the
 * names of the outputs. */
static enum nn_status same_order(const struct model *m,
                                 const struct nn_net *net, const char *who,
                                 size_t sign, struct nn_error *err)
{
    for (size_t i = 0; i < m->n_classes; i++) {
        const char *name = net->spec.outputs[i] + sign;

        if (strcmp(name, m->classes[i]) != 0) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "its class %zu is '%s' but its %s says '%s'", i,
                           m->classes[i], who, name);
        }
    }
    return NN_OK;
}

static enum nn_status read_gate(const struct nn_st_file *f, struct model *m,
                                struct nn_error *err)
{
    json_t *j;
    enum nn_status st = get_json(f, "gate.policy", 1, &j, err);

    if (st) {
        return st;
    }
    st = gate_policy_from_json(j, &m->gate_policy, err);
    json_decref(j);
    if (st) {
        return st;
    }
    st = nn_net_load(f, "gate.", &m->gate, err);
    if (st) {
        return st;
    }
    if (m->system != MODEL_CASCADE) {
        return baseline_outputs_ok(m->system, m->gate, m->n_classes)
                   ? same_order(m, m->gate, "net", 1, err)
                   : nn_fail(err, NN_ERR_FORMAT,
                             "its outputs are not those of a %s model",
                             model_system_name(m->system));
    }
    if (!gate_outputs_ok(m->gate)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "its gate's outputs are not named +class and -family");
    }
    return rungs_load(f, m->gate, &m->rungs, err);
}

/* Outputs and thresholds of a species net that may say none. */
static enum nn_status read_none(const struct nn_st_file *f, struct model *m,
                                struct nn_error *err)
{
    json_t *j;
    enum nn_status st;

    if (!species_says_none(m->species, m->n_classes)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "its species net has %zu outputs for %zu classes",
                       m->species->spec.n_outputs, m->n_classes);
    }
    st = get_json(f, "cascade.policy", 1, &j, err);
    if (st) {
        return st;
    }
    st = cascade_policy_from_json(j, &m->policy, err);
    json_decref(j);
    return st;
}

static enum nn_status read_species(const struct nn_st_file *f, struct model *m,
                                   struct nn_error *err)
{
    json_t *j;
    enum nn_status st;

    if (m->n_classes == 1 || m->system != MODEL_CASCADE) {
        return NN_OK;
    }
    st = get_json(f, "species.policy", 1, &j, err);
    if (st) {
        return st;
    }
    st = species_policy_from_json(j, &m->species_policy, err);
    json_decref(j);
    if (st) {
        return st;
    }
    st = nn_net_load(f, "species.", &m->species, err);
    if (st) {
        return st;
    }
    if (m->species->spec.n_outputs != m->n_classes) {
        st = read_none(f, m, err);
        if (st) {
            return st;
        }
    }
    return same_order(m, m->species, "species net", 0, err);
}

static enum nn_status read_seen(const struct nn_st_file *f, struct model *m,
                                struct nn_error *err)
{
    json_t *j;
    enum nn_status st = get_json(f, "seen", 0, &j, err);

    if (st || j == NULL) {
        return st;
    }
    st = nn_seen_parse(j, &m->seen, err);
    json_decref(j);
    return st;
}

static enum nn_status read_model(const struct nn_st_file *f, struct model *m,
                                 struct nn_error *err)
{
    enum nn_status st = read_header(f, m, err);

    if (st) {
        return st;
    }
    st = read_classes(f, m, err);
    if (st) {
        return st;
    }
    st = read_gate(f, m, err);
    if (st) {
        return st;
    }
    st = read_species(f, m, err);
    if (st) {
        return st;
    }
    st = get_json(f, "data", 0, &m->data, err);
    if (st) {
        return st;
    }
    st = read_seen(f, m, err);
    if (st) {
        return st;
    }
    st = model_reference_get(f, nn_feature_dims(model_strong_net(m)),
                             &m->reference, err);
    if (st) {
        return st;
    }
    return get_json(f, "training", 0, &m->training, err);
}

/* A model of the file f, whose name is known already. */
static enum nn_status load(const struct nn_st_file *f, const char *name,
                           struct model *m, struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    enum nn_status st = read_model(f, m, &why);

    if (st) {
        return nn_fail(err, st, "cannot use model '%s': %s", name, why.text);
    }
    return NN_OK;
}

enum nn_status model_load(const char *path, struct model **out,
                          struct nn_error *err)
{
    struct nn_st_file *f = NULL;
    struct model *m = nn_mem_calloc(1, sizeof *m);
    enum nn_status st;

    *out = NULL;
    if (m == NULL) {
        return nn_fail_nomem(err);
    }
    m->path = nn_file_is_dir(path) ? nn_path_join(path, "best.safetensors")
                                   : nn_mem_strdup(path);
    if (m->path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_st_open(m->path, &f, err);
    if (st) {
        goto out;
    }
    st = load(f, m->path, m, err);
    if (st) {
        goto out;
    }
    *out = m;
    m = NULL;
out:
    nn_st_close(&f);
    model_destroy(&m);
    return st;
}

enum nn_status model_load_memory(const void *bytes, size_t size,
                                 const char *name, struct model **out,
                                 struct nn_error *err)
{
    struct nn_st_file *f = NULL;
    struct model *m = nn_mem_calloc(1, sizeof *m);
    unsigned char *copy = nn_mem_calloc(size, 1);
    enum nn_status st;

    *out = NULL;
    if (m == NULL || copy == NULL) {
        nn_mem_free(copy);
        st = nn_fail_nomem(err);
        goto out;
    }
    memcpy(copy, bytes, size);
    st = nn_st_parse(copy, size, name, &f, err); /* takes the copy */
    if (st) {
        goto out;
    }
    st = load(f, name, m, err);
    if (st) {
        goto out;
    }
    *out = m;
    m = NULL;
out:
    nn_st_close(&f);
    model_destroy(&m);
    return st;
}
