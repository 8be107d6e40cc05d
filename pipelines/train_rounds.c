#include "pipelines/train_rounds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"

/* --- given negatives --- */

/* Items of pool that may be trained on: readable, and near to nothing that
 * measures. *n of them in a block of nn_mem. */
static uint32_t *harmless(const struct nn_dataset *ds,
                          const struct nn_dataset *pool, size_t *n)
{
    uint32_t *v = nn_mem_calloc(pool->n, sizeof *v);

    *n = 0;
    for (size_t i = 0; v != NULL && i < pool->n; i++) {
        int leak = pool->items[i].bad;

        for (size_t k = 0; !leak && k < ds->n; k++) {
            const struct nn_item *it = &ds->items[k];

            leak = it->split != NN_TRAIN &&
                   nn_items_near(it, &pool->items[i], NN_NEAR_BITS);
        }
        if (!leak) {
            v[(*n)++] = (uint32_t)i;
        }
    }
    return v;
}

enum nn_status train_add_negatives(struct nn_dataset *ds,
                                   const struct pools *pools,
                                   struct nn_error *err)
{
    struct nn_dataset *pool = pools->all;
    uint32_t *v;
    size_t n;
    enum nn_status st;

    nn_dataset_fingerprint(pool);
    v = harmless(ds, pool, &n);
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO,
           "%zu more negatives for training (%zu of the %zu given are "
           "unreadable, or copies of validation or test pictures)",
           n, pool->n - n, pool->n);
    st = nn_dataset_borrow(ds, pool, v, n, NN_NEGATIVE, NN_TRAIN, err);
    nn_mem_free(v);
    return st;
}

/* --- families left out --- */

static int32_t find_family(const struct nn_dataset *ds, const char *name)
{
    for (size_t f = 0; f < ds->n_families; f++) {
        if (strcmp(ds->families[f], name) == 0) {
            return (int32_t)f;
        }
    }
    return -1;
}

enum nn_status train_leave_out(struct nn_dataset *ds,
                               const struct nn_option_list *families,
                               struct nn_error *err)
{
    for (size_t k = 0; k < families->n; k++) {
        int32_t f = find_family(ds, families->v[k]);

        if (f < 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s' has no negative family '%s' to leave out",
                           ds->path, families->v[k]);
        }
        for (size_t i = 0; i < ds->n; i++) {
            struct nn_item *it = &ds->items[i];

            if (it->label == NN_NEGATIVE && it->family == f &&
                it->split != NN_TEST) {
                it->split = NN_SPLIT_NONE;
            }
        }
    }
    return NN_OK;
}

/* --- rounds --- */

struct round {
    struct nn_dataset *ds;
    const struct gate_options *opt;
    const struct train_rounds *how;
    const struct nn_run *run;
    int number;
    struct gate_mine_scores scores;
    struct gate_mine_bank bank;
    struct gate_mine_rule rule;
    struct gate_mine_options choice;
    struct gate_mine_result result;
};

static char *path_of(const struct round *r, const char *name, const char *end)
{
    return nn_mem_sprintf("%s/%s-%d.%s", r->run->dir, name, r->number, end);
}

static enum nn_status look(struct round *r, const struct nn_net *gate,
                           const struct gate_policy *policy,
                           struct nn_error *err)
{
    const struct train_rounds *how = r->how;
    char *journal = path_of(r, "scores", "bin");
    enum nn_status st =
        journal == NULL ? nn_fail_nomem(err)
                        : gate_mine_scan(gate, how->pool, journal, r->run->stop,
                                         "score pool", &r->scores, err);

    nn_mem_free(journal);
    if (!st) {
        st = gate_mine_bank_create(gate, r->ds, &r->bank, err);
    }
    if (!st && !how->trust_pool) {
        st = gate_mine_rule_fit(gate, &r->bank, NULL, policy->threshold,
                                how->suspect_rate, &r->rule, err);
    }
    if (st) {
        return st;
    }
    r->choice = gate_mine_defaults(policy, (size_t)how->top);
    r->choice.mode = (enum gate_mine_mode)how->mode;
    r->choice.hard_share = how->hard_share;
    r->choice.seed = r->opt->train.seed + (uint64_t)r->number;
    return gate_mine_choose(gate, how->pool, &r->scores, &r->bank,
                            how->trust_pool ? NULL : &r->rule, NULL, &r->choice,
                            r->run->stop, &r->result, err);
}

