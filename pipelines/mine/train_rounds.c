#include "pipelines/mine/train_rounds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/stats.h"

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

/* Pictures that cannot be read; a source of which that is true of all is an
 * error, for somebody meant to train on it. */
static enum nn_status count_bad(const struct pools *pools, size_t *bad,
                                struct nn_error *err)
{
    const struct nn_item *it = pools->all->items; /* part by part */

    *bad = 0;
    for (size_t i = 0; i < pools->n; it += pools->part[i++]->n) {
        size_t n = pools->part[i]->n, here = 0;

        for (size_t k = 0; k < n; k++) {
            here += it[k].bad != 0;
        }
        if (here == n) {
            return nn_fail(err, NN_ERR_IO,
                           "none of the %zu pictures of '%s' can be read, such "
                           "as '%s'",
                           n, pools->part[i]->path, it->file);
        }
        *bad += here;
    }
    return NN_OK;
}

enum nn_status train_add_negatives(struct nn_dataset *ds,
                                   const struct pools *pools,
                                   struct nn_error *err)
{
    struct nn_dataset *pool = pools->all;
    uint32_t *v;
    size_t n, bad;
    enum nn_status st;

    nn_dataset_fingerprint(pool);
    st = count_bad(pools, &bad, err);
    if (st) {
        return st;
    }
    v = harmless(ds, pool, &n);
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO,
           "%zu more negatives for training (of the %zu given %zu are "
           "unreadable, %zu copies of validation or test pictures)",
           n, pool->n, bad, pool->n - n - bad);
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

/* --- the first gate --- */

static int fits(const struct nn_net *gate, const struct nn_dataset *ds,
                const struct gate_options *opt)
{
    const struct nn_net_spec *s = &gate->spec;
    const struct nn_test_views *views = &opt->test_views;
    int same = s->n_outputs == ds->n_classes + ds->n_families + 1 &&
               (views->n > 0 || s->size == opt->size) && s->width == opt->width;

    for (size_t i = 0; same && i + 1 < s->n_outputs; i++) {
        const char *name = i < ds->n_classes ? ds->classes[i]
                                             : ds->families[i - ds->n_classes];

        same = strcmp(s->outputs[i] + 1, name) == 0;
    }
    return same;
}

enum nn_status train_load_gate(const char *path, const struct nn_dataset *ds,
                               const struct gate_options *opt,
                               struct nn_net **gate, struct gate_policy *policy,
                               struct nn_error *err)
{
    struct model *m = NULL;
    enum nn_status st = model_load(path, &m, err);

    *gate = NULL;
    if (!st && (m->system != MODEL_CASCADE || !fits(m->gate, ds, opt))) {
        st = nn_fail(err, NN_ERR_ARG,
                     "the gate of '%s' has other classes, families, width or "
                     "size than this training",
                     path);
    }
    if (!st && opt->test_views.n > 0) {
        st = gate_calibrate(ds, opt, m->gate, &m->gate_policy, err);
    }
    if (!st) {
        *gate = m->gate;
        *policy = m->gate_policy;
        m->gate = NULL;
    }
    model_destroy(&m);
    return st;
}

/* --- targets --- */

#define CONFIDENCE 0.95

int train_rounds_fell(size_t b, size_t c)
{
    return b + c > 0 && nn_clopper_pearson_lower(b, b + c, CONFIDENCE) > 0.5;
}

char *train_rounds_too_few(double max_false_alarm, size_t n)
{
    double best = nn_clopper_pearson_upper(0, n, CONFIDENCE);

    if (max_false_alarm <= 0 || (n > 0 && best <= max_false_alarm)) {
        return NULL;
    }
    return nn_mem_sprintf(
        "a false-alarm rate of %.4g cannot be certified with n = %zu "
        "validation negatives: if none passed, the exact 95 %% upper bound "
        "would be %.4f; %zu would be the fewest",
        max_false_alarm, n, n > 0 ? best : 1,
        nn_certify_min_n(1 - max_false_alarm, CONFIDENCE));
}

/* --- rounds --- */

