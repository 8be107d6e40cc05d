/* What a choice asks for, and what it leaves. */
#include <math.h>

#include "common/base/mem.h"
#include "stage1_gate/mine_internal.h"

const char *gate_mine_verdict_name(enum gate_mine_verdict v)
{
    static const char *const names[] = {
        "hard",      "random", "suspected_false_negative",
        "duplicate", "capped", "unreadable"
    };

    return names[v];
}

struct gate_mine_options gate_mine_defaults(const struct gate_policy *policy,
                                            size_t top)
{
    return (struct gate_mine_options){
        .mode = GATE_MINE_HARD,
        .top = top,
        .hard_share = 1,
        .draw_from = GATE_MINE_DRAW_FROM,
        .threshold = policy->threshold,
        .min_score = policy->threshold,
        .same_cosine = 0.995,
        .cluster_cosine = 0.9,
        .folder_cap = top / 5 + 1,
        .cluster_cap = top / 10 + 1,
        .max_candidates = 20 * top,
        .seed = 1,
    };
}

struct gate_mine_options
gate_mine_ask_defaults(const struct gate_policy *policy, size_t n)
{
    struct gate_mine_options o = gate_mine_defaults(policy, n);

    o.mode = GATE_MINE_UNCERTAIN;
    o.folder_cap = 0;
    o.cluster_cap = 1;
    o.caps_yield = 1;
    return o;
}

size_t gate_mine_wanted_hard(const struct gate_mine_options *o)
{
    double share = o->mode == GATE_MINE_RANDOM ? 0 : o->hard_share;

    return (size_t)floor((double)o->top * share + 0.5);
}

void gate_mine_yield_caps(struct gate_mine_result *out, size_t want)
{
    for (size_t i = 0; i < out->n && out->count[GATE_MINE_V_HARD] < want; i++) {
        if (out->pick[i].verdict == GATE_MINE_V_CAPPED) {
            out->pick[i].verdict = GATE_MINE_V_HARD;
            out->count[GATE_MINE_V_CAPPED]--;
            out->count[GATE_MINE_V_HARD]++;
        }
    }
}

void gate_mine_result_release(struct gate_mine_result *r)
{
    nn_mem_free(r->pick);
    nn_dataset_close(&r->images);
    *r = (struct gate_mine_result){ 0 };
}

int gate_mine_is_accepted(enum gate_mine_verdict v)
{
    return v == GATE_MINE_V_HARD || v == GATE_MINE_V_RANDOM;
}

enum nn_status gate_mine_append(struct nn_dataset *ds,
                                const struct gate_mine_result *r,
                                struct nn_error *err)
{
    size_t n;
    uint32_t *v = gate_mine_accepted(r, &n);
    enum nn_status st;

    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_dataset_append_ref(ds, r->images, v, n, NN_NEGATIVE, NN_TRAIN, err);
    nn_mem_free(v);
    if (st) {
        return st;
    }
    nn_dataset_fingerprint(ds);
    return NN_OK;
}

uint32_t *gate_mine_accepted(const struct gate_mine_result *r, size_t *n)
{
    uint32_t *v = nn_mem_calloc(r->count[GATE_MINE_V_HARD] +
                                    r->count[GATE_MINE_V_RANDOM] + 1,
                                sizeof *v);

    *n = 0;
    for (size_t i = 0; v != NULL && i < r->n; i++) {
        if (gate_mine_is_accepted(r->pick[i].verdict)) {
            v[(*n)++] = (uint32_t)i;
        }
    }
    return v;
}
