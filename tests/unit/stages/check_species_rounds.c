/* Rounds of mining for the species net: what of a pool is taken, what that
 * becomes, which net stays, when they end. Both nets give known answers on ten
 * images; the trainings are played. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/mine/species_rounds.h"
#include "tests/unit/data/album.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

/* Images of the data set, and of the pool alone. */
enum { A, B, FAR, NEAR, KNOWN, SHUT, BEHIND, BOLD, FAINT, LEFT, IMAGES };

static const struct scripted_item rows[] = {
    { "a", NULL, NN_TRAIN, A, 4 },    { "b", NULL, NN_TRAIN, B, 4 },
    { "", NULL, NN_TRAIN, KNOWN, 8 }, { "a", NULL, NN_VALID, A, 10 },
    { "b", NULL, NN_VALID, B, 10 },   { "", NULL, NN_VALID, FAR, 10 },
    { "", NULL, NN_VALID, NEAR, 10 }, { .times = 0 },
};
enum { HAD = 56, TRAIN = 16 };

/* Outputs +a, +b and -: all but FAR, KNOWN and SHUT pass. */
static const double gate_says[IMAGES][3] = {
    [A] = { 4, 0, -4 },      [B] = { 0, 4, -4 },    [FAR] = { -3, -3, 3 },
    [NEAR] = { 0, 0, 0 },    [KNOWN] = { 0, 0, 4 }, [SHUT] = { -3, -3, 3 },
    [BEHIND] = { 4, 0, -4 }, [BOLD] = { 4, 0, -4 }, [FAINT] = { 0, 0, 0 },
    [LEFT] = { 0, 0, 0 },
};
/* Outputs a, b and -, before: of those that pass, BEHIND is none. */
#define SPECIES_ROWS(near, of_a, of_b)                                         \
    {                                                                          \
        [A] = of_a, [B] = of_b, [FAR] = { 1, 0, 0 }, [NEAR] = near,            \
        [KNOWN] = { 0, 0, 4 }, [SHUT] = { 4, 0, -4 }, [BEHIND] = { 0, 0, 4 },  \
        [BOLD] = { 4, 0, -4 }, [FAINT] = { 1, 0, 0 }, [LEFT] = { 1, 0, 0 },    \
    }
#define V(x, y, z)                                                             \
    {                                                                          \
        x, y, z                                                                \
    }
static const double said_before[IMAGES][3] =
    SPECIES_ROWS(V(1, 0, 0), V(4, 0, -4), V(0, 4, -4));
static const double said_better[IMAGES][3] =
    SPECIES_ROWS(V(0, 0, 4), V(4, 0, -4), V(0, 4, -4));
static const double said_confused[IMAGES][3] =
    SPECIES_ROWS(V(0, 0, 4), V(0, 4, -4), V(0, 4, -4));

enum next { SAME, BETTER, CONFUSED, LAX, FAILS };

static struct {
    char *pool_dir, *run_dir;
    struct nn_pool *pool;
    struct nn_dataset *ds;
    struct model *m;
    struct nn_net *before, *next_net[CONFUSED + 1]; /* not yet in use */
    uint8_t *extra;
    struct train_rounds how;
    struct nn_train_result result;
    struct nn_option_list leave_out;
    enum next next;
    int known; /* what KNOWN is to the species net */
    int fits;
    volatile sig_atomic_t stop;
} world;

static struct nn_net *net_of(const double says[IMAGES][3], int gate)
{
    static const char *const names[2][3] = { { "a", "b", "-" },
                                             { "+a", "+b", "-" } };
    struct nn_net_spec s =
        gate ? gate_net_spec(0.1f, 32) : species_net_spec(0.1f, 32);
    struct nn_net *net;

    s.n_outputs = 3;
    s.outputs = names[gate];
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    scripted_answers(net, &says[0][0], IMAGES);
    return net;
}

/* Plays the training of a round. */
static enum nn_status fit(void *ctx, const char *task, const uint8_t *extra,
                          struct model *m, struct nn_train_result *result,
                          struct nn_error *err)
{
    char want[32];

