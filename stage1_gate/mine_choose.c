/* From scores to verdicts: candidates one after another in a fixed order,
 * looked at a block at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "stage1_gate/mine_internal.h"

/* Beyond NN_NEAR_BITS, up to FAR_BITS, the embeddings must agree too: those of
 * a weak gate are alike for images that are not. */
enum { BLOCK = 256, BATCH = 32, FAR_BITS = 24 };

/* A pick that later ones are compared with. */
struct kept {
    struct nn_item item; /* fingerprints; its strings are not ours */
    size_t pick;
};

struct count {
    uint64_t key;
    size_t n;
};

struct chooser {
    const struct nn_net *gate;
    const struct nn_pool *pool;
    const struct gate_mine_scores *scores;
    const struct gate_mine_bank *bank;
    const struct gate_mine_rule *rule;
    const struct gate_mine_second_scorer *second_scorer;
    const struct gate_mine_options *opt;
    const volatile sig_atomic_t *stop;
    struct nn_scorer *scorer;
    uint32_t *seen; /* [n_seen] items of earlier picks, rising */
    size_t n_seen;
    struct gate_mine_result *out;
    size_t cap_picks;
    struct kept *kept; /* neither duplicate nor unreadable */
    float *kept_v;     /* [n_kept,dims] */
    size_t n_kept, cap_kept, cap_kept_v;
    size_t *leader; /* [n_clusters] row of kept */
    size_t *size;   /* [n_clusters] accepted */
    size_t n_clusters, cap_leader, cap_size;
    struct count *folder;
    size_t n_folders, cap_folders;
    /* the block under way */
    struct nn_dataset *block;
    uint32_t index[BLOCK];
    double z[BLOCK];
    size_t n;
    float *logits, *v;
    uint8_t ok[BLOCK];
    struct gate_mine_neighbourhood neighbourhood[BLOCK];
};

/* --- one candidate --- */

static uint64_t folder_of(const char *file)
{
    const char *base = nn_path_base(file);

    return nn_hash_u64(file, (size_t)(base - file), 0);
}

static enum nn_status folder_count(struct chooser *c, const char *file,
                                   size_t **n)
{
    uint64_t key = folder_of(file);

    for (size_t i = 0; i < c->n_folders; i++) {
        if (c->folder[i].key == key) {
            *n = &c->folder[i].n;
            return NN_OK;
        }
    }
    if (nn_mem_grow(&c->folder, &c->cap_folders, c->n_folders + 1,
                    sizeof *c->folder)) {
        return NN_ERR_NOMEM;
    }
    c->folder[c->n_folders] = (struct count){ key, 0 };
    *n = &c->folder[c->n_folders++].n;
    return NN_OK;
}

/* 1 and *same_as when it is a copy of something known. */
static int is_duplicate(const struct chooser *c, size_t i, int64_t *same_as)
{
    const struct nn_item *it = &c->block->items[i];
    const struct nn_dataset *ds = c->bank->ds;
    size_t d = c->bank->dims;

    for (size_t k = 0; k < ds->n; k++) {
        if (nn_items_near(it, &ds->items[k], NN_NEAR_BITS)) {
            *same_as = -1 - (int64_t)k;
            return 1;
        }
    }
    if (c->opt->seen != NULL && (nn_seen_has(c->opt->seen, NN_TRAIN, it) ||
                                 nn_seen_has(c->opt->seen, NN_VALID, it))) {
        *same_as = GATE_MINE_SAME_AS_SEEN;
        return 1;
    }
    for (size_t k = 0; k < c->n_kept; k++) {
        const struct nn_item *other = &c->kept[k].item;

        if (nn_items_near(it, other, NN_NEAR_BITS) ||
            (nn_items_near(it, other, FAR_BITS) &&
             gate_mine_dot(c->v + i * d, c->kept_v + k * d, d) >=
                 c->opt->same_cosine)) {
            *same_as = (int64_t)c->kept[k].pick;
            return 1;
        }
    }
    return 0;
}

static enum nn_status keep(struct chooser *c, size_t i, size_t pick)
{
    size_t d = c->bank->dims;

    if (nn_mem_grow(&c->kept, &c->cap_kept, c->n_kept + 1, sizeof *c->kept) ||
        nn_mem_grow(&c->kept_v, &c->cap_kept_v, (c->n_kept + 1) * d,
                    sizeof *c->kept_v)) {
        return NN_ERR_NOMEM;
    }
    c->kept[c->n_kept] = (struct kept){ c->block->items[i], pick };
    memcpy(c->kept_v + c->n_kept * d, c->v + i * d, d * sizeof *c->v);
    c->n_kept++;
    return NN_OK;
}