/* What the rounds share, and the one under way. */
struct rounds {
    struct nn_dataset *ds;
    const struct gate_options *opt;
    const struct train_rounds *how;
    const struct nn_run *run;
    uint32_t *valid; /* [n_valid] validation negatives */
    uint8_t *pass, *next_pass;
    size_t n_valid;
    /* this round */
    int number;
    size_t top;
    struct gate_mine_scores scores;
    struct gate_mine_bank bank;
    struct gate_mine_rule rule;
    struct gate_mine_options choice;
    struct gate_mine_result result;
};

static char *path_of(const struct rounds *r, const char *name, const char *end)
{
    return nn_mem_sprintf("%s/%s-%d.%s", r->run->dir, name, r->number, end);
}

/* Which validation negatives pass. */
static enum nn_status see_who_passes(const struct rounds *r,
                                     const struct nn_net *gate,
                                     double threshold, uint8_t *pass,
                                     struct nn_error *err)
{
    size_t k = gate->spec.n_outputs;
    struct nn_scorer *s = NULL;
    float *logits = nn_mem_calloc(r->n_valid, k * sizeof *logits);
    enum nn_status st =
        logits == NULL ? nn_fail_nomem(err)
                       : nn_scorer_create(gate, r->opt->train.batch, &s, err);

    if (!st) {
        st = nn_scorer_run_items(s, r->ds, r->valid, r->n_valid, NULL, logits,
                                 pass, err);
    }
    for (size_t i = 0; !st && i < r->n_valid; i++) {
        pass[i] = pass[i] &&
                  gate_probability(gate, gate_logit(gate, logits + i * k)) >=
                      threshold;
    }
    nn_scorer_destroy(&s);
    nn_mem_free(logits);
    return st;
}

/* Accepted lines of the record of another run; 0: it has no such round. */
static enum nn_status count_record(const char *dir, int number, size_t *n,
                                   struct nn_error *err)
{
    char *path = nn_mem_sprintf("%s/mined-%d.jsonl", dir, number);
    unsigned char *text = NULL;
    size_t size = 0;
    enum nn_status st = path == NULL ? nn_fail_nomem(err) : NN_OK;

    *n = 0;
    if (!st && nn_file_exists(path)) {
        st = nn_file_read(path, (size_t)1 << 30, &text, &size, err);
    }
    for (const char *p = (const char *)text;
         !st && p != NULL && (p = strstr(p, "\"verdict\":\"")) != NULL;) {
        p += strlen("\"verdict\":\"");
        *n += strncmp(p, "hard\"", 5) == 0 || strncmp(p, "random\"", 7) == 0;
    }
    nn_mem_free(text);
    nn_mem_free(path);
    return st;
}

/* How many negatives this round may take. */
static enum nn_status set_top(struct rounds *r, struct nn_error *err)
{
    size_t n = 0;

    if (r->how->match != NULL) {
        return count_record(r->how->match, r->number, &r->top, err);
    }
    for (size_t i = 0; i < r->ds->n; i++) {
        n += r->ds->items[i].split == NN_TRAIN && !r->ds->items[i].bad;
    }
    n = (size_t)(r->how->share * (double)n);
    r->top = (size_t)r->how->top;
    if (r->top > n) {
        nn_log(NN_LOG_INFO,
               "round %d: at most %zu negatives, %.2g of the training pictures "
               "(--round-share), and not %zu",
               r->number, n, r->how->share, r->top);
        r->top = n > 0 ? n : 1;
    }
    return NN_OK;
}

static enum nn_status score_pool(struct rounds *r, const struct nn_net *gate,
                                 struct nn_error *err)
{
    char *journal = path_of(r, "scores", "bin");
    enum nn_status st =
        journal == NULL
            ? nn_fail_nomem(err)
            : gate_mine_scan(gate, r->how->pool, journal, r->run->stop,
                             "score pool", &r->scores, err);

    nn_mem_free(journal);
    return st;
}

static enum nn_status look(struct rounds *r, const struct nn_net *gate,
                           const struct gate_policy *policy,
                           struct nn_error *err)
{
    const struct train_rounds *how = r->how;
    int32_t side = 0;
    enum nn_status st = NN_OK;

