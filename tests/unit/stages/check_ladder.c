/* Rungs in front of the gate: who is rejected, by what number, and that it is
 * the same bits however many images come at once and from wherever the model
 * comes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/stages/scripted_model.h"
#include "tests/unit/testkit.h"

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

/* --- numbers --- */

/* t1 .5: below r .8 a p counts 5/8, below r .25 it counts as it is. */
START_TEST(score_on_paper)
{
    near(rung_score(.5, .8, .4), .25);
    near(rung_score(.5, .8, 0), 0);
    near(rung_score(.5, .25, .2), .2);
    near(rung_score(.5, .5, .3), .3);
    ck_assert(isnan(rung_score(.5, .8, (double)NAN)));
    for (int i = 1; i <= 1000; i++) {
        for (int k = 1; k <= 20; k++) {
            double t1 = i / 1000., r = k / 20., below = nextafter(r, 0);

            ck_assert_double_lt(rung_score(t1, r, below), t1);
            ck_assert_double_le(rung_score(t1, r, below / 2),
                                rung_score(t1, r, below));
        }
    }
    ck_assert_double_lt(rung_score(1e-300, 1, .999), 1e-300);
}
END_TEST

/* --- scripted nets ------------------------------------------------------- */

enum { IMAGES = 64, GATE = 64, FIRST = 32, SECOND = 48 };
/* The least grey that each hands on. */
enum { RUNG1_FROM = 60, RUNG2_FROM = 100, GATE_FROM = 128 };

static const struct scripted_output first[] = { { "-", 0, 0 },
                                                { "+ant", 8, -1 } };
static const struct scripted_output second[] = { { "+ant", 2, 0 },
                                                 { "-x", 0, .5 },
                                                 { "-", 0, -9 } };

/* x = r / 255: first p = sigmoid(8 x - 1). */
static double p_first(int r)
{
    return 1 / (1 + exp(1 - 8. * r / 255));
}

/* In its own normalisation x = (r - 51) / 102; the other families have e^.5 +
 * e^-9 against e^2x, at temperature 3. */
static double p_second(int r)
{
    double z = 2. * (r - 51) / 102 - log(exp(.5) + exp(-9));

    return 1 / (1 + exp(-z / 3));
}

/* p of the greys on both sides of the limit, half-way. */
static double between(double (*p)(int), int from)
{
    return (p(from - 1) + p(from)) / 2;
}

static struct model *ladder_model(void)
{
    static const struct scripted_output gate[] = { { "+ant", 8, -4 },
                                                   { "-", 0, 0 } };
    struct model *m = scripted_model();

    nn_net_destroy(&m->gate);
    m->gate = scripted_net_at(GATE, NN_HEAD_SOFTMAX, 2, gate, 2);
    m->rungs.n = 2;
    m->rungs.v[0] = (struct rung){
        .net = scripted_net_at(FIRST, NN_HEAD_SOFTMAX, 1, first, 2),
        .threshold = between(p_first, RUNG1_FROM),
        .recall = 1,
        .fpr = .75,
    };
    m->rungs.v[1] = (struct rung){
        .net = scripted_net_at(SECOND, NN_HEAD_SOFTMAX, 3, second, 3),
        .threshold = between(p_second, RUNG2_FROM),
        .recall = .875,
        .fpr = .5,
    };
    for (int c = 0; c < 3; c++) {
        m->rungs.v[1].net->spec.mean[c] = 51;
        m->rungs.v[1].net->spec.stddev[c] = 102;
    }
    return m;
}

static char *dir;
static char *path[IMAGES];
static struct nn_dataset *ds;
static uint32_t index_of[IMAGES];

static int grey(size_t i)
{
    return (int)(i * 37 % 256);
}

static void set_up(void)
{
    const struct nn_dataset_options pool = { .as_pool = 1 };
    char name[16];

    dir = testkit_mkdir();
    for (size_t i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "%02d", (int)i);
        path[i] = scripted_image(dir, name, grey(i));
        index_of[i] = (uint32_t)i;
    }
    ck_assert_int_eq(nn_dataset_open(dir, &pool, &ds, NULL), NN_OK);
}

static void tear_down(void)
{
    nn_dataset_close(&ds);
    for (int i = 0; i < IMAGES; i++) {
        nn_mem_free(path[i]);
    }
    testkit_rmdir(dir);
}

