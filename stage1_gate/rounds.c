#include "stage1_gate/rounds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "common/eval/stats.h"

/* What the rounds share, and the one under way. */
struct rounds {
    struct nn_dataset *ds;
    const struct gate_options *opt;
    const struct gate_round_options *how;
    const struct nn_run *run;
    int32_t side;    /* of the pool's images, -1: not yet known */
    uint32_t *valid; /* [n_valid] validation negatives */
    uint8_t *pass, *next_pass;
    size_t n_valid;
    /* this round */
    struct gate_round round;
    struct gate_mine_scores scores;
    struct gate_mine_bank bank;
    struct gate_mine_rule rule;
    struct gate_mine_options choice;
    struct gate_mine_result result;
};

int gate_rounds_fell(size_t b, size_t c)
{
    return b + c > 0 && nn_clopper_pearson_lower(b, b + c, NN_CONFIDENCE) > 0.5;
}

size_t gate_rounds_most(const struct nn_dataset *ds, size_t top, double share)
{
    size_t n = nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_ALL);

    n = (size_t)(share * (double)n);
    n = n > 0 ? n : 1;
    return top < n ? top : n;
}

int gate_rounds_reached(const struct gate_policy *policy, double max)
{
    return max > 0 && policy->fpr_upper <= max;
}

static enum nn_status report(struct rounds *r, enum gate_round_step step,
                             struct nn_error *err)
{
    r->round.step = step;
    return r->how->on_round != NULL
               ? r->how->on_round(r->how->ctx, &r->round, err)
               : NN_OK;
}

/* --- validation negatives --- */

static enum nn_status list_valid(struct rounds *r, struct nn_error *err)
{
    size_t n = r->ds->n;

