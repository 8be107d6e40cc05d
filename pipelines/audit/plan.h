/* pipelines/audit/plan.h - what is fixed before the first look.
 *
 * DIR of an audit: predictions.jsonl (a copy), plan.json, audit.html (the
 * page), and after answers: answers.json, statement.json, statement.html, the
 * files of decisions.h, next.json (revisions.h). */
#ifndef PIPELINES_AUDIT_PLAN_H
#define PIPELINES_AUDIT_PLAN_H

#include <jansson.h>

#include "pipelines/audit/looks.h"
#include "pipelines/audit/pile.h"

struct audit_options {
    double recall, confidence; /* asked for */
    enum audit_unit_kind unit;
    double gap;       /* seconds, of AUDIT_BY_TIME */
    int count_photos; /* a burst counts as many as it has photos */
    /* Allowance for wrong answers: at most this share of the positives, had
     * each been looked at, would be called none, and at most this share of
     * those called positive is none. 0: every answer is right. */
    double wrong;
    uint64_t seed;
};

/* What looking will cost, if the model's probabilities are right. */
struct audit_forecast {
    double positives;    /* expected in the pile, in what is counted */
    double median, most; /* looks; of ten audits one takes more than `most` */
    double floor;        /* nobody can do with fewer (nn_recall_floor); 0, not
                            known, where units count differently */
};

struct audit_revision { /* revisions.h */
    char *letters;
    size_t after;     /* answers: the letters */
    double *expected; /* [units] */
};

struct audit_plan {
    struct audit_options options;
    struct audit_pile pile;
    struct audit_unit *unit; /* [n], by falling score */
    size_t *first;           /* [n + 1] photos of unit i: */
    size_t *member;          /* member[first[i]..first[i+1]-1] */
    size_t n;
    struct audit_goal goal; /* the recall that answers must show */
    int even;               /* draws are even, not weighted by score */
    struct audit_forecast forecast;
    char hash[33];                   /* of plan.json */
    struct audit_revision *revision; /* what came later: [n_revisions] */
    size_t n_revisions;
};
#define AUDIT_PLAN_INIT                                                        \
    {                                                                          \
        .pile = AUDIT_PILE_INIT                                                \
    }

/* Of the asked recall, what answers must show: recall / (1 - wrong)^2. */
double audit_keep(const struct audit_options *o);

/* Units, clocks, way of drawing and forecast from the rows at `predictions`.
 * Errors: those of audit_pile_read() and audit_pile_group(); NN_ERR_ARG (the
 * allowance leaves no room for the recall). Release also after an error. */
NN_MUST_CHECK enum nn_status audit_plan_make(struct audit_plan *plan,
                                             const char *predictions,
                                             const struct audit_options *o,
                                             struct nn_error *err);
void audit_plan_release(struct audit_plan *plan);

/* DIR/plan.json; fills plan->hash. */
NN_MUST_CHECK enum nn_status audit_plan_write(struct audit_plan *plan,
                                              const char *dir,
                                              struct nn_error *err);
/* The plan of DIR, from its plan.json, predictions.jsonl and next.json.
 * Everything but the last is computed again: NN_ERR_FORMAT where the two do not
 * agree. */
NN_MUST_CHECK enum nn_status
audit_plan_read(struct audit_plan *plan, const char *dir, struct nn_error *err);
/* The plan as JSON, NULL when out of memory. */
json_t *audit_plan_json(const struct audit_plan *plan);

/* forecast.c: plays audits of a pile with the expected shares, with draws
 * weighted and even; sets even and forecast. */
NN_MUST_CHECK enum nn_status audit_forecast(struct audit_plan *plan,
                                            struct nn_error *err);
/* Median looks for another recall. */
NN_MUST_CHECK enum nn_status audit_forecast_for(const struct audit_plan *plan,
                                                double recall, double *looks,
                                                struct nn_error *err);

#endif /* PIPELINES_AUDIT_PLAN_H */