    ck_assert_ptr_eq(ctx, &world);
    snprintf(want, sizeof want, "species+%d", ++world.fits);
    ck_assert_str_eq(task, want);
    ck_assert_ptr_null(m->species);
    ck_assert_uint_gt(world.ds->n, HAD);
    for (size_t i = 0; i < world.ds->n; i++) {
        ck_assert_int_eq(extra[i], i >= HAD              ? SPECIES_NONE
                                   : i >= 8 && i < TRAIN ? world.known
                                                         : SPECIES_UNUSED);
    }
    if (world.next == FAILS) {
        return nn_fail(err, NN_ERR_NUMERIC, "it diverged");
    }
    result->best_epoch = 7;
    m->policy.none_threshold = 0.25;
    m->gate_policy.threshold = world.next == LAX ? 1e-6 : 0.2;
    m->rungs.v[0].threshold = 0.1;
    if (world.next == LAX) { /* FAR passes the gate, and the species net */
        m->species = world.next_net[SAME];
        world.next_net[SAME] = NULL;
        return NN_OK;
    }
    m->species = world.next_net[world.next];
    world.next_net[world.next] = NULL;
    world.next = SAME; /* should there be another round */
    return NN_OK;
}

static enum nn_status run(struct nn_error *err)
{
    const struct species_rounds how = {
        .how = &world.how, .seed = 1, .fit = fit, .ctx = &world
    };
    const struct nn_run to = { world.run_dir, 0, &world.stop };

    return mine_species_rounds(world.ds, &how, &to, world.m, &world.extra,
                               &world.result, err);
}

static void run_well(void)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(run(&err) == NN_OK, "%s", err.text);
}

static void fill_pool(void)
{
    static const struct {
        const char *name;
        int image;
    } put[] = { { "x/shut.jpg", SHUT },   { "x/behind.jpg", BEHIND },
                { "x/bold.jpg", BOLD },   { "x/bold-again.jpg", BOLD },
                { "x/faint.jpg", FAINT }, { "left/out.jpg", LEFT },
                { "x/bear.jpg", A } };

    for (size_t i = 0; i < sizeof put / sizeof put[0]; i++) {
        album_put_image(world.pool_dir, put[i].name, (uint64_t)put[i].image);
    }
    ck_assert_int_eq(nn_pool_open((const char *const[]){ world.pool_dir }, 1,
                                  &(struct nn_dataset_options){ 0 },
                                  &world.pool, NULL),
                     NN_OK);
}

static void set_up(void)
{
    static const char *left[] = { "left" };
    struct nn_net *gate;

    memset(&world, 0, sizeof world);
    world.pool_dir = testkit_mkdir();
    world.run_dir = testkit_mkdir();
    fill_pool();
    world.next_net[SAME] = net_of(said_before, 0);
    world.next_net[BETTER] = net_of(said_better, 0);
    world.next_net[CONFUSED] = net_of(said_confused, 0);
    world.before = net_of(said_before, 0);
    gate = net_of(gate_says, 1);
    world.ds = scripted_open(rows);
    ck_assert_uint_eq(world.ds->n, HAD);
    nn_dataset_fingerprint(world.ds);
    ck_assert_int_eq(model_create(world.ds, &world.m, NULL), NN_OK);
    world.m->gate = gate;
    world.m->species = world.before;
    world.m->gate_policy.threshold = 0.5;
    world.m->policy.none_threshold = 0.5;
    world.m->policy.fpr_upper = 0.6;
    world.extra = nn_mem_calloc(HAD, 1);
    world.known = SPECIES_NONE;
    memset(world.extra + 8, world.known, 8);
    world.leave_out = (struct nn_option_list){ .v = left, .n = 1 };
    world.how = (struct train_rounds){ .pool = world.pool,
                                       .leave_out = &world.leave_out,
                                       .species = 1,
                                       .top = 10,
                                       .share = 1,
                                       .fn_filter_recall = 0.98,
                                       .trust_pool = 1 };
}