/* Cluster of the kept row `row`: that of the nearest leader, or its own. */
static enum nn_status find_cluster(struct chooser *c, size_t row,
                                   int32_t *cluster)
{
    size_t d = c->bank->dims;
    double best = c->opt->cluster_cosine;

    *cluster = -1;
    for (size_t k = 0; k < c->n_clusters; k++) {
        double cos =
            gate_mine_dot(c->kept_v + row * d, c->kept_v + c->leader[k] * d, d);

        if (cos >= best) {
            best = cos;
            *cluster = (int32_t)k;
        }
    }
    if (*cluster >= 0) {
        return NN_OK;
    }
    if (nn_mem_grow(&c->leader, &c->cap_leader, c->n_clusters + 1,
                    sizeof *c->leader) ||
        nn_mem_grow(&c->size, &c->cap_size, c->n_clusters + 1,
                    sizeof *c->size)) {
        return NN_ERR_NOMEM;
    }
    c->leader[c->n_clusters] = row;
    c->size[c->n_clusters] = 0;
    *cluster = (int32_t)c->n_clusters++;
    return NN_OK;
}

/* Verdict of candidate i, which is readable, new and no suspected false
 * negative. */
static enum nn_status accept_or_cap(struct chooser *c, size_t i, int at_random,
                                    struct gate_mine_pick *p)
{
    const struct gate_mine_options *o = c->opt;
    size_t *folder;

    if (folder_count(c, c->block->items[i].file, &folder) ||
        find_cluster(c, c->n_kept - 1, &p->cluster)) {
        return NN_ERR_NOMEM;
    }
    p->verdict = at_random ? GATE_MINE_V_RANDOM : GATE_MINE_V_HARD;
    if (!at_random &&
        ((o->folder_cap > 0 && *folder >= o->folder_cap) ||
         (o->cluster_cap > 0 && c->size[p->cluster] >= o->cluster_cap))) {
        p->verdict = GATE_MINE_V_CAPPED;
        return NN_OK;
    }
    *folder += 1;
    c->size[p->cluster]++;
    return NN_OK;
}

/* A folder of that name stands in the image's path. */
static int is_left_out(const struct gate_mine_options *o, const char *file)
{
    for (size_t k = 0; k < o->n_leave_out; k++) {
        size_t n = strlen(o->leave_out[k]);
        const char *at = file;

        while ((at = strstr(at, o->leave_out[k])) != NULL) {
            if ((at == file || at[-1] == '/' || at[-1] == ':') &&
                at[n] == '/') {
                return 1;
            }
            at++;
        }
    }
    return 0;
}

static int is_passed_over(const struct gate_mine_options *o,
                          const struct nn_item *it)
{
    for (size_t k = 0; k < o->n_pass_over; k++) {
        if (o->pass_over[k] == it->hash && it->hash != 0) {
            return 1;
        }
    }
    return is_left_out(o, it->file);
}

/* Verdict of candidate i. enough: one that is readable, new and no suspected
 * false negative is not kept. */
static enum nn_status judge(struct chooser *c, size_t i, int at_random,
                            int enough, struct gate_mine_pick *p)
{
    if (!c->ok[i] || c->block->items[i].bad) {
        p->verdict = GATE_MINE_V_UNREADABLE;
        return NN_OK;
    }
    if (is_duplicate(c, i, &p->same_as)) {
        p->verdict = GATE_MINE_V_DUPLICATE;
        return NN_OK;
    }
    if (c->rule != NULL) {
        p->fn_score = gate_mine_rule_score(c->rule, p->z / c->gate->temperature,
                                           &p->neighbourhood);
    }
    if (c->rule == NULL || p->fn_score < c->rule->limit) {
        p->verdict = at_random ? GATE_MINE_V_RANDOM : GATE_MINE_V_HARD;
        if (enough) { /* still there for the random share */
            return NN_OK;
        }
        if (keep(c, i, c->out->n)) {
            return NN_ERR_NOMEM;
        }
        return accept_or_cap(c, i, at_random, p);
    }
    p->verdict = GATE_MINE_V_SUSPECTED_FN;
    return keep(c, i, c->out->n);
}

/* enough: only suspected false negatives are recorded. */
static enum nn_status decide(struct chooser *c, size_t i, int at_random,
                             int enough)
{
    struct gate_mine_result *out = c->out;
    struct gate_mine_pick p = { .item = c->index[i],
                                .cluster = -1,
                                .z = c->z[i],
                                .neighbourhood = c->neighbourhood[i] };

    if (is_passed_over(c->opt, &c->block->items[i])) {
        return NN_OK;
    }
    p.p = gate_probability(c->gate, p.z);
    p.hash = c->block->items[i].hash;
    if (judge(c, i, at_random, enough, &p)) {
        return NN_ERR_NOMEM;
    }
    if (enough && p.verdict != GATE_MINE_V_SUSPECTED_FN) {
        return NN_OK;
    }
    if (nn_mem_grow(&out->pick, &c->cap_picks, out->n + 1, sizeof *out->pick)) {
        return NN_ERR_NOMEM;
    }
    out->pick[out->n++] = p;
    out->count[p.verdict]++;
    return NN_OK;
}