static void score(const struct model *m, int32_t batch, int all_stages,
                  const char *features, struct cascade_scores *s)
{
    struct nn_error err = NN_ERROR_INIT;
    struct cascade *c;

    ck_assert_int_eq(cascade_create(m, batch, &c, &err), NN_OK);
    cascade_keep_features(c, features);
    ck_assert_msg(cascade_score(c, ds, index_of, IMAGES, all_stages, NULL, s,
                                &err) == NN_OK,
                  "%s", err.text);
    cascade_destroy(&c);
}

/* What a row is to say of grey r. */
static void expect_row(const struct model *m, const struct cascade_scores *s,
                       size_t i, int ran)
{
    int r = grey(i), rung = r < RUNG1_FROM ? 1 : r < RUNG2_FROM ? 2 : 0;
    double want = rung == 1 ? p_first(r) * .5 / m->rungs.v[0].threshold
                  : rung == 2
                      ? p_second(r) * fmin(1, .5 / m->rungs.v[1].threshold)
                      : scripted_gate(r);
    struct verdict v;

    testkit_assert(s->ok[i] == 1, "grey %d", r);
    testkit_assert(s->rung[i] == rung, "grey %d: rung %d", r, s->rung[i]);
    testkit_assert(fabs(s->p_gate[i] - want) < 1e-5,
                   "grey %d: p %.7f, not %.7f", r, s->p_gate[i], want);
    testkit_assert((s->p_gate[i] >= .5) == (r >= GATE_FROM), "grey %d", r);
    testkit_assert(s->p_positive[i] == s->p_gate[i], "grey %d", r);
    near(1 / (1 + exp(-s->gate_z[i] / 2)), s->p_gate[i]);
    testkit_assert(s->ran[i] == ran, "grey %d: ran %d", r, s->ran[i]);
    near(s->p_rung[2 * i + 1] > 0, rung != 1); /* the second did not run */
    v = cascade_scores_verdict(m, s, i);
    testkit_assert((v.kind == VERDICT_NONE) == (r < GATE_FROM), "grey %d", r);
}

START_TEST(each_rejects_what_is_below_it)
{
    struct model *m = ladder_model();

    for (int all = 0; all < 2; all++) {
        struct cascade_scores s;
        size_t by[3] = { 0 };

        score(m, CASCADE_BATCH, all, NULL, &s);
        ck_assert_uint_eq(s.n_rungs, 2);
        for (size_t i = 0; i < IMAGES; i++) {
            expect_row(m, &s, i, all || grey(i) >= GATE_FROM);
            by[s.rung[i]]++;
        }
        ck_assert_uint_gt(by[1], 8);
        ck_assert_uint_gt(by[2], 4);
        ck_assert_uint_gt(by[0], 32);
        cascade_scores_release(&s);
    }
    model_destroy(&m);
}
END_TEST

/* A none threshold of half the gate's: so is the score of what a rung rejects.
 */
START_TEST(before_a_species_net_that_says_none)
{
    static const struct scripted_output outputs[] = {
        { "ant", 3, 0 }, { "bee", 0, 1 }, { "cat", -4, 2 }, { "-", -2, 3 }
    };
    struct model *m = ladder_model();
    struct cascade_scores s;
    size_t rejected = 0;

    nn_net_destroy(&m->species);
    m->species = scripted_net(NN_HEAD_SOFTMAX, 1, outputs, 4);
    m->policy = (struct cascade_policy){ .none_threshold = .25 };
    score(m, 8, 0, NULL, &s);
    for (size_t i = 0; i < IMAGES; i++) {
        struct verdict v = cascade_scores_verdict(m, &s, i);

        ck_assert_double_eq(s.p_positive[i], v.p_positive);
        near(s.p_positive[i], s.ran[i] ? 1 - s.p_none[i] : s.p_gate[i] / 2);
        rejected += s.rung[i] > 0;
    }
    ck_assert_uint_gt(rejected, 12);
    cascade_scores_release(&s);
    model_destroy(&m);
}
END_TEST

/* Whoever is given the last word below what a rung says of an image gets a
 * class for it, with the number that it had. */
START_TEST(a_lower_threshold_reaches_behind_the_rungs)
{
    struct model *m = ladder_model();
    struct cascade_scores before, s;
    size_t more = 0;

    score(m, 8, 0, NULL, &before);
    ck_assert_int_eq(model_set_threshold(m, .3, NULL), NN_OK);
    score(m, 8, 0, NULL, &s);
    for (size_t i = 0; i < IMAGES; i++) {
        struct verdict v = cascade_scores_verdict(m, &s, i);

        ck_assert_double_eq(s.p_positive[i], before.p_positive[i]);
        ck_assert_int_eq(v.kind == VERDICT_NONE, s.p_positive[i] < .3);
        ck_assert_int_eq(s.ran[i], s.p_positive[i] >= .3);
        more += s.rung[i] > 0 && s.ran[i];
    }
    ck_assert_uint_gt(more, 3);
    cascade_scores_release(&s);
    cascade_scores_release(&before);
    model_destroy(&m);
}
END_TEST

