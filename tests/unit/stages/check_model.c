/* Which model files are refused, and what is said of them. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/feature_rows.h"
#include "tests/unit/stages/scripted_model.h"
#include "tests/unit/testkit.h"

static char *dir, *file;
static struct model *model;

static void set_up(void)
{
    dir = testkit_mkdir();
    file = nn_path_join(dir, "m.safetensors");
    model = scripted_model();
}

static void tear_down(void)
{
    model_destroy(&model);
    nn_mem_free(file);
    testkit_rmdir(dir);
}

static void refuse(const char *why)
{
    struct model *m;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(model_load(file, &m, &err), NN_ERR_FORMAT);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(err.text, why) != NULL, "'%s' not in '%s'", why,
                  err.text);
    ck_assert_ptr_nonnull(strstr(err.text, file));
}

static void refuse_saved(const char *why)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(model_save(model, file, NN_F32, &err) == NN_OK, "%s",
                  err.text);
    refuse(why);
}

/* --- names of outputs -------------------------------------------------------
 */

/* Outputs in another order than the classes would give wrong names. */
START_TEST(species_in_another_order)
{
    static const struct scripted_output permuted[] = { { "ant", 3, 0 },
                                                       { "cat", -4, 2 },
                                                       { "bee", 0, 1 } };
    static const struct scripted_output odd[] = {
        { "ant", 3, 0 }, { "bee", 0, 1 }, { "cat", -4, 2 }, { "dog", 0, 0 }
    };

    nn_net_destroy(&model->species);
    model->species = scripted_net(NN_HEAD_SOFTMAX, 1, permuted, 3);
    refuse_saved("its class 1 is 'bee' but its species net says 'cat'");
    nn_net_destroy(&model->species);
    model->species = scripted_net(NN_HEAD_SOFTMAX, 1, permuted, 2);
    refuse_saved("its species net has 2 outputs for 3 classes");
    nn_net_destroy(&model->species);
    model->species = scripted_net(NN_HEAD_SOFTMAX, 1, odd, 4);
    refuse_saved("its species net has 4 outputs for 3 classes");
}
END_TEST

START_TEST(gate_without_negatives)
{
    static const struct scripted_output positives[] = { { "+ant", 3, 0 },
                                                        { "+bee", 0, 1 },
                                                        { "+cat", -4, 2 } };

    nn_net_destroy(&model->gate);
    model->gate = scripted_net(NN_HEAD_SOFTMAX, 1, positives, 3);
    refuse_saved("gate's outputs");
}
END_TEST

START_TEST(single_model_in_another_order)
{
    static const struct scripted_output permuted[] = {
        { "+bee", 0, .5 }, { "+ant", 2, 0 }, { "+cat", -2, 0 }, { "-", 0, 1 }
    };

    nn_net_destroy(&model->species);
    nn_net_destroy(&model->gate);
    model->system = MODEL_SOFTMAX_NONE;
    model->gate = scripted_net(NN_HEAD_SOFTMAX, 1, permuted, 4);
    refuse_saved("its class 0 is 'ant' but its net says 'bee'");
}
END_TEST

/* Trunks of one shape and other weights are both stored. */
START_TEST(two_trunks)
{
    float *own = model->species->params.value.data;
    size_t bytes[2] = { model->gate->params.value.count * sizeof *own,
                        model->species->params.value.count * sizeof *own };
    struct model *m;

    own[nn_graph_param(model->species->graph, 0)->offset] += 0.5f;
    ck_assert(!nn_net_same_trunk(model->gate, model->species));
    ck_assert_int_eq(model_save(model, file, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(model_load(file, &m, NULL), NN_OK);
    ck_assert_mem_eq(m->gate->params.value.data, model->gate->params.value.data,
                     bytes[0]);
    ck_assert_mem_eq(m->species->params.value.data, own, bytes[1]);
    model_destroy(&m);
}
END_TEST

START_TEST(single_models)
{
    static const struct scripted_output outputs[] = {
        { "+ant", 2, 0 }, { "+bee", 0, .5 }, { "+cat", -2, 0 }, { "-", 0, 1 }
    };
    struct nn_error err = NN_ERROR_INIT;

    nn_net_destroy(&model->species);
    for (int s = MODEL_MULTILABEL; s < MODEL_SYSTEMS; s++) {
        enum nn_head head =
            s == MODEL_MULTILABEL ? NN_HEAD_SIGMOID : NN_HEAD_SOFTMAX;
        struct model *m;

        nn_net_destroy(&model->gate);
        model->system = (enum model_system)s;
        model->gate =
            scripted_net(head, 1.5, outputs, s == MODEL_SOFTMAX_NONE ? 4 : 3);
        ck_assert_int_eq(model_save(model, file, NN_F32, NULL), NN_OK);
        ck_assert_msg(model_load(file, &m, &err) == NN_OK, "%s", err.text);
        ck_assert_int_eq(m->system, s);
        ck_assert_int_eq(m->gate->spec.head, head);
        ck_assert_double_eq(m->gate->temperature, 1.5);
        ck_assert_ptr_null(m->species);
        model_destroy(&m);
    }
    /* a softmax without "none of these" */
    model->system = MODEL_SOFTMAX_NONE;
    refuse_saved("its outputs are not those of a softmax-none model");
    model->system = MODEL_MULTILABEL;
    refuse_saved("its outputs are not those of a multilabel model");
}
END_TEST

/* --- metadata ---------------------------------------------------------------
 */

#define POLICY                                                                 \
    "{\"threshold\":0.5,\"min_recall\":0.95,\"recall\":0.9,"                   \
    "\"recall_lower\":0.9,\"fpr\":0.1,\"fpr_upper\":0.2,"                      \
    "\"n_positives\":10,\"n_negatives\":20,\"certified\":false,"               \
    "\"n_needed\":59}"

/* The metadata of a good file by hand, but for `key`, which has another value
 * or, with NULL, is not there. */
static void write_with(const char *key, const char *value)
{
    static const char *const good[][2] = {
        { "format", "bearcascade-model 1" },
        { "system", "cascade" },
        { "classes", "[\"ant\",\"bee\",\"cat\"]" },
        { "gate.policy", POLICY },
        { "species.policy", "{\"floor\":0.6,\"coverage\":0.95,\"accuracy\":0.9,"
                            "\"ece_before\":0.1,\"ece_after\":0.1,\"n\":10}" },
    };
    struct nn_st_writer *w;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", model->gate, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "species.", model->species, NN_F32, NULL),
                     NN_OK);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int is_it = strcmp(good[i][0], key) == 0;
        const char *to = is_it ? value : good[i][1];

        if (to != NULL) {
            ck_assert_int_eq(nn_st_writer_meta(w, good[i][0], to), NN_OK);
        }
    }
    if (strcmp(key, "reference") == 0) { /* good files may lack it */
        ck_assert_int_eq(nn_st_writer_meta(w, key, value), NN_OK);
    }
    ck_assert_msg(nn_st_writer_commit(w, file, &err) == NN_OK, "%s", err.text);
    nn_st_writer_destroy(&w);
}

