/* What the training loop is made of: the sampler's shares, and checkpoints and
 * nets that come back from a file as they went in. */
#include <string.h>

#include "common/base/file.h"
#include "common/train/checkpoint.h"
#include "common/net/net.h"
#include "common/train/train.h"
#include "tests/unit/testkit.h"

START_TEST(sampler_shares)
{
    uint32_t a[5] = { 0, 1, 2, 3, 4 }, b[2] = { 10, 11 }, index[40];
    uint32_t again[40];
    const uint32_t *const bucket[] = { a, b };
    const size_t n[] = { 5, 2 };
    const double share[] = { 0.25, 0.75 };
    const struct nn_sampler s = { 2, bucket, n, share, 40, 7 };
    int count[12] = { 0 };

    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        ck_assert_int_eq(nn_sampler_epoch(&s, epoch, index), NN_OK);
        for (int i = 0; i < 40; i++) {
            count[index[i]]++;
        }
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(count[i], 6); /* 3 x 10 draws over 5 items */
    }
    ck_assert_int_eq(count[10], 45);
    ck_assert_int_eq(count[11], 45);
    ck_assert_int_eq(nn_sampler_epoch(&s, 2, again), NN_OK);
    ck_assert_mem_eq(index, again, sizeof index);
}
END_TEST

START_TEST(checkpoints_keep_other_tasks)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "last.safetensors");
    float one[3] = { 1, 2, 3 }, two[2] = { 4, 5 }, back[3] = { 0 };
    struct nn_buf b1 = { one, 3 }, b2 = { two, 2 }, b3 = { back, 3 };
    const struct nn_checkpoint_array a1 = { "x", &b1 }, a2 = { "x", &b2 };
    const struct nn_checkpoint_array a3 = { "x", &b3 };
    json_t *s1 = json_pack("{s:i}", "v", 1), *s2 = json_pack("{s:i}", "v", 2);
    json_t *got;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_checkpoint_write(path, "gate", s1, &a1, 1, &err), 0);
    ck_assert_int_eq(nn_checkpoint_write(path, "kind", s2, &a2, 1, &err), 0);
    ck_assert_int_eq(nn_checkpoint_read(path, "gate", &got, &a3, 1, &err), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(got, "v")), 1);
    ck_assert_mem_eq(one, back, sizeof one);
    json_decref(got);
    ck_assert_int_eq(nn_checkpoint_read(path, "kind", &got, &a3, 1, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "'kind.x'"));
    ck_assert_int_eq(nn_checkpoint_read(path, "none", &got, &a3, 1, &err), 0);
    ck_assert_ptr_null(got);
    json_decref(s1);
    json_decref(s2);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(nets_round_trip)
{
    static const char *const names[] = { "a", "b c", "\xc3\xa9" };
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "m.safetensors");
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_writer *w;
    struct nn_st_file *f;
    struct nn_net *net, *back;
    struct nn_load_report r;

    s.width = 0.1f;
    s.size = 48;
    s.n_outputs = 3;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, &err), NN_OK);
    net->temperature = 1.25;
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", net, NN_F32, &err), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, &err), NN_OK);
    ck_assert_int_eq(nn_st_open(path, &f, &err), NN_OK);
    ck_assert_msg(nn_net_load(f, "gate.", &back, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_mem_eq(net->params.value.data, back->params.value.data,
                     net->params.value.count * sizeof(float));
    ck_assert_str_eq(back->spec.outputs[2], names[2]);
    ck_assert_int_eq(back->spec.size, 48);
    ck_assert_double_eq(back->temperature, 1.25);
    nn_net_destroy(&back);
    ck_assert_int_eq(nn_net_load(f, "species.", &back, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "species.net"));
    ck_assert_int_eq(nn_net_init_from(net, path, "gate.", &r, &err), NN_OK);
    ck_assert_int_eq(r.mismatched + r.missing + r.unused, 0);
    nn_st_close(&f);
    nn_st_writer_destroy(&w);
    nn_net_destroy(&net);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

/* None of them a default: what a file says of an image's way into a net. */
START_TEST(all_of_a_spec_comes_back)
{
    static const char *const names[] = { "a", "b" };
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "m.safetensors");
    struct nn_net_spec s = {
        .width = 0.15f,
        .size = 64,
        .n_more = 1,
        .more = { { .size = 48, .mirrored = 1 } },
        .dropout = 0.25f,
        .head = NN_HEAD_SIGMOID,
        .mean = { 1, 2, 3 },
        .stddev = { 4, 5, 6 },
        .n_outputs = 2,
        .outputs = names,
    };
    struct nn_st_writer *w;
    struct nn_st_file *f;
    struct nn_net *net, *back;

    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "", net, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    ck_assert_int_eq(nn_st_open(path, &f, NULL), NN_OK);
    ck_assert_int_eq(nn_net_load(f, "", &back, NULL), NN_OK);
    ck_assert_float_eq(back->spec.width, 0.15f);
    ck_assert_int_eq(back->spec.size, 64);
    ck_assert_uint_eq(back->spec.n_more, 1);
    ck_assert_int_eq(back->spec.more[0].size, 48);
    ck_assert_int_eq(back->spec.more[0].mirrored, 1);
    ck_assert_float_eq(back->spec.dropout, 0.25f);
    ck_assert_int_eq(back->spec.head, NN_HEAD_SIGMOID);
    ck_assert_float_eq(back->spec.mean[2], 3);
    ck_assert_float_eq(back->spec.stddev[0], 4);
    ck_assert_double_eq(back->temperature, 1);
    nn_net_destroy(&back);
    nn_st_close(&f);
    nn_st_writer_destroy(&w);
    nn_net_destroy(&net);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

/* Logits of +-2 ln 3 at a temperature of 2: 3/4 and 1/4 as two questions, 9/10
 * and 1/10 as one. */
START_TEST(probabilities_of_both_heads)
{
    static const char *const names[] = { "a", "b" };
    const float z[2] = { 2.1972246f, -2.1972246f };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_net *net;
    float p[2];

    s.width = 0.1f;
    s.size = 32;
    s.n_outputs = 2;
    s.outputs = names;
    s.head = NN_HEAD_SIGMOID;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    net->temperature = 2;
    nn_net_probabilities(net, z, p);
    ck_assert_float_eq_tol(p[0], 0.75f, 1e-6f);
    ck_assert_float_eq_tol(p[1], 0.25f, 1e-6f);
    net->spec.head = NN_HEAD_SOFTMAX;
    nn_net_probabilities(net, z, p);
    ck_assert_float_eq_tol(p[0], 0.9f, 1e-6f);
    ck_assert_float_eq_tol(p[1], 0.1f, 1e-6f);
    nn_net_destroy(&net);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train parts");
    TCase *t = tcase_create("parts");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, sampler_shares);
    tcase_add_test(t, checkpoints_keep_other_tasks);
    tcase_add_test(t, nets_round_trip);
    tcase_add_test(t, all_of_a_spec_comes_back);
    tcase_add_test(t, probabilities_of_both_heads);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
