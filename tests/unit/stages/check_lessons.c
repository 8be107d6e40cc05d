/* What a teacher says, and what a gate makes of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/negatives.h"
#include "pipelines/train/teacher.h"
#include "stage1_gate/gate.h"
#include "tests/unit/data/album.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/stages/scripted_model.h"
#include "tests/unit/testkit.h"

/* --- targets on paper --- */

enum { OUTPUTS = 5 }; /* two classes, two families, "-" */

static uint8_t seen[] = { 1, 1, 0 };
static float positive[] = { .9f, .2f, .5f };
static float of_class[] = { .75f, .25f, .5f, .5f, 1, 0 };

static void expect_target(double w, size_t item, int label,
                          const double want[OUTPUTS])
{
    const struct gate_lessons l = { 3, 2, w, seen, positive, of_class, 7 };
    float row[OUTPUTS] = { 0 };

    if (label >= 0) {
        row[label] = 1;
    }
    gate_lessons_apply(&l, item, row, OUTPUTS);
    for (int k = 0; k < OUTPUTS; k++) {
        testkit_assert(fabs((double)row[k] - want[k]) < 1e-6,
                       "w %g, item %zu, label %d: output %d is %g, not %g", w,
                       item, label, k, (double)row[k], want[k]);
    }
}

START_TEST(targets)
{
    /* an image of class 0: .9 x .75, .9 x .25, and .1 for none */
    expect_target(1, 0, 0, (double[]){ .675, .225, 0, 0, .1 });
    expect_target(.5, 0, 0, (double[]){ .8375, .1125, 0, 0, .05 });
    expect_target(0, 0, 0, (double[]){ 1, 0, 0, 0, 0 });
    /* one of the second family: what is not positive stays in it */
    expect_target(1, 0, 3, (double[]){ .675, .225, 0, .1, 0 });
    expect_target(1, 0, 2, (double[]){ .675, .225, .1, 0, 0 });
    expect_target(.5, 1, 3, (double[]){ .05, .05, 0, .9, 0 });
    expect_target(.5, 1, 4, (double[]){ .05, .05, 0, 0, .9 });
    /* without a label the teacher's word is all, whatever w */
    expect_target(0, 0, -1, (double[]){ .675, .225, 0, 0, .1 });
    expect_target(.5, 1, -1, (double[]){ .1, .1, 0, 0, .8 });
    /* not seen, and come later */
    expect_target(1, 2, 1, (double[]){ 0, 1, 0, 0, 0 });
    expect_target(1, 3, 2, (double[]){ 0, 0, 1, 0, 0 });
}
END_TEST

/* --- a gate that is taught --- */

/* Images 0 and 1 are bears, 2 and 3 are none. */
static const struct scripted_item rows[] = {
    { "bear", NULL, NN_TRAIN, 0, 6 },
    { "bear", NULL, NN_TRAIN, 1, 6 },
    { "", NULL, NN_TRAIN, 2, 6 },
    { "", NULL, NN_TRAIN, 3, 6 },
    { "bear", NULL, NN_VALID, 0, 3 },
    { "", NULL, NN_VALID, 3, 3 },
    { .times = 0 },
};

static struct gate_options options(int epochs)
{
    struct gate_options o = gate_defaults();

    o.width = 0.1f;
    o.size = 32;
    o.train.batch = 8;
    o.train.epochs = epochs;
    o.train.eval_every = epochs; /* so the last one is the best */
    o.train.schedule.peak = 0.01;
    o.train.augment = nn_augment_none();
    o.train.ema = 0;
    return o;
}

static struct nn_net *train(const struct nn_dataset *ds, struct gate_options *o,
                            const struct gate_lessons *l)
{
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_train_result r;
    struct gate_policy p;
    struct nn_net *net = NULL;

    o->lessons = l;
    ck_assert_msg(gate_train(ds, o, &run, &net, &p, &r, &err) == NN_OK, "%s",
                  err.text);
    return net;
}

/* z of image 0, 1, ... 3: of the first item that shows it. */
static void answers(const struct nn_net *net, const struct nn_dataset *ds,
                    double z[4])
{
    uint32_t index[] = { 0, 6, 12, 18 };
    struct nn_scorer *s;
    float logits[8];
    uint8_t ok[4];

    ck_assert_int_eq(nn_scorer_create(net, 4, &s, NULL), NN_OK);
    ck_assert_int_eq(
        nn_scorer_run_items(s, ds, index, 4, NULL, logits, ok, NULL), NN_OK);
    for (int i = 0; i < 4; i++) {
        z[i] = gate_logit(net, logits + 2 * i);
    }
    nn_scorer_destroy(&s);
}