static void same_bits(const struct cascade_scores *a,
                      const struct cascade_scores *b)
{
    ck_assert_mem_eq(a->rung, b->rung, IMAGES);
    ck_assert_mem_eq(a->ran, b->ran, IMAGES);
    ck_assert_mem_eq(a->p_gate, b->p_gate, IMAGES * sizeof *a->p_gate);
    ck_assert_mem_eq(a->p_positive, b->p_positive,
                     IMAGES * sizeof *a->p_positive);
    ck_assert_mem_eq(a->p_rung, b->p_rung, 2 * IMAGES * sizeof *a->p_rung);
    ck_assert_mem_eq(a->p, b->p, 3 * IMAGES * sizeof *a->p);
}

static void score_files(const struct model *m, int32_t batch,
                        struct cascade_scores *s)
{
    struct cascade_input in[IMAGES];
    unsigned char *file[IMAGES];
    size_t size[IMAGES];
    struct cascade *c;

    for (size_t i = 0; i < IMAGES; i++) {
        ck_assert_int_eq(
            nn_file_read(path[i], 1 << 20, &file[i], &size[i], NULL), NN_OK);
        in[i] = (struct cascade_input){ .bytes = file[i], .size = size[i] };
    }
    ck_assert_int_eq(cascade_create(m, batch, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score_inputs(c, in, IMAGES, 0, s, NULL), NN_OK);
    cascade_destroy(&c);
    for (size_t i = 0; i < IMAGES; i++) {
        nn_mem_free(file[i]);
    }
}

/* One at a time, three, or all at once, from files or from memory, with one
 * thread or three. */
START_TEST(same_bits_however_they_come)
{
    static const int32_t batch[] = { 1, 3, IMAGES };
    struct model *m = ladder_model();
    struct cascade_scores want, s;

    score(m, CASCADE_BATCH, 0, NULL, &want);
    for (size_t k = 0; k < 3; k++) {
        nn_parallel_set_threads(k == 1 ? 3 : 1);
        score(m, batch[k], 0, NULL, &s);
        same_bits(&s, &want);
        cascade_scores_release(&s);
        score_files(m, batch[k], &s);
        same_bits(&s, &want);
        cascade_scores_release(&s);
    }
    nn_parallel_set_threads(1);
    cascade_scores_release(&want);
    model_destroy(&m);
}
END_TEST

/* Gate and species net on one trunk: the species net runs on what the gate did
 * not see, and on nothing else. */
START_TEST(same_bits_on_one_trunk)
{
    static const struct scripted_output species[] = { { "ant", 3, 0 },
                                                      { "bee", 0, 1 },
                                                      { "cat", -4, 2 } };
    struct model *m = ladder_model();
    int all_stages = _i == 1;

    nn_net_destroy(&m->species);
    m->species = scripted_net_at(GATE, NN_HEAD_SOFTMAX, .5, species, 3);
    if (_i == 2) {
        ck_assert_int_eq(model_set_threshold(m, .3, NULL), NN_OK);
    }
    for (int32_t batch = 1; batch <= IMAGES; batch = 5 * batch + 2) {
        struct cascade_scores one, two;

        scripted_trunk(m->species, 1);
        score(m, batch, all_stages, NULL, &two);
        scripted_trunk(m->species, 0);
        ck_assert_int_eq(model_one_trunk(m), 1);
        score(m, batch, all_stages, NULL, &one);
        same_bits(&one, &two);
        cascade_scores_release(&one);
        cascade_scores_release(&two);
    }
    model_destroy(&m);
}
END_TEST

/* Kept features of gate and species net, the second time from the folder. */
START_TEST(same_bits_from_kept_features)
{
    struct model *m = ladder_model();
    char *features = testkit_mkdir();
    struct cascade_scores want, s;

    score(m, CASCADE_BATCH, 1, NULL, &want);
    for (int again = 0; again < 2; again++) {
        score(m, CASCADE_BATCH, 1, features, &s);
        ck_assert_mem_eq(s.rung, want.rung, IMAGES);
        for (size_t i = 0; i < IMAGES; i++) {
            ck_assert_double_eq(s.p_gate[i], want.p_gate[i]);
            ck_assert_double_eq(s.p_positive[i], want.p_positive[i]);
            ck_assert_double_eq(s.gate_z[i], want.gate_z[i]);
        }
        cascade_scores_release(&s);
    }
    cascade_scores_release(&want);
    testkit_rmdir(features);
    model_destroy(&m);
}
END_TEST

/* --- files --------------------------------------------------------------- */

static struct model *through_a_file(const struct model *m, enum nn_status want,
                                    struct nn_error *err)
{
    char *at = testkit_mkdir(), *file = nn_path_join(at, "m.safetensors");
    struct nn_st_file *f;
    struct model *out;