static void tear_down(void)
{
    for (int i = 0; i <= CONFUSED; i++) {
        nn_net_destroy(&world.next_net[i]);
    }
    nn_mem_free(world.extra);
    nn_dataset_close(&world.ds);
    nn_pool_close(&world.pool);
    model_destroy(&world.m);
    testkit_rmdir(world.pool_dir);
    testkit_rmdir(world.run_dir);
}

static int has_file(const char *name)
{
    char *path = nn_path_join(world.run_dir, name);
    int has = nn_file_exists(path);

    nn_mem_free(path);
    return has;
}

/* nn_mem_free() */
static char *text_of(const char *name)
{
    char *path = nn_path_join(world.run_dir, name);
    unsigned char *text;
    size_t size;

    ck_assert_int_eq(nn_file_read(path, 1 << 24, &text, &size, NULL), NN_OK);
    nn_mem_free(path);
    return (char *)text;
}

static int has_taken(const char *name)
{
    int n = 0;

    for (size_t i = HAD; i < world.ds->n; i++) {
        n += strstr(world.ds->items[i].file, name) != NULL;
    }
    return n;
}

/* --- what is taken --- */

/* Not what the gate rejects, nor the species net, nor a copy, nor what is
 * known, nor what is left out. */
START_TEST(takes_what_both_accept)
{
    char *record, *summary, *page;

    run_well();
    ck_assert_uint_eq(world.ds->n, HAD + 2);
    ck_assert_int_eq(has_taken("bold"), 1);
    ck_assert_int_eq(has_taken("faint"), 1);
    for (size_t i = HAD; i < world.ds->n; i++) {
        ck_assert_int_eq(world.ds->items[i].label, NN_NEGATIVE);
        ck_assert_int_eq(world.ds->items[i].split, NN_TRAIN);
    }
    record = text_of("mined-species-1.jsonl");
    summary = text_of("round-species-1.json");
    page = text_of("mined-species-1.html");
    ck_assert_ptr_null(strstr(record, "shut"));
    ck_assert_ptr_null(strstr(record, "behind"));
    ck_assert_ptr_null(strstr(record, "left"));
    ck_assert_ptr_nonnull(strstr(record, "\"duplicate\""));
    ck_assert_ptr_nonnull(strstr(summary, "\"stage\": \"species\""));
    ck_assert_ptr_nonnull(strstr(summary, "\"above\": 5,"));
    ck_assert_ptr_nonnull(strstr(page, "Species round 1, hard: 2"));
    nn_mem_free(record);
    nn_mem_free(summary);
    nn_mem_free(page);
}
END_TEST

/* BOLD is to both nets what a positive is. */
START_TEST(takes_nothing_suspected)
{
    char *record;

    world.how.trust_pool = 0;
    run_well();
    record = text_of("mined-species-1.jsonl");
    ck_assert_ptr_nonnull(strstr(record, "\"suspected_false_negative\""));
    ck_assert_int_eq(has_taken("bold"), 0);
    ck_assert_int_eq(has_taken("faint"), 1);
    nn_mem_free(record);
}
END_TEST

START_TEST(takes_no_more_than_its_share)
{
    world.how.share = 1.0 / TRAIN;
    run_well();
    ck_assert_uint_eq(world.ds->n, HAD + 1);
}
END_TEST

/* With KNOWN among the positives there is no negative left to be near to. */
START_TEST(photos_of_no_class_are_no_negatives)
{
    char *record;

    world.known = SPECIES_UNKNOWN;
    memset(world.extra + 8, world.known, 8);
    run_well();
    record = text_of("mined-species-1.jsonl");
    ck_assert_ptr_nonnull(strstr(record, "\"negative_cos\":0.0"));
    nn_mem_free(record);
}
END_TEST

/* --- which net stays --- */

static void expect_before(void)
{
    ck_assert_ptr_eq(world.m->species, world.before);
    ck_assert_double_eq(world.m->policy.none_threshold, 0.5);
    ck_assert_double_eq(world.m->gate_policy.threshold, 0.5);
    ck_assert_double_eq(world.m->rungs.v[0].threshold, 0);
    ck_assert_int_eq(world.result.best_epoch, 0);
}

