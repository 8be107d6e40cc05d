/* Both stages one after the other with scripted nets. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/bearcascade.h"
#include "tests/unit/stages/scripted_model.h"
#include "tests/unit/testkit.h"

/* --- scores ----------------------------------------------------------------
 */

enum { IMAGES = 75, ROWS = 80 };

static char *dir;
static char *path[IMAGES];
static int grey[IMAGES]; /* -1: unreadable */
static struct nn_dataset *ds;
static struct model *model;
static uint32_t index_of[ROWS];

/* Images of greys in no order; some that cannot be read, at both ends of a
 * batch among others. */
static void set_up(void)
{
    static const int bad[] = { 0, 31, 32, 50, IMAGES - 1 };
    static const char *const text[] = { NULL, "", "no image", "\x89PNG", NULL };
    const struct nn_dataset_options pool = { .as_pool = 1 };
    char name[16];

    dir = testkit_mkdir();
    for (int i = 0; i < IMAGES; i++) {
        grey[i] = i * 37 % 256;
        snprintf(name, sizeof name, "%02d", i);
        path[i] = scripted_image(dir, name, grey[i]);
    }
    ck_assert_int_eq(nn_dataset_open(dir, &pool, &ds, NULL), NN_OK);
    for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
        const char *file = path[bad[b]];

        grey[bad[b]] = -1;
        if (text[b] == NULL) {
            ck_assert_int_eq(remove(file), 0);
        } else {
            FILE *f = fopen(file, "w");

            ck_assert_ptr_nonnull(f);
            ck_assert_int_ge(fputs(text[b], f), 0);
            ck_assert_int_eq(fclose(f), 0);
        }
    }
    /* Backwards, and the first of them again behind the others. */
    for (uint32_t i = 0; i < ROWS; i++) {
        index_of[i] = i < IMAGES ? IMAGES - 1 - i : i - IMAGES + 1;
    }
}

static void tear_down(void)
{
    nn_dataset_close(&ds);
    for (int i = 0; i < IMAGES; i++) {
        nn_mem_free(path[i]);
    }
    testkit_rmdir(dir);
}

static void make_model(void)
{
    model = scripted_model();
}

static void free_model(void)
{
    model_destroy(&model);
}

static void score(const struct model *m, int all_stages,
                  struct cascade_scores *s, struct cascade **c)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(cascade_create(m, CASCADE_BATCH, c, &err), NN_OK);
    ck_assert_msg(cascade_score(*c, ds, index_of, ROWS, all_stages, NULL, s,
                                &err) == NN_OK,
                  "%s", err.text);
    ck_assert_uint_eq(s->n, ROWS);
    ck_assert_uint_eq(s->n_classes, m->n_classes);
    ck_assert_double_ge(s->gate_s, 0);
    ck_assert_double_ge(s->species_s, 0);
}

/* Row i of s, whose species net ran or not. */
static void expect_row(const struct cascade_scores *s, size_t i, int ran)
{
    int r = grey[index_of[i]];
    double p[3];

    testkit_assert(s->ok[i] == 1, "row %zu", i);
    testkit_assert(fabs(s->p_positive[i] - scripted_gate(r)) < 1e-5,
                   "row %zu, grey %d: p %.7f", i, r, s->p_positive[i]);
    testkit_assert(fabs(s->gate_z[i] - (8 * r / 255. - 4)) < 1e-4,
                   "row %zu, grey %d: z %.7f", i, r, s->gate_z[i]);
    testkit_assert(s->ran[i] == ran, "row %zu, grey %d: ran %d", i, r,
                   s->ran[i]);
    scripted_species(r, p);
    for (size_t k = 0; k < 3; k++) {
        testkit_assert(fabs(s->p[3 * i + k] - (ran ? p[k] : 0)) < 1e-5,
                       "row %zu, grey %d: p[%zu] %.7f", i, r, k,
                       s->p[3 * i + k]);
    }
}

