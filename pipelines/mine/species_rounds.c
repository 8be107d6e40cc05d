#include "pipelines/mine/species_rounds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/stats.h"
#include "pipelines/cascade/cascade.h"
#include "pipelines/mine/mine_rungs.h"

/* What a cascade makes of the validation images, [n_valid]. */
struct votes {
    uint8_t *pass;  /* 1: a negative that is accepted */
    uint8_t *right; /* 1: a positive whose class is named */
};

/* What a training of the species net sets in a model. The rungs' nets are the
 * same before and after, their thresholds may differ. */
struct fitted {
    struct nn_net *species;
    struct species_policy species_policy;
    struct gate_policy gate_policy;
    struct cascade_policy policy;
    struct rungs rungs;
    struct nn_train_result result;
};

/* What the rounds share, and the one under way. */
struct rounds {
    struct nn_dataset *ds;
    const struct species_rounds *how;
    const struct nn_run *run;
    struct model *m;
    uint8_t **extra;
    struct nn_train_result *train;
    int32_t side; /* of the pool's images */
    uint32_t *valid;
    size_t n_valid, n_negatives;
    struct votes before, after;
    /* this round */
    int number;
    size_t taken;
    struct gate_mine_scores scores;
    struct gate_mine_bank bank;
    struct second_scorer species;
    struct gate_mine_second_scorer second;
    struct gate_mine_rule rule;
    struct gate_mine_options choice;
    struct gate_mine_result result;
};

/* Where the features of both nets are kept. */
static const char *both_features(const struct species_rounds *how)
{
    return how->gate_features != NULL ? how->species_features : NULL;
}

/* --- validation --- */

static enum nn_status list_valid(struct rounds *r, struct nn_error *err)
{
    r->valid = nn_dataset_list(r->ds, NN_VALID, NN_ITEMS_ALL, &r->n_valid);
    r->n_negatives = nn_dataset_count(r->ds, NN_VALID, NN_ITEMS_NEGATIVE);
    r->before.pass = nn_mem_calloc(r->n_valid + 1, 1);
    r->before.right = nn_mem_calloc(r->n_valid + 1, 1);
    r->after.pass = nn_mem_calloc(r->n_valid + 1, 1);
    r->after.right = nn_mem_calloc(r->n_valid + 1, 1);
    return r->valid == NULL || r->before.pass == NULL ||
                   r->before.right == NULL || r->after.pass == NULL ||
                   r->after.right == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

static enum nn_status vote(const struct rounds *r, struct votes *v,
                           struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    struct cascade *c = NULL;
    enum nn_status st = cascade_create(r->m, CASCADE_BATCH, &c, err);

    if (st) {
        return st;
    }
    cascade_keep_features(c, both_features(r->how));
    st = cascade_score(c, r->ds, r->valid, r->n_valid, 0, NULL, &s, err);
    for (size_t i = 0; !st && i < r->n_valid; i++) {
        int32_t label = r->ds->items[r->valid[i]].label;

        v->pass[i] = v->right[i] = 0;
        if (s.ok[i]) {
            struct verdict said = cascade_verdict(c, &s, i);

            v->pass[i] = label == NN_NEGATIVE && said.kind != VERDICT_NONE;
            v->right[i] = label != NN_NEGATIVE && said.kind == VERDICT_CLASS &&
                          said.best == label;
        }
    }
    cascade_scores_release(&s);
    cascade_destroy(&c);
    return st;
}

static size_t count(const uint8_t *yes, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += yes[i];
    }
    return sum;
}

/* --- mine --- */

static enum nn_status score_pool(struct rounds *r, struct nn_error *err)
{
    char *journal = NULL;
    size_t n_rejected;
    enum nn_status st;

    if (r->run->dir != NULL) {
        journal = nn_mem_sprintf("%s/scores-species.bin", r->run->dir);
        if (journal == NULL) {
            return nn_fail_nomem(err);
        }
    }
    st = gate_mine_scan(r->m->gate, r->how->how->pool, journal,
                        r->how->gate_features, r->run->stop, "score pool",
                        &r->scores, err);
    nn_mem_free(journal);
    if (st) {
        return st;
    }
    return mine_show_cascade(r->m, r->how->how->pool, both_features(r->how),
                             r->run->stop, &r->scores, &n_rejected, err);
}

