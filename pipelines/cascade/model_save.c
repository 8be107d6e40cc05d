/* The file of a model, written; model.c reads it. */
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cascade/model_reference.h"

static enum nn_status put_json(struct nn_st_writer *w, const char *key,
                               json_t *j, struct nn_error *err)
{
    char *text = nn_json_dump(j, JSON_COMPACT);
    enum nn_status st;

    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_st_writer_meta(w, key, text);
    nn_mem_free(text);
    if (st) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

/* As put_json(), and drops the caller's reference. */
static enum nn_status put_new_json(struct nn_st_writer *w, const char *key,
                                   json_t *j, struct nn_error *err)
{
    enum nn_status st = put_json(w, key, j, err);

    json_decref(j);
    return st;
}

static enum nn_status put_text(struct nn_st_writer *w, const char *key,
                               const char *value, struct nn_error *err)
{
    if (nn_st_writer_meta(w, key, value)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

static json_t *classes_to_json(const struct model *m)
{
    json_t *a = json_array();

    for (size_t i = 0; i < m->n_classes; i++) {
        nn_json_add(&a, json_string(m->classes[i]));
    }
    return a;
}

static enum nn_status put_metadata(struct nn_st_writer *w,
                                   const struct model *m, struct nn_error *err)
{
    enum nn_status st = put_text(
        w, "format", m->rungs.n > 0 ? MODEL_FORMAT_3 : MODEL_FORMAT, err);

    if (st) {
        return st;
    }
    st = put_text(w, "system", model_system_name(m->system), err);
    if (st) {
        return st;
    }
    st = put_text(w, "program", "bearcascade " BEARCASCADE_VERSION, err);
    if (st) {
        return st;
    }
    st = put_new_json(w, "classes", classes_to_json(m), err);
    if (st) {
        return st;
    }
    st = put_new_json(w, "gate.policy", gate_policy_to_json(&m->gate_policy),
                      err);
    if (st) {
        return st;
    }
    if (m->species != NULL) {
        st = put_new_json(w, "species.policy",
                          species_policy_to_json(&m->species_policy), err);
        if (st) {
            return st;
        }
    }
    if (model_says_none(m)) {
        st = put_new_json(w, "cascade.policy",
                          cascade_policy_to_json(&m->policy), err);
        if (st) {
            return st;
        }
    }
    if (m->data != NULL) {
        st = put_json(w, "data", m->data, err);
        if (st) {
            return st;
        }
    }
    if (m->seen.n[NN_TRAIN] > 0) {
        st = put_new_json(w, "seen", nn_seen_json(&m->seen), err);
        if (st) {
            return st;
        }
    }
    return m->training != NULL ? put_json(w, "training", m->training, err)
                               : NN_OK;
}

enum nn_status model_save(const struct model *m, const char *path,
                          enum nn_dtype dtype, struct nn_error *err)
{
    struct nn_st_writer *w = NULL;
    enum nn_status st = nn_st_writer_create(&w);

    if (st) {
        return nn_fail_nomem(err);
    }
    st = put_metadata(w, m, err);
    if (st) {
        goto out;
    }
    st = nn_net_save(w, "gate.", m->gate, dtype, err);
    if (st) {
        goto out;
    }
    if (m->species != NULL) {
        st = nn_net_same_trunk(m->gate, m->species)
                 ? nn_net_save_on(w, "species.", m->species, "gate.", m->gate,
                                  dtype, err)
                 : nn_net_save(w, "species.", m->species, dtype, err);
        if (st) {
            goto out;
        }
    }
    st = rungs_save(w, &m->rungs, m->gate, dtype, err);
    if (st) {
        goto out;
    }
    st = model_reference_put(w, &m->reference, err);
    if (st) {
        goto out;
    }
    st = nn_st_writer_commit(w, path, err);
out:
    nn_st_writer_destroy(&w);
    return st;
}