static void expect_unreadable(const struct cascade_scores *s, size_t i)
{
    testkit_assert(s->ok[i] == 0 && s->ran[i] == 0, "row %zu", i);
    for (size_t k = 0; k < 3; k++) {
        testkit_assert(s->p[3 * i + k] == 0, "row %zu", i);
    }
}

START_TEST(all_stages)
{
    struct cascade_scores s;
    struct cascade *c;

    nn_parallel_set_threads(3);
    score(model, 1, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        if (grey[index_of[i]] < 0) {
            expect_unreadable(&s, i);
        } else {
            expect_row(&s, i, 1);
        }
    }
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* sigmoid(4 x - 2) >= 0.5 from x = 0.5 on: greys of 128 and more. */
START_TEST(species_behind_the_gate)
{
    struct cascade_scores s;
    struct cascade *c;
    size_t passed = 0;

    score(model, 0, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        if (grey[index_of[i]] < 0) {
            expect_unreadable(&s, i);
        } else {
            expect_row(&s, i, grey[index_of[i]] >= 128);
            passed += s.ran[i];
        }
    }
    ck_assert_uint_gt(passed, 32);
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* The species net says ant to all that passes, with .894 at grey 177 and .901
 * at grey 180; ants below .9 are to be unknown. */
START_TEST(verdicts)
{
    struct cascade_scores s;
    struct cascade *c;
    int unknown = 0, classes = 0;

    model->species_policy.reject_threshold = 0.9;
    score(model, 1, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        int r = grey[index_of[i]];
        struct verdict v = cascade_verdict(c, &s, i);
        const char *label = verdict_label(model, &v);

        if (r < 0) {
            continue;
        }
        if (r < 128) {
            ck_assert_str_eq(label, "none");
        } else if (r <= 177) {
            ck_assert_str_eq(label, "unknown");
            ck_assert_int_eq(v.best, 0);
            unknown++;
        } else if (r >= 180) {
            ck_assert_str_eq(label, "ant");
            classes++;
        }
        ck_assert_ptr_eq(v.p, s.p + 3 * i);
    }
    ck_assert_int_gt(unknown, 5);
    ck_assert_int_gt(classes, 5);
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* A score of exactly the threshold passes, also on the way to the species
 * net; the next threshold above stops it. */
START_TEST(exactly_at_the_threshold)
{
    struct cascade_scores s;
    struct cascade *c;
    double at;

    score(model, 1, &s, &c);
    at = s.p_positive[1];
    ck_assert_int_eq(s.ok[1], 1);
    cascade_scores_release(&s);
    for (int above = 0; above < 2; above++) {
        model->gate_policy.threshold = above ? nextafter(at, 1) : at;
        cascade_destroy(&c);
        score(model, 0, &s, &c);
        ck_assert_double_eq(s.p_positive[1], at);
        ck_assert_int_eq(s.ran[1], !above);
        ck_assert_int_eq(cascade_verdict(c, &s, 1).kind == VERDICT_NONE, above);
        cascade_scores_release(&s);
    }
    cascade_destroy(&c);
}
END_TEST

/* One class: no species net, no probabilities, all said by the gate. */
START_TEST(one_class)
{
    struct cascade_scores s;
    struct cascade *c;

    nn_net_destroy(&model->species);
    for (size_t k = 1; k < 3; k++) {
        nn_mem_free(model->classes[k]);
    }
    model->n_classes = 1;
    score(model, 1, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        int r = grey[index_of[i]];
        struct verdict v = cascade_verdict(c, &s, i);

        ck_assert_int_eq(s.ok[i], r >= 0);
        ck_assert_int_eq(s.ran[i], 0);
        if (r >= 0) {
            ck_assert_double_eq_tol(s.p_positive[i], scripted_gate(r), 1e-5);
            ck_assert_str_eq(verdict_label(model, &v),
                             r < 128 ? "none" : "ant");
        }
    }
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* A softmax over the classes and "none of these", all from one net. */
START_TEST(single_model)
{
    static const struct scripted_output outputs[] = {
        { "+ant", 2, 0 }, { "+bee", 0, .5 }, { "+cat", -2, 0 }, { "-", 0, 1 }
    };
    struct cascade_scores s;
    struct cascade *c;

    nn_net_destroy(&model->species);
    nn_net_destroy(&model->gate);
    model->gate = scripted_net(NN_HEAD_SOFTMAX, 1, outputs, 4);
    model->system = MODEL_SOFTMAX_NONE;
    score(model, 0, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        int r = grey[index_of[i]];
        double x = r / 255., of[] = { exp(2 * x), exp(.5), exp(-2 * x) };
        double all = of[0] + of[1] + of[2] + exp(1);

        if (r < 0) {
            expect_unreadable(&s, i);
            continue;
        }
        ck_assert_int_eq(s.ran[i], 1);
        ck_assert_double_eq_tol(s.p_positive[i], 1 - exp(1) / all, 1e-5);
        for (size_t k = 0; k < 3; k++) {
            ck_assert_double_eq_tol(s.p[3 * i + k], of[k] / all, 1e-5);
        }
        ck_assert_int_eq(cascade_verdict(c, &s, i).best, x > .25 ? 0 : 1);
    }
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* --- two stages that may say none -------------------------------------------
 */

/* A fourth output of the species net: logit 3 - 2 x at temperature 1/2. With a
 * threshold below the gate's, whatever the gate rejects scores 0.8 of what it
 * said. */
static const double t2 = 0.4;

static void let_species_say_none(void)
{
    static const struct scripted_output outputs[] = {
        { "ant", 3, 0 }, { "bee", 0, 1 }, { "cat", -4, 2 }, { "-", -2, 3 }
    };

    nn_net_destroy(&model->species);
    model->species = scripted_net(NN_HEAD_SOFTMAX, 0.5, outputs, 4);
    model->policy =
        (struct cascade_policy){ .none_threshold = t2, .gate_weight = 1 };
}

static double scripted_none(int r)
{
    double x = r / 255., none = exp(6 - 4 * x);

    return none / (none + exp(6 * x) + exp(2) + exp(4 - 8 * x));
}

static void expect_both(const struct cascade *c, const struct cascade_scores *s,
                        size_t i, int ran)
{
    int r = grey[index_of[i]];
    double gate = scripted_gate(r), p[3];
    double own = scripted_none(r) / (1 - scripted_none(r)) * (1 - gate) / gate;
    double none = ran ? own / (1 + own) : 0;
    double both = r < 128 ? .8 * gate : 1 - none;
    struct verdict v = cascade_verdict(c, s, i);

    scripted_species(r, p);
    testkit_assert(s->ran[i] == ran, "row %zu", i);
    testkit_assert(fabs(s->p_gate[i] - gate) < 1e-5, "row %zu", i);
    testkit_assert(fabs(s->p_none[i] - none) < 1e-5, "row %zu: %g, not %g", i,
                   s->p_none[i], none);
    testkit_assert(fabs(s->p_positive[i] - both) < 1e-5, "row %zu", i);
    for (size_t k = 0; k < 3; k++) {
        testkit_assert(fabs(s->p[3 * i + k] - (ran ? p[k] : 0)) < 1e-5,
                       "row %zu", i);
    }
    testkit_assert(v.p_positive == s->p_positive[i], "row %zu", i);
    testkit_assert(v.species_stage == (r >= 128), "row %zu", i);
    if (fabs(both - t2) > .02) {
        testkit_assert((v.kind == VERDICT_NONE) == (both < t2),
                       "row %zu, grey %d", i, r);
    }
}

START_TEST(both_say_none)
{
    struct cascade_scores s;
    struct cascade *c;

    let_species_say_none();
    for (int all = 0; all < 2; all++) {
        size_t by_species = 0;

        score(model, all, &s, &c);
        for (size_t i = 0; i < ROWS; i++) {
            int r = grey[index_of[i]];

            if (r < 0) {
                expect_unreadable(&s, i);
                continue;
            }
            expect_both(c, &s, i, all || r >= 128);
            by_species +=
                r >= 128 && cascade_verdict(c, &s, i).kind == VERDICT_NONE;
        }
        ck_assert_uint_ge(by_species, 2);
        cascade_scores_release(&s);
        cascade_destroy(&c);
    }
}
END_TEST

/* The library says what the program says, from the file. */
START_TEST(library_says_none_too)
{
    struct bc_model *m;
    struct bc_session *session;
    struct cascade_scores s;
    struct cascade *c;
    char *file = nn_path_join(dir, "none.safetensors"), why[BC_TEXT_SIZE];
    size_t seen[3] = { 0 };

    let_species_say_none();
    ck_assert_int_eq(model_save(model, file, NN_F32, NULL), NN_OK);
    ck_assert_msg(!bc_model_open(file, &m, why, sizeof why), "%s", why);
    ck_assert_double_eq(bc_model_threshold(m), t2);
    ck_assert_int_eq(bc_session_create(m, NULL, &session, NULL, 0), BC_OK);
    score(model, 0, &s, &c);
    for (size_t i = 0; i < ROWS; i++) {
        struct verdict v = cascade_verdict(c, &s, i);
        struct bc_result r;
        double p[3];

        if (!s.ok[i]) {
            continue;
        }
        ck_assert_int_eq(bc_classify_file(session, path[index_of[i]], &r, p, 3),
                         BC_OK);
        ck_assert_str_eq(bc_result_label(m, &r), verdict_label(model, &v));
        ck_assert_int_eq(r.verdict == BC_NONE, v.kind == VERDICT_NONE);
        ck_assert_int_eq(r.stage, v.species_stage ? 2 : 1);
        ck_assert_int_eq(r.class_index, v.best);
        ck_assert_double_eq_tol(r.p_positive, v.p_positive, 1e-5);
        ck_assert_int_eq(r.verdict != BC_NONE,
                         r.p_positive >= bc_model_threshold(m));
        ck_assert_double_eq_tol(p[0], s.p[3 * i], 1e-5);
        seen[v.kind == VERDICT_NONE ? v.species_stage : 2]++;
    }
    ck_assert(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    cascade_scores_release(&s);
    cascade_destroy(&c);
    bc_session_destroy(&session);
    bc_model_destroy(&m);
    nn_mem_free(file);
}
END_TEST

/* --- from a model file
 * --------------------------------------------------------
 */

START_TEST(from_a_file)
{
    char *file = nn_path_join(dir, "best.safetensors");
    struct cascade_scores a, b;
    struct cascade *c, *d;
    struct model *m;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(model_save(model, file, NN_F32, NULL), NN_OK);
    nn_mem_free(file);
    ck_assert_msg(model_load(dir, &m, &err) == NN_OK, "%s", err.text);
    ck_assert_str_eq(m->classes[0], "ant");
    ck_assert_str_eq(m->classes[1], "bee");
    ck_assert_str_eq(m->classes[2], "cat");
    ck_assert_double_eq(m->gate_policy.threshold, 0.5);
    ck_assert_double_eq(m->species_policy.reject_threshold, 0.6);
    ck_assert_double_eq(m->gate->temperature, 2);
    ck_assert_double_eq(m->species->temperature, 0.5);
    score(model, 1, &a, &c);
    score(m, 1, &b, &d);
    ck_assert_mem_eq(a.ok, b.ok, ROWS);
    ck_assert_mem_eq(a.p_positive, b.p_positive, ROWS * sizeof *a.p_positive);
    ck_assert_mem_eq(a.p, b.p, ROWS * 3 * sizeof *a.p);
    cascade_scores_release(&a);
    cascade_scores_release(&b);
    cascade_destroy(&c);
    cascade_destroy(&d);
    model_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("cascade");
    TCase *t = tcase_create("scores");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_add_checked_fixture(t, make_model, free_model);
    tcase_add_test(t, all_stages);
    tcase_add_test(t, species_behind_the_gate);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, exactly_at_the_threshold);
    tcase_add_test(t, one_class);
    tcase_add_test(t, single_model);
    tcase_add_test(t, both_say_none);
    tcase_add_test(t, library_says_none_too);
    tcase_add_test(t, from_a_file);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
