#include "pipelines/audit/revisions.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"

#define FORMAT    "bearcascade-audit-next 1"
#define MAX_BYTES ((size_t)1 << 30)

enum nn_status audit_revisions_add(struct audit_plan *plan, const char *letters,
                                   double *expected, struct nn_error *err)
{
    size_t n = plan->n_revisions;
    const char *last = n > 0 ? plan->revision[n - 1].letters : "";
    struct audit_revision *v;
    char *own;

    if (strlen(letters) <= strlen(last) ||
        strncmp(letters, last, strlen(last)) != 0) {
        nn_mem_free(expected);
        return nn_fail(err, NN_ERR_ARG,
                       "no answers were given since the last --next");
    }
    v = nn_mem_realloc(plan->revision, n + 1, sizeof *v);
    if (v != NULL) {
        plan->revision = v;
    }
    own = nn_mem_strdup(letters);
    if (v == NULL || own == NULL) {
        nn_mem_free(own);
        nn_mem_free(expected);
        return nn_fail_nomem(err);
    }
    v[n] = (struct audit_revision){ own, strlen(own), expected };
    plan->n_revisions++;
    return NN_OK;
}

void audit_revisions_release(struct audit_plan *plan)
{
    for (size_t r = 0; r < plan->n_revisions; r++) {
        nn_mem_free(plan->revision[r].letters);
        nn_mem_free(plan->revision[r].expected);
    }
    nn_mem_free(plan->revision);
    plan->revision = NULL;
    plan->n_revisions = 0;
}

json_t *audit_revisions_json(const struct audit_plan *plan)
{
    json_t *j = json_array();

    for (size_t r = 0; r < plan->n_revisions; r++) {
        json_t *expected = json_array();

        for (size_t i = 0; i < plan->n; i++) {
            nn_json_add(&expected, json_real(plan->revision[r].expected[i]));
        }
        nn_json_add(&j,
                    json_pack("{s:s, s:o}", "letters",
                              plan->revision[r].letters, "expected", expected));
    }
    return j;
}

enum nn_status audit_revisions_write(const struct audit_plan *plan,
                                     const char *dir, struct nn_error *err)
{
    json_t *j = json_object();
    char *path = nn_path_join(dir, "next.json");
    enum nn_status st;

    nn_json_put(&j, "format", json_string(FORMAT));
    nn_json_put(&j, "plan", json_string(plan->hash));
    nn_json_put(&j, "revisions", audit_revisions_json(plan));
    st = j == NULL || path == NULL ? nn_fail_nomem(err)
                                   : nn_json_write(path, j, err);
    nn_mem_free(path);
    json_decref(j);
    return st;
}

static enum nn_status take(struct audit_plan *plan, const json_t *j,
                           struct nn_error *err)
{
    const char *letters = json_string_value(json_object_get(j, "letters"));
    const json_t *expected = json_object_get(j, "expected");
    double *v;

    if (letters == NULL || json_array_size(expected) != plan->n) {
        return nn_fail(err, NN_ERR_FORMAT, "a revision is cut short");
    }
    v = nn_mem_calloc(plan->n, sizeof *v);
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < plan->n; i++) {
        v[i] = json_number_value(json_array_get(expected, i));
    }
    return audit_revisions_add(plan, letters, v, err);
}

enum nn_status audit_revisions_read(struct audit_plan *plan, const char *dir,
                                    struct nn_error *err)
{
    char *path = nn_path_join(dir, "next.json");
    json_t *j = NULL;
    const json_t *all;
    const char *format, *of;
    enum nn_status st = NN_OK;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (!nn_file_exists(path)) {
        goto out;
    }
    st = nn_json_read(path, MAX_BYTES, &j, err);
    if (st) {
        goto out;
    }
    format = json_string_value(json_object_get(j, "format"));
    of = json_string_value(json_object_get(j, "plan"));
    if (format == NULL || strcmp(format, FORMAT) != 0 || of == NULL ||
        strcmp(of, plan->hash) != 0) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' is of another audit", path);
        goto out;
    }
    all = json_object_get(j, "revisions");
    for (size_t r = 0; r < json_array_size(all); r++) {
        st = take(plan, json_array_get(all, r), err);
        if (st) {
            goto out;
        }
    }
out:
    json_decref(j);
    nn_mem_free(path);
    return st;
}
