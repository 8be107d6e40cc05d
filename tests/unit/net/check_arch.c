/* Nets of each architecture: names, files, features. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/net/net.h"
#include "tests/unit/testkit.h"

static const enum nn_arch all[] = {
    NN_ARCH_MOBILENETV4,
    NN_ARCH_EFFICIENTNET_LITE0,
    NN_ARCH_EFFICIENTNET_LITE1,
    NN_ARCH_EFFICIENTNET_LITE2,
};
enum { N = sizeof all / sizeof all[0] };

static struct nn_net *make(enum nn_arch arch, int32_t size)
{
    static const char *const names[] = { "x", "y", "z" };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_net *net;

    s.width = 0.1f;
    s.size = size;
    s.n_outputs = 3;
    s.outputs = names;
    nn_net_spec_set_arch(&s, arch);
    ck_assert_int_eq(nn_net_create(&s, 7, &net, NULL), NN_OK);
    return net;
}

/* The net as DIR/net.safetensors with metadata KEY, or none. */
static char *write(const char *dir, const struct nn_net *net, const char *key,
                   const char *value)
{
    char *path = nn_mem_sprintf("%s/net.safetensors", dir);
    struct nn_st_writer *w;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    if (key != NULL) {
        ck_assert_int_eq(nn_st_writer_meta(w, key, value), NN_OK);
    }
    ck_assert_int_eq(nn_st_writer_add_params(w, "", NN_F16, net->graph,
                                             net->params.value.data),
                     NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    nn_st_writer_destroy(&w);
    return path;
}

START_TEST(words_and_names)
{
    enum nn_arch a = NN_ARCH_MOBILENETV4;
    char text[NN_ARCH_TEXT], *words = nn_mem_strdup("");

    for (int i = 0; i < N; i++) {
        const struct nn_arch_info *info = nn_arch_info(all[i]);
        char *longer =
            nn_mem_sprintf("%s%s%s", words, i > 0 ? "|" : "", info->word);

        nn_mem_free(words);
        words = longer;
        ck_assert_int_eq(nn_arch_parse(info->word, &a), NN_OK);
        ck_assert_int_eq(a, all[i]);
        ck_assert_int_eq(nn_arch_parse(info->name, &a), NN_OK);
        ck_assert_int_eq(a, all[i]);
    }
    ck_assert_str_eq(words, NN_ARCH_WORDS);
    nn_mem_free(words);
    ck_assert_int_eq(nn_arch_parse("efficientnet-lite3", &a), NN_ERR_ARG);
    nn_arch_text(NN_ARCH_MOBILENETV4, 0.5f, text);
    ck_assert_str_eq(text, "MobileNetV4-Conv-Small x 0.50");
    nn_arch_text(NN_ARCH_EFFICIENTNET_LITE1, 1, text);
    ck_assert_str_eq(text, "EfficientNet-Lite1");
}
END_TEST

/* What the published weights were trained with. */
START_TEST(preprocessing)
{
    struct nn_net_spec s = nn_net_spec_defaults();

    s.width = 0.5f;
    nn_net_spec_set_arch(&s, NN_ARCH_EFFICIENTNET_LITE2);
    for (int c = 0; c < 3; c++) {
        ck_assert_float_eq(nn_net_input(&s).mean[c], 127);
        ck_assert_float_eq(nn_net_input(&s).stddev[c], 128);
    }
    ck_assert_float_eq(s.width, 1);
    ck_assert_int_eq(nn_arch_info(NN_ARCH_EFFICIENTNET_LITE0)->size, 224);
    ck_assert_int_eq(nn_arch_info(NN_ARCH_EFFICIENTNET_LITE1)->size, 240);
    ck_assert_int_eq(nn_arch_info(NN_ARCH_EFFICIENTNET_LITE2)->size, 260);
    nn_net_spec_set_arch(&s, NN_ARCH_MOBILENETV4);
    ck_assert_float_eq(s.mean[0], 123.675f);
    ck_assert_float_eq(s.stddev[2], 57.375f);
}
END_TEST

START_TEST(to_a_file_and_back)
{
    struct nn_net *a = make(all[_i], 40), *b;
    char *dir = testkit_mkdir();
    char *path = nn_mem_sprintf("%s/net.safetensors", dir);
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_writer *w;
    struct nn_st_file *f;
    enum nn_arch arch;
    int known;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", a, NN_F32, &err), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, &err), NN_OK);
    nn_st_writer_destroy(&w);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    ck_assert_int_eq(strstr(nn_st_meta(f, "gate.net"), "width") != NULL,
                     all[_i] == NN_ARCH_MOBILENETV4);
    ck_assert_int_eq(nn_arch_of_file(f, "gate.", &arch, &known, &err), NN_OK);
    ck_assert_int_eq(known, 1);
    ck_assert_int_eq(arch, all[_i]);
    ck_assert_int_eq(nn_net_load(f, "gate.", &b, &err), NN_OK);
    nn_st_close(&f);
    ck_assert_int_eq(b->spec.arch, all[_i]);
    ck_assert_float_eq(b->spec.width, a->spec.width);
    ck_assert_mem_eq(b->spec.mean, a->spec.mean, sizeof b->spec.mean);
    ck_assert_uint_eq(a->params.value.count, b->params.value.count);
    ck_assert_mem_eq(a->params.value.data, b->params.value.data,
                     a->params.value.count * sizeof(float));
    nn_net_destroy(&a);
    nn_net_destroy(&b);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* timm's files say nothing: their tensors do. */
START_TEST(told_by_its_tensors)
{
    struct nn_net *net = make(all[_i], 32);
    char *dir = testkit_mkdir(), *path = write(dir, net, NULL, NULL);
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    enum nn_arch arch;
    int known;

    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    ck_assert_int_eq(nn_arch_of_file(f, "gate.", &arch, &known, &err), NN_OK);
    ck_assert_int_eq(known, all[_i] != NN_ARCH_MOBILENETV4);
    if (known) {
        ck_assert_int_eq(arch, all[_i]);
    }
    nn_st_close(&f);
    nn_net_destroy(&net);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Both nets have a conv_stem.weight of the same shape. */
START_TEST(first_weights_of_another_net)
{
    struct nn_net *lite = make(NN_ARCH_EFFICIENTNET_LITE0, 32);
    struct nn_net *other = make(NN_ARCH_EFFICIENTNET_LITE2, 32);
    char *dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_load_report r;
    char *path = write(dir, lite, "architecture", "efficientnet_lite0");

    ck_assert_int_eq(nn_net_init_from(other, path, "gate.", &r, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(
        strstr(err.text, "EfficientNet-Lite0, and this net is EfficientNet-"
                         "Lite2"));
    nn_net_destroy(&other);
    other = make(NN_ARCH_EFFICIENTNET_LITE0, 64);
    ck_assert_int_eq(nn_net_init_from(other, path, "gate.", &r, &err), NN_OK);
    ck_assert_int_eq(r.missing + r.mismatched + r.unused, 0);
    nn_mem_free(path);
    path = write(dir, lite, "architecture", "resnet50");
    ck_assert_int_eq(nn_net_init_from(other, path, "gate.", &r, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "resnet50"));
    nn_net_destroy(&lite);
    nn_net_destroy(&other);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(an_unknown_net_is_named)
{
    struct nn_net *net = make(NN_ARCH_MOBILENETV4, 32), *none;
    char *dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f;
    char *path =
        write(dir, net, "net", "{\"architecture\": \"vgg11\", \"width\": 1}");

    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    ck_assert_int_eq(nn_net_load(f, "", &none, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "architecture, 'vgg11'"));
    nn_st_close(&f);
    nn_net_destroy(&net);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* The classifier on the features gives the logits; an embedding is the
 * features of length 1. */
START_TEST(features_are_what_the_classifier_sees)
{
    enum { SIZE = 64, FLOATS = SIZE * SIZE * 3, IMAGES = 7 };
    struct nn_net *net = make(all[_i], SIZE);
    const struct nn_param *w =
        nn_graph_find_param(net->graph, "classifier.weight");
    float *x = nn_mem_aligned(IMAGES * FLOATS, sizeof *x), z[IMAGES][3];
    const float *v = net->params.value.data;
    struct nn_scorer *s;

    for (size_t i = 0; i < (size_t)IMAGES * FLOATS; i++) {
        x[i] = (float)(i * 37 % 251) / 128 - 1;
    }
    ck_assert_int_eq(nn_scorer_create(net, IMAGES, &s, NULL), NN_OK);
    size_t c = nn_scorer_dims(s);
    float *f = nn_mem_calloc(2 * c, sizeof *f), *e = f + c;
    ck_assert_int_eq(nn_scorer_features(s, 0, f), NN_ERR_ARG);
    ck_assert_int_eq(nn_scorer_run(s, x, IMAGES, z[0], NULL), NN_OK);
    ck_assert_uint_eq(c, 1280);
    for (int32_t i = 0; i < IMAGES; i++) {
        ck_assert_int_eq(nn_scorer_features(s, i, f), NN_OK);
        for (size_t k = 0; k < 3; k++) {
            testkit_assert(
                fabs(dot(v + w->offset + k * c, f, c) - (double)z[i][k]) < 1e-4,
                "image %d, logit %zu", i, k);
        }
        ck_assert_int_eq(nn_scorer_embedding(s, i, e), NN_OK);
        double length = sqrt(dot(f, f, c));
        testkit_assert(fabs(dot(e, e, c) - 1) < 1e-5 &&
                           fabs(dot(e, f, c) - length) < 1e-4 * length,
                       "embedding %d", i);
        testkit_assert(fabs(length - 1) > 1e-2, "features %d", i);
    }
    nn_scorer_destroy(&s);
    nn_net_destroy(&net);
    nn_mem_free(f);
    nn_mem_free(x);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* In a net whose head stands before the mean, the logits are the mean of those
 * of the places; and views of other sizes have their own padding. */
START_TEST(maps_and_views)
{
    enum { SIZE = 72 };
    const struct nn_tta views = { 2, { { SIZE, 0 }, { 48, 1 } } };
    struct nn_net *net = make(NN_ARCH_EFFICIENTNET_LITE0, SIZE);
    uint8_t *rgb = nn_mem_calloc((size_t)SIZE * SIZE, 3);
    float z[3], both[3], *map;
    int32_t h, w;
    struct nn_scorer *s;

    for (size_t i = 0; i < (size_t)SIZE * SIZE * 3; i++) {
        rgb[i] = (uint8_t)(i * i % 255);
    }
    ck_assert_int_eq(nn_scorer_create(net, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run_bytes(s, rgb, 1, z, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_map_bytes(s, rgb, &map, &h, &w, NULL), NN_OK);
    ck_assert_int_eq(h, 3);
    ck_assert_int_eq(w, 3);
    for (size_t k = 0; k < 3; k++) {
        double sum = 0;

        for (size_t i = 0; i < 9; i++) {
            sum += (double)map[i * 3 + k];
        }
        testkit_assert(fabs(sum / 9 - (double)z[k]) < 1e-5, "logit %zu", k);
    }
    nn_mem_free(map);
    nn_scorer_destroy(&s);
    ck_assert_int_eq(nn_net_set_tta(net, &views, NULL), NN_OK);
    ck_assert_int_eq(nn_graph_input_shape(net->more[0]).h, 48);
    ck_assert_uint_eq(nn_net_macs(net),
                      nn_graph_macs(net->graph) + nn_graph_macs(net->more[0]));
    ck_assert_int_eq(nn_scorer_create(net, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run_bytes(s, rgb, 1, both, NULL), NN_OK);
    ck_assert_mem_ne(both, z, sizeof z);
    nn_scorer_destroy(&s);
    nn_net_destroy(&net);
    nn_mem_free(rgb);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("arch");
    TCase *t = tcase_create("arch");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, words_and_names);
    tcase_add_test(t, preprocessing);
    tcase_add_loop_test(t, to_a_file_and_back, 0, N);
    tcase_add_loop_test(t, told_by_its_tensors, 0, N);
    tcase_add_test(t, first_weights_of_another_net);
    tcase_add_test(t, an_unknown_net_is_named);
    tcase_add_loop_test(t, features_are_what_the_classifier_sees, 0, N);
    tcase_add_test(t, maps_and_views);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
