#include "pipelines/cascade/cascade_policy.h"

#include <math.h>

#include "common/base/mem.h"
#include "common/net/format1.h"

/* The least score of what passes the gate: where t2 = 0, what the gate rejects
 * must still find room below the threshold. */
static const double least = 1e-300;

static double logit(double p)
{
    double near = 1e-7;

    p = p < near ? near : p > 1 - near ? 1 - near : p; /* NaN stays */
    return log(p / (1 - p));
}

double cascade_policy_none(double gate_weight, double p_gate, double n)
{
    if (gate_weight == 0) {
        return n;
    }
    return 1 / (1 + exp(logit(1 - n) + gate_weight * logit(p_gate)));
}

/* Rounding must not lift a rejected image to the threshold. */
double cascade_policy_score(double t1, double t2, double p_gate, double p_none)
{
    double t = cascade_policy_threshold(t2), s = 1 - p_none;

    if (!(p_gate >= t1)) {
        s = p_gate * fmin(1, t / t1);
        return s < t || isnan(s) ? s : nextafter(t, 0);
    }
    return s < least ? least : s;
}

double cascade_policy_threshold(double t2)
{
    return fmax(t2, least);
}

/* --- text ---------------------------------------------------------------- */

static char *promise_text(const struct cascade_policy *p)
{
    if (p->certified) {
        return nn_mem_sprintf("certified: at least %.3f with 95 %% confidence",
                              p->recall_lower);
    }
    return nn_mem_sprintf(
        "a recall of %.3f cannot be certified with n = %zu: the exact 95 %% "
        "lower bound is %.3f (%zu positives without a miss would be the "
        "fewest)",
        p->min_recall, p->n_positives, p->recall_lower, p->n_needed);
}

static char *choice_text(const struct cascade_policy *p)
{
    if (p->n_splits == 1) {
        return nn_mem_strdup("");
    }
    return nn_mem_sprintf(
        "; of %zu ways to split the allowed loss between the stages this one "
        "has %s, and the bounds allow for that choice on the same images",
        p->n_splits,
        p->cheapest ? "the least cost" : "the least false-positive rate");
}

char *cascade_policy_text(const struct cascade_policy *p)
{
    char *promise = promise_text(p), *choice = choice_text(p), *text = NULL;

    if (promise == NULL || choice == NULL) {
        nn_mem_free(promise);
        nn_mem_free(choice);
        return NULL;
    }
    text = nn_mem_sprintf(
        "both stages together keep %.3f of %zu validation positives (asked "
        "for %.3f; %s); %.3f of %zu validation negatives pass (at most %.3f "
        "with 95 %% confidence)%s",
        p->recall, p->n_positives, p->min_recall, promise, p->fpr,
        p->n_negatives, p->fpr_upper, choice);
    nn_mem_free(promise);
    nn_mem_free(choice);
    return text;
}

/* --- JSON ---------------------------------------------------------------- */

json_t *cascade_policy_to_json(const struct cascade_policy *p)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:b, s:I, s:b}",
        "none_threshold", p->none_threshold, "gate_weight", p->gate_weight,
        "min_recall", p->min_recall, "recall", p->recall, "recall_lower",
        p->recall_lower, "fpr", p->fpr, "fpr_upper", p->fpr_upper,
        "n_positives", (json_int_t)p->n_positives, "n_negatives",
        (json_int_t)p->n_negatives, "n_splits", (json_int_t)p->n_splits,
        "certified", p->certified, "n_needed", (json_int_t)p->n_needed,
        "cheapest", p->cheapest);
}

enum nn_status cascade_policy_from_json(const json_t *j,
                                        struct cascade_policy *p,
                                        struct nn_error *err)
{
    int bad = 0;
    const json_t *weight = json_object_get(j, "gate_weight");
    double w = json_number_value(weight); /* 0 where there is none */

    *p = (struct cascade_policy){
        .none_threshold = nn_format1_share(j, "none_threshold", &bad),
        .gate_weight = w,
        .min_recall = nn_format1_share(j, "min_recall", &bad),
        .recall = nn_format1_share(j, "recall", &bad),
        .recall_lower = nn_format1_share(j, "recall_lower", &bad),
        .fpr = nn_format1_share(j, "fpr", &bad),
        .fpr_upper = nn_format1_share(j, "fpr_upper", &bad),
        .n_positives = nn_format1_count(j, "n_positives", &bad),
        .n_negatives = nn_format1_count(j, "n_negatives", &bad),
        .n_splits = nn_format1_count(j, "n_splits", &bad),
        .certified = json_is_true(json_object_get(j, "certified")),
        .n_needed = nn_format1_count(j, "n_needed", &bad),
        .cheapest = json_is_true(json_object_get(j, "cheapest")),
    };
    bad |= weight != NULL && (!json_is_number(weight) ||
                              !(w >= 0 && w <= CASCADE_GATE_WEIGHT_MAX));
    return bad ? nn_fail(err, NN_ERR_FORMAT, "its cascade policy is damaged")
               : NN_OK;
}
