#include "pipelines/audit/looks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* Chosen on simulated piles (tests/bench/audit_sim.c); what is proved does not
 * depend on them. FORGET: what a look at the top keeps of those before it in
 * the ratio of positives to expected ones; PRIOR: the weight of "as expected"
 * in it; BALANCE: how early draws begin; BET_: limits of the bet and what it
 * keeps for positives that no score tells of; EPOCH: draws between two
 * revisions of the weights. */
#define FORGET   0.997
#define PRIOR    1.0
#define BALANCE  0.7
#define BET_MOST 0.99
#define BET_MIN  0.3
#define BET_ADD  0.1
#define EPOCH    200

struct turn {
    double time;
    uint32_t unit;
};

struct audit_looks {
    const struct audit_unit *unit;
    size_t n;
    struct audit_goal goal;
    unsigned char *answer;
    double *clock;  /* what is left of each unseen unit's clock */
    double *weight; /* of the epoch */
    double *share;  /* [n] expected shares of positives */
    uint32_t *rank; /* [n] units by falling share: the way from the top */
    double *below;  /* [n + 1] sums of expected values from a rank on */
    struct turn *order;
    size_t n_order, at; /* the epoch's draws, by time */
    double now;         /* time of the epoch's last draw */
    size_t top;         /* rank of the first unit not seen from the top */
    double hits, expected;
    double draw_hits, draw_expected;
    double found, unsure, unseen, weights, least;
    double bet;
    struct nn_draw *draw;
    size_t n_draws, cap, n_top, epoch_end;
    double against, against_total; /* log evidence, and against which total */
    size_t next;
    int next_is_draw;
};

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* The least total that makes the goal's recall false. */
static double false_total(const struct audit_looks *a)
{
    double t = floor(a->found / a->goal.recall);

    while (a->found >= a->goal.recall * t) {
        t++;
    }
    while (t > 1 && a->found < a->goal.recall * (t - 1)) {
        t--;
    }
    return t;
}

static double local_ratio(const struct audit_looks *a)
{
    return (a->hits + PRIOR) / (a->expected + PRIOR);
}

static double draw_ratio(const struct audit_looks *a)
{
    return (a->draw_hits + PRIOR) / (a->draw_expected + PRIOR);
}

static double guess(const struct audit_looks *a, size_t i, double ratio)
{
    return least(a->share[i] * ratio, 1);
}

/* How many more unseen positives the goal forbids than are expected. */
static double distance(const struct audit_looks *a)
{
    double U = false_total(a) - a->found - a->unsure;
    double left = a->below[a->top] * local_ratio(a) * draw_ratio(a);

    return U - 1.2 * left;
}

/* Is the next unit from the top worth more than its share of the draws? */
static int top_pays(const struct audit_looks *a)
{
    double d = distance(a);
    double p = guess(a, a->rank[a->top], local_ratio(a) * draw_ratio(a));

    return d < 1.5 || 3 * a->unseen * p >= BALANCE * d * d;
}

static int by_time(const void *x, const void *y)
{
    const struct turn *i = x, *j = y;

    return i->time != j->time ? (i->time > j->time) - (i->time < j->time)
                              : (i->unit > j->unit) - (i->unit < j->unit);
}

/* New weights for the unseen; their clocks go on from where they stand. */
static void start_epoch(struct audit_looks *a)
{
    double ratio = local_ratio(a) * draw_ratio(a), d = distance(a);
    double scale = a->unseen / (d > 1.5 ? d : 1.5), risk = 0;

    for (size_t i = a->at; i < a->n_order; i++) {
        uint32_t u = a->order[i].unit;

        if (!a->answer[u]) {
            a->clock[u] -= a->now * a->unit[u].value * a->weight[u];
        }
    }
    a->now = 0;
    a->n_order = a->at = 0;
    a->weights = 0;
    a->least = 0;
    for (size_t k = a->top; k < a->n; k++) {
        uint32_t i = a->rank[k];
        double p, w;

        if (a->answer[i]) {
            continue;
        }
        p = guess(a, i, ratio);
        w = 1 + a->goal.tilt * sqrt(p * scale);
        a->weight[i] = w;
        a->weights += w * a->unit[i].value;
        a->least = a->n_order == 0 ? w : least(a->least, w);
        a->order[a->n_order++] =
            (struct turn){ a->clock[i] / (a->unit[i].value * w), i };
        risk += p * a->unit[i].value / w;
    }
    qsort(a->order, a->n_order, sizeof *a->order, by_time);
    d = false_total(a) - a->found - a->unsure;
    a->bet = d > 0 ? 1 - (risk * a->least + BET_ADD) / d : 0;
    a->bet = least(a->bet < BET_MIN ? BET_MIN : a->bet, BET_MOST);
    a->epoch_end = a->n_draws + EPOCH;
}

