#include "pipelines/audit/audit.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/audit/decisions.h"
#include "pipelines/audit/page.h"
#include "pipelines/audit/revisions.h"
#include "pipelines/audit/statement.h"

#define MAX_BYTES ((size_t)2 << 30)

/* Copy a file; nothing when both are the same. */
static enum nn_status copy_file(const char *from, const char *dir,
                                const char *name, struct nn_error *err)
{
    unsigned char *data = NULL;
    char *to = nn_path_join(dir, name);
    struct nn_file_out out;
    size_t size;
    enum nn_status st;

    if (to == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_read(from, MAX_BYTES, &data, &size, err);
    if (st || strcmp(from, to) == 0) {
        goto out;
    }
    st = nn_file_out_open(&out, to, err);
    if (st) {
        goto out;
    }
    fwrite(data, 1, size, out.stream);
    st = nn_file_out_commit(&out, err);
out:
    nn_mem_free(data);
    nn_mem_free(to);
    return st;
}

enum nn_status audit_make_dir(const char *dir, struct nn_error *err)
{
    char *path = nn_path_join(dir, "plan.json");
    int there = path != NULL && nn_file_exists(path);

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    nn_mem_free(path);
    return there ? nn_fail(err, NN_ERR_ARG,
                           "'%s' holds an audit already: its page is "
                           "audit.html; --answers FILE goes on with it",
                           dir)
                 : nn_file_mkdirs(dir, err);
}

enum nn_status audit_begin(const char *predictions,
                           const struct audit_options *o, const char *dir,
                           struct audit_plan *plan, struct nn_error *err)
{
    enum nn_status st = audit_make_dir(dir, err);

    if (st) {
        return st;
    }
    st = audit_plan_make(plan, predictions, o, err);
    if (st) {
        return st;
    }
    st = audit_page_check(plan, err);
    if (st) {
        return st;
    }
    st = copy_file(predictions, dir, "predictions.jsonl", err);
    if (st) {
        return st;
    }
    st = audit_plan_write(plan, dir, err);
    if (st) {
        return st;
    }
    return audit_page_write(plan, dir, err);
}

/* write: what the next training takes, too. */
static enum nn_status state(const char *dir, const char *answers, int write,
                            json_t **statement, struct nn_error *err)
{
    struct audit_plan plan = AUDIT_PLAN_INIT;
    struct audit_result result = AUDIT_RESULT_INIT;
    enum nn_status st = audit_plan_read(&plan, dir, err);

    if (st) {
        goto out;
    }
    st = audit_answers_read(&plan, answers, &result, err);
    if (st) {
        goto out;
    }
    *statement = audit_statement_json(&plan, &result);
    if (*statement == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = write ? audit_decisions_write(&plan, &result, dir, err) : NN_OK;
out:
    audit_result_release(&result);
    audit_plan_release(&plan);
    return st;
}

static enum nn_status write_page(const json_t *statement, const char *dir,
                                 struct nn_error *err)
{
    char *path = nn_path_join(dir, "statement.html");
    struct nn_file_out out;
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : nn_file_out_open(&out, path, err);

    nn_mem_free(path);
    if (st) {
        return st;
    }
    st = audit_statement_print(statement, 1, out.stream, err);
    if (st) {
        nn_file_out_abort(&out);
        return st;
    }
    return nn_file_out_commit(&out, err);
}

enum nn_status audit_finish(const char *dir, const char *answers,
                            json_t **statement, struct nn_error *err)
{
    char *path;
    enum nn_status st = state(dir, answers, 1, statement, err);

    if (st) {
        return st;
    }
    st = copy_file(answers, dir, "answers.json", err);
    if (st) {
        return st;
    }
    path = nn_path_join(dir, "statement.json");
    st = path == NULL ? nn_fail_nomem(err)
                      : nn_json_write(path, *statement, err);
    nn_mem_free(path);
    if (st) {
        return st;
    }
    return write_page(*statement, dir, err);
}

enum nn_status audit_re_rank(const char *dir, const char *answers,
                             const struct nn_net *net,
                             const volatile sig_atomic_t *stop,
                             struct audit_next *out, struct nn_error *err)
{
    struct audit_plan plan = AUDIT_PLAN_INIT;
    struct audit_result result = AUDIT_RESULT_INIT;
    enum nn_status st = audit_plan_read(&plan, dir, err);

    if (st) {
        goto out;
    }
    st = audit_answers_read(&plan, answers, &result, err);
    if (st) {
        goto out;
    }
    st = audit_next(&plan, &result, net, stop, out, err);
    if (st) {
        goto out;
    }
    st = copy_file(answers, dir, "answers.json", err);
    if (st) {
        goto out;
    }
    st = audit_revisions_write(&plan, dir, err);
    if (st) {
        goto out;
    }
    st = audit_page_write(&plan, dir, err);
out:
    audit_result_release(&result);
    audit_plan_release(&plan);
    return st;
}

enum nn_status audit_verify(const char *dir, json_t **statement,
                            struct nn_error *err)
{
    char *answers = nn_path_join(dir, "answers.json");
    char *path = nn_path_join(dir, "statement.json");
    json_t *said = NULL;
    enum nn_status st;

    if (answers == NULL || path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = state(dir, answers, 0, statement, err);
    if (st) {
        goto out;
    }
    st = nn_json_read(path, MAX_BYTES, &said, err);
    if (st) {
        goto out;
    }
    /* another version of the program may say the same */
    json_object_del(said, "program");
    json_object_del(*statement, "program");
    if (!json_equal(said, *statement)) {
        st =
            nn_fail(err, NN_ERR_FORMAT,
                    "'%s' does not follow from the plan and the answers", path);
    }
out:
    json_decref(said);
    nn_mem_free(path);
    nn_mem_free(answers);
    return st;
}
