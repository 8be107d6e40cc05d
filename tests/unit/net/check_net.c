/* A net to a file and back. */
#include <string.h>

#include "common/base/mem.h"
#include "common/net/net.h"
#include "tests/unit/testkit.h"

static struct nn_net_spec spec(void)
{
    static const char *const names[] = { "x", "y" };
    struct nn_net_spec s = nn_net_spec_defaults();

    s.width = 0.1f;
    s.size = 40;
    s.n_outputs = 2;
    s.outputs = names;
    return s;
}

START_TEST(nothing_is_drawn_for_weights_to_come)
{
    const struct nn_net_spec s = spec();
    struct nn_net *net;

    ck_assert_int_eq(nn_net_create_empty(&s, &net, NULL), NN_OK);
    ck_assert_uint_gt(net->params.value.count, 1000);
    for (size_t i = 0; i < net->params.value.count; i++) {
        testkit_assert(net->params.value.data[i] == 0, "weight %zu", i);
    }
    ck_assert_str_eq(net->spec.outputs[1], "y");
    nn_net_destroy(&net);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* All floats of the array, running statistics too. */
START_TEST(loaded_is_saved)
{
    const struct nn_net_spec s = spec();
    struct nn_error err = NN_ERROR_INIT;
    char *dir = testkit_mkdir();
    char *path = nn_mem_sprintf("%s/net.safetensors", dir);
    struct nn_st_writer *w;
    struct nn_st_file *f;
    struct nn_net *a, *b;

    ck_assert_int_eq(nn_net_create(&s, 7, &a, NULL), NN_OK);
    a->temperature = 1.5;
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", a, NN_F32, &err), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, &err), NN_OK);
    nn_st_writer_destroy(&w);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    ck_assert_int_eq(nn_net_load(f, "gate.", &b, &err), NN_OK);
    ck_assert_uint_eq(a->params.value.count, b->params.value.count);
    ck_assert_mem_eq(a->params.value.data, b->params.value.data,
                     a->params.value.count * sizeof(float));
    ck_assert_double_eq(b->temperature, 1.5);
    nn_net_destroy(&b);
    ck_assert_int_eq(nn_net_load(f, "species.", &b, &err), NN_ERR_FORMAT);
    nn_st_close(&f);
    nn_net_destroy(&a);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* What has one shape in both from a to b; the number of tensors of b. */
static size_t copy_trunk(const struct nn_net *a, struct nn_net *b)
{
    const struct nn_param *p;
    size_t tensors = 0;

    for (size_t i = 0; (p = nn_graph_param(b->graph, i)) != NULL; i++) {
        const struct nn_param *q = nn_graph_find_param(a->graph, p->name);

        tensors++;
        if (nn_shape_equal(p->shape, q->shape)) {
            memcpy(b->params.value.data + p->offset,
                   a->params.value.data + q->offset, p->count * sizeof(float));
        }
    }
    return tensors;
}

/* Two nets that differ in the classifier alone take the room of one. */
START_TEST(a_trunk_is_saved_once)
{
    static const char *const other_outputs[] = { "p", "q", "r" };
    const struct nn_net_spec s = spec();
    struct nn_net_spec wider = s;
    char *dir = testkit_mkdir();
    char *path = nn_mem_sprintf("%s/net.safetensors", dir);
    struct nn_net *a, *b, *got;
    struct nn_load_report r;
    const struct nn_param *p;
    struct nn_st_writer *w;
    struct nn_st_file *f;
    size_t tensors;

    wider.n_outputs = 3;
    wider.outputs = other_outputs;
    ck_assert_int_eq(nn_net_create(&s, 7, &a, NULL), NN_OK);
    ck_assert_int_eq(nn_net_create(&wider, 8, &b, NULL), NN_OK);
    ck_assert(!nn_net_same_trunk(a, b));
    tensors = copy_trunk(a, b);
    ck_assert(nn_net_same_trunk(a, b));
    ck_assert(nn_net_same_trunk(b, a));
    /* One value of the trunk that differs is kept. */
    if (_i == 1) {
        p = nn_graph_find_param(b->graph, "bn1.running_var");
        b->params.value.data[p->offset] += 0.25f;
        ck_assert(!nn_net_same_trunk(a, b));
    }
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", a, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_net_save_on(w, "species.", b, "gate.", a, NN_F32, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    nn_st_writer_destroy(&w);
    ck_assert_int_eq(nn_st_open(path, &f, NULL), NN_OK);
    ck_assert_uint_eq(nn_st_count(f), tensors + 2 + (size_t)_i);
    ck_assert_int_eq(nn_net_load(f, "species.", &got, NULL), NN_OK);
    ck_assert_mem_eq(got->params.value.data, b->params.value.data,
                     b->params.value.count * sizeof(float));
    nn_net_destroy(&got);
    nn_st_close(&f);
    /* First weights, too, are found in both places. */
    ck_assert_int_eq(nn_net_create(&wider, 9, &got, NULL), NN_OK);
    ck_assert_int_eq(nn_net_init_from(got, path, "species.", &r, NULL), NN_OK);
    ck_assert_int_eq(r.taken, (int)tensors);
    ck_assert_mem_eq(got->params.value.data, b->params.value.data,
                     b->params.value.count * sizeof(float));
    nn_net_destroy(&got);
    nn_net_destroy(&a);
    nn_net_destroy(&b);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* The pixels that it takes, or fewer for the look of smaller files. */
START_TEST(what_it_asks_of_a_photo)
{
    const struct nn_net_spec s = spec();
    struct nn_input in = nn_net_input(&s);
    struct nn_scorer *scorer;
    struct nn_net *net;

    ck_assert_int_eq(in.size, 40);
    ck_assert_int_eq(in.side, 40);
    ck_assert_float_eq(in.mean[2], 103.53f);
    ck_assert_float_eq(in.stddev[0], 58.395f);
    ck_assert_int_eq(nn_net_create(&s, 7, &net, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_create(net, 2, &scorer, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_input(scorer).side, 40);
    nn_scorer_set_side(scorer, 20);
    ck_assert_int_eq(nn_scorer_input(scorer).side, 20);
    nn_scorer_set_side(scorer, 90);
    ck_assert_int_eq(nn_scorer_input(scorer).side, 40);
    nn_scorer_destroy(&scorer);
    nn_net_destroy(&net);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Logits of floats are those of bytes; n is held to the batch. */
START_TEST(prepared_inputs)
{
    enum { N = 40 * 40 * 3 };
    const struct nn_net_spec s = spec();
    uint8_t *rgb = nn_mem_calloc(2 * N, 1);
    float *x = nn_mem_aligned(2 * N, sizeof *x), a[4], b[4];
    struct nn_scorer *scorer;
    struct nn_net *net;

    for (size_t i = 0; i < 2 * (size_t)N; i++) {
        rgb[i] = (uint8_t)(i * 37 % 251);
        x[i] = ((float)rgb[i] - s.mean[i % 3]) * (1 / s.stddev[i % 3]);
    }
    ck_assert_int_eq(nn_net_create(&s, 7, &net, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_create(net, 2, &scorer, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_max_batch(scorer), 2);
    ck_assert_uint_eq(nn_scorer_outputs(scorer), 2);
    ck_assert_int_eq(nn_scorer_run_bytes(scorer, rgb, 2, a, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run(scorer, x, 2, b, NULL), NN_OK);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(nn_scorer_run(scorer, x + N, 1, b, NULL), NN_OK);
    ck_assert_mem_ne(a, a + 2, 2 * sizeof *a);
    ck_assert_mem_eq(b, a + 2, 2 * sizeof *a);
    ck_assert_int_eq(nn_scorer_run(scorer, x, 0, b, NULL), NN_ERR_ARG);
    ck_assert_int_eq(nn_scorer_run(scorer, x, 3, b, NULL), NN_ERR_ARG);
    ck_assert_int_eq(nn_scorer_run_bytes(scorer, rgb, 3, b, NULL), NN_ERR_ARG);
    nn_scorer_destroy(&scorer);
    nn_net_destroy(&net);
    nn_mem_free(rgb);
    nn_mem_free(x);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Whatever stands beside it in a batch, and in several views of which some have
 * one size: an image's logits and features are the same bits. */
START_TEST(bits_of_any_batch)
{
    enum { MOST = 13, N = 40 * 40 * 3 };
    const struct nn_tta views = {
        .n = 4, .v = { { 40, 0 }, { 40, 1 }, { 32, 0 }, { 32, 1 } }
    };
    const struct nn_net_spec s = spec();
    uint8_t *rgb = nn_mem_calloc(MOST * N, 1);
    float z[MOST * 2], one[2], *features, *alone;
    struct nn_scorer *scorer, *single;
    struct nn_net *net;
    size_t dims;

    for (size_t i = 0; i < MOST * (size_t)N; i++) {
        rgb[i] = (uint8_t)(i * i / 7 * 37 % 251);
    }
    ck_assert_int_eq(nn_net_create(&s, 7, &net, NULL), NN_OK);
    ck_assert_int_eq(nn_net_set_tta(net, &views, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_create(net, MOST, &scorer, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_create(net, 1, &single, NULL), NN_OK);
    dims = nn_scorer_dims(single);
    features = nn_mem_calloc(dims, sizeof *features);
    alone = nn_mem_calloc(dims, sizeof *alone);
    for (int32_t n = 1; n <= MOST; n++) {
        ck_assert_int_eq(nn_scorer_run_bytes(scorer, rgb, n, z, NULL), NN_OK);
        for (int32_t i = 0; i < n; i++) {
            ck_assert_int_eq(
                nn_scorer_run_bytes(single, rgb + i * N, 1, one, NULL), NN_OK);
            ck_assert_mem_eq(one, z + 2 * i, sizeof one);
            ck_assert_int_eq(nn_scorer_features(single, 0, alone), NN_OK);
            ck_assert_int_eq(nn_scorer_features(scorer, i, features), NN_OK);
            ck_assert_mem_eq(alone, features, dims * sizeof *alone);
        }
    }
    nn_mem_free(alone);
    nn_mem_free(features);
    nn_scorer_destroy(&single);
    nn_scorer_destroy(&scorer);
    nn_net_destroy(&net);
    nn_mem_free(rgb);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Features are of the first view, also where the last has its size. */
START_TEST(features_of_the_first_view)
{
    enum { N = 40 * 40 * 3 };
    const struct nn_tta views = { .n = 2, .v = { { 40, 0 }, { 40, 1 } } };
    const struct nn_net_spec s = spec();
    uint8_t *rgb = nn_mem_calloc(N, 1);
    float *features[2], z[2];
    struct nn_scorer *scorer;
    struct nn_net *net;
    size_t dims;

    for (size_t i = 0; i < N; i++) {
        rgb[i] = (uint8_t)(i * i / 7 * 37 % 251);
    }
    ck_assert_int_eq(nn_net_create(&s, 7, &net, NULL), NN_OK);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(nn_scorer_create(net, 1, &scorer, NULL), NN_OK);
        dims = nn_scorer_dims(scorer);
        features[k] = nn_mem_calloc(dims, sizeof(float));
        ck_assert_int_eq(nn_scorer_run_bytes(scorer, rgb, 1, z, NULL), NN_OK);
        ck_assert_int_eq(nn_scorer_features(scorer, 0, features[k]), NN_OK);
        nn_scorer_destroy(&scorer);
        ck_assert_int_eq(nn_net_set_tta(net, &views, NULL), NN_OK);
    }
    ck_assert_mem_eq(features[0], features[1], dims * sizeof(float));
    nn_mem_free(features[0]);
    nn_mem_free(features[1]);
    nn_net_destroy(&net);
    nn_mem_free(rgb);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("net");
    TCase *t = tcase_create("net");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, nothing_is_drawn_for_weights_to_come);
    tcase_add_test(t, loaded_is_saved);
    tcase_add_loop_test(t, a_trunk_is_saved_once, 0, 2);
    tcase_add_test(t, what_it_asks_of_a_photo);
    tcase_add_test(t, prepared_inputs);
    tcase_add_test(t, bits_of_any_batch);
    tcase_add_test(t, features_of_the_first_view);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
