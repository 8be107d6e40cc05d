/* Model files: round trips, 16-bit floats, and what a reader refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/tensor/half.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "common/tensor/safetensors.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

static char *dir, *path;

static void set_up(void)
{
    dir = testkit_mkdir();
    path = nn_path_join(dir, "m.safetensors");
}

static void tear_down(void)
{
    nn_mem_free(path);
    testkit_rmdir(dir);
}

/* A file of this header, padded length given or its own, and data bytes. */
static void write_raw(const char *header, long length, size_t data)
{
    FILE *f = fopen(path, "wb");
    uint64_t n = length >= 0 ? (uint64_t)length : strlen(header);

    for (int i = 0; i < 8; i++) {
        fputc((int)(n >> (8 * i) & 255), f);
    }
    fputs(header, f);
    for (size_t i = 0; i < data; i++) {
        fputc((int)i, f);
    }
    fclose(f);
}

static const struct {
    const char *header;
    long length;
    size_t data;
    const char *says;
} damaged[] = {
    { "", 0, 0, "header" },
    { "{}", 1000, 0, "header length" },
    { "[1]", -1, 0, "not an object" },
    { "{\"a\":", -1, 0, "header" },
    { "{\"a\":1}", -1, 4, "'a'" },
    { "{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4,
      "dtype" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", -1, 8,
      "bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 4,
      "leave the file" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", -1, 4,
      "offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", -1,
      4, "shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],"
      "\"data_offsets\":[0,4]}}",
      -1, 4, "shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
      -1, 8, "overlaps" },
    { "{\"__metadata__\":{\"k\":1}}", -1, 0, "'k'" },
};
enum { N_DAMAGED = sizeof damaged / sizeof damaged[0] };

START_TEST(refuses_damage)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;

    write_raw(damaged[_i].header, damaged[_i].length, damaged[_i].data);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_ERR_FORMAT);
    ck_assert_ptr_null(f);
    ck_assert_msg(strstr(err.text, damaged[_i].says) != NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "m.safetensors"));
}
END_TEST

/* Every cut and a thousand single-byte changes of a good file: an error or a
 * file, never a crash (run under sanitizers in CI). */
START_TEST(survives_mutation)
{
    const char *good =
        "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F16\",\"shape\":"
        "[2,2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[],"
        "\"data_offsets\":[8,12]}}";
    unsigned char *bytes;
    size_t size;
    struct nn_rng rng = nn_rng_make(1, 2);

    write_raw(good, -1, 12);
    ck_assert_int_eq(nn_file_read(path, 10000, &bytes, &size, NULL), NN_OK);
    for (size_t i = 0; i < size + 1000; i++) {
        size_t n = i < size ? i : size;
        size_t at = nn_rng_below(&rng, (uint32_t)size);
        unsigned char keep = bytes[at];
        struct nn_st_file *f;
        FILE *out = fopen(path, "wb");

        bytes[at] = i < size ? keep : (unsigned char)nn_rng_u64(&rng);
        fwrite(bytes, 1, n, out);
        fclose(out);
        bytes[at] = keep;
        if (nn_st_open(path, &f, NULL) == NN_OK) {
            for (size_t k = 0; k < nn_st_count(f); k++) {
                const struct nn_st_entry *e = nn_st_entry(f, k);
                float *v = calloc(e->count + 1, sizeof *v);

                if (nn_st_read(f, e, v, NULL)) {
                    ck_assert_int_ne(e->dtype, NN_F32);
                }
                free(v);
            }
        }
        nn_st_close(&f);
    }
    nn_mem_free(bytes);
}
END_TEST