    r->valid = nn_dataset_list(r->ds, NN_VALID, NN_ITEMS_NEGATIVE, &r->n_valid);
    r->pass = nn_mem_calloc(n, 1);
    r->next_pass = nn_mem_calloc(n, 1);
    if (r->valid == NULL || r->pass == NULL || r->next_pass == NULL) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

/* pass[i]: validation negative i passes the gate. */
static enum nn_status find_passing(const struct rounds *r,
                                   const struct nn_net *gate, double threshold,
                                   uint8_t *pass, struct nn_error *err)
{
    size_t k = gate->spec.n_outputs;
    struct nn_scorer *s = NULL;
    float *logits = nn_mem_calloc(r->n_valid, k * sizeof *logits);
    enum nn_status st;

    if (logits == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_scorer_create(gate, r->opt->train.batch, &s, err);
    if (st) {
        goto out;
    }
    nn_scorer_keep_features(s, nn_train_feature_dir(&r->opt->train));
    st = nn_scorer_run_items(s, r->ds, r->valid, r->n_valid, NULL, logits, pass,
                             err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < r->n_valid; i++) {
        pass[i] = pass[i] &&
                  gate_probability(gate, gate_logit(gate, logits + i * k)) >=
                      threshold;
    }
out:
    nn_scorer_destroy(&s);
    nn_mem_free(logits);
    return st;
}

/* --- mine --- */

/* How many negatives the round wants, and how many it may take. */
static void limit_round(struct rounds *r)
{
    struct gate_round *q = &r->round;

    if (r->how->exactly != NULL) {
        q->wanted = q->top = r->how->exactly[q->number - 1];
        return;
    }
    q->wanted = r->how->top;
    q->top = gate_rounds_most(r->ds, q->wanted, r->how->share);
}

static enum nn_status score_pool(struct rounds *r, struct nn_error *err)
{
    char *journal = NULL;
    enum nn_status st;

    if (r->run->dir != NULL) {
        journal =
            nn_mem_sprintf("%s/scores-%d.bin", r->run->dir, r->round.number);
        if (journal == NULL) {
            return nn_fail_nomem(err);
        }
    }
    st = gate_mine_scan(r->round.gate, r->how->pool, journal,
                        nn_train_feature_dir(&r->opt->train), r->run->stop,
                        "score pool", &r->scores, err);
    nn_mem_free(journal);
    return st;
}

/* What is known: the training images as the pool would show them, and from
 * them who is a suspected false negative. */
static enum nn_status learn_known(struct rounds *r, struct nn_error *err)
{
    const struct gate_round *q = &r->round;
    enum nn_status st;

    if (r->side < 0) {
        st = gate_mine_pool_side(q->gate, r->how->pool, &r->side, err);
        if (st) {
            return st;
        }
    }
    st = gate_mine_bank_create(q->gate, r->ds, r->side,
                               nn_train_feature_dir(&r->opt->train), &r->bank,
                               err);
    if (st || r->how->trust_pool) {
        return st;
    }
    return gate_mine_rule_fit(q->gate, &r->bank, NULL, q->policy->threshold,
                              r->how->fn_filter_recall, &r->rule, err);
}

static enum nn_status mine_pool(struct rounds *r, struct nn_error *err)
{
    const struct gate_round_options *how = r->how;
    struct gate_round *q = &r->round;
    enum nn_status st;

    r->scores.n = how->pool->n;
    if (how->mode != GATE_MINE_RANDOM) {
        st = score_pool(r, err);
        if (st) {
            return st;
        }
    }
    st = learn_known(r, err);
    if (st) {
        return st;
    }
    r->choice = gate_mine_defaults(q->policy, q->top);
    r->choice.mode = how->mode;
    r->choice.hard_share = how->hard_share;
    r->choice.caps_yield = 1;
    r->choice.seed = r->opt->train.seed + (uint64_t)q->number;
    r->choice.leave_out = how->leave_out;
    r->choice.n_leave_out = how->n_leave_out;
    q->bank = &r->bank;
    q->rule = how->trust_pool ? NULL : &r->rule;
    q->choice = &r->choice;
    q->result = &r->result;
    st = gate_mine_choose(q->gate, how->pool, &r->scores, &r->bank, q->rule,
                          NULL, &r->choice, r->run->stop, &r->result, err);
    q->taken =
        r->result.count[GATE_MINE_V_HARD] + r->result.count[GATE_MINE_V_RANDOM];
    return st;
}

/* --- train on --- */

static enum nn_status train_on(const struct rounds *r, struct nn_net **gate,
                               struct gate_policy *policy, struct nn_error *err)
{
    struct gate_options o = *r->opt;
    struct nn_train_result result = { 0 };
    char name[32];

    snprintf(name, sizeof name, "gate+%d", r->round.number);
    o.task = name;
    o.start = r->round.gate;
    o.init = NULL;
    o.train.epochs = r->how->epochs;
    o.train.schedule.peak *= r->how->rate;
    return gate_train(r->ds, &o, r->run, gate, policy, &result, err);
}

/* --- keep or fall back --- */

/* Who passes which gate, and so which one stays. *go_on: is there a next
 * round? */
static void compare_gates(struct rounds *r, int *go_on)
{
    struct gate_round *q = &r->round;
    size_t before = 0, after = 0;

    for (size_t i = 0; i < r->n_valid; i++) {
        before += r->pass[i];
        after += r->next_pass[i];
    }
    nn_mcnemar_count(r->pass, r->next_pass, r->n_valid, &q->no_longer,
                     &q->newly);
    q->fell = gate_rounds_fell(q->no_longer, q->newly);
    q->kept = r->how->keep || after <= before;
    *go_on = (r->how->keep || q->fell) &&
             (!r->result.exhausted || r->how->exactly != NULL);
}

/* One round; *go_on is 0 when mining is over. */
static enum nn_status run_round(struct rounds *r, struct nn_net **gate,
                                struct gate_policy *policy, int *go_on,
                                struct nn_error *err)
{
    struct gate_policy next;
    struct nn_net *net = NULL;
    enum nn_status st;

    *go_on = 0;
    limit_round(r);
    if (r->round.top == 0) {
        return NN_OK;
    }
    st = report(r, GATE_ROUND_BEGINS, err);
    if (st) {
        return st;
    }
    st = mine_pool(r, err);
    if (st) {
        return st;
    }
    st = report(r, GATE_ROUND_MINED, err);
    if (st || r->round.taken == 0) {
        return st;
    }
    st = gate_mine_append(r->ds, &r->result, err); /* the next round knows */
    if (st) {
        return st;
    }
    st = train_on(r, &net, &next, err);
    if (st) {
        return st;
    }
    st = find_passing(r, net, next.threshold, r->next_pass, err);
    if (st) {
        goto out;
    }
    r->round.next = &next;
    compare_gates(r, go_on);
    st = report(r, GATE_ROUND_TRAINED, err);
    if (st || !r->round.kept) {
        goto out;
    }
    nn_net_destroy(gate);
    *gate = net;
    net = NULL;
    *policy = next;
    memcpy(r->pass, r->next_pass, r->n_valid);
out:
    nn_net_destroy(&net);
    return st;
}

enum nn_status gate_run_rounds(struct nn_dataset *ds,
                               const struct gate_options *opt,
                               const struct gate_round_options *how,
                               const struct nn_run *run, struct nn_net **gate,
                               struct gate_policy *policy, struct nn_error *err)
{
    struct rounds r = {
        .ds = ds, .opt = opt, .how = how, .run = run, .side = -1
    };
    enum nn_status st = list_valid(&r, err);
    int go_on = 1;

    if (st) {
        goto out;
    }
    st = find_passing(&r, *gate, policy->threshold, r.pass, err);
    if (st) {
        goto out;
    }
    for (int i = 1; go_on && i <= how->rounds; i++) {
        if (!how->keep && gate_rounds_reached(policy, how->max_fpr)) {
            break;
        }
        r.round = (struct gate_round){ .number = i,
                                       .gate = *gate,
                                       .policy = policy,
                                       .pool = how->pool,
                                       .n_valid = r.n_valid };
        r.scores = (struct gate_mine_scores){ .fd = -1 };
        st = run_round(&r, gate, policy, &go_on, err);
        gate_mine_bank_release(&r.bank);
        gate_mine_result_release(&r.result);
        gate_mine_scores_close(&r.scores);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(r.valid);
    nn_mem_free(r.pass);
    nn_mem_free(r.next_pass);
    return st;
}