    ck_assert_int_eq(model_save(m, file, NN_F32, err), NN_OK);
    ck_assert_int_eq(nn_st_open(file, &f, NULL), NN_OK);
    ck_assert_str_eq(nn_st_meta(f, "format"), "bearcascade-model 3");
    nn_st_close(&f);
    ck_assert_int_eq(model_load(file, &out, err), want);
    nn_mem_free(file);
    testkit_rmdir(at);
    return out;
}

START_TEST(same_bits_from_a_file)
{
    struct model *m = ladder_model(), *again;
    struct nn_error err = NN_ERROR_INIT;
    struct cascade_scores want, s;

    again = through_a_file(m, NN_OK, &err);
    ck_assert_uint_eq(again->rungs.n, 2);
    near(again->rungs.v[0].fpr, .75);
    near(again->rungs.v[1].recall, .875);
    score(m, 8, 0, NULL, &want);
    score(again, 8, 0, NULL, &s);
    same_bits(&s, &want);
    cascade_scores_release(&s);
    cascade_scores_release(&want);
    model_destroy(&again);
    model_destroy(&m);
}
END_TEST

/* A number out of its range, a rung larger than the gate, one that is no gate.
 */
START_TEST(bad_rungs_are_refused)
{
    static const char *const why[] = { "rung 2 is damaged", "larger",
                                       "not named" };
    static const struct scripted_output none[] = { { "ant", 1, 0 },
                                                   { "bee", 0, 0 } };
    struct model *m = ladder_model(), *again;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = NULL;

    if (_i == 0) {
        m->rungs.v[1].threshold = 1.5;
    } else if (_i == 1) {
        net = m->gate;
        m->gate = m->rungs.v[0].net;
        m->rungs.v[0].net = net;
    } else {
        nn_net_destroy(&m->rungs.v[0].net);
        m->rungs.v[0].net = scripted_net_at(FIRST, NN_HEAD_SOFTMAX, 1, none, 2);
    }
    again = through_a_file(m, NN_ERR_FORMAT, &err);
    ck_assert_ptr_null(again);
    testkit_assert(strstr(err.text, why[_i]) != NULL, "%s", err.text);
    model_destroy(&m);
}
END_TEST

/* Of 1 % positives 1 x .01 + .75 x .99 come to the second rung, .875 x .01 +
 * .5 x .99 to the gate. */
START_TEST(expected_cost)
{
    struct model *m = ladder_model();
    const struct rungs none = { .n = 0 };
    double a = (double)nn_net_macs(m->rungs.v[0].net);
    double b = (double)nn_net_macs(m->rungs.v[1].net);
    double g = (double)nn_net_macs(m->gate);

    ck_assert_double_eq(rungs_macs(&none, m->gate, .01), g);
    ck_assert_double_eq_tol(rungs_macs(&m->rungs, m->gate, .01),
                            a + .7525 * b + .50375 * g, 1);
    ck_assert_double_eq_tol(rungs_macs(&m->rungs, m->gate, 1), a + b + .875 * g,
                            1);
    model_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("ladder");
    TCase *t = tcase_create("ladder");

    tcase_add_test(t, score_on_paper);
    tcase_add_test(t, same_bits_from_a_file);
    tcase_add_loop_test(t, bad_rungs_are_refused, 0, 3);
    tcase_add_test(t, expected_cost);
    tcase_add_test(t, each_rejects_what_is_below_it);
    tcase_add_test(t, before_a_species_net_that_says_none);
    tcase_add_test(t, a_lower_threshold_reaches_behind_the_rungs);
    tcase_add_test(t, same_bits_however_they_come);
    tcase_add_loop_test(t, same_bits_on_one_trunk, 0, 3);
    tcase_add_test(t, same_bits_from_kept_features);
    tcase_add_unchecked_fixture(t, set_up, tear_down);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