START_TEST(tensors_round_trip)
{
    const enum nn_dtype types[] = { NN_F32, NN_F16, NN_BF16 };
    const double bound[] = { 0, 0x1p-11, 0x1p-8 };
    const int64_t shape[2] = { 3, 2 };
    float v[6] = { 0, -1, 0.1f, 1e-3f, 3.14159f, 1000 }, back[6];
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_writer *w;
    struct nn_st_file *f;
    const struct nn_st_entry *e;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_st_writer_meta(w, "note", "a \"b\"\n"), NN_OK);
    ck_assert_int_eq(nn_st_writer_add(w, "t", types[_i], 2, shape, v), NN_OK);
    ck_assert_msg(nn_st_writer_commit(w, path, &err) == NN_OK, "%s", err.text);
    nn_st_writer_destroy(&w);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    e = nn_st_find(f, "t");
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(e->ndim, 2);
    ck_assert_int_eq(e->shape[0], 3);
    ck_assert_str_eq(nn_st_meta(f, "note"), "a \"b\"\n");
    ck_assert_ptr_null(nn_st_find(f, "u"));
    ck_assert_ptr_null(nn_st_meta(f, "u"));
    ck_assert_int_eq(nn_st_read(f, e, back, &err), NN_OK);
    testkit_close(back, v, 6, 0, bound[_i], "t");
    nn_st_close(&f);
}
END_TEST

/* All 65,536 halves: to float and back is the identity (NaN stays NaN). */
START_TEST(halves_are_exact)
{
    for (uint32_t i = 0; i < 65536; i++) {
        float x = nn_half_to_float((uint16_t)i);

        if (isnan(x)) {
            testkit_assert(isnan(nn_half_to_float(nn_float_to_half(x))),
                           "half %x is no NaN", i);
        } else {
            testkit_assert(nn_float_to_half(x) == i, "half %x", i);
        }
        x = nn_bfloat_to_float((uint16_t)i);
        if (!isnan(x)) {
            testkit_assert(nn_float_to_bfloat(x) == i, "bfloat %x", i);
        }
    }
    ck_assert_uint_eq(nn_float_to_half(65519.99f), 0x7bff);
    ck_assert_uint_eq(nn_float_to_half(65520.0f), 0x7c00);
    ck_assert_uint_eq(nn_float_to_half(1.0f + 0x1p-11f), 0x3c00); /* even */
    ck_assert_uint_eq(nn_float_to_half(1.0f + 3 * 0x1p-11f), 0x3c02);
    ck_assert_uint_eq(nn_float_to_half(0x1p-25f), 0);
    ck_assert_uint_eq(nn_float_to_half(0x1.8p-25f), 1);
    ck_assert_uint_eq(nn_float_to_bfloat(1.0f + 0x1p-8f), 0x3f80);
}
END_TEST

static struct nn_graph *net(int32_t outputs)
{
    const struct nn_mobilenetv4 m = { .width = 0.1f,
                                      .size = 32,
                                      .outputs = outputs };
    struct nn_graph *g;

    ck_assert_int_eq(nn_mobilenetv4_build(&m, &g, NULL), NN_OK);
    return g;
}

/* Random values, also in the file `path` with names that begin with "x.". */
static void save_random(const struct nn_graph *g, struct nn_params *a)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_writer *w;

    ck_assert_int_eq(nn_params_init(a, g, 0), NN_OK);
    nn_params_randomise(a, g, 5);
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_st_writer_add_params(w, "x.", NN_F32, g, a->value.data),
                     NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, &err), NN_OK);
    nn_st_writer_destroy(&w);
}

START_TEST(parameters_by_name_and_shape)
{
    struct nn_graph *g = net(3), *other = net(4);
    struct nn_params a, b;
    struct nn_load_report r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    const struct nn_st_entry *e;

    ck_assert_int_eq(nn_params_init(&b, other, 0), NN_OK);
    save_random(g, &a);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    e = nn_st_find(f, "x.conv_stem.weight"); /* PyTorch's OIHW */
    ck_assert_int_eq(e->shape[1], 3);
    ck_assert_int_eq(e->shape[2], 3);
    /* Another number of classes: strict names it and changes nothing. */
    ck_assert_int_eq(nn_params_load(f, "x.", other, b.value.data, 1, &r, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "classifier.weight is 3x1280"));
    ck_assert_float_eq(b.value.data[0], 0.0f);
    ck_assert_int_eq(nn_params_load(f, "x.", other, b.value.data, 0, &r, &err),
                     NN_OK);
    ck_assert_int_eq(r.mismatched, 2);
    ck_assert_int_eq(r.missing, 0);
    ck_assert_float_eq(b.value.data[5], a.value.data[5]);
    ck_assert_int_eq(nn_params_load(f, "y.", g, b.value.data, 1, &r, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "'y.conv_stem.weight' is missing"));
    nn_st_close(&f);
    nn_params_release(&a);
    nn_params_release(&b);
    nn_graph_destroy(&g);
    nn_graph_destroy(&other);
}
END_TEST