/* --- blocks --- */

/* Fingerprints, embeddings, neighbours and second scores of c->index. */
static enum nn_status look_at_block(struct chooser *c, struct nn_error *err)
{
    uint32_t all[BLOCK];
    enum nn_status st = nn_pool_take(c->pool, c->index, c->n, &c->block, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < c->n; i++) {
        all[i] = (uint32_t)i;
    }
    nn_dataset_fingerprint(c->block);
    memset(c->neighbourhood, 0, sizeof c->neighbourhood);
    st = nn_scorer_embed_items(c->scorer, c->block, all, c->n, NULL, c->logits,
                               c->v, c->ok, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; c->scores->fd < 0 && i < c->n; i++) {
        c->z[i] = gate_logit(c->gate, c->logits + i * c->gate->spec.n_outputs);
    }
    gate_mine_bank_neighbourhood(c->bank, c->v, c->n, c->neighbourhood);
    return gate_mine_second_scores(c->second_scorer, c->block, all, c->n,
                                   c->neighbourhood, err);
}

static int by_item(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* What has a verdict by score is not drawn again. */
static enum nn_status remember_picks(struct chooser *c)
{
    c->seen = nn_mem_calloc(c->out->n, sizeof *c->seen);
    if (c->seen == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < c->out->n; i++) {
        c->seen[c->n_seen++] = c->out->pick[i].item;
    }
    if (c->n_seen > 0) {
        qsort(c->seen, c->n_seen, sizeof *c->seen, by_item);
    }
    return NN_OK;
}

static int is_new(const struct chooser *c, uint32_t item)
{
    return c->n_seen == 0 ||
           bsearch(&item, c->seen, c->n_seen, sizeof *c->seen, by_item) == NULL;
}

/* Look at list[0..n-1] until `want` are accepted, and at the first `least` in
 * any case, for suspected false negatives. */
static enum nn_status choose(struct chooser *c,
                             const struct gate_mine_candidate *list, size_t n,
                             size_t want, int at_random, size_t least,
                             struct nn_error *err)
{
    enum gate_mine_verdict good =
        at_random ? GATE_MINE_V_RANDOM : GATE_MINE_V_HARD;
    size_t at = 0;

    while (at < n && (at < least || c->out->count[good] < want)) {
        enum nn_status st;

        if (c->stop != NULL && *c->stop) {
            return nn_fail(err, NN_ERR_STOPPED,
                           "interrupted while looking at candidates");
        }
        for (c->n = 0; at < n && c->n < BLOCK; at++) {
            if (is_new(c, list[at].item)) {
                c->z[c->n] = list[at].z;
                c->index[c->n++] = list[at].item;
            }
        }
        if (c->n == 0) {
            continue;
        }
        st = look_at_block(c, err);
        if (st) {
            return st;
        }
        for (size_t i = 0; i < c->n; i++) {
            int enough = c->out->count[good] >= want;

            if (enough && least == 0) {
                break;
            }
            if (decide(c, i, at_random, enough)) {
                return nn_fail_nomem(err);
            }
        }
        nn_dataset_close(&c->block);
    }
    return NN_OK;
}

/* How many of n candidates in order are looked at for suspected false negatives
 * when there is enough: those that the mode would have a person see. */
static size_t least_of(const struct gate_mine_options *o, size_t n)
{
    switch (o->mode) {
    case GATE_MINE_HARDEST:
    case GATE_MINE_FALSE_POSITIVES:
        return n;
    case GATE_MINE_HARD:
        return gate_mine_drawn_from(o, n);
    case GATE_MINE_SEMI:
    case GATE_MINE_UNIFORM:
    case GATE_MINE_RANDOM:
    case GATE_MINE_UNCERTAIN:
        break;
    }
    return 0;
}

static enum nn_status choose_by_score(struct chooser *c, size_t want,
                                      struct nn_error *err)
{
    struct gate_mine_candidate *list = NULL;
    size_t n = 0;
    enum nn_status st =
        gate_mine_order(c->scores, c->opt, c->gate->temperature, NULL,
                        c->opt->max_candidates, &list, &n, err);

    if (st) {
        return st;
    }
    st = choose(c, list, n, want, 0, least_of(c->opt, n), err);
    nn_mem_free(list);
    if (!st && c->opt->caps_yield) {
        gate_mine_yield_caps(c->out, want);
    }
    return st;
}

/* A few more than are wanted at a time, until enough are good, all have been
 * drawn or max_candidates of them have: in a pool of copies or suspected false
 * negatives the search and its record would go on to the end of the pool. */
static enum nn_status choose_at_random(struct chooser *c, size_t want,
                                       struct nn_error *err)
{
    struct gate_mine_options o = *c->opt;
    struct gate_mine_candidate *list, last;
    size_t n = 1, max = 2 * want + BLOCK, left = c->opt->max_candidates;
    int first = 1;

    if (remember_picks(c)) {
        return nn_fail_nomem(err);
    }
    o.mode = GATE_MINE_RANDOM;
    while (n > 0 && left > 0 && c->out->count[GATE_MINE_V_RANDOM] < want) {
        enum nn_status st = gate_mine_order(
            c->scores, &o, c->gate->temperature, first ? NULL : &last,
            max < left ? max : left, &list, &n, err);

        if (st) {
            return st;
        }
        left -= n;
        st = choose(c, list, n, want, 1, 0, err);
        if (n > 0) {
            last = list[n - 1];
            first = 0;
        }
        nn_mem_free(list);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status choose_all(struct chooser *c, struct nn_error *err)
{
    const struct gate_mine_options *o = c->opt;
    size_t hard = gate_mine_wanted_hard(o);
    enum nn_status st;

    if (c->scores->fd < 0 && o->mode != GATE_MINE_RANDOM) {
        return nn_fail(err, NN_ERR_ARG, "the pool has not been scored");
    }
    st = gate_mine_count(c->scores,
                         gate_mine_logit_of(o->min_score, c->gate->temperature),
                         &c->out->above, &c->out->unreadable, err);
    if (st) {
        return st;
    }
    if (hard > 0) {
        st = choose_by_score(c, hard, err);
        if (st) {
            return st;
        }
    }
    return hard < o->top ? choose_at_random(c, o->top - hard, err) : NN_OK;
}

/* The images of the picks, for those who show them or train on them. */
static enum nn_status keep_images(struct chooser *c, struct nn_error *err)
{
    struct gate_mine_result *out = c->out;
    uint32_t *item = nn_mem_calloc(out->n, sizeof *item);
    enum nn_status st;

    if (item == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < out->n; i++) {
        item[i] = out->pick[i].item;
    }
    st = nn_pool_take(c->pool, item, out->n, &out->images, err);
    nn_mem_free(item);
    return st;
}

static void release(struct chooser *c)
{
    nn_dataset_close(&c->block);
    nn_scorer_destroy(&c->scorer);
    nn_mem_free(c->seen);
    nn_mem_free(c->logits);
    nn_mem_free(c->v);
    nn_mem_free(c->kept);
    nn_mem_free(c->kept_v);
    nn_mem_free(c->leader);
    nn_mem_free(c->size);
    nn_mem_free(c->folder);
    nn_mem_free(c);
}

enum nn_status gate_mine_choose(
    const struct nn_net *gate, const struct nn_pool *pool,
    const struct gate_mine_scores *scores, const struct gate_mine_bank *bank,
    const struct gate_mine_rule *rule,
    const struct gate_mine_second_scorer *second_scorer,
    const struct gate_mine_options *opt, const volatile sig_atomic_t *stop,
    struct gate_mine_result *out, struct nn_error *err)
{
    struct chooser *c = nn_mem_calloc(1, sizeof *c);
    enum nn_status st;

    *out = (struct gate_mine_result){ 0 };
    if (c == NULL) {
        return nn_fail_nomem(err);
    }
    *c = (struct chooser){ .gate = gate,
                           .pool = pool,
                           .scores = scores,
                           .bank = bank,
                           .rule = rule,
                           .second_scorer = second_scorer,
                           .opt = opt,
                           .stop = stop,
                           .out = out };
    c->logits = nn_mem_calloc(BLOCK, gate->spec.n_outputs * sizeof(float));
    c->v = nn_mem_calloc(BLOCK, bank->dims * sizeof(float));
    if (c->logits == NULL || c->v == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_scorer_create(gate, BATCH, &c->scorer, err);
    if (st) {
        goto out;
    }
    nn_scorer_set_side(c->scorer, bank->side);
    nn_scorer_keep_features(c->scorer, bank->features);
    st = choose_all(c, err);
    if (st) {
        goto out;
    }
    st = keep_images(c, err);
    if (st) {
        goto out;
    }
    out->exhausted =
        out->count[GATE_MINE_V_HARD] + out->count[GATE_MINE_V_RANDOM] <
        opt->top;
out:
    release(c);
    if (st) {
        gate_mine_result_release(out);
    }
    return st;
}
