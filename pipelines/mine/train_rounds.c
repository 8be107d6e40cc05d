#include "pipelines/mine/train_rounds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/stats.h"

/* --- the first gate --- */

static int fits(const struct nn_net *gate, const struct nn_dataset *ds,
                const struct gate_options *opt)
{
    const struct nn_net_spec *s = &gate->spec;
    const struct nn_tta *views = &opt->tta;
    int same = s->n_outputs == ds->n_classes + ds->n_families + 1 &&
               (views->n > 0 || s->size == opt->size) && s->arch == opt->arch &&
               s->width == opt->width;

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
    if (st) {
        return st;
    }
    if (m->system != MODEL_CASCADE || !fits(m->gate, ds, opt)) {
        st = nn_fail(err, NN_ERR_ARG,
                     "the gate of '%s' has other classes, families, width or "
                     "size than this training, or is another net",
                     path);
        goto out;
    }
    if (opt->tta.n > 0) {
        st = gate_calibrate(ds, opt, m->gate, &m->gate_policy, err);
        if (st) {
            goto out;
        }
    }
    *gate = m->gate;
    *policy = m->gate_policy;
    m->gate = NULL;
out:
    model_destroy(&m);
    return st;
}

/* --- targets --- */

char *train_rounds_too_few(double max_fpr, size_t n)
{
    double best = nn_clopper_pearson_upper(0, n, NN_CONFIDENCE);

    if (max_fpr <= 0 || (n > 0 && best <= max_fpr)) {
        return NULL;
    }
    return nn_mem_sprintf(
        "a false-positive rate of %.4g cannot be certified with n = %zu "
        "validation negatives: if none passed, the exact 95 %% upper bound "
        "would be %.4f; %zu would be the fewest",
        max_fpr, n, n > 0 ? best : 1,
        nn_certify_min_n(1 - max_fpr, NN_CONFIDENCE));
}

/* --- as many as another run --- */

/* Accepted lines of the record of another run; 0: it has no such round. */
static enum nn_status count_record(const char *dir, int number, size_t *n,
                                   struct nn_error *err)
{
    char *path = nn_mem_sprintf("%s/mined-%d.jsonl", dir, number);
    unsigned char *text = NULL;
    size_t size = 0;
    const char *p;
    enum nn_status st = NN_OK;

    *n = 0;
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (!nn_file_exists(path)) {
        goto out;
    }
    st = nn_file_read(path, (size_t)1 << 30, &text, &size, err);
    if (st) {
        goto out;
    }
    p = (const char *)text;
    while ((p = strstr(p, "\"verdict\":\"")) != NULL) {
        p += strlen("\"verdict\":\"");
        *n += strncmp(p, "hard\"", 5) == 0 || strncmp(p, "random\"", 7) == 0;
    }
out:
    nn_mem_free(text);
    nn_mem_free(path);
    return st;
}