/* A tensor that is no number, the last one, leaves all values as they were. */
START_TEST(parameters_change_as_a_whole)
{
    struct nn_graph *g = net(3);
    struct nn_params a, b;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    unsigned char *bytes;
    size_t size;

    ck_assert_int_eq(nn_params_init(&b, g, 0), NN_OK);
    save_random(g, &a);
    ck_assert_int_eq(nn_file_read(path, SIZE_MAX, &bytes, &size, &err), NN_OK);
    char *type = strstr((char *)bytes + 8, "\"x.classifier.bias\"");

    ck_assert_ptr_nonnull(type);
    type = strstr(type, "F32");
    type[0] = 'I';
    ck_assert_int_eq(nn_st_parse(bytes, size, "x", &f, &err), NN_OK);
    for (int strict = 0; strict < 2; strict++) {
        ck_assert_int_eq(
            nn_params_load(f, "x.", g, b.value.data, strict, NULL, &err),
            NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "'x.classifier.bias' is not"));
        for (size_t i = 0; i < nn_graph_param_count(g); i++) {
            ck_assert_float_eq(b.value.data[i], 0.0f);
        }
    }
    nn_st_close(&f);
    nn_params_release(&a);
    nn_params_release(&b);
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(unwritable_and_missing)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_writer *w;
    struct nn_st_file *f;

    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, "/nowhere/x.safetensors", &err),
                     NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/x.safetensors"));
    nn_st_writer_destroy(&w);
}
END_TEST

/* What the safetensors library wrote: three dtypes, an integer, no elements,
 * and metadata with characters that JSON must escape. */
START_TEST(reads_the_librarys_file)
{
    static const struct {
        const char *name;
        size_t n;
        double rel;
    } t[] = { { "conv_stem.weight", 72, 0 },
              { "classifier.weight", 20, 1.0 / 2048 },
              { "classifier.bias", 5, 1.0 / 256 },
              { "bn1.running_var", 4, 0 },
              { "extra", 0, 0 } };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    float got[72], want[72];
    char name[64];

    ck_assert_int_eq(
        nn_st_open(golden_path("tensor_small.safetensors"), &f, &err), NN_OK);
    ck_assert_uint_eq(nn_st_count(f), 9);
    ck_assert_str_eq(nn_st_meta(f, "classes"), "grizzly,black,teddy");
    ck_assert_str_eq(nn_st_meta(f, "note"), "gr\xc3\xbcn \"x\"\n");
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const struct nn_st_entry *e;

        snprintf(name, sizeof name, "net.%s", t[i].name);
        e = nn_st_find(f, name);
        ck_assert_ptr_nonnull(e);
        ck_assert_uint_eq(e->count, t[i].n);
        ck_assert_int_eq(nn_st_read(f, e, got, &err), NN_OK);
        golden_uniform(t[i].name, t[i].n, want);
        for (size_t k = 0; k < t[i].n; k++) {
            ck_assert_msg(fabs((double)got[k] - (double)want[k]) <=
                              t[i].rel * fabs((double)want[k]),
                          "%s[%zu]: %g, want %g", name, k, (double)got[k],
                          (double)want[k]);
        }
    }
    nn_st_close(&f);
}
END_TEST

/* A small file with metadata, as bytes. */
static unsigned char *checked_file(size_t *size)
{
    const int64_t shape[2] = { 3, 2 };
    const float v[6] = { 0, -1, 0.1f, 1e-3f, 3.14159f, 1000 };
    struct nn_st_writer *w;
    unsigned char *bytes;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_st_writer_meta(w, "policy", "{\"threshold\":0.5}"),
                     NN_OK);
    ck_assert_int_eq(nn_st_writer_add(w, "a", NN_F16, 2, shape, v), NN_OK);
    ck_assert_int_eq(nn_st_writer_add(w, "b", NN_F32, 2, shape, v), NN_OK);
    for (int again = 0; again < 2; again++) { /* the second writes the same */
        ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    }
    nn_st_writer_destroy(&w);
    ck_assert_int_eq(nn_file_read(path, 10000, &bytes, size, NULL), NN_OK);
    return bytes;
}

