#include "pipelines/cli/box_head.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/cli/md_rows.h"
#include "pipelines/cli/run_mark.h"

static enum nn_status add_classifier(json_t *head, const struct model *m)
{
    double typical = m->species != NULL ? m->species_policy.reject_threshold
                                        : model_threshold(m);
    json_t *ours =
        json_pack("{s:s, s:s, s:{s:f}}", "format_version", "1.6", "classifier",
                  "bearcascade " BEARCASCADE_VERSION, "classifier_metadata",
                  "typical_classification_threshold", typical);
    json_t *info = json_object_get(head, "info");
    int bad = 0;

    if (!json_is_object(info)) {
        bad = json_object_set_new(head, "info", json_object());
        info = json_object_get(head, "info");
    }
    json_object_del(head, "classification_category_descriptions");
    json_object_del(info, "classification_completion_time");
    bad = bad || json_object_update(info, ours) ||
          json_object_set_new(head, "classification_categories",
                              md_categories(m, 1));
    json_decref(ours);
    return bad ? NN_ERR_NOMEM : NN_OK;
}

char *box_head_text(json_t *head, const struct model *m)
{
    char *info = NULL, *rest = NULL, *text = NULL;

    if (add_classifier(head, m)) {
        return NULL;
    }
    info = nn_json_dump(json_object_get(head, "info"), JSON_REAL_PRECISION(15));
    json_object_del(head, "info");
    rest = nn_json_dump(head, JSON_REAL_PRECISION(15));
    if (info != NULL && rest != NULL) {
        text = nn_mem_sprintf("{\n \"info\": %s,\n %.*s,\n \"images\": [", info,
                              (int)strlen(rest) - 2, rest + 1);
    }
    nn_mem_free(info);
    nn_mem_free(rest);
    return text;
}

enum nn_status box_head_mark(const json_t *head, const struct model *m,
                             uint64_t *mark)
{
    const json_t *info = json_object_get(head, "info");
    const char *name = json_string_value(json_object_get(info, "detector"));
    char *categories = nn_json_dump(
        json_object_get(head, "detection_categories"), JSON_SORT_KEYS);

    if (categories == NULL) {
        return NN_ERR_NOMEM;
    }
    *mark = nn_hash_u64(categories, strlen(categories) + 1, run_mark(m));
    if (name != NULL) {
        *mark = nn_hash_u64(name, strlen(name), *mark);
    }
    nn_mem_free(categories);
    return NN_OK;
}