static void expect_new(void)
{
    ck_assert_ptr_ne(world.m->species, world.before);
    ck_assert_double_eq(world.m->policy.none_threshold, 0.25);
    ck_assert_double_eq(world.m->gate_policy.threshold, 0.2);
    ck_assert_int_eq(world.result.best_epoch, 7);
}

START_TEST(a_better_net_stays)
{
    world.next = BETTER;
    run_well();
    expect_new();
}
END_TEST

START_TEST(one_that_is_as_good_stays)
{
    world.next = SAME;
    run_well();
    expect_new();
}
END_TEST

START_TEST(one_that_accepts_more_negatives_goes)
{
    world.next = LAX;
    run_well();
    ck_assert_int_eq(world.fits, 1);
    expect_before();
}
END_TEST

START_TEST(one_that_confuses_the_classes_goes)
{
    world.next = CONFUSED;
    run_well();
    ck_assert_int_eq(world.fits, 1);
    expect_before();
}
END_TEST

START_TEST(any_stays_when_asked_for)
{
    world.next = CONFUSED;
    world.how.keep = 1;
    run_well();
    expect_new();
}
END_TEST

START_TEST(a_failed_training_leaves_the_model_as_it_was)
{
    struct nn_error err = NN_ERROR_INIT;

    world.next = FAILS;
    ck_assert_int_eq(run(&err), NN_ERR_NUMERIC);
    expect_before();
}
END_TEST

/* --- when they end --- */

/* One image a round. After a round that is better there is another; SAME is no
 * better than that, but worse. */
START_TEST(ends_when_the_rate_does_not_fall)
{
    const struct nn_net *first = world.next_net[_i == 0 ? SAME : BETTER];

    world.how.species = 4;
    world.how.top = 1;
    world.next = _i == 0 ? SAME : BETTER;
    run_well();
    ck_assert_int_eq(world.fits, 1 + _i);
    ck_assert_int_eq(has_file("mined-species-2.jsonl"), _i);
    ck_assert_uint_eq(world.ds->n, HAD + 1 + (size_t)_i);
    ck_assert_int_le(has_taken("bold"), 1); /* its copy is known by then */
    ck_assert_int_le(has_taken("faint"), 1);
    expect_new();
    ck_assert_ptr_eq(world.m->species, first);
}
END_TEST

START_TEST(ends_at_the_target)
{
    world.how.max_fpr = 0.6;
    run_well();
    ck_assert_int_eq(world.fits, 0);
    ck_assert_uint_eq(world.ds->n, HAD);
    ck_assert_int_eq(has_file("round-species-1.json"), 0);
}
END_TEST

START_TEST(ends_when_asked_to)
{
    world.stop = 1;
    ck_assert_int_eq(run(NULL), NN_ERR_STOPPED);
    ck_assert_int_eq(world.fits, 0);
    ck_assert_uint_eq(world.ds->n, HAD);
    expect_before();
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("species_rounds");
    TCase *t = tcase_create("species_rounds");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, takes_what_both_accept);
    tcase_add_test(t, takes_nothing_suspected);
    tcase_add_test(t, takes_no_more_than_its_share);
    tcase_add_test(t, photos_of_no_class_are_no_negatives);
    tcase_add_test(t, a_better_net_stays);
    tcase_add_test(t, one_that_is_as_good_stays);
    tcase_add_test(t, one_that_accepts_more_negatives_goes);
    tcase_add_test(t, one_that_confuses_the_classes_goes);
    tcase_add_test(t, any_stays_when_asked_for);
    tcase_add_test(t, a_failed_training_leaves_the_model_as_it_was);
    tcase_add_loop_test(t, ends_when_the_rate_does_not_fall, 0, 2);
    tcase_add_test(t, ends_at_the_target);
    tcase_add_test(t, ends_when_asked_to);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
