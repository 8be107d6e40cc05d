#include "pipelines/audit/page.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "pipelines/audit/revisions.h"
#include "pipelines/report/page_parts.h"

enum nn_status audit_page_check(const struct audit_plan *plan,
                                struct nn_error *err)
{
    const char *first = NULL;
    size_t missing = 0;

    for (size_t i = 0; i < plan->pile.n; i++) {
        char *path = nn_text_bytes(plan->pile.photo[i].file);

        if (path == NULL) {
            return nn_fail_nomem(err);
        }
        if (!nn_file_exists(path) || nn_file_is_dir(path)) {
            first = first == NULL ? plan->pile.photo[i].file : first;
            missing++;
        }
        nn_mem_free(path);
    }
    return missing == 0
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "%zu of %zu photos are no files here, first '%s': "
                         "start audit in the folder where classify was "
                         "started; unpack archives",
                         missing, plan->pile.n, first);
}

static json_t *photo_url(const char *dir, const char *file)
{
    char *name = nn_text_bytes(file);
    char *url = name != NULL ? page_photo_url(dir, name) : NULL;
    json_t *j = url == NULL ? NULL : json_string(url);

    nn_mem_free(url);
    nn_mem_free(name);
    return j;
}

static char *page_data(const struct audit_plan *plan, const char *dir)
{
    json_t *j = audit_plan_json(plan), *urls = json_array();
    char *text;

    for (size_t i = 0; i < plan->pile.n; i++) {
        nn_json_add(&urls, photo_url(dir, plan->pile.photo[i].file));
    }
    nn_json_put(&j, "urls", urls);
    nn_json_put(&j, "revisions", audit_revisions_json(plan));
    nn_json_put(&j, "plan", json_string(plan->hash));
    text = nn_json_dump(j, JSON_COMPACT);
    json_decref(j);
    return text;
}

enum nn_status audit_page_write(const struct audit_plan *plan, const char *dir,
                                struct nn_error *err)
{
    char full[PATH_MAX];
    char *text = page_data(plan, realpath(dir, full) != NULL ? full : dir);
    char *path = nn_path_join(dir, "audit.html");
    struct nn_file_out out;
    enum nn_status st;

    if (text == NULL || path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_file_out_open(&out, path, err);
    if (st) {
        goto out;
    }
    fwrite(audit_page_head, 1, audit_page_head_size, out.stream);
    page_put_json(out.stream, text);
    fwrite(audit_page_tail, 1, audit_page_tail_size, out.stream);
    st = nn_file_out_commit(&out, err);
out:
    nn_mem_free(path);
    nn_mem_free(text);
    return st;
}