    r->scores.n = how->pool->n;
    if (how->mode != GATE_MINE_RANDOM) {
        st = score_pool(r, gate, err);
    }
    if (!st) {
        st = gate_mine_pool_side(how->pool, &side, err);
    }
    if (!st) {
        st = gate_mine_bank_create(gate, r->ds, side, &r->bank, err);
    }
    if (!st && !how->trust_pool) {
        st = gate_mine_rule_fit(gate, &r->bank, NULL, policy->threshold,
                                how->suspect_rate, &r->rule, err);
    }
    if (st) {
        return st;
    }
    r->choice = gate_mine_defaults(policy, r->top);
    r->choice.mode = (enum gate_mine_mode)how->mode;
    r->choice.hard_share = how->hard_share;
    r->choice.seed = r->opt->train.seed + (uint64_t)r->number;
    if (how->leave_out != NULL) {
        r->choice.leave_out = (const char *const *)how->leave_out->v;
        r->choice.n_leave_out = how->leave_out->n;
    }
    return gate_mine_choose(gate, how->pool, &r->scores, &r->bank,
                            how->trust_pool ? NULL : &r->rule, NULL, &r->choice,
                            r->run->stop, &r->result, err);
}

static enum nn_status record(const struct rounds *r, const struct nn_net *gate,
                             struct nn_error *err)
{
    char id[33];
    char *jsonl = path_of(r, "mined", "jsonl");
    char *html = path_of(r, "mined", "html");
    char *json = path_of(r, "round", "json");
    const struct mining_round m = {
        .number = r->number,
        .model_id = id,
        .temperature = gate->temperature,
        .n_pool = r->how->pool->n,
        .bank = &r->bank,
        .rule = r->how->trust_pool ? NULL : &r->rule,
        .opt = &r->choice,
        .result = &r->result,
    };
    enum nn_status st = jsonl == NULL || html == NULL || json == NULL
                            ? nn_fail_nomem(err)
                            : NN_OK;

    nn_hash_hex(gate->params.value.data,
                gate->params.value.count * sizeof(float), id);
    if (!st) {
        st = mining_write_jsonl(&m, jsonl, err);
    }
    if (!st) {
        st = mining_write_html(&m, html, err);
    }
    if (!st) {
        st = mining_write_summary(&m, json, err);
    }
    if (!st) {
        mining_print(&m, stderr);
    }
    nn_mem_free(jsonl);
    nn_mem_free(html);
    nn_mem_free(json);
    return st;
}

static enum nn_status append(struct rounds *r, size_t *n, struct nn_error *err)
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

