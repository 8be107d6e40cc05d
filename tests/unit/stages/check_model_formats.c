/* Model files of format 1 and 2 say the same by other names. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cascade/model.h"
#include "tests/unit/testkit.h"

static struct nn_net *net_of(struct nn_net_spec spec, const char *const *names,
                             size_t n)
{
    struct nn_net *net;

    spec.n_outputs = n;
    spec.outputs = names;
    ck_assert_int_eq(nn_net_create(&spec, 1, &net, NULL), NN_OK);
    return net;
}

static void put(struct nn_st_writer *w, const char *key, const char *text)
{
    ck_assert_int_eq(nn_st_writer_meta(w, key, text), NN_OK);
}

/* What version 1 of the program wrote, field by field. */
static void write_format_1(const char *path, const char *format)
{
    static const char *const gate_names[] = { "+a", "+b", "-" };
    static const char *const class_names[] = { "a", "b" };
    struct nn_net *gate = net_of(gate_net_spec(0.1f, 32), gate_names, 3);
    struct nn_net *species = net_of(species_net_spec(0.1f, 32), class_names, 2);
    struct nn_st_writer *w;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    put(w, "format", format);
    put(w, "system", "cascade");
    put(w, "classes", "[\"a\",\"b\"]");
    put(w, "gate.policy",
        "{\"threshold\":0.25,\"min_hit_rate\":0.95,\"hit_rate\":0.96,"
        "\"hit_lower\":0.91,\"false_alarm\":0.125,\"false_upper\":0.2,"
        "\"n_positives\":80,\"n_negatives\":120,\"certified\":false,"
        "\"n_needed\":59}");
    put(w, "species.policy",
        "{\"floor\":0.375,\"keep_rate\":0.94,\"accuracy\":0.875,"
        "\"ece_before\":0.0625,\"ece_after\":0.03125,\"n\":80}");
    ck_assert_int_eq(nn_net_save(w, "gate.", gate, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "species.", species, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    nn_st_writer_destroy(&w);
    nn_net_destroy(&gate);
    nn_net_destroy(&species);
}

static void is_that_model(const struct model *m)
{
    const struct gate_policy *g = &m->gate_policy;
    const struct species_policy *s = &m->species_policy;

    ck_assert_double_eq(g->threshold, 0.25);
    ck_assert_double_eq(g->min_recall, 0.95);
    ck_assert_double_eq(g->recall, 0.96);
    ck_assert_double_eq(g->recall_lower, 0.91);
    ck_assert_double_eq(g->fpr, 0.125);
    ck_assert_double_eq(g->fpr_upper, 0.2);
    ck_assert_uint_eq(g->n_positives, 80);
    ck_assert_uint_eq(g->n_negatives, 120);
    ck_assert_uint_eq(g->n_needed, 59);
    ck_assert_int_eq(g->certified, 0);
    ck_assert_double_eq(s->reject_threshold, 0.375);
    ck_assert_double_eq(s->coverage, 0.94);
    ck_assert_double_eq(s->accuracy, 0.875);
    ck_assert_uint_eq(s->n, 80);
}

/* Read, written again in format 2, and read again. */
START_TEST(format_1_is_read_and_2_is_written)
{
    char *dir = testkit_mkdir();
    char *one = nn_path_join(dir, "one.safetensors");
    char *two = nn_path_join(dir, "two.safetensors");
    struct nn_st_file *f;
    struct model *m;
    const char *policy;

    write_format_1(one, "bearcascade-model 1");
    ck_assert_int_eq(model_load(one, &m, NULL), NN_OK);
    is_that_model(m);
    ck_assert_int_eq(model_save(m, two, NN_F32, NULL), NN_OK);
    model_destroy(&m);

    ck_assert_int_eq(nn_st_open(two, &f, NULL), NN_OK);
    ck_assert_str_eq(nn_st_meta(f, "format"), "bearcascade-model 2");
    policy = nn_st_meta(f, "gate.policy");
    ck_assert_ptr_nonnull(strstr(policy, "\"min_recall\""));
    ck_assert_ptr_nonnull(strstr(policy, "\"fpr_upper\""));
    ck_assert_ptr_null(strstr(policy, "hit_rate"));
    policy = nn_st_meta(f, "species.policy");
    ck_assert_ptr_nonnull(strstr(policy, "\"reject_threshold\""));
    ck_assert_ptr_null(strstr(policy, "\"floor\""));
    nn_st_close(&f);
    ck_assert_int_eq(model_load(two, &m, NULL), NN_OK);
    is_that_model(m);
    model_destroy(&m);
    nn_mem_free(one);
    nn_mem_free(two);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(other_formats_are_refused)
{
    static const char *const formats[] = { "bearcascade-model 4",
                                           "bearcascade-model",
                                           "bearcascade-backbone 1" };
    char *dir = testkit_mkdir();
    char *path = nn_path_join(dir, "other.safetensors");
    struct nn_error err = NN_ERROR_INIT;
    struct model *m;

    write_format_1(path, formats[_i]);
    ck_assert_int_eq(model_load(path, &m, &err), NN_ERR_FORMAT);
    ck_assert_ptr_null(m);
    ck_assert_ptr_nonnull(strstr(err.text, formats[_i]));
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

/* A net of format 1 with that fit rule, read back. */
static enum nn_status net_of_format_1(const char *fit, const char *share,
                                      struct nn_net **net, struct nn_error *err)
{
    static const char *const names[] = { "a", "b" };
    char *text = nn_mem_sprintf(
        "{\"architecture\":\"mobilenetv4_conv_small\",\"width\":0.1,"
        "\"size\":64,\"dropout\":0,\"head\":\"softmax\",\"fit\":\"%s\","
        "\"crop_share\":%s,\"mean\":[0,0,0],\"stddev\":[1,1,1],"
        "\"outputs\":[\"a\",\"b\"],\"temperature\":1,"
        "\"test_views\":[{\"size\":32,\"mirrored\":true}]}",
        fit, share);
    char *dir = testkit_mkdir();
    char *path = nn_path_join(dir, "net.safetensors");
    struct nn_net *made = net_of(species_net_spec(0.1f, 64), names, 2);
    struct nn_st_writer *w;
    struct nn_st_file *f;
    enum nn_status st;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    put(w, "x.net", text);
    ck_assert_int_eq(nn_st_writer_add_params(w, "x.", NN_F32, made->graph,
                                             made->params.value.data),
                     NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    ck_assert_int_eq(nn_st_open(path, &f, NULL), NN_OK);
    st = nn_net_load(f, "x.", net, err);
    nn_st_close(&f);
    nn_st_writer_destroy(&w);
    nn_net_destroy(&made);
    nn_mem_free(path);
    nn_mem_free(text);
    testkit_rmdir(dir);
    return st;
}

/* Test-time augmentation is in the nets' own metadata. */
START_TEST(views_of_format_1)
{
    struct nn_net *net;

    ck_assert_int_eq(net_of_format_1("squeeze", "1", &net, NULL), NN_OK);
    ck_assert_uint_eq(net->spec.n_more, 1);
    ck_assert_int_eq(net->spec.more[0].size, 32);
    ck_assert_int_eq(net->spec.more[0].mirrored, 1);
    nn_net_destroy(&net);
}
END_TEST

/* A net that was trained on other views than ours is not read as if on ours. */
START_TEST(other_fits_are_refused)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net;

    ck_assert_int_eq(net_of_format_1("crop", "1", &net, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no usable 'fit'"));
    ck_assert_int_eq(net_of_format_1("squeeze", "0.875", &net, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no usable 'crop_share'"));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("model_formats");
    TCase *t = tcase_create("model_formats");

    tcase_add_test(t, format_1_is_read_and_2_is_written);
    tcase_add_loop_test(t, other_formats_are_refused, 0, 3);
    tcase_add_test(t, views_of_format_1);
    tcase_add_test(t, other_fits_are_refused);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