/* Each bit of the file, weights and metadata alike. What is still read lacks
 * the checksum's very name. */
START_TEST(a_bit_that_flips_is_noticed)
{
    size_t size, n_header;
    unsigned char *bytes = checked_file(&size);
    size_t unnamed = 0;

    n_header = 8u + bytes[0] + 256u * bytes[1];
    for (size_t bit = 0; bit < 8 * size; bit++) {
        unsigned char *copy = nn_mem_calloc(size, 1);
        struct nn_error err = NN_ERROR_INIT;
        struct nn_st_file *f;
        enum nn_status st;

        memcpy(copy, bytes, size);
        copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
        st = nn_st_parse(copy, size, "x", &f, &err);
        if (!st) {
            testkit_assert(nn_st_meta(f, NN_ST_CHECKSUM) == NULL, "bit %zu",
                           bit);
            unnamed++;
        } else {
            testkit_assert(st == NN_ERR_FORMAT, "bit %zu", bit);
            testkit_assert(bit / 8 < n_header ||
                               strstr(err.text, "it is damaged") != NULL,
                           "bit %zu: %s", bit, err.text);
        }
        nn_st_close(&f);
    }
    ck_assert_uint_le(unnamed, 8 * strlen(NN_ST_CHECKSUM));
    nn_mem_free(bytes);
}
END_TEST

/* Another writer may put keys in another order, and add blanks. */
START_TEST(the_checksum_is_of_the_content)
{
    size_t size, n_header, tensors = 36;
    unsigned char *bytes = checked_file(&size), *copy;
    json_t *h, *other = json_object(), *v;
    const char *keys[] = { "b", "__metadata__", "a" };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    char *text;

    n_header = bytes[0] + 256u * bytes[1];
    h = json_loadb((char *)bytes + 8, n_header, 0, NULL);
    ck_assert_ptr_nonnull(h);
    for (size_t i = 0; i < 3; i++) {
        v = json_object_get(h, keys[i]);
        ck_assert_ptr_nonnull(v);
        json_object_set(other, keys[i], v);
    }
    text = json_dumps(other, JSON_INDENT(2));
    ck_assert_uint_ne(strlen(text), n_header);
    n_header = strlen(text);
    copy = nn_mem_calloc(8 + n_header + tensors, 1);
    copy[0] = (unsigned char)(n_header % 256);
    copy[1] = (unsigned char)(n_header / 256);
    memcpy(copy + 8, text, n_header);
    memcpy(copy + 8 + n_header, bytes + size - tensors, tensors);
    ck_assert_msg(nn_st_parse(copy, 8 + n_header + tensors, "x", &f, &err) ==
                      NN_OK,
                  "%s", err.text);
    ck_assert_ptr_nonnull(nn_st_meta(f, NN_ST_CHECKSUM));
    nn_st_close(&f);
    free(text);
    json_decref(h);
    json_decref(other);
    nn_mem_free(bytes);
}
END_TEST

static int read_checked(void *ctx)
{
    struct nn_st_file *f;
    enum nn_status st = nn_st_open(ctx, &f, NULL);

    nn_st_close(&f);
    return (int)st;
}

START_TEST(memory_may_run_out)
{
    size_t size;

    nn_mem_free(checked_file(&size));
    ck_assert_int_eq(read_checked(path), 0);
    testkit_each_alloc_failure(read_checked, path);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("safetensors");
    TCase *t = tcase_create("files");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, refuses_damage, 0, N_DAMAGED);
    tcase_add_test(t, survives_mutation);
    tcase_add_test(t, reads_the_librarys_file);
    tcase_add_loop_test(t, tensors_round_trip, 0, 3);
    tcase_add_test(t, halves_are_exact);
    tcase_add_test(t, parameters_by_name_and_shape);
    tcase_add_test(t, parameters_change_as_a_whole);
    tcase_add_test(t, unwritable_and_missing);
    tcase_add_test(t, a_bit_that_flips_is_noticed);
    tcase_add_test(t, the_checksum_is_of_the_content);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