/* Photos of the right kind stand among the negatives of ds, but what looks like
 * them is none. */
static void count_unknown_as_positives(struct rounds *r)
{
    struct gate_mine_bank *b = &r->bank;

    for (size_t i = 0; i < b->n; i++) {
        if ((*r->extra)[b->item[i]] == SPECIES_UNKNOWN && !b->positive[i]) {
            b->positive[i] = 1;
            b->n_positives++;
        }
    }
}

/* Training images as the pool would show them, and who is a suspected false
 * negative. */
static enum nn_status learn_known(struct rounds *r, struct nn_error *err)
{
    const struct train_rounds *how = r->how->how;
    enum nn_status st = gate_mine_bank_create(
        r->m->gate, r->ds, r->side, r->how->gate_features, &r->bank, err);

    if (st) {
        return st;
    }
    count_unknown_as_positives(r);
    st = second_scorer_init(&r->species, r->m->species, r->side,
                            r->how->species_features, &r->second, err);
    if (st || how->trust_pool) {
        return st;
    }
    return gate_mine_rule_fit(r->m->gate, &r->bank, &r->second,
                              r->m->gate_policy.threshold,
                              how->fn_filter_recall, &r->rule, err);
}

static enum nn_status choose(struct rounds *r, struct nn_error *err)
{
    const struct train_rounds *how = r->how->how;
    size_t top = gate_rounds_most(r->ds, (size_t)how->top, how->share);

    r->choice = gate_mine_defaults(&r->m->gate_policy, top);
    r->choice.mode = GATE_MINE_FALSE_POSITIVES; /* what passes, and no other */
    r->choice.caps_yield = 1;
    r->choice.seed = r->how->seed + (uint64_t)r->number;
    if (how->leave_out != NULL) {
        r->choice.leave_out = how->leave_out->v;
        r->choice.n_leave_out = how->leave_out->n;
    }
    return gate_mine_choose(r->m->gate, how->pool, &r->scores, &r->bank,
                            how->trust_pool ? NULL : &r->rule, &r->second,
                            &r->choice, r->run->stop, &r->result, err);
}

static enum nn_status record(const struct rounds *r, struct nn_error *err)
{
    char id[33];
    const struct nn_net *net = r->m->species;
    const struct mining_round m = {
        .number = r->number,
        .whole = 1,
        .model_id = id,
        .temperature = r->m->gate->temperature,
        .n_pool = r->how->how->pool->n,
        .bank = &r->bank,
        .rule = r->how->how->trust_pool ? NULL : &r->rule,
        .opt = &r->choice,
        .result = &r->result,
    };

    nn_hash_hex(net->params.value.data, net->params.value.count * sizeof(float),
                id);
    mining_print(&m, stderr);
    return r->run->dir != NULL ? mining_write_round(&m, r->run->dir, err)
                               : NN_OK;
}

static enum nn_status mine_pool(struct rounds *r, struct nn_error *err)
{
    enum nn_status st = score_pool(r, err);

    if (st) {
        return st;
    }
    st = learn_known(r, err);
    if (st) {
        return st;
    }
    st = choose(r, err);
    second_scorer_release(&r->species); /* its net may not outlive the round */
    if (st) {
        return st;
    }
    r->taken =
        r->result.count[GATE_MINE_V_HARD] + r->result.count[GATE_MINE_V_RANDOM];
    return record(r, err);
}

/* --- train anew --- */

static struct fitted take_fitted(struct rounds *r)
{
    struct model *m = r->m;
    struct fitted f = { m->species, m->species_policy, m->gate_policy,
                        m->policy,  m->rungs,          *r->train };

    m->species = NULL;
    return f;
}

static void put_fitted(struct rounds *r, const struct fitted *f)
{
    struct model *m = r->m;

    nn_net_destroy(&m->species);
    m->species = f->species;
    m->species_policy = f->species_policy;
    m->gate_policy = f->gate_policy;
    m->policy = f->policy;
    m->rungs = f->rungs;
    *r->train = f->result;
}

static enum nn_status append_mined(struct rounds *r, struct nn_error *err)
{
    size_t had = r->ds->n;
    enum nn_status st = gate_mine_append(r->ds, &r->result, err);
    uint8_t *grown;