static void choose(struct audit_looks *a)
{
    while (a->top < a->n && a->answer[a->rank[a->top]]) {
        a->top++;
    }
    a->next_is_draw = 0;
    a->next = a->top < a->n ? a->rank[a->top] : a->n;
    if (a->top == a->n || (a->n_draws >= a->epoch_end && top_pays(a))) {
        return;
    }
    if (a->n_draws >= a->epoch_end) {
        start_epoch(a);
    }
    while (a->answer[a->order[a->at].unit]) {
        a->at++;
    }
    a->next = a->order[a->at].unit;
    a->next_is_draw = 1;
}

static void sum_below(struct audit_looks *a)
{
    a->below[a->n] = 0;
    for (size_t k = a->n; k-- > 0;) {
        size_t i = a->rank[k];

        a->below[k] = a->below[k + 1] + a->share[i] * a->unit[i].value;
    }
}

enum nn_status audit_looks_create(const struct audit_unit *unit, size_t n,
                                  const struct audit_goal *goal,
                                  struct audit_looks **out,
                                  struct nn_error *err)
{
    struct audit_looks *a;

    if (n == 0 || n > 0x80000000u || !(goal->recall > 0 && goal->recall < 1) ||
        !(goal->confidence > 0 && goal->confidence < 1)) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot audit %zu units for recall %g at confidence %g",
                       n, goal->recall, goal->confidence);
    }
    for (size_t i = 0; i < n; i++) {
        if (!(unit[i].clock > 0 && unit[i].value > 0 &&
              unit[i].expected >= 0)) {
            return nn_fail(err, NN_ERR_ARG, "unit %zu has no clock or value",
                           i);
        }
    }
    a = nn_mem_calloc(1, sizeof *a);
    if (a == NULL) {
        return nn_fail_nomem(err);
    }
    a->unit = unit;
    a->n = n;
    a->goal = *goal;
    a->answer = nn_mem_calloc(n, 1);
    a->clock = nn_mem_calloc(n, sizeof *a->clock);
    a->weight = nn_mem_calloc(n, sizeof *a->weight);
    a->share = nn_mem_calloc(n, sizeof *a->share);
    a->rank = nn_mem_calloc(n, sizeof *a->rank);
    a->below = nn_mem_calloc(n + 1, sizeof *a->below);
    a->order = nn_mem_calloc(n, sizeof *a->order);
    if (a->answer == NULL || a->clock == NULL || a->weight == NULL ||
        a->share == NULL || a->rank == NULL || a->below == NULL ||
        a->order == NULL) {
        audit_looks_destroy(&a);
        return nn_fail_nomem(err);
    }
    for (size_t i = n; i-- > 0;) {
        a->clock[i] = unit[i].clock;
        a->share[i] = unit[i].expected;
        a->rank[i] = (uint32_t)i;
        a->unseen += unit[i].value;
    }
    sum_below(a);
    choose(a);
    *out = a;
    return NN_OK;
}

void audit_looks_destroy(struct audit_looks **looks)
{
    struct audit_looks *a = *looks;

    if (a != NULL) {
        nn_mem_free(a->answer);
        nn_mem_free(a->clock);
        nn_mem_free(a->weight);
        nn_mem_free(a->share);
        nn_mem_free(a->rank);
        nn_mem_free(a->below);
        nn_mem_free(a->order);
        nn_mem_free(a->draw);
        nn_mem_free(a);
        *looks = NULL;
    }
}

/* Those that were seen keep their places before `top`, so that the sums below
 * a rank hold what is still ahead. */
static int by_share(const void *x, const void *y, void *ctx)
{
    const struct audit_looks *a = ctx;
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;

    if (!a->answer[i] != !a->answer[j]) {
        return a->answer[i] ? -1 : 1;
    }
    if (a->share[i] != a->share[j]) {
        return a->share[i] < a->share[j] ? 1 : -1;
    }
    return (i > j) - (i < j);
}

