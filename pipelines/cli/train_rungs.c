#include "pipelines/cli/train_rungs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cli/net_choice.h"

enum { LEAST_SIZE = 32, MOST_SIZE = 1024, WORD = 64 };

/* --- what was asked for --- */

/* Behind the net: ":WIDTH", which may be left out, and "@PX". */
static int parse_rest(const char *at, struct rung_choice *c)
{
    char *end;
    long size;

    c->width = 1;
    if (*at == ':') {
        c->width = strtof(at + 1, &end);
        if (end == at + 1 || !(c->width >= 0.05f && c->width <= 4)) {
            return 0;
        }
        at = end;
    }
    if (*at != '@' || at[1] < '0' || at[1] > '9') {
        return 0;
    }
    size = strtol(at + 1, &end, 10);
    c->size = (int32_t)size;
    return *end == '\0' && size >= LEAST_SIZE && size <= MOST_SIZE;
}

static enum nn_status parse(const char *text, struct rung_choice *c,
                            struct nn_error *err)
{
    size_t n = strcspn(text, ":@");
    char word[WORD];

    if (n < sizeof word) {
        memcpy(word, text, n);
        word[n] = '\0';
        if (nn_arch_parse(word, &c->arch) == NN_OK && parse_rest(text + n, c) &&
            (text[n] == '@' || nn_arch_info(c->arch)->has_width)) {
            return NN_OK;
        }
    }
    return nn_fail(err, NN_ERR_ARG,
                   "'%s' is no rung: NET@PX with one of " NN_ARCH_WORDS
                   " and %d to %d pixels, and mobilenetv4:WIDTH@PX, as in "
                   "mobilenetv4:0.5@96",
                   text, LEAST_SIZE, MOST_SIZE);
}

enum nn_status train_parse_rungs(struct train *t, struct nn_error *err)
{
    if (t->rung.n == 0) {
        return NN_OK;
    }
    if (t->rung.n > RUNGS_MAX) {
        return nn_fail(err, NN_ERR_ARG, "%zu rungs; %d are the most", t->rung.n,
                       RUNGS_MAX);
    }
    if (t->system != MODEL_CASCADE || t->subset.only == TRAIN_ONLY_GATE ||
        t->species_none != SPECIES_NONE_ON) {
        return nn_fail(err, NN_ERR_ARG,
                       "--rung needs a species net that may say none");
    }
    for (size_t i = 0; i < t->rung.n; i++) {
        enum nn_status st = parse(t->rung.v[i], &t->rungs[i], err);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* --- what they cost --- */

static enum nn_status macs_of(enum nn_arch arch, float width, int32_t size,
                              size_t *macs, struct nn_error *err)
{
    static const char *const outputs[] = { "+", "-" };
    struct nn_net_spec spec = gate_net_spec(width, size);
    struct nn_net *net = NULL;
    enum nn_status st;

    nn_net_spec_set_arch(&spec, arch);
    spec.outputs = outputs;
    spec.n_outputs = 2;
    st = nn_net_create_empty(&spec, &net, err);
    if (st) {
        return st;
    }
    *macs = nn_net_macs(net);
    nn_net_destroy(&net);
    return NN_OK;
}

enum nn_status train_check_rungs(const struct train *t, struct nn_error *err)
{
    size_t before = 0, macs;
    enum nn_status st;

    for (size_t i = 0; i < t->rung.n; i++) {
        const struct rung_choice *c = &t->rungs[i];

        if (c->size > t->gate_size && t->rounds.gate_from == NULL) {
            return nn_fail(
                err, NN_ERR_ARG,
                "--rung %s looks at more pixels than the gate, which "
                "has %d",
                t->rung.v[i], t->gate_size);
        }
        st = macs_of(c->arch, c->width, c->size, &macs, err);
        if (st) {
            return st;
        }
        if (macs <= before) {
            return nn_fail(
                err, NN_ERR_ARG,
                "--rung %s costs no more than the one before it: the "
                "cheapest comes first",
                t->rung.v[i]);
        }
        before = macs;
    }
    if (t->rung.n == 0 || t->rounds.gate_from != NULL) {
        return NN_OK;
    }
    st = macs_of(net_choice_arch(t->gate_net), (float)t->gate_width,
                 t->gate_size, &macs, err);
    if (st) {
        return st;
    }
    return before < macs
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG, "--rung %s costs as much as the gate",
                         t->rung.v[t->rung.n - 1]);
}

/* --- training --- */

/* A gate that was not trained here is known only now. */
static enum nn_status fits_gate(const struct train *t, const struct nn_net *net,
                                const struct nn_net *gate, size_t i,
                                struct nn_error *err)
{
    if (net->spec.size <= gate->spec.size &&
        nn_net_macs(net) < nn_net_macs(gate)) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_ARG,
                   "--rung %s: the gate looks at %d pixels and costs %.1f M "
                   "multiply-adds, the rung at %d and %.1f M",
                   t->rung.v[i], (int)gate->spec.size,
                   (double)nn_net_macs(gate) / 1e6, (int)net->spec.size,
                   (double)nn_net_macs(net) / 1e6);
}

enum nn_status train_rungs(const struct train *t, const struct nn_dataset *ds,
                           const struct nn_net *gate, const struct nn_run *run,
                           struct rungs *out, struct nn_error *err)
{
    static const char *const task[RUNGS_MAX] = { "rung1", "rung2", "rung3" };

    *out = (struct rungs){ .n = 0 };
    for (size_t i = 0; i < t->rung.n; i++) {
        struct nn_train_result r = { 0 };
        struct gate_policy alone;
        struct gate_options o;
        char *init = NULL;
        enum nn_status st =
            train_rung_options(t, &t->rungs[i], task[i], &o, &init, err);

        if (!st) {
            st = gate_train(ds, &o, run, &out->v[i].net, &alone, &r, err);
        }
        nn_mem_free(init);
        if (st) {
            return st;
        }
        out->n++;
        st = fits_gate(t, out->v[i].net, gate, i, err);
        if (st) {
            return st;
        }
        train_say_result(task[i], &r);
    }
    return NN_OK;
}