/* [how->rounds] in a block of nn_mem; NULL where there is nothing to match. */
static enum nn_status read_match(const struct train_rounds *how,
                                 size_t **exactly, struct nn_error *err)
{
    *exactly = NULL;
    if (how->match == NULL) {
        return NN_OK;
    }
    *exactly = nn_mem_calloc((size_t)how->rounds, sizeof **exactly);
    if (*exactly == NULL) {
        return nn_fail_nomem(err);
    }
    for (int i = 0; i < how->rounds; i++) {
        enum nn_status st =
            count_record(how->match, i + 1, &(*exactly)[i], err);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* --- what a round leaves behind --- */

struct record {
    const struct train_rounds *how;
    const char *dir;
};

static void say_begin(const struct record *c, const struct gate_round *r)
{
    char *few = r->number > 1
                    ? NULL
                    : train_rounds_too_few(c->how->max_fpr, r->n_valid);

    if (few != NULL) {
        nn_log(NN_LOG_WARN, "%s", few);
    }
    nn_mem_free(few);
    if (r->top < r->wanted) {
        nn_log(NN_LOG_INFO,
               "round %d: at most %zu negatives, %.2g of the training images "
               "(--round-share), and not %zu",
               r->number, r->top, c->how->share, r->wanted);
    }
}

static enum nn_status record_mined(const struct record *c,
                                   const struct gate_round *r,
                                   struct nn_error *err)
{
    char id[33];
    const struct mining_round m = {
        .number = r->number,
        .model_id = id,
        .temperature = r->gate->temperature,
        .n_pool = r->pool->n,
        .bank = r->bank,
        .rule = r->rule,
        .opt = r->choice,
        .result = r->result,
    };
    enum nn_status st;

    nn_hash_hex(r->gate->params.value.data,
                r->gate->params.value.count * sizeof(float), id);
    st = mining_write_round(&m, c->dir, err);
    if (st) {
        return st;
    }
    mining_print(&m, stderr);
    if (r->taken == 0) {
        nn_log(NN_LOG_INFO,
               "round %d: the negatives have run out, nothing in the pool "
               "scores %.3f or more and may be trained on",
               r->number,
               r->choice->mode == GATE_MINE_HARD ? r->choice->hard_floor
                                                 : r->choice->min_score);
    }
    return NN_OK;
}

static void say_trained(const struct gate_round *r)
{
    nn_log(NN_LOG_INFO,
           "round %d: with %zu more negatives, %.3f of the %zu validation "
           "negatives pass at the promised recall (at most %.3f with 95 %% "
           "confidence), before %.3f; %zu no longer pass, %zu do newly: %s",
           r->number, r->taken, r->next->fpr, r->n_valid, r->next->fpr_upper,
           r->policy->fpr, r->no_longer, r->newly,
           r->fell ? "it fell" : "no fall beyond chance");
    if (!r->kept) {
        nn_log(NN_LOG_INFO, "round %d did not help: its gate is dropped",
               r->number);
    } else if (r->result->exhausted) {
        nn_log(NN_LOG_INFO,
               "round %d: the negatives have run out, %zu of %zu were found; a "
               "larger pool or a smaller --top is needed for more",
               r->number, r->taken, r->top);
    }
}

static enum nn_status on_round(void *ctx, const struct gate_round *r,
                               struct nn_error *err)
{
    const struct record *c = ctx;

    switch (r->step) {
    case GATE_ROUND_BEGINS:
        say_begin(c, r);
        break;
    case GATE_ROUND_MINED:
        return record_mined(c, r, err);
    case GATE_ROUND_TRAINED:
        say_trained(r);
        break;
    }
    return NN_OK;
}

static void say_target(const struct train_rounds *how,
                       const struct gate_policy *p)
{
    if (gate_rounds_reached(p, how->max_fpr)) {
        nn_log(NN_LOG_INFO,
               "target reached: the false-positive rate is certified to be at "
               "most %.4f (asked for %.4g) at a recall of %.3f",
               p->fpr_upper, how->max_fpr, p->min_recall);
    } else if (how->max_fpr > 0) {
        nn_log(NN_LOG_WARN,
               "the target is missed: %.3f of %zu validation negatives pass, "
               "at most %.4f with 95 %% confidence, and %.4g was asked for",
               p->fpr, p->n_negatives, p->fpr_upper, how->max_fpr);
    }
}

/* The options of the rounds, but for what the record of another run says. */
static struct gate_round_options options_of(const struct train_rounds *how,
                                            struct record *record)
{
    struct gate_round_options o = {
        .pool = how->pool,
        .rounds = how->rounds,
        .top = (size_t)how->top,
        .share = how->share,
        .epochs = how->epochs,
        .rate = how->rate,
        .hard_share = how->hard_share,
        .fn_filter_recall = how->fn_filter_recall,
        .max_fpr = how->max_fpr,
        .mode = (enum gate_mine_mode)how->mode,
        .trust_pool = how->trust_pool,
        .keep = how->keep,
        .on_round = on_round,
        .ctx = record,
    };

    if (how->leave_out != NULL) {
        o.leave_out = how->leave_out->v;
        o.n_leave_out = how->leave_out->n;
    }
    return o;
}

enum nn_status train_run_rounds(struct nn_dataset *ds,
                                const struct gate_options *opt,
                                const struct train_rounds *how,
                                const struct nn_run *run, struct nn_net **gate,
                                struct gate_policy *policy,
                                struct nn_error *err)
{
    struct record record = { how, run->dir };
    struct gate_round_options o = options_of(how, &record);
    size_t *exactly;
    enum nn_status st = read_match(how, &exactly, err);

    if (st) {
        goto out;
    }
    o.exactly = exactly;
    st = gate_run_rounds(ds, opt, &o, run, gate, policy, err);
    if (st) {
        goto out;
    }
    say_target(how, policy);
out:
    nn_mem_free(exactly);
    return st;
}
