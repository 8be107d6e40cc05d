#include "pipelines/audit/answers.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"

#define MAX_BYTES ((size_t)256 << 20)

static enum nn_status put_letter(const struct audit_plan *plan,
                                 struct audit_looks *a, size_t k,
                                 struct audit_result *out, struct nn_error *err)
{
    static const char letters[] = "?npu";
    const char c = out->letters[k], *which = strchr(letters + 1, c);
    size_t cls = c >= '1' && c <= '9' ? (size_t)(c - '0') : 0;
    int is_draw;
    size_t i = audit_looks_next(a, &is_draw);
    enum audit_answer answer;

    if (which == NULL && (cls == 0 || cls > plan->pile.n_classes)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "answer %zu is '%c', not n, p, u or the number of one "
                       "of %zu classes",
                       k + 1, c, plan->pile.n_classes);
    }
    if (i == plan->n) {
        return nn_fail(err, NN_ERR_FORMAT, "%zu answers for %zu units",
                       strlen(out->letters), plan->n);
    }
    answer =
        which == NULL ? AUDIT_POSITIVE : (enum audit_answer)(which - letters);
    out->answer[i] = (unsigned char)answer;
    out->cls[i] = (unsigned char)cls;
    out->photos_seen += (double)(plan->first[i + 1] - plan->first[i]);
    if (answer == AUDIT_POSITIVE && !is_draw) {
        out->found_top += plan->unit[i].value;
    }
    return audit_looks_put(a, answer, err);
}

static enum nn_status replay(const struct audit_plan *plan,
                             struct audit_result *out, struct nn_error *err)
{
    struct audit_looks *a = NULL;
    enum nn_status st =
        audit_looks_create(plan->unit, plan->n, &plan->goal, &a, err);

    if (st) {
        return st;
    }
    for (size_t k = 0, r = 0; out->letters[k] != '\0'; k++) {
        if (r < plan->n_revisions && plan->revision[r].after == k) {
            st = audit_looks_revise(a, plan->revision[r++].expected, err);
            if (st) {
                goto out;
            }
        }
        st = put_letter(plan, a, k, out, err);
        if (st) {
            goto out;
        }
    }
    audit_looks_state(a, &out->state);
out:
    audit_looks_destroy(&a);
    return st;
}

/* Answers that go beyond a revision were asked for by it: the page that gave
 * them must have known it, and they must begin as it says. */
static enum nn_status check_revisions(const struct audit_plan *plan,
                                      const char *path, const char *letters,
                                      size_t known, struct nn_error *err)
{
    size_t n = strlen(letters);

    if (known > plan->n_revisions) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' was answered after a --next that is not here",
                       path);
    }
    for (size_t r = 0; r < plan->n_revisions; r++) {
        const struct audit_revision *at = &plan->revision[r];

        if (n > at->after &&
            (r >= known || strncmp(letters, at->letters, at->after) != 0)) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' goes on with %zu answers as if --next had not "
                           "been: answer the page that it wrote",
                           path, at->after);
        }
    }
    return NN_OK;
}

enum nn_status audit_answers_read(const struct audit_plan *plan,
                                  const char *path, struct audit_result *out,
                                  struct nn_error *err)
{
    json_t *j = NULL;
    const char *format, *of, *letters;
    enum nn_status st = nn_json_read(path, MAX_BYTES, &j, err);

    if (st) {
        return st;
    }
    format = json_string_value(json_object_get(j, "format"));
    of = json_string_value(json_object_get(j, "plan"));
    letters = json_string_value(json_object_get(j, "answers"));
    if (format == NULL || strcmp(format, "bearcascade-answers 1") != 0 ||
        of == NULL || letters == NULL) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' is no file of answers", path);
        goto out;
    }
    if (strcmp(of, plan->hash) != 0) {
        st = nn_fail(err, NN_ERR_FORMAT,
                     "'%s' answers another audit (plan %.12s, not %.12s)", path,
                     of, plan->hash);
        goto out;
    }
    st = check_revisions(
        plan, path, letters,
        (size_t)json_integer_value(json_object_get(j, "revisions")), err);
    if (st) {
        goto out;
    }
    out->letters = nn_mem_strdup(letters);
    out->answer = nn_mem_calloc(plan->n, 1);
    out->cls = nn_mem_calloc(plan->n, 1);
    if (out->letters == NULL || out->answer == NULL || out->cls == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    nn_hash_hex(letters, strlen(letters), out->hash);
    st = replay(plan, out, err);
out:
    json_decref(j);
    return st;
}

void audit_result_release(struct audit_result *r)
{
    nn_mem_free(r->letters);
    nn_mem_free(r->answer);
    nn_mem_free(r->cls);
    *r = (struct audit_result)AUDIT_RESULT_INIT;
}
