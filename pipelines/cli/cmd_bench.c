/* bench: how fast the nets of a model run and learn on this machine. */
#include <stdio.h>

#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/bench/bench.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cascade/model.h"

/* Rendered at each run: drawing is slow, so they are few. */
#define DECODED       "synth:24:1:size=512"
#define DECODED_QUICK "synth:4:1:size=64"
#define FED           "synth:64:2:size=192"
#define FED_QUICK     "synth:8:2:size=64"

struct command {
    struct cmd_common common;
    const char *model;
    int json, quick, rounds;
};

struct work {
    const struct command *c;
    struct bench_result result;
    struct nn_progress bar;
    int done;
};
/* Of the bar: the machine, decoding, and four parts of each net. */
enum { PARTS_OF_ALL = 2, PARTS_OF_NET = 4 };

static void start_part(struct work *w, const char *what)
{
    nn_progress_update(&w->bar, w->done++, what);
}

static enum nn_status open_drawn(const char *spec, struct nn_dataset **out,
                                 struct nn_error *err)
{
    const struct nn_dataset_options opt = { .generators = data_generators };

    return nn_dataset_open(spec, &opt, out, err);
}

/* Only the architecture, the width and the size decide what the layers are,
 * apart from the outputs of the classifier. */
static int same_layers(const struct nn_net *a, const struct nn_net *b)
{
    return a->spec.arch == b->spec.arch &&
           !(a->spec.width < b->spec.width || a->spec.width > b->spec.width) &&
           a->spec.size == b->spec.size;
}

static void list_nets(const struct model *m, struct bench_result *r)
{
    r->net[0].name = m->system == MODEL_CASCADE ? "gate" : "single";
    r->net[0].net = m->gate;
    r->n_nets = 1;
    if (m->species == NULL) {
        return;
    }
    if (same_layers(m->gate, m->species)) {
        r->same = "species";
        r->same_outputs = m->species->spec.n_outputs;
        return;
    }
    r->net[1].name = "species";
    r->net[1].net = m->species;
    r->n_nets = 2;
}

static enum nn_status measure_net(struct work *w, struct bench_net_result *n,
                                  const struct nn_dataset *fed,
                                  struct nn_error *err)
{
    const struct bench_plan *p = &w->result.plan;
    enum nn_status st;

    start_part(w, "layers");
    st = bench_measure_layers(&w->result, n, err);
    if (st) {
        return st;
    }
    start_part(w, "inference");
    st = bench_measure_inference(p, n, err);
    if (st) {
        return st;
    }
    start_part(w, "training");
    st = bench_measure_training(p, n, err);
    if (st) {
        return st;
    }
    start_part(w, "loader");
    return bench_measure_loader(p, fed, n, err);
}

static enum nn_status measure(struct work *w, const struct model *m,
                              struct nn_error *err)
{
    struct bench_result *r = &w->result;
    struct nn_dataset *decoded = NULL, *fed = NULL;
    enum nn_status st;

    list_nets(m, r);
    nn_progress_begin(&w->bar, "bench", "part",
                      PARTS_OF_ALL + PARTS_OF_NET * (int64_t)r->n_nets);
    start_part(w, "machine");
    bench_measure_machine(r);
    start_part(w, "decoding");
    st = open_drawn(w->c->quick ? DECODED_QUICK : DECODED, &decoded, err);
    if (st) {
        goto out;
    }
    st = open_drawn(w->c->quick ? FED_QUICK : FED, &fed, err);
    if (st) {
        goto out;
    }
    st = bench_measure_decode(&r->plan, decoded, &m->gate->spec, &r->decode,
                              err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < r->n_nets; i++) {
        st = measure_net(w, &r->net[i], fed, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_progress_update(&w->bar, w->done, NULL);
    nn_progress_end(&w->bar, NULL);
    nn_dataset_close(&decoded);
    nn_dataset_close(&fed);
    return st;
}

static enum nn_status show(const struct command *c,
                           const struct bench_result *r, struct nn_error *err)
{
    json_t *j;
    char *text;

    if (!c->json) {
        bench_print(r, stdout);
        return NN_OK;
    }
    j = bench_to_json(r);
    text = nn_json_dump(j, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(j);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    puts(text);
    nn_mem_free(text);
    return NN_OK;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct command *c = ctx;
    struct work w = { .c = c };
    struct model *m = NULL;
    enum nn_status st = model_load(c->model, &m, err);

    (void)line;
    if (st) {
        return st;
    }
    w.result.plan = bench_plan_make(c->quick, c->rounds);
    st = measure(&w, m, err);
    if (st) {
        goto out;
    }
    st = show(c, &w.result, err);
out:
    bench_result_release(&w.result);
    model_destroy(&m);
    return st;
}

int cmd_bench(int argc, char **argv)
{
    struct command b = { .rounds = 0 };
    const struct nn_option table[] = {
        NN_OPT_STRING('m', "model", &b.model, "FILE|RUN",
                      "left out: the cascade that came with the program"),
        NN_OPT_FLAG(0, "json", &b.json, "one JSON object"),
        NN_OPT_INT(0, "rounds", &b.rounds, "N", 0, BENCH_MAX_ROUNDS,
                   "timings per median; 0: 11, or 3 with --quick"),
        NN_OPT_FLAG(0, "quick", &b.quick, "rough figures in seconds"),
        CMD_COMMON_ROWS(b.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "bench",
        .synopsis = "[--model FILE|RUN] [--json] [options]",
        .summary =
            "Measure, in about a minute, how fast the nets of a cascade run "
            "and learn on this machine: each layer beside the machine's own "
            "limits, inference, training, decoding, and whether the loader "
            "keeps up. Run it while nothing else does.",
        .table = table,
        .examples = "  bearcascade bench\n"
                    "  bearcascade bench --model runs/mine --json\n",
        .min_operands = 0,
        .max_operands = 0,
    };
    const struct cmd c = {
        .options = &o,
        .common = &b.common,
        .model = &b.model,
        .run = run,
    };

    return cmd_run(&c, &b, argc, argv);
}
