#include "pipelines/measure/targets.h"

#include <math.h>

#include "common/base/json.h"
#include "common/eval/stats.h"

static const double confidence = 0.95;

static size_t count_of(double share, size_t n)
{
    return (size_t)llround(share * (double)n);
}

enum nn_status targets_judge(const struct evaluation *e, double max_fpr,
                             double min_recall, struct targets *out,
                             struct nn_error *err)
{
    struct target *f = &out->max_fpr, *r = &out->min_recall;

    *f = (struct target){ .figure = "fpr", .limit = max_fpr };
    *r = (struct target){ .figure = "recall", .limit = min_recall };
    if (!isnan(max_fpr)) {
        f->n = e->n_negatives;
        if (f->n == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "--max-fpr: '%s' has no readable negative",
                           e->title);
        }
        f->value = e->all.fpr.value;
        f->k = count_of(f->value, f->n);
        f->bound = nn_clopper_pearson_upper(f->k, f->n, confidence);
        f->met = f->value <= max_fpr;
        f->shown = f->bound <= max_fpr;
    }
    if (!isnan(min_recall)) {
        r->n = e->n_positives;
        if (r->n == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "--min-recall: '%s' has no readable image of a "
                           "class",
                           e->title);
        }
        r->k = r->n - count_of(e->fnr.value, r->n);
        r->value = (double)r->k / (double)r->n;
        r->bound = nn_clopper_pearson_lower(r->k, r->n, confidence);
        r->met = r->value >= min_recall;
        r->shown = r->bound >= min_recall;
    }
    return NN_OK;
}

static int missed(const struct target *t)
{
    return !isnan(t->limit) && !t->met;
}

int targets_missed(const struct targets *t)
{
    return missed(&t->max_fpr) || missed(&t->min_recall);
}

static void print_target(const struct target *t, const char *name,
                         const char *side, FILE *to)
{
    if (isnan(t->limit)) {
        return;
    }
    fprintf(to,
            "target: %s of %s %.4f: %s with %.4f (%zu of %zu; %s %.4f with "
            "95 %% confidence%s)\n",
            name, side, t->limit, t->met ? "met" : "missed", t->value, t->k,
            t->n, side, t->bound,
            t->met && !t->shown ? ", so chance may have met it" : "");
}

void targets_print(const struct targets *t, FILE *to)
{
    print_target(&t->max_fpr, "false-positive rate", "at most", to);
    print_target(&t->min_recall, "recall", "at least", to);
}

static void add_json(const struct target *t, json_t **a)
{
    if (!isnan(t->limit)) {
        nn_json_add(
            a, json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:b, s:b}", "figure",
                         t->figure, "limit", nn_json_number(t->limit), "value",
                         nn_json_number(t->value), "bound",
                         nn_json_number(t->bound), "k", (json_int_t)t->k, "n",
                         (json_int_t)t->n, "met", t->met, "shown", t->shown));
    }
}

json_t *targets_json(const struct targets *t)
{
    json_t *a = json_array();

    add_json(&t->max_fpr, &a);
    add_json(&t->min_recall, &a);
    return a;
}
