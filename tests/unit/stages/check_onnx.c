/* The wire format against the bytes of its specification, and exported files
 * computed by a plain interpreter. */
#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/export/onnx.h"
#include "pipelines/export/onnx_wire.h"
#include "stage1_gate/gate.h"
#include "tests/unit/stages/onnx_run.h"
#include "tests/unit/testkit.h"

static void check_bytes(struct onnx_wire *w, const char *want, size_t n)
{
    ck_assert(!w->failed);
    ck_assert_uint_eq(w->n, n);
    ck_assert_mem_eq(w->v, want, n);
    onnx_wire_release(w);
}

/* The first rows are examples of the specification's text. */
START_TEST(known_bytes)
{
    struct onnx_wire w = ONNX_WIRE_INIT, inner = ONNX_WIRE_INIT;
    const float half = 0.5f;
    const int64_t two[] = { 1, -1 };

    onnx_put_int(&w, 1, 150);
    check_bytes(&w, "\x08\x96\x01", 3);
    onnx_put_text(&w, 2, "testing");
    check_bytes(&w, "\x12\x07testing", 9);
    onnx_put_int(&inner, 1, 150);
    onnx_put_message(&w, 3, &inner);
    check_bytes(&w, "\x1a\x03\x08\x96\x01", 5);
    ck_assert_ptr_null(inner.v);
    onnx_put_int(&w, 1, -2);
    check_bytes(&w, "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
    onnx_put_int(&w, 20, 0);
    check_bytes(&w, "\xa0\x01\x00", 3);
    onnx_put_floats(&w, 9, &half, 1);
    check_bytes(&w, "\x4a\x04\x00\x00\x00\x3f", 6);
    onnx_put_longs(&w, 9, two, 2);
    check_bytes(&w,
                "\x4a\x10\x01\x00\x00\x00\x00\x00\x00\x00"
                "\xff\xff\xff\xff\xff\xff\xff\xff",
                18);
    onnx_put_message(&w, 3, &inner);
    check_bytes(&w, "\x1a\x00", 2);
}
END_TEST

/* A softmax, sigmoid or gate net whose layers all matter: norms with factors
 * and shifts, a classifier that tells outputs apart. */
static struct nn_net *make_net(enum nn_arch arch, enum nn_head head)
{
    static const char *const outputs[] = { "+a", "-x", "+b", "-y", "-z" };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net;
    const struct nn_param *p;

    s.width = 0.1f;
    s.size = 48;
    s.head = head;
    s.n_outputs = 5;
    s.outputs = outputs;
    nn_net_spec_set_arch(&s, arch);
    ck_assert_int_eq(nn_net_create(&s, 1, &net, &err), NN_OK);
    for (size_t i = 0; (p = nn_graph_param(net->graph, i)) != NULL; i++) {
        float *v = net->params.value.data + p->offset;

        for (size_t k = 0; k < p->count; k++) {
            float wave = sinf((float)(p->offset + 7 * k));

            if (p->role == NN_PARAM_NORM_SCALE ||
                p->role == NN_PARAM_NORM_VAR) {
                v[k] = 1 + wave / 2;
            } else if (p->role != NN_PARAM_WEIGHT) {
                v[k] = wave / 4;
            } else if (p->stage == nn_graph_last_stage(net->graph)) {
                v[k] = wave / 256;
            }
        }
    }
    net->temperature = 1.75;
    return net;
}

static json_t *make_meta(void)
{
    json_t *meta = json_pack("{s:s}", "key", "value");

    ck_assert_ptr_nonnull(meta);
    return meta;
}

/* Write net, read the file back and compute it from one image, of the size that
 * `from` (or the net) takes; that image as rows to *image. */
static void export_and_compute(const struct nn_net *net, int gate,
                               const struct nn_net_spec *from,
                               struct onnx_run *r, float **image)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "x.onnx");
    int32_t side = from != NULL ? from->size : net->spec.size;
    size_t area = (size_t)side * (size_t)side, size;
    float *rows = nn_mem_calloc(3 * area, sizeof *rows);     /* H,W,C */
    float *planes = nn_mem_calloc(3 * area, sizeof *planes); /* C,H,W */
    struct nn_error err = NN_ERROR_INIT;
    json_t *meta = make_meta();
    struct onnx_field f;
    unsigned char *bytes;

    for (size_t i = 0; i < 3 * area; i++) {
        rows[i] = 2 * sinf((float)(i * i % 1009));
        planes[i % 3 * area + i / 3] = rows[i];
    }
    ck_assert_msg(onnx_write(net, gate, from, meta, path, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_int_eq(nn_file_read(path, 1 << 26, &bytes, &size, &err), NN_OK);
    struct onnx_bytes file = { bytes, bytes + size };

    while (onnx_next(&file, &f)) {
        if (f.number == 7) {
            onnx_run(r, f.bytes, planes, 3, side, side);
        }
    }
    nn_mem_free(bytes);
    nn_mem_free(planes);
    json_decref(meta);
    nn_mem_free(path);
    testkit_rmdir(dir);
    *image = rows;
}

/* Logits of the net itself to logits[5]. */
static void run_net(const struct nn_net *net, const float *input, float *logits)
{
    struct nn_scorer *s = NULL;

    ck_assert_int_eq(nn_scorer_create(net, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run(s, input, 1, logits, NULL), NN_OK);
    nn_scorer_destroy(&s);
}

static void same(const struct onnx_run *r, const char *name, const float *want,
                 size_t n, double bound)
{
    const struct onnx_value *got = onnx_value(r, name);

    ck_assert_uint_eq(got->n, n);
    testkit_close(got->v, want, n, bound, bound, name);
}

static struct onnx_run computed;

/* Which answers, and from how many views: the exported net gives those of the
 * net. */
static const struct answers {
    enum nn_arch arch;
    enum nn_head head;
    int gate;
    const char *views;
} answers[] = {
    { NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX, 1, NULL },
    { NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX, 0, NULL },
    { NN_ARCH_MOBILENETV4, NN_HEAD_SIGMOID, 0, NULL },
    { NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX, 1, "48,48m,40" },
    { NN_ARCH_EFFICIENTNET_LITE0, NN_HEAD_SOFTMAX, 1, NULL },
    /* 6 rows to 3 and 5 to 3 take other zeros. */
    { NN_ARCH_EFFICIENTNET_LITE2, NN_HEAD_SOFTMAX, 0, "48,40m" },
};

START_TEST(a_file_computes_what_the_net_does)
{
    const struct answers *a = &answers[_i];
    struct nn_net *net = make_net(a->arch, a->head);
    float logits[5], p[5], spread = 0, *image;

    if (a->views != NULL) {
        struct nn_tta views;

        ck_assert_int_eq(nn_tta_parse(a->views, &views, NULL), NN_OK);
        ck_assert_int_eq(nn_net_set_tta(net, &views, NULL), NN_OK);
    }
    export_and_compute(net, a->gate, NULL, &computed, &image);
    run_net(net, image, logits);
    nn_mem_free(image);
    for (int i = 1; i < 5; i++) {
        spread = fmaxf(spread, fabsf(logits[i] - logits[0]));
    }
    ck_assert_float_gt(spread, 0.1f); /* else anything would agree */
    same(&computed, "logits", logits, 5, 1e-4);
    if (a->gate) {
        p[0] = (float)gate_probability(net, gate_logit(net, logits));
    } else {
        nn_net_probabilities(net, logits, p);
    }
    same(&computed, "probabilities", p, a->gate ? 1 : 5, 1e-5);
    onnx_run_release(&computed);
    nn_net_destroy(&net);
}
END_TEST

/* A rung: what comes in is the input of a gate of 64 pixels and of another
 * normalisation, x bytes at (x - 40) / 80; the net sees 48 pixels, normalised
 * as its own spec says. */
START_TEST(a_file_sees_a_view_of_another_input)
{
    struct nn_net *net = make_net(NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX);
    struct nn_net_spec from = net->spec;
    const struct nn_tta_view to = { .size = 48 };
    struct nn_tta_scale scale = NN_VIEW_SCALE_INIT;
    float logits[5], p, *image,
        *small = nn_mem_calloc(48 * 48, 3 * sizeof *small);

    from.size = 64;
    for (int c = 0; c < 3; c++) {
        from.mean[c] = 40;
        from.stddev[c] = 80;
    }
    export_and_compute(net, 1, &from, &computed, &image);
    ck_assert_int_eq(nn_tta_scale_init(&scale, 64, to, NULL), NN_OK);
    nn_tta_scale_run(&scale, image, 1, small);
    for (size_t i = 0; i < 3 * 48 * 48; i++) {
        small[i] = (80 * small[i] + 40 - net->spec.mean[i % 3]) /
                   net->spec.stddev[i % 3];
    }
    run_net(net, small, logits);
    same(&computed, "logits", logits, 5, 1e-4);
    p = (float)gate_probability(net, gate_logit(net, logits));
    same(&computed, "probabilities", &p, 1, 1e-5);
    nn_tta_scale_release(&scale);
    nn_mem_free(small);
    nn_mem_free(image);
    onnx_run_release(&computed);
    nn_net_destroy(&net);
}
END_TEST

START_TEST(a_file_holds_the_whole_net)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "gate.onnx");
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = make_net(NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX);
    struct onnx_bytes graph = { NULL, NULL };
    json_t *meta = make_meta();
    size_t size, floats = 0;
    int seen[16] = { 0 }, nodes = 0;
    unsigned char *bytes;
    struct onnx_field f;

    ck_assert_msg(onnx_write(net, 1, NULL, meta, path, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_int_eq(nn_file_read(path, 1 << 26, &bytes, &size, &err), NN_OK);
    struct onnx_bytes file = { bytes, bytes + size };

    while (onnx_next(&file, &f)) {
        ck_assert_uint_lt(f.number, 16);
        seen[f.number]++;
        if (f.number == 7) {
            graph = f.bytes;
        } else if (f.number == 14) {
            ck_assert_uint_eq(f.x, 12);
            ck_assert_mem_eq(f.bytes.at, "\x0a\x03key\x12\x05value", 12);
        }
    }
    ck_assert(seen[1] == 1 && seen[7] == 1 && seen[8] == 1 && seen[14] == 1);
    while (onnx_next(&graph, &f)) {
        nodes += f.number == 1;
        floats += f.number == 5 ? f.x / 4 : 0;
    }
    ck_assert_int_gt(nodes, 60);
    /* Norms became biases: somewhat fewer floats than the net has. */
    ck_assert_uint_gt(floats, nn_graph_param_count(net->graph) * 9 / 10);
    nn_mem_free(bytes);
    nn_net_destroy(&net);
    json_decref(meta);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

struct writing {
    struct nn_net *net;
    const char *path;
    json_t *meta;
};

static int write_once(void *ctx)
{
    const struct writing *w = ctx;
    struct nn_error err = NN_ERROR_INIT;

    return onnx_write(w->net, 1, NULL, w->meta, w->path, &err);
}

START_TEST(running_out_of_memory)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "gate.onnx");
    struct writing w = { make_net(NN_ARCH_MOBILENETV4, NN_HEAD_SOFTMAX), path,
                         make_meta() };

    testkit_each_alloc_failure(write_once, &w);
    json_decref(w.meta);
    nn_net_destroy(&w.net);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("onnx");
    TCase *t = tcase_create("onnx");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, known_bytes);
    tcase_add_loop_test(t, a_file_computes_what_the_net_does, 0,
                        (int)(sizeof answers / sizeof answers[0]));
    tcase_add_test(t, a_file_sees_a_view_of_another_input);
    tcase_add_test(t, a_file_holds_the_whole_net);
    tcase_add_test(t, running_out_of_memory);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