    if (st) {
        return st;
    }
    grown = nn_mem_realloc(*r->extra, r->ds->n, 1);
    if (grown == NULL) {
        return nn_fail_nomem(err);
    }
    memset(grown + had, SPECIES_NONE, r->ds->n - had);
    *r->extra = grown;
    return NN_OK;
}

/* *go_on: is there a next round? */
static int is_better(const struct rounds *r, int *go_on)
{
    size_t no_longer, newly, lost, won;
    size_t was = count(r->before.pass, r->n_valid);
    size_t is = count(r->after.pass, r->n_valid);
    int keep = r->how->how->keep, fell, kept;

    nn_mcnemar_count(r->before.pass, r->after.pass, r->n_valid, &no_longer,
                     &newly);
    nn_mcnemar_count(r->before.right, r->after.right, r->n_valid, &lost, &won);
    fell = gate_rounds_fell(no_longer, newly);
    kept = keep || (is <= was && !gate_rounds_fell(lost, won));
    *go_on = keep || (fell && kept);
    nn_log(NN_LOG_INFO,
           "species round %d: with %zu more negatives, the cascade accepts %zu "
           "of the %zu validation negatives, before %zu, and names %zu of the "
           "%zu positives rightly, before %zu: %s",
           r->number, r->taken, is, r->n_negatives, was,
           count(r->after.right, r->n_valid), r->n_valid - r->n_negatives,
           count(r->before.right, r->n_valid),
           !kept  ? "its net is dropped"
           : fell ? "the false-positive rate fell"
                  : "kept, but no fall beyond chance");
    return kept;
}

static enum nn_status train_anew(struct rounds *r, int *go_on,
                                 struct nn_error *err)
{
    struct fitted old = take_fitted(r);
    struct votes swap;
    char task[32];
    enum nn_status st;

    snprintf(task, sizeof task, "species+%d", r->number);
    st = r->how->fit(r->how->ctx, task, *r->extra, r->m, r->train, err);
    if (!st) {
        st = vote(r, &r->after, err);
    }
    if (st || !is_better(r, go_on)) {
        put_fitted(r, &old);
        return st;
    }
    nn_net_destroy(&old.species);
    swap = r->before;
    r->before = r->after;
    r->after = swap;
    return NN_OK;
}

static enum nn_status run_round(struct rounds *r, int *go_on,
                                struct nn_error *err)
{
    enum nn_status st = mine_pool(r, err);

    *go_on = 0;
    if (st) {
        return st;
    }
    if (r->taken == 0) {
        nn_log(NN_LOG_INFO,
               "species round %d: nothing that the cascade accepts may be "
               "trained on, %zu of it suspected false negatives",
               r->number, r->result.count[GATE_MINE_V_SUSPECTED_FN]);
        return NN_OK;
    }
    st = append_mined(r, err);
    return st ? st : train_anew(r, go_on, err);
}

static void release_round(struct rounds *r)
{
    gate_mine_result_release(&r->result);
    second_scorer_release(&r->species);
    gate_mine_bank_release(&r->bank);
    gate_mine_scores_close(&r->scores);
}

static int reached(const struct rounds *r)
{
    const struct train_rounds *how = r->how->how;

    return !how->keep && how->max_fpr > 0 &&
           r->m->policy.fpr_upper <= how->max_fpr;
}

enum nn_status
mine_species_rounds(struct nn_dataset *ds, const struct species_rounds *how,
                    const struct nn_run *run, struct model *m, uint8_t **extra,
                    struct nn_train_result *result, struct nn_error *err)
{
    struct rounds r = { .ds = ds,
                        .how = how,
                        .run = run,
                        .m = m,
                        .extra = extra,
                        .train = result,
                        .scores = { .fd = -1 } };
    int go_on = 1;
    enum nn_status st = list_valid(&r, err);

    if (st) {
        goto out;
    }
    st = gate_mine_pool_side(m->gate, how->how->pool, &r.side, err);
    if (st) {
        goto out;
    }
    st = vote(&r, &r.before, err);
    for (int i = 1; !st && go_on && i <= how->how->species && !reached(&r);
         i++) {
        r.number = i;
        st = run_round(&r, &go_on, err);
        release_round(&r);
    }
out:
    nn_mem_free(r.valid);
    nn_mem_free(r.before.pass);
    nn_mem_free(r.before.right);
    nn_mem_free(r.after.pass);
    nn_mem_free(r.after.right);
    return st;
}
