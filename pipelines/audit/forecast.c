#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/audit/plan.h"

#define ROUNDS 15

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* One audit of a pile in which unit i is positive with its expected share;
 * another order of draws than that of the plan. */
static enum nn_status play(const struct audit_plan *plan,
                           const struct audit_goal *goal, uint64_t round,
                           double *looks, struct nn_error *err)
{
    struct nn_rng rng = nn_rng_make(plan->options.seed + 1, round);
    struct audit_unit *unit = nn_mem_calloc(plan->n, sizeof *unit);
    unsigned char *truth = nn_mem_calloc(plan->n, 1);
    struct audit_looks *a = NULL;
    enum nn_status st = NN_OK;

    *looks = 0;
    if (unit == NULL || truth == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < plan->n; i++) {
        unit[i] = plan->unit[i];
        unit[i].clock = 0x1p-60 - log1p(-nn_rng_double(&rng));
        truth[i] = nn_rng_double(&rng) < unit[i].expected;
    }
    st = audit_looks_create(unit, plan->n, goal, &a, err);
    if (st) {
        goto out;
    }
    for (;;) {
        size_t i = audit_looks_next(a, NULL);

        if (i == plan->n || audit_looks_reached(a)) {
            break;
        }
        st = audit_looks_put(a, truth[i] ? AUDIT_POSITIVE : AUDIT_NONE, err);
        if (st) {
            goto out;
        }
        ++*looks;
    }
out:
    audit_looks_destroy(&a);
    nn_mem_free(truth);
    nn_mem_free(unit);
    return st;
}

static enum nn_status play_all(const struct audit_plan *plan,
                               const struct audit_goal *goal,
                               double looks[ROUNDS], struct nn_error *err)
{
    for (uint64_t r = 0; r < ROUNDS; r++) {
        enum nn_status st = play(plan, goal, r, &looks[r], err);

        if (st) {
            return st;
        }
    }
    qsort(looks, ROUNDS, sizeof *looks, ascending);
    return NN_OK;
}

enum nn_status audit_forecast_for(const struct audit_plan *plan, double recall,
                                  double *looks, struct nn_error *err)
{
    struct audit_goal goal = plan->goal;
    double all[ROUNDS];
    enum nn_status st;

    goal.recall = recall / audit_keep(&plan->options);
    if (!(goal.recall < 1)) {
        return nn_fail(err, NN_ERR_ARG, "no recall of %g can be shown", recall);
    }
    st = play_all(plan, &goal, all, err);
    *looks = st ? NAN : all[ROUNDS / 2];
    return st;
}

enum nn_status audit_forecast(struct audit_plan *plan, struct nn_error *err)
{
    struct audit_forecast *f = &plan->forecast;
    struct audit_goal even = plan->goal;
    double looks[ROUNDS], evenly[ROUNDS], units = 0;
    size_t P;
    int alike = 1;
    enum nn_status st = play_all(plan, &plan->goal, looks, err);

    if (st) {
        return st;
    }
    even.tilt = 0;
    st = play_all(plan, &even, evenly, err);
    if (st) {
        return st;
    }
    plan->even = evenly[ROUNDS / 2] < looks[ROUNDS / 2];
    if (plan->even) {
        plan->goal = even;
    }
    f->median = fmin(evenly[ROUNDS / 2], looks[ROUNDS / 2]);
    f->most = (plan->even ? evenly : looks)[ROUNDS * 9 / 10];
    f->positives = 0;
    for (size_t i = 0; i < plan->n; i++) {
        units += plan->unit[i].expected;
        alike &= plan->unit[i].value == plan->unit[0].value;
        f->positives += plan->unit[i].expected * plan->unit[i].value;
    }
    P = (size_t)(units + 0.5);
    P = P < 1 ? 1 : P > plan->n ? plan->n : P;
    f->floor = alike ? nn_recall_floor(plan->n, P, plan->goal.recall,
                                       plan->goal.confidence)
                     : 0;
    return NN_OK;
}