/* What it says of every item: p[image]. */
static struct gate_lessons lessons_of(const struct nn_dataset *ds,
                                      const double p[4], double weight)
{
    struct gate_lessons l = { .n = ds->n,
                              .n_classes = 1,
                              .weight = weight,
                              .ok = nn_mem_calloc(ds->n, 1),
                              .positive = nn_mem_calloc(ds->n, sizeof(float)),
                              .of_class = nn_mem_calloc(ds->n, sizeof(float)),
                              .soft_hash = 1 };

    for (size_t i = 0; i < ds->n; i++) {
        l.ok[i] = 1;
        l.positive[i] = (float)p[i < 24 ? i / 6 : i < 27 ? 0 : 3];
        l.of_class[i] = 1;
    }
    return l;
}

START_TEST(without_a_say_nothing_changes)
{
    const double p[4] = { .1, .2, .8, .9 };
    struct nn_dataset *ds = scripted_open(rows);
    struct gate_lessons l = lessons_of(ds, p, 0);
    struct gate_options o = options(2);
    struct nn_net *alone = train(ds, &o, NULL), *taught = train(ds, &o, &l);

    ck_assert_mem_eq(alone->params.value.data, taught->params.value.data,
                     alone->params.value.count * sizeof(float));
    nn_net_destroy(&alone);
    nn_net_destroy(&taught);
    gate_lessons_release(&l);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(the_teacher_has_the_last_word)
{
    const double p[4] = { .05, .05, .95, .95 };
    struct nn_dataset *ds = scripted_open(rows);
    struct gate_lessons l = lessons_of(ds, p, 1);
    struct gate_options o = options(30);
    struct nn_net *net;
    double z[4];

    net = train(ds, &o, NULL);
    answers(net, ds, z);
    testkit_assert(z[0] > z[3] + 1, "by labels %g, %g", z[0], z[3]);
    nn_net_destroy(&net);
    net = train(ds, &o, &l);
    answers(net, ds, z);
    testkit_assert(z[0] < z[3] - 1, "taught %g, %g", z[0], z[3]);
    nn_net_destroy(&net);
    gate_lessons_release(&l);
    nn_dataset_close(&ds);
}
END_TEST

/* Images 1 and 2 lose their labels; what they are is for the teacher to say. */
START_TEST(learns_from_images_without_a_label)
{
    struct nn_dataset *ds = scripted_open(rows);
    struct gate_options o = options(30);
    double first[4], second[4];

    for (size_t i = 6; i < 18; i++) {
        ds->items[i].split = NN_SPLIT_UNLABELLED;
        ds->items[i].label = NN_NEGATIVE;
    }
    for (int turn = 0; turn < 2; turn++) {
        const double p[4] = { 1, turn ? .05 : .95, turn ? .95 : .05, 0 };
        struct gate_lessons l = lessons_of(ds, p, .5);
        struct nn_net *net = train(ds, &o, &l);

        answers(net, ds, turn ? second : first);
        nn_net_destroy(&net);
        gate_lessons_release(&l);
    }
    testkit_assert(first[1] > first[2] + 1, "%g, %g", first[1], first[2]);
    testkit_assert(second[1] < second[2] - 1, "%g, %g", second[1], second[2]);
    nn_dataset_close(&ds);
}
END_TEST

/* --- the teacher --- */

static char *data_dir, *pool_dir, *model_path;
static struct model *teacher;

static void put(const char *dir, const char *folder, int r)
{
    char *path = nn_mem_sprintf("%s/%s", dir, folder);
    char name[16];

    snprintf(name, sizeof name, "%03d", r);
    album_put_text(path, "readme.txt", "a folder");
    nn_mem_free(scripted_image(path, name, r));
    nn_mem_free(path);
}

static void set_up(void)
{
    static const struct scripted_output species[] = {
        { "ant", 3, 0 }, { "bee", 0, 1 }, { "cat", -4, 2 }, { "-", 0, 1 }
    };

    data_dir = testkit_mkdir();
    pool_dir = testkit_mkdir();
    put(data_dir, "train/ant", 250);
    put(data_dir, "train/bee", 130);
    put(data_dir, "train/cat", 20);
    put(data_dir, "train/none", 60);
    put(data_dir, "valid/ant", 240);
    put(data_dir, "valid/none", 50);
    put(data_dir, "test/none", 40);
    put(pool_dir, "loose", 200);
    put(pool_dir, "loose", 30);
    teacher = scripted_model();
    nn_net_destroy(&teacher->species);
    teacher->species = scripted_net(NN_HEAD_SOFTMAX, 0.5, species, 4);
    scripted_trunk(teacher->species, 1);
    teacher->policy.gate_weight = .5;
    teacher->policy.min_recall = .9;
    model_path = nn_mem_sprintf("%s/teacher.safetensors", pool_dir);
}

static void tear_down(void)
{
    model_destroy(&teacher);
    nn_mem_free(model_path);
    testkit_rmdir(data_dir);
    testkit_rmdir(pool_dir);
}

static struct nn_dataset *data(void)
{
    struct nn_dataset *ds = album_open(data_dir);

    nn_dataset_fingerprint(ds);
    return ds;
}

static enum nn_status ask(const struct nn_dataset *ds, double weight,
                          struct gate_lessons *l, struct nn_seen *its,
                          struct nn_error *err)
{
    const struct teacher t = { .path = model_path, .weight = weight };
    struct nn_error why = NN_ERROR_INIT;

    ck_assert_msg(model_save(teacher, model_path, NN_F32, &why) == NN_OK, "%s",
                  why.text);
    return teacher_ask(&t, ds, l, its, err);
}

/* 1 - p_none, and the classes given that, from grey r; the gate's threshold
 * does not matter. */
static void expect_answer(const struct gate_lessons *l,
                          const struct nn_dataset *ds, const char *file, int r)
{
    size_t i = album_item(ds, file);
    double x = r / 255., ant = exp(6 * x), bee = exp(2), cat = exp(4 - 8 * x);
    double all = ant + bee + cat, g = scripted_gate(r);
    double none = exp(2) / (all + exp(2));
    double want = 1 - cascade_policy_none(.5, g, none);

    ck_assert(gate_lessons_has(l, i));
    ck_assert_double_eq_tol((double)l->positive[i], want, 2e-3);
    ck_assert_double_eq_tol((double)l->of_class[3 * i], ant / all, 2e-3);
    ck_assert_double_eq_tol((double)l->of_class[3 * i + 1], bee / all, 2e-3);
    ck_assert_double_eq_tol((double)l->of_class[3 * i + 2], cat / all, 2e-3);
}

START_TEST(answers_of_both_nets)
{
    struct nn_dataset *ds = data(), *pool = album_open_pool(pool_dir);
    struct gate_lessons l;
    struct nn_seen its;
    struct nn_error err = NN_ERROR_INIT;
    const char *log = album_log();

    ck_assert_int_eq(nn_unlabelled_add(ds, &pool, 1, NULL), NN_OK);
    ck_assert_msg(ask(ds, .25, &l, &its, &err) == NN_OK, "%s", err.text);
    ck_assert_uint_eq(l.n, ds->n);
    ck_assert_double_eq(l.weight, .25);
    expect_answer(&l, ds, "train/ant/250.png", 250);
    expect_answer(&l, ds, "train/cat/020.png", 20); /* the gate says none */
    expect_answer(&l, ds, "train/none/060.png", 60);
    ck_assert(gate_lessons_has(&l, ds->n - 1));
    ck_assert(!gate_lessons_has(&l, album_item(ds, "valid/ant/240.png")));
    ck_assert(!gate_lessons_has(&l, album_item(ds, "test/none/040.png")));
    ck_assert(!gate_lessons_has(&l, ds->n));
    /* P is 0.99, 0.80, 0.69 of the classes, 0.61 of the negative; 0.97, 0.66 */
    ck_assert_ptr_nonnull(
        strstr(log, "teacher: agrees with the labels of 3 of 4 training images "
                    "(a class or none); of 2 without a label it takes 2 for "
                    "one of a class"));
    ck_assert_ptr_null(strstr(log, "was trained on"));
    gate_lessons_release(&l);
    nn_seen_release(&its);
    nn_dataset_close(&ds);
    nn_dataset_close(&pool);
}
END_TEST

/* Every number counts, and nothing else. */
START_TEST(the_hash_tells_lessons_apart)
{
    struct nn_dataset *ds = data();
    uint64_t hash[4];

    for (int i = 0; i < 4; i++) {
        struct gate_lessons l;
        struct nn_seen its;

        if (i == 3) {
            teacher->policy.gate_weight = .75;
        }
        ck_assert_int_eq(ask(ds, i == 2 ? .5 : .25, &l, &its, NULL), NN_OK);
        hash[i] = l.soft_hash;
        gate_lessons_release(&l);
        nn_seen_release(&its);
    }
    ck_assert_uint_ne(hash[0], 0);
    ck_assert_uint_eq(hash[0], hash[1]);
    ck_assert_uint_ne(hash[0], hash[2]);
    ck_assert_uint_ne(hash[0], hash[3]);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(a_teacher_that_cannot_say_none)
{
    static const struct scripted_output species[] = { { "ant", 3, 0 },
                                                      { "bee", 0, 1 },
                                                      { "cat", -4, 2 } };
    struct nn_dataset *ds = data();
    struct gate_lessons l;
    struct nn_seen its;
    size_t i = album_item(ds, "train/none/060.png");

    nn_net_destroy(&teacher->species);
    teacher->species = scripted_net(NN_HEAD_SOFTMAX, 0.5, species, 3);
    ck_assert_int_eq(ask(ds, .5, &l, &its, NULL), NN_OK);
    ck_assert_double_eq_tol((double)l.positive[i], scripted_gate(60), 2e-3);
    gate_lessons_release(&l);
    nn_seen_release(&its);
    nn_dataset_close(&ds);
}
END_TEST

/* A pupil inherits what its teacher has seen, the photos of test too. */
START_TEST(a_teacher_that_has_seen_the_test)
{
    struct nn_dataset *ds = data(), *other = data();
    struct gate_lessons l;
    struct nn_seen its;
    size_t i = album_item(ds, "test/none/040.png");
    const char *log;

    other->items[album_item(other, "test/none/040.png")].split = NN_TRAIN;
    ck_assert_int_eq(nn_seen_init(&teacher->seen, other, NULL), NN_OK);
    log = album_log();
    ck_assert_int_eq(ask(ds, .5, &l, &its, NULL), NN_OK);
    ck_assert_ptr_nonnull(strstr(log, "the teacher was trained on 1 of the 3 "
                                      "images of valid and test"));
    ck_assert(nn_seen_has(&its, NN_TRAIN, &ds->items[i]));
    gate_lessons_release(&l);
    nn_seen_release(&its);
    nn_dataset_close(&ds);
    nn_dataset_close(&other);
}
END_TEST

static void refuse(struct nn_dataset *ds, enum nn_status st, const char *why)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_lessons l;
    struct nn_seen its;

    ck_assert_int_eq(ask(ds, .5, &l, &its, &err), st);
    testkit_assert(strstr(err.text, why) != NULL, "%s", err.text);
    gate_lessons_release(&l);
    nn_seen_release(&its);
    nn_dataset_close(&ds);
}

START_TEST(another_set_of_classes)
{
    struct nn_dataset *ds;

    put(data_dir, "train/dog", 90);
    refuse(data(), NN_ERR_ARG, "does not know the class 'dog'");
    testkit_rmdir(data_dir);
    data_dir = testkit_mkdir();
    put(data_dir, "train/ant", 250);
    put(data_dir, "train/bee", 130);
    put(data_dir, "train/none", 60);
    ds = data();
    refuse(ds, NN_ERR_ARG, "has the class 'cat', which '");
}
END_TEST

START_TEST(stopped_by_the_user)
{
    static const volatile sig_atomic_t stop = 1;
    const struct teacher t = { .path = model_path, .stop = &stop };
    struct nn_dataset *ds = data();
    struct nn_error err = NN_ERROR_INIT;
    struct gate_lessons l;
    struct nn_seen its;

    ck_assert_int_eq(model_save(teacher, model_path, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(teacher_ask(&t, ds, &l, &its, &err), NN_ERR_STOPPED);
    ck_assert_ptr_nonnull(strstr(err.text, "go on with --resume"));
    gate_lessons_release(&l);
    nn_seen_release(&its);
    nn_dataset_close(&ds);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("lessons");
    TCase *gate = tcase_create("gate"), *t = tcase_create("teacher");

    tcase_set_timeout(gate, 60);
    tcase_add_test(gate, targets);
    tcase_add_test(gate, without_a_say_nothing_changes);
    tcase_add_test(gate, the_teacher_has_the_last_word);
    tcase_add_test(gate, learns_from_images_without_a_label);
    suite_add_tcase(s, gate);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, answers_of_both_nets);
    tcase_add_test(t, the_hash_tells_lessons_apart);
    tcase_add_test(t, a_teacher_that_cannot_say_none);
    tcase_add_test(t, a_teacher_that_has_seen_the_test);
    tcase_add_test(t, another_set_of_classes);
    tcase_add_test(t, stopped_by_the_user);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