static enum nn_status train_on(const struct rounds *r,
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

/* Which of the two gates stays, and whether there is a next round. */
static int judge(struct rounds *r, size_t n, const struct gate_policy *was,
                 const struct gate_policy *now, int *go_on)
{
    size_t before = 0, after = 0, only_before = 0, only_after = 0;
    int fell, better;

    for (size_t i = 0; i < r->n_valid; i++) {
        before += r->pass[i];
        after += r->next_pass[i];
    }
    nn_mcnemar_count(r->pass, r->next_pass, r->n_valid, &only_before,
                     &only_after);
    fell = train_rounds_fell(only_before, only_after);
    better = r->how->keep || after <= before;
    nn_log(NN_LOG_INFO,
           "round %d: with %zu more negatives, %.3f of the %zu validation "
           "negatives pass at the promised hit rate (at most %.3f with 95 %% "
           "confidence), before %.3f; %zu no longer pass, %zu do newly: %s",
           r->number, n, now->false_alarm, r->n_valid, now->false_upper,
           was->false_alarm, only_before, only_after,
           fell ? "it fell" : "no fall beyond chance");
    if (!better) {
        nn_log(NN_LOG_INFO, "round %d did not help: its gate is dropped",
               r->number);
    } else if (r->result.exhausted) {
        nn_log(NN_LOG_INFO,
               "round %d: the negatives have run out, %zu of %zu were found; a "
               "larger pool or a smaller --top is needed for more",
               r->number, n, r->top);
    }
    *go_on = r->how->keep || fell;
    *go_on = *go_on && (!r->result.exhausted || r->how->match != NULL);
    return better;
}

/* One round; *go_on is 0 when mining is over. */
static enum nn_status one_round(struct rounds *r, struct nn_net **gate,
                                struct gate_policy *policy, int *go_on,
                                struct nn_error *err)
{
    struct gate_policy next;
    struct nn_net *net = NULL;
    size_t n = 0;
    enum nn_status st = set_top(r, err);

    *go_on = 0;
    if (st || r->top == 0) {
        return st;
    }
    st = look(r, *gate, policy, err);
    if (!st) {
        st = record(r, *gate, err);
    }
    if (!st) {
        st = append(r, &n, err);
    }
    if (!st && n == 0) {
        nn_log(NN_LOG_INFO,
               "round %d: the negatives have run out, nothing in the pool "
               "scores %.3f or more and may be trained on",
               r->number, r->choice.least);
    }
    if (st || n == 0) {
        return st;
    }
    st = train_on(r, *gate, &net, &next, err);
    if (!st) {
        st = see_who_passes(r, net, next.threshold, r->next_pass, err);
    }
    if (!st && judge(r, n, policy, &next, go_on)) {
        nn_net_destroy(gate);
        *gate = net;
        net = NULL;
        *policy = next;
        memcpy(r->pass, r->next_pass, r->n_valid);
    }
    nn_net_destroy(&net);
    return st;
}

static enum nn_status list_valid(struct rounds *r, struct nn_error *err)
{
    size_t n = r->ds->n;

    r->valid = nn_mem_calloc(n, sizeof *r->valid);
    r->pass = nn_mem_calloc(n, 1);
    r->next_pass = nn_mem_calloc(n, 1);
    if (r->valid == NULL || r->pass == NULL || r->next_pass == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &r->ds->items[i];

        if (it->split == NN_VALID && !it->bad && it->label == NN_NEGATIVE) {
            r->valid[r->n_valid++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

static int reached(const struct rounds *r, const struct gate_policy *p)
{
    double target = r->how->max_false_alarm;

    if (target <= 0 || p->false_upper > target) {
        return 0;
    }
    nn_log(NN_LOG_INFO,
           "target reached: the false-alarm rate is certified to be at most "
           "%.4f (asked for %.4g) at a hit rate of %.3f",
           p->false_upper, target, p->min_hit_rate);
    return !r->how->keep;
}

static void say_target(const struct rounds *r, const struct gate_policy *p)
{
    if (r->how->max_false_alarm > 0 &&
        p->false_upper > r->how->max_false_alarm) {
        nn_log(NN_LOG_WARN,
               "the target is missed: %.3f of %zu validation negatives pass, "
               "at most %.4f with 95 %% confidence, and %.4g was asked for",
               p->false_alarm, p->n_negatives, p->false_upper,
               r->how->max_false_alarm);
    }
}

enum nn_status train_run_rounds(struct nn_dataset *ds,
                                const struct gate_options *opt,
                                const struct train_rounds *how,
                                const struct nn_run *run, struct nn_net **gate,
                                struct gate_policy *policy,
                                struct nn_error *err)
{
    struct rounds r = { .ds = ds, .opt = opt, .how = how, .run = run };
    enum nn_status st = list_valid(&r, err);
    char *few = train_rounds_too_few(how->max_false_alarm, r.n_valid);
    int go_on = 1;

    if (few != NULL) {
        nn_log(NN_LOG_WARN, "%s", few);
    }
    nn_mem_free(few);
    if (!st) {
        st = see_who_passes(&r, *gate, policy->threshold, r.pass, err);
    }
    for (int i = 1; !st && go_on && i <= how->rounds; i++) {
        if (reached(&r, policy)) {
            break;
        }
        r.number = i;
        r.scores = (struct gate_mine_scores){ .fd = -1 };
        st = one_round(&r, gate, policy, &go_on, err);
        gate_mine_bank_release(&r.bank);
        gate_mine_result_release(&r.result);
        gate_mine_scores_close(&r.scores);
    }
    if (!st) {
        say_target(&r, policy);
    }
    nn_mem_free(r.valid);
    nn_mem_free(r.pass);
    nn_mem_free(r.next_pass);
    return st;
}