enum nn_status audit_looks_revise(struct audit_looks *a, const double *expected,
                                  struct nn_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!(expected[i] >= 0 && expected[i] <= 1)) {
            return nn_fail(err, NN_ERR_ARG,
                           "the expected share of unit %zu "
                           "is %g",
                           i, expected[i]);
        }
    }
    memcpy(a->share, expected, a->n * sizeof *a->share);
    qsort_r(a->rank, a->n, sizeof *a->rank, by_share, a);
    sum_below(a);
    a->top = 0;
    a->hits = a->expected = 0;
    a->draw_hits = a->draw_expected = 0;
    a->epoch_end = a->n_draws;
    choose(a);
    return NN_OK;
}

size_t audit_looks_next(struct audit_looks *a, int *is_draw)
{
    if (is_draw != NULL) {
        *is_draw = a->next_is_draw;
    }
    return a->next;
}

static enum nn_status put_draw(struct audit_looks *a, size_t i, int hit,
                               struct nn_error *err)
{
    if (a->n_draws == a->cap) {
        size_t cap = a->cap > 0 ? 2 * a->cap : 256;
        struct nn_draw *more = nn_mem_realloc(a->draw, cap, sizeof *more);

        if (more == NULL) {
            return nn_fail_nomem(err);
        }
        a->draw = more;
        a->cap = cap;
    }
    a->draw[a->n_draws++] = (struct nn_draw){
        .most = a->weights / a->least,
        .here = a->weights / a->weight[i],
        .known = a->found + a->unsure,
        .bet = a->bet,
        .hit = hit,
    };
    a->now = a->clock[i] / (a->unit[i].value * a->weight[i]);
    a->draw_expected += guess(a, i, local_ratio(a));
    a->draw_hits += hit;
    a->weights -= a->weight[i] * a->unit[i].value;
    a->at++;
    if (hit) {
        a->epoch_end = a->n_draws;
    }
    return NN_OK;
}

/* Against the least total that makes the goal false; from the last draw alone
 * while that total stays. */
static void weigh_evidence(struct audit_looks *a)
{
    double T = false_total(a);

    if (T != a->against_total) {
        a->against = nn_draws_log_evidence(a->draw, a->n_draws, T);
        a->against_total = T;
    } else if (a->next_is_draw) {
        a->against += nn_draws_log_evidence(&a->draw[a->n_draws - 1], 1, T);
    }
}

enum nn_status audit_looks_put(struct audit_looks *a, enum audit_answer answer,
                               struct nn_error *err)
{
    size_t i = a->next;
    int hit = answer != AUDIT_NONE;
    enum nn_status st;

    if (i == a->n || answer == AUDIT_UNSEEN) {
        return nn_fail(err, NN_ERR_ARG, "no answer is asked for");
    }
    if (a->next_is_draw) {
        st = put_draw(a, i, hit, err);
        if (st) {
            return st;
        }
    } else {
        a->hits = FORGET * a->hits + hit;
        a->expected = FORGET * a->expected + a->share[i];
        a->n_top++;
    }
    a->answer[i] = (unsigned char)answer;
    a->unseen -= a->unit[i].value;
    a->found += answer == AUDIT_POSITIVE ? a->unit[i].value : 0;
    a->unsure += answer == AUDIT_UNSURE ? a->unit[i].value : 0;
    weigh_evidence(a);
    choose(a);
    return NN_OK;
}

int audit_looks_reached(const struct audit_looks *a)
{
    double T = false_total(a), known = a->found + a->unsure;

    return T > known &&
           (T > known + a->unseen || a->against >= -log1p(-a->goal.confidence));
}

void audit_looks_state(const struct audit_looks *a, struct audit_state *out)
{
    struct audit_state s = {
        .n_top = a->n_top,
        .n_draws = a->n_draws,
        .found = a->found,
        .unsure = a->unsure,
        .known = a->found + a->unsure,
        .unseen = a->unseen,
    };

    s.upper = nn_draws_upper(a->draw, a->n_draws, s.known, s.known + s.unseen,
                             a->goal.confidence);
    s.recall = s.upper > 0 ? s.found / s.upper : 1;
    for (size_t i = 0; i < a->n_draws; i++) {
        s.expected +=
            (a->draw[i].known + (a->draw[i].hit ? a->draw[i].here : 0)) /
            (double)a->n_draws;
    }
    s.expected = s.expected > s.known ? s.expected : s.known;
    s.reached = s.recall >= a->goal.recall;
    *out = s;
}

enum audit_answer audit_looks_answer(const struct audit_looks *a, size_t unit)
{
    return (enum audit_answer)a->answer[unit];
}

const struct nn_draw *audit_looks_draws(const struct audit_looks *a, size_t *n)
{
    *n = a->n_draws;
    return a->draw;
}