START_TEST(metadata)
{
    static const struct {
        const char *key, *value, *why;
    } bad[] = {
        { "format", NULL, "not given" },
        { "format", "bearcascade-model 9", "bearcascade-model 9" },
        { "system", NULL, "its system ''" },
        { "system", "forest", "its system 'forest'" },
        { "classes", NULL, "no 'classes'" },
        { "classes", "[\"ant\"", "'classes' is damaged" },
        { "classes", "[]", "class list" },
        { "classes", "[\"ant\", 2, \"cat\"]", "class list" },
        { "classes", "[\"ant\",\"cat\",\"bee\"]", "its class 1 is 'cat'" },
        { "gate.policy", NULL, "no 'gate.policy'" },
        { "gate.policy", "{}", "gate policy is damaged" },
        { "species.policy", NULL, "no 'species.policy'" },
        { "species.policy", "{\"coverage\":1}", "species policy is damaged" },
        { "reference", "{", "its reference is damaged" },
        { "reference", "{\"rest\":[30,30],\"limit\":1}", "its reference is" },
    };
    struct model *m;
    struct nn_error err = NN_ERROR_INIT;

    write_with("", NULL);
    ck_assert_msg(model_load(file, &m, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(m->system, MODEL_CASCADE);
    ck_assert_uint_eq(m->n_classes, 3);
    ck_assert_double_eq(m->gate_policy.threshold, 0.5);
    ck_assert_double_eq(m->species_policy.reject_threshold, 0.6);
    ck_assert_uint_eq(m->gate_policy.n_needed, 59);
    ck_assert_str_eq(m->path, file);
    model_destroy(&m);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_with(bad[i].key, bad[i].value);
        refuse(bad[i].why);
    }
}
END_TEST

/* --- the reference of the shift alarm ---------------------------------------
 */

enum { NEAR = 5, SUMS = 4 };

/* As nn_shift_learn() leaves it: rows that float16 holds. */
static void give_reference(void)
{
    struct nn_shift_reference *ref = &model->reference;

    *ref = (struct nn_shift_reference){
        .n = NEAR,
        .dims = SUMS,
        .from_dims = nn_feature_dims(model_strong_net(model)),
        .rest = { 21, 7 },
        .limit = 0.1 + 1e-15,
        .near = nn_mem_calloc(NEAR * SUMS, sizeof *ref->near),
    };
    for (int i = 0; i < NEAR * SUMS; i++) {
        ref->near[i] = (float)(i * 97 % 2048 - 1024) / 2048;
    }
}

START_TEST(reference_is_kept)
{
    const struct nn_shift_reference *was = &model->reference;
    struct nn_error err = NN_ERROR_INIT;
    struct model *m;

    give_reference();
    ck_assert_int_eq(model_save(model, file, NN_F16, NULL), NN_OK);
    ck_assert_msg(model_load(file, &m, &err) == NN_OK, "%s", err.text);
    ck_assert_uint_eq(m->reference.n, NEAR);
    ck_assert_uint_eq(m->reference.dims, SUMS);
    ck_assert_uint_eq(m->reference.from_dims, was->from_dims);
    ck_assert_uint_eq(m->reference.rest[0], 21);
    ck_assert_uint_eq(m->reference.rest[1], 7);
    ck_assert(!(m->reference.limit < was->limit) &&
              !(m->reference.limit > was->limit));
    ck_assert_mem_eq(m->reference.near, was->near,
                     NEAR * SUMS * sizeof *was->near);
    model_destroy(&m);
}
END_TEST

START_TEST(damaged_references)
{
    give_reference();
    model->reference.from_dims++;
    refuse_saved("its reference is of");
    model->reference.from_dims--;
    model->reference.rest[0] = 3;
    refuse_saved("its reference is damaged");
    model->reference.rest[0] = 21;
    model->reference.limit = 2.5;
    refuse_saved("its reference is damaged");
    model->reference.limit = 1;
    model->reference.n = 2;
    refuse_saved("its reference is damaged");
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, species_in_another_order);
    tcase_add_test(t, gate_without_negatives);
    tcase_add_test(t, single_model_in_another_order);
    tcase_add_test(t, two_trunks);
    tcase_add_test(t, single_models);
    tcase_add_test(t, metadata);
    tcase_add_test(t, reference_is_kept);
    tcase_add_test(t, damaged_references);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
