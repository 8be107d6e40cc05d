/* The wire format against the bytes of its specification, and an exported
 * file taken apart again. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/export/onnx.h"
#include "pipelines/export/onnx_wire.h"
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

static uint64_t varint(const unsigned char **p, const unsigned char *end)
{
    uint64_t x = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        ck_assert(*p < end);
        x |= (uint64_t)(**p & 0x7f) << shift;
        if ((*(*p)++ & 0x80) == 0) {
            return x;
        }
    }
    ck_abort_msg("a varint of more than ten bytes");
    return 0;
}

/* Next field: its number; whole numbers in *x, bytes in *v and *n. */
static uint32_t next(const unsigned char **p, const unsigned char *end,
                     uint64_t *x, const unsigned char **v, size_t *n)
{
    uint64_t key = varint(p, end);

    ck_assert((key & 7) == 0 || (key & 7) == 2);
    *x = varint(p, end);
    if ((key & 7) == 2) {
        ck_assert_uint_le(*x, (uint64_t)(end - *p));
        *v = *p;
        *n = (size_t)*x;
        *p += *n;
    }
    return (uint32_t)(key >> 3);
}

static struct nn_net *make_net(void)
{
    static const char *const outputs[] = { "+a", "+b", "-x", "-y" };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net;

    s.width = 0.1f;
    s.size = 32;
    s.n_outputs = 4;
    s.outputs = outputs;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, &err), NN_OK);
    return net;
}

START_TEST(a_file_holds_the_whole_net)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "gate.onnx");
    json_t *meta = json_pack("{s:s}", "key", "value");
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = make_net();
    const unsigned char *p, *v = NULL, *graph = NULL;
    size_t size, n = 0, graph_n = 0, floats = 0;
    int seen[16] = { 0 }, nodes = 0;
    unsigned char *bytes;
    uint64_t x;

    ck_assert_msg(onnx_write(net, 1, meta, path, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_int_eq(nn_file_read(path, 1 << 26, &bytes, &size, &err), NN_OK);
    for (p = bytes; p < bytes + size;) {
        uint32_t field = next(&p, bytes + size, &x, &v, &n);

        ck_assert_uint_lt(field, 16);
        seen[field]++;
        if (field == 7) {
            graph = v;
            graph_n = n;
        } else if (field == 14) {
            ck_assert_uint_eq(n, 12);
            ck_assert_mem_eq(v, "\x0a\x03key\x12\x05value", 12);
        }
    }
    ck_assert(seen[1] == 1 && seen[7] == 1 && seen[8] == 1 && seen[14] == 1);
    for (p = graph; p < graph + graph_n;) {
        uint32_t field = next(&p, graph + graph_n, &x, &v, &n);

        nodes += field == 1;
        floats += field == 5 ? n / 4 : 0;
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

    return onnx_write(w->net, 1, w->meta, w->path, &err);
}

START_TEST(running_out_of_memory)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "gate.onnx");
    struct writing w = { make_net(), path, json_pack("{s:s}", "k", "v") };

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
    tcase_add_test(t, a_file_holds_the_whole_net);
    tcase_add_test(t, running_out_of_memory);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
