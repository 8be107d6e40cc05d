/* The gate's threshold and what it promises. */
#include <string.h>

#include "common/base/mem.h"
#include "common/eval/stats.h"
#include "common/net/format1.h"
#include "stage1_gate/gate.h"

enum nn_status gate_choose(const double *p, const uint8_t *positive, size_t n,
                           double min_recall, struct gate_policy *policy,
                           struct nn_error *err)
{
    double *positives = nn_mem_calloc(n, sizeof *positives);
    size_t n_pos = 0, n_pass = 0;
    struct nn_recall_threshold chosen;
    enum nn_status st;

    if (positives == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        if (positive[i]) {
            positives[n_pos++] = p[i];
        }
    }
    st = nn_threshold_at_recall(positives, n_pos, min_recall, NN_CONFIDENCE,
                                &chosen, err);
    nn_mem_free(positives);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        n_pass += !positive[i] && p[i] >= chosen.threshold;
    }
    *policy = (struct gate_policy){
        .threshold = chosen.threshold,
        .min_recall = min_recall,
        .recall = chosen.rate,
        .recall_lower = chosen.lower,
        .n_positives = n_pos,
        .n_negatives = n - n_pos,
        .certified = chosen.certified,
        .n_needed = chosen.min_n,
    };
    if (n > n_pos) {
        policy->fpr = (double)n_pass / (double)(n - n_pos);
        policy->fpr_upper =
            nn_clopper_pearson_upper(n_pass, n - n_pos, NN_CONFIDENCE);
    }
    return NN_OK;
}

struct gate_policy gate_policy_at(const double *p, const uint8_t *positive,
                                  size_t n, double threshold, double min_recall)
{
    struct gate_policy q = { .threshold = threshold, .min_recall = min_recall };
    size_t passed[2] = { 0 };

    for (size_t i = 0; i < n; i++) {
        size_t *all = positive[i] ? &q.n_positives : &q.n_negatives;

        ++*all;
        passed[positive[i] != 0] += p[i] >= threshold;
    }
    q.recall = (double)passed[1] / (double)q.n_positives;
    q.recall_lower =
        nn_clopper_pearson_lower(passed[1], q.n_positives, NN_CONFIDENCE);
    q.certified = q.recall_lower >= min_recall;
    q.n_needed = nn_certify_min_n(min_recall, NN_CONFIDENCE);
    if (q.n_negatives > 0) {
        q.fpr = (double)passed[0] / (double)q.n_negatives;
        q.fpr_upper =
            nn_clopper_pearson_upper(passed[0], q.n_negatives, NN_CONFIDENCE);
    }
    return q;
}

char *gate_policy_text(const struct gate_policy *p)
{
    char *promise;
    char *text;

    if (p->certified) {
        promise = nn_mem_sprintf("certified: at least %.3f with 95 %% "
                                 "confidence",
                                 p->recall_lower);
    } else {
        promise = nn_mem_sprintf(
            "a recall of %.3f cannot be certified with n = %zu: the exact "
            "95 %% lower bound is %.3f (%zu positives without a miss would be "
            "the fewest)",
            p->min_recall, p->n_positives, p->recall_lower, p->n_needed);
    }
    if (promise == NULL) {
        return NULL;
    }
    text = nn_mem_sprintf(
        "threshold %.4f keeps %.3f of %zu validation positives (asked for "
        "%.3f; %s); %.3f of %zu validation negatives pass (at most %.3f with "
        "95 %% confidence)",
        p->threshold, p->recall, p->n_positives, p->min_recall, promise, p->fpr,
        p->n_negatives, p->fpr_upper);
    nn_mem_free(promise);
    return text;
}

json_t *gate_policy_to_json(const struct gate_policy *p)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:b, s:I}",
                     "threshold", p->threshold, "min_recall", p->min_recall,
                     "recall", p->recall, "recall_lower", p->recall_lower,
                     "fpr", p->fpr, "fpr_upper", p->fpr_upper, "n_positives",
                     (json_int_t)p->n_positives, "n_negatives",
                     (json_int_t)p->n_negatives, "certified", p->certified,
                     "n_needed", (json_int_t)p->n_needed);
}

enum nn_status gate_policy_from_json(const json_t *j, struct gate_policy *p,
                                     struct nn_error *err)
{
    int bad = 0;

    *p = (struct gate_policy){
        .threshold = nn_format1_share(j, "threshold", &bad),
        .min_recall = nn_format1_share(j, "min_recall", &bad),
        .recall = nn_format1_share(j, "recall", &bad),
        .recall_lower = nn_format1_share(j, "recall_lower", &bad),
        .fpr = nn_format1_share(j, "fpr", &bad),
        .fpr_upper = nn_format1_share(j, "fpr_upper", &bad),
        .n_positives = nn_format1_count(j, "n_positives", &bad),
        .n_negatives = nn_format1_count(j, "n_negatives", &bad),
        .certified = json_is_true(json_object_get(j, "certified")),
        .n_needed = nn_format1_count(j, "n_needed", &bad),
    };
    return bad ? nn_fail(err, NN_ERR_FORMAT, "its gate policy is damaged")
               : NN_OK;
}