static enum nn_status record(const struct round *r, const struct nn_net *gate,
                             struct nn_error *err)
{
    char id[33];
    char *jsonl = path_of(r, "mined", "jsonl");
    char *html = path_of(r, "mined", "html");
    const struct mining_round m = {
        r->number,
        id,
        r->how->pool->n,
        &r->bank,
        r->how->trust_pool ? NULL : &r->rule,
        &r->choice,
        &r->result,
    };
    enum nn_status st =
        jsonl == NULL || html == NULL ? nn_fail_nomem(err) : NN_OK;

    nn_hash_hex(gate->params.value.data,
                gate->params.value.count * sizeof(float), id);
    if (!st) {
        st = mining_write_jsonl(&m, jsonl, err);
    }
    if (!st) {
        st = mining_write_html(&m, html, err);
    }
    if (!st) {
        mining_print(&m, stderr);
    }
    nn_mem_free(jsonl);
    nn_mem_free(html);
    return st;
}

static enum nn_status append(struct round *r, size_t *n, struct nn_error *err)
{
    uint32_t *v = gate_mine_accepted(&r->result, n);
    enum nn_status st = v == NULL
                            ? nn_fail_nomem(err)
                            : nn_dataset_borrow(r->ds, r->result.pictures, v,
                                                *n, NN_NEGATIVE, NN_TRAIN, err);

    nn_mem_free(v);
    if (!st) {
        nn_dataset_fingerprint(r->ds); /* the next round knows them */
    }
    return st;
}

static enum nn_status train_on(const struct round *r,
                               const struct nn_net *start, struct nn_net **gate,
                               struct gate_policy *policy, struct nn_error *err)
{
    struct gate_options o = *r->opt;
    struct nn_train_result result = { 0 };
    char name[32];

    snprintf(name, sizeof name, "gate+%d", r->number);
    o.task = name;
    o.start = start;
    o.init = NULL;
    o.train.epochs = r->how->epochs;
    o.train.schedule.peak *= r->how->rate;
    return gate_train(r->ds, &o, r->run, gate, policy, &result, err);
}

/* One round; *better is 0 when mining is over. */
static enum nn_status one_round(struct round *r, struct nn_net **gate,
                                struct gate_policy *policy, int *better,
                                struct nn_error *err)
{
    struct gate_policy next;
    struct nn_net *net = NULL;
    size_t n = 0;
    enum nn_status st = look(r, *gate, policy, err);

    if (!st) {
        st = record(r, *gate, err);
    }
    if (!st) {
        st = append(r, &n, err);
    }
    *better = 0;
    if (st || n == 0) {
        return st;
    }
    st = train_on(r, *gate, &net, &next, err);
    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO,
           "round %d: with %zu more negatives, %.3f of the validation "
           "negatives pass at the promised hit rate (before: %.3f; each known "
           "to about %.3f)",
           r->number, n, next.false_alarm, policy->false_alarm,
           policy->false_upper - policy->false_alarm);
    *better = r->how->keep || next.false_alarm < policy->false_alarm;
    if (*better) {
        nn_net_destroy(gate);
        *gate = net;
        *policy = next;
        *better = !r->result.exhausted;
    } else {
        nn_log(NN_LOG_INFO, "round %d did not help: its gate is dropped",
               r->number);
        nn_net_destroy(&net);
    }
    return NN_OK;
}

enum nn_status train_run_rounds(struct nn_dataset *ds,
                                const struct gate_options *opt,
                                const struct train_rounds *rounds,
                                const struct nn_run *run, struct nn_net **gate,
                                struct gate_policy *policy,
                                struct nn_error *err)
{
    enum nn_status st = NN_OK;
    int better = 1;

    for (int i = 1; !st && better && i <= rounds->rounds; i++) {
        struct round r = { .ds = ds,
                           .opt = opt,
                           .how = rounds,
                           .run = run,
                           .number = i,
                           .scores = { .fd = -1 } };

        st = one_round(&r, gate, policy, &better, err);
        gate_mine_bank_release(&r.bank);
        gate_mine_result_release(&r.result);
        gate_mine_scores_close(&r.scores);
    }
    return st;
}
