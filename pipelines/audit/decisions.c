#include "pipelines/audit/decisions.h"

#include <limits.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/text.h"

enum list { LOOKS, DECISIONS, NEGATIVES, POSITIVES, LISTS };
static const char *const list_name[] = { "looks.jsonl", "decisions.jsonl",
                                         "negatives.jsonl", "positives.jsonl" };

/* NULL: no label can be said. A burst is positive when one frame is. */
static const char *label_of(const struct audit_plan *plan,
                            const struct audit_result *r, size_t i)
{
    if (r->answer[i] == AUDIT_NONE) {
        return "none";
    }
    return r->cls[i] > 0 && plan->first[i + 1] - plan->first[i] == 1
               ? plan->pile.cls[r->cls[i] - 1]
               : NULL;
}

static int belongs(enum list list, const struct audit_plan *plan,
                   const struct audit_result *r, size_t i)
{
    enum audit_answer answer = (enum audit_answer)r->answer[i];
    int labelled = label_of(plan, r, i) != NULL;

    switch (list) {
    case LOOKS:
        return answer != AUDIT_UNSEEN;
    case DECISIONS:
        return answer != AUDIT_UNSEEN && labelled;
    case NEGATIVES:
        return answer == AUDIT_NONE;
    default:
        return answer == AUDIT_POSITIVE && !labelled;
    }
}

/* Of a name in the predictions: a path that does not depend on the folder one
 * stands in. */
static json_t *full_path(const char *file)
{
    char cwd[PATH_MAX], *name = nn_text_bytes(file), *full = NULL;
    json_t *j = NULL;

    if (name != NULL && name[0] != '/' && getcwd(cwd, sizeof cwd) != NULL) {
        full = nn_path_join(cwd, name);
    }
    if (name != NULL) {
        j = nn_json_text(full != NULL ? full : name);
    }
    nn_mem_free(full);
    nn_mem_free(name);
    return j;
}

static json_t *row_of(enum list list, const struct audit_plan *plan,
                      const struct audit_result *r, size_t i, const char *file)
{
    static const char *const word[] = { NULL, "none", "positive", "not sure" };
    json_t *j = json_object();

    if (list == LOOKS) {
        nn_json_put(&j, "file", json_string(file));
        nn_json_put(&j, "answer", json_string(word[r->answer[i]]));
        return j;
    }
    nn_json_put(&j, "file", full_path(file));
    if (list != POSITIVES) {
        nn_json_put(&j, "label",
                    json_string(list == NEGATIVES ? "" : label_of(plan, r, i)));
    }
    return j;
}

static enum nn_status put_rows(enum list list, const struct audit_plan *plan,
                               const struct audit_result *r, FILE *to,
                               size_t *n, struct nn_error *err)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (!belongs(list, plan, r, i)) {
            continue;
        }
        for (size_t k = plan->first[i]; k < plan->first[i + 1]; k++) {
            const char *file = plan->pile.photo[plan->member[k]].file;
            json_t *row = row_of(list, plan, r, i, file);
            enum nn_status st = nn_json_print_line(row, to, err);

            if (st) {
                return st;
            }
            ++*n;
        }
    }
    return NN_OK;
}

static enum nn_status write_list(enum list list, const struct audit_plan *plan,
                                 const struct audit_result *r, const char *dir,
                                 size_t *n, struct nn_error *err)
{
    char *path = nn_path_join(dir, list_name[list]);
    struct nn_file_out out;
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : nn_file_out_open(&out, path, err);

    nn_mem_free(path);
    if (st) {
        return st;
    }
    st = put_rows(list, plan, r, out.stream, n, err);
    if (st) {
        nn_file_out_abort(&out);
        return st;
    }
    return nn_file_out_commit(&out, err);
}

enum nn_status audit_decisions_write(const struct audit_plan *plan,
                                     const struct audit_result *r,
                                     const char *dir, struct nn_error *err)
{
    size_t n[LISTS] = { 0 };

    for (int list = 0; list < LISTS; list++) {
        enum nn_status st =
            write_list((enum list)list, plan, r, dir, &n[list], err);

        if (st) {
            return st;
        }
    }
    if (n[POSITIVES] > 0) {
        nn_log(NN_LOG_INFO,
               "decisions.jsonl has labels for %zu of the %zu photos that were "
               "looked at; %zu are positive without a class of their own: "
               "positives.jsonl",
               n[DECISIONS], n[LOOKS], n[POSITIVES]);
    }
    return NN_OK;
}
