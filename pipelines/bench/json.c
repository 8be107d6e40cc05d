#include "common/base/json.h"
#include "common/base/cpu.h"
#include "pipelines/bench/bench.h"

static json_t *rate_json(const char *key, int32_t n, const struct bench_rate *r)
{
    return json_pack("{s:i, s:f, s:f, s:f}", key, (int)n, "images_per_s",
                     r->median, "min", r->min, "max", r->max);
}

static json_t *time_json(const struct bench_plan *p, const struct bench_row *r)
{
    json_t *a = json_array();

    for (int k = 0; k < BENCH_BATCHES; k++) {
        const struct bench_layer_time *t = &r->at[k];

        nn_json_add(&a, json_pack("{s:i, s:f, s:f, s:f, s:o}", "batch",
                                  (int)p->forward[k], "us", t->seconds * 1e6,
                                  "gflops", t->gflops, "of_peak", t->of_peak,
                                  "of_copy",
                                  bench_is_depthwise(&r->layer.s)
                                      ? json_real(t->of_copy)
                                      : json_null()));
    }
    return a;
}

static json_t *row_json(const struct bench_plan *p, const struct bench_row *r)
{
    const struct nn_conv_shape *s = &r->layer.s;

    return json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "layer",
                     r->layer.name, "depthwise", bench_is_depthwise(s),
                     "kernel", (int)s->kh, "stride", (int)s->stride_h, "in",
                     (int)s->ic, "out", (int)s->oc, "side", (int)s->h, "times",
                     r->layer.times, "forward", time_json(p, r));
}

static json_t *rates_json(const int32_t *batch, const struct bench_rate *r)
{
    json_t *a = json_array();

    for (int k = 0; k < BENCH_BATCHES; k++) {
        nn_json_add(&a, rate_json("batch", batch[k], &r[k]));
    }
    return a;
}

static json_t *loader_json(const struct bench_loader *l)
{
    return json_pack("{s:i, s:f, s:o, s:o}", "batch", (int)l->batch,
                     "wait_share", l->wait_share, "with_loader",
                     rate_json("batch", l->batch, &l->fed), "in_memory",
                     rate_json("batch", l->batch, &l->bare));
}

static json_t *net_json(const struct bench_plan *p,
                        const struct bench_net_result *n)
{
    const struct nn_net_spec *s = &n->net->spec;
    json_t *rows = json_array();

    for (size_t i = 0; i < n->n_rows; i++) {
        nn_json_add(&rows, row_json(p, &n->row[i]));
    }
    return json_pack(
        "{s:s, s:s, s:f, s:i, s:I, s:I, s:o, s:o, s:o, s:o}", "net", n->name,
        "architecture", nn_arch_info(s->arch)->name, "width", (double)s->width,
        "size", (int)s->size, "outputs", (json_int_t)s->n_outputs, "macs",
        (json_int_t)nn_graph_macs(n->net->graph), "layers", rows, "inference",
        rates_json(p->forward, n->inference), "training",
        rates_json(p->train, n->training), "loader", loader_json(&n->loader));
}

static json_t *decode_json(const struct bench_decode *d)
{
    return json_pack("{s:I, s:i, s:i, s:f, s:i, s:f, s:f, s:f}", "images",
                     (json_int_t)d->n, "width", (int)d->w, "height", (int)d->h,
                     "bytes", d->bytes, "to", (int)d->to, "images_per_s",
                     d->rate.median, "min", d->rate.min, "max", d->rate.max);
}

json_t *bench_to_json(const struct bench_result *r)
{
    json_t *nets = json_array();

    for (size_t i = 0; i < r->n_nets; i++) {
        nn_json_add(&nets, net_json(&r->plan, &r->net[i]));
    }
    if (r->same != NULL) {
        nn_json_add(&nets, json_pack("{s:s, s:s, s:I}", "net", r->same,
                                     "same_as", r->net[0].name, "outputs",
                                     (json_int_t)r->same_outputs));
    }
    return json_pack(
        "{s:s, s:i, s:i, s:f, s:f, s:o, s:o}", "isa",
        nn_cpu_name(nn_cpu_flags()), "threads", r->machine.threads, "rounds",
        r->plan.rounds, "peak_gflops", r->machine.peak_gflops, "copy_gb_per_s",
        r->machine.copy_gbs, "nets", nets, "decode", decode_json(&r->decode));
}
