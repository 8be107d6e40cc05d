/* Mining: the journal, neighbours, the rule for suspects, the choice. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/loader.h"
#include "stage1_gate/mine_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* A gate of random weights scores pictures well enough for all of this. */
static char *data_dir, *pool_dir;
static struct nn_net *gate;
static struct nn_dataset *ds;
static struct nn_pool *pool;
static struct gate_mine_scores scores;
static double *z;

enum { POOL = 60 };

static void put(const char *dir, const char *folder, int n, uint64_t seed)
{
    char name[64];

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%02d.jpg", folder, i);
        album_put_picture(dir, name, seed + (uint64_t)i);
    }
}

static void set_up(void)
{
    static const char *const names[] = { "+bear", "-" };
    struct nn_net_spec s = gate_net_spec(0.35f, 32);

    data_dir = testkit_mkdir();
    pool_dir = testkit_mkdir();
    put(data_dir, "train/bear", 8, 100);
    put(data_dir, "train/none", 8, 200);
    put(data_dir, "valid/bear", 12, 300);
    put(data_dir, "valid/none", 12, 400);
    put(data_dir, "test/none", 2, 500);
    put(pool_dir, "a", POOL / 2, 1000);
    put(pool_dir, "b", POOL / 2 - 3, 2000);
    album_put_picture(pool_dir, "b/x.jpg", 101);  /* a known bear */
    album_put_picture(pool_dir, "b/y.jpg", 501);  /* a test picture */
    album_put_picture(pool_dir, "b/z.jpg", 1003); /* one of a/ again */
    album_put_text(pool_dir, "b/zz.jpg", "no picture");
    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 3, &gate, NULL), NN_OK);
    ds = album_open(data_dir);
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_pool_open((const char *const[]){ pool_dir }, 1,
                                  &(struct nn_dataset_options){ 0 }, &pool,
                                  NULL),
                     NN_OK);
    scores.fd = -1;
    ck_assert_uint_eq(pool->n, POOL + 1);
    z = nn_mem_calloc(pool->n, sizeof *z);
}

static void tear_down(void)
{
    nn_mem_free(z);
    nn_net_destroy(&gate);
    nn_dataset_close(&ds);
    gate_mine_scores_close(&scores);
    nn_pool_close(&pool);
    testkit_rmdir(data_dir);
    testkit_rmdir(pool_dir);
}

static void scan(const char *journal, double *to)
{
    struct nn_error err = NN_ERROR_INIT;

    gate_mine_scores_close(&scores);
    ck_assert_msg(
        gate_mine_scan(gate, pool, journal, NULL, NULL, &scores, &err) == NN_OK,
        "%s", err.text);
    ck_assert_int_eq(gate_mine_scores_read(&scores, 0, pool->n, to, NULL),
                     NN_OK);
}

/* --- scan --- */

/* Cut the journal at any length, as a kill does: the rest is done again. */
START_TEST(journal_survives_a_kill)
{
    char *path = nn_mem_sprintf("%s/scores.bin", data_dir);
    double *again = nn_mem_calloc(pool->n, sizeof *again);
    struct stat st;

    scan(NULL, z);
    ck_assert(isnan(z[pool->n - 1]) && !isnan(z[0]));
    scan(path, again);
    ck_assert_mem_eq(z, again, pool->n * sizeof *z);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t at = st.st_size; at > 0; at = at * 2 / 3 - 1) {
        ck_assert_int_eq(truncate(path, at), 0);
        memset(again, 0, pool->n * sizeof *again);
        scan(path, again);
        ck_assert_mem_eq(z, again, pool->n * sizeof *z);
    }
    nn_mem_free(again);
    nn_mem_free(path);
}
END_TEST

/* Complete scores are read, not computed: marked ones come back. */
START_TEST(finished_scores_are_kept)
{
    char *path = nn_mem_sprintf("%s/scores.bin", data_dir);
    const double mark = 42;
    FILE *f;

    scan(path, z);
    f = fopen(path, "r+b");
    ck_assert_int_eq(fseek(f, 80, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&mark, sizeof mark, 1, f), 1);
    fclose(f);
    scan(path, z);
    ck_assert_double_eq(z[0], 42);
    nn_mem_free(path);
}
END_TEST

START_TEST(journal_of_another_gate)
{
    struct gate_mine_scores none;
    char *path = nn_mem_sprintf("%s/scores.bin", data_dir);
    struct nn_error err = NN_ERROR_INIT;

    scan(path, z);
    gate->params.value.data[0] += 1;
    ck_assert_int_eq(gate_mine_scan(gate, pool, path, NULL, NULL, &none, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "scores of another gate or pool"));
    ck_assert_int_eq(
        gate_mine_scan(gate, pool, "/nowhere/x", NULL, NULL, &none, &err),
        NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/x"));
    nn_mem_free(path);
}
END_TEST

START_TEST(stopped)
{
    const volatile sig_atomic_t stop = 1;
    struct gate_mine_scores none;

    ck_assert_int_eq(gate_mine_scan(gate, pool, NULL, &stop, NULL, &none, NULL),
                     NN_ERR_STOPPED);
    ck_assert_int_eq(none.fd, -1);
}
END_TEST

/* --- bank --- */

static void bank(struct gate_mine_bank *b)
{
    ck_assert_int_eq(gate_mine_bank_create(gate, ds, 0, b, NULL), NN_OK);
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* Mean of the 5 largest cosines, the slow way. */
static double slow(const struct gate_mine_bank *b, const float *v, int positive)
{
    double cos[64], sum = 0;
    int n = 0;

    for (size_t r = 0; r < b->n; r++) {
        if (b->positive[r] == positive) {
            double s = 0;

            for (size_t i = 0; i < b->dims; i++) {
                s += (double)v[i] * (double)b->v[r * b->dims + i];
            }
            cos[n++] = s;
        }
    }
    qsort(cos, (size_t)n, sizeof *cos, falling);
    for (int i = 0; i < 5; i++) {
        sum += cos[i] / 5;
    }
    return sum;
}

START_TEST(neighbours)
{
    struct gate_mine_bank b;
    struct gate_mine_look look[3] = { { 0 } };

    bank(&b);
    ck_assert_uint_eq(b.n, 16);
    ck_assert_uint_eq(b.n_positives, 8);
    ck_assert_uint_eq(b.dims, 1280);
    for (size_t r = 0; r < b.n; r++) {
        ck_assert_double_eq_tol(
            gate_mine_dot(b.v + r * b.dims, b.v + r * b.dims, b.dims), 1, 1e-5);
        ck_assert_int_eq(ds->items[b.item[r]].split, NN_TRAIN);
    }
    gate_mine_bank_look(&b, b.v, 3, look);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(look[i].positive_cos,
                                slow(&b, b.v + i * b.dims, 1), 1e-5);
        ck_assert_double_eq_tol(look[i].negative_cos,
                                slow(&b, b.v + i * b.dims, 0), 1e-5);
        ck_assert_uint_eq(look[i].nearest[0], b.item[i]); /* itself */
    }
    gate_mine_bank_release(&b);
}
END_TEST

/* Known pictures seen at the size of a pool's: the bank has the embedding of
 * the small copy that is made here by hand. */
START_TEST(known_pictures_at_the_size_of_a_pool)
{
    enum { SIDE = 12, PX = 32 };
    uint8_t rgb[PX * PX * 3], *bytes = NULL, ok;
    struct nn_image img = NN_IMAGE_INIT;
    struct gate_mine_bank b, whole;
    struct nn_scorer *s = NULL;
    float by_hand[2], through[2], *v;
    size_t size;
    int32_t side;

    ck_assert_int_eq(gate_mine_pool_side(pool, &side, NULL), NN_OK);
    ck_assert_int_eq(side, 48); /* one of them is no picture */
    ck_assert_int_eq(gate_mine_bank_create(gate, ds, SIDE, &b, NULL), NN_OK);
    bank(&whole);
    v = nn_mem_calloc(b.dims, sizeof *v);
    ck_assert_int_eq(nn_dataset_read(ds, b.item[0], &bytes, &size, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_picture_prepare(bytes, size, SIDE, &img, NULL), NN_OK);
    ck_assert_int_eq(img.h, SIDE);
    ck_assert_int_eq(
        nn_image_fit(&img, gate->spec.fit, gate->spec.crop_share, PX, rgb),
        NN_OK);
    ck_assert_int_eq(nn_scorer_create(gate, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run_bytes(s, rgb, 1, by_hand, NULL), NN_OK);
    nn_scorer_set_side(s, SIDE);
    ck_assert_int_eq(
        nn_scorer_embed_items(s, ds, b.item, 1, NULL, through, v, &ok, NULL),
        NN_OK);
    ck_assert(ok);
    ck_assert_float_eq(through[0], by_hand[0]);
    ck_assert_float_eq(through[1], by_hand[1]);
    ck_assert_double_gt(gate_mine_dot(v, b.v, b.dims), 1 - 1e-5);
    ck_assert_double_lt(gate_mine_dot(v, whole.v, b.dims), 1 - 1e-4);
    nn_scorer_destroy(&s);
    nn_image_release(&img);
    nn_mem_free(bytes);
    nn_mem_free(v);
    gate_mine_bank_release(&b);
    gate_mine_bank_release(&whole);
}
END_TEST

/* --- rule --- */

/* An opinion that knows the truth of the validation pictures. */
static enum nn_status oracle(void *ctx, const struct nn_dataset *of,
                             const uint32_t *index, size_t n, double *p,
                             struct nn_error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &of->items[index[i]];

        p[i] = ctx != NULL && strstr(it->file, ctx) != NULL ? 0.9 : 0.1;
    }
    return NN_OK;
}

START_TEST(rule_catches_what_it_says)
{
    const struct gate_mine_opinion knows = { oracle, (char[]){ "bear" } };
    struct gate_mine_bank b;
    struct gate_mine_rule r;
    const struct gate_mine_look like = { .agreement = 0.9 };
    const struct gate_mine_look unlike = { .agreement = 0.1 };

    bank(&b);
    ck_assert_int_eq(gate_mine_rule_fit(gate, &b, &knows, 1e-9, 0.75, &r, NULL),
                     NN_OK);
    ck_assert_uint_eq(r.n_positives, 12);
    ck_assert_uint_eq(r.n_negatives, 12);
    ck_assert_double_ge(r.caught, 0.75);
    ck_assert_double_lt(r.caught, 0.75 + 1.5 / 12);
    ck_assert_double_eq(r.lost, 0); /* the opinion parts them */
    ck_assert_double_gt(gate_mine_rule_score(&r, 0, &like),
                        gate_mine_rule_score(&r, 0, &unlike));
    ck_assert_int_eq(gate_mine_rule_fit(gate, &b, NULL, 1e-9, 1, &r, NULL),
                     NN_OK);
    ck_assert_double_eq(r.caught, 1);
    gate_mine_bank_release(&b);
}
END_TEST

START_TEST(rule_needs_both_kinds)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_mine_bank b;
    struct gate_mine_rule r;

    bank(&b);
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].label == NN_NEGATIVE) {
            ds->items[i].split = NN_TRAIN;
        }
    }
    ck_assert_int_eq(gate_mine_rule_fit(gate, &b, NULL, 0.5, 0.9, &r, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no negatives"));
    gate_mine_bank_release(&b);
}
END_TEST

/* --- choice --- */

static struct gate_mine_options options(size_t top)
{
    const struct gate_policy policy = { .threshold = 0.5 };
    struct gate_mine_options o = gate_mine_defaults(&policy, top);

    o.mode = GATE_MINE_HARDEST;
    o.least = 0;
    o.hard_share = 1;
    o.folder_cap = o.cluster_cap = 0;
    return o;
}

static void choose(const struct gate_mine_rule *rule,
                   const struct gate_mine_opinion *op,
                   const struct gate_mine_options *o,
                   struct gate_mine_result *r)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_mine_bank b;

    scan(NULL, z);
    bank(&b);
    ck_assert_msg(gate_mine_choose(gate, pool, &scores, &b, rule, op, o, NULL,
                                   r, &err) == NN_OK,
                  "%s", err.text);
    gate_mine_bank_release(&b);
}

static const char *file(const struct gate_mine_result *r, size_t i)
{
    return r->pictures->items[i].file;
}

START_TEST(hardest_first_and_no_copies)
{
    const struct gate_mine_options o = options(POOL);
    struct gate_mine_result r;
    size_t n;
    uint32_t *v;

    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], POOL - 3);
    ck_assert_uint_eq(r.count[GATE_MINE_V_DUPLICATE], 3);
    ck_assert_int_eq(r.exhausted, 1);
    ck_assert_uint_eq(r.above, POOL);
    for (size_t i = 0; i < r.n; i++) {
        const struct gate_mine_pick *p = &r.pick[i];

        ck_assert(i == 0 || p->z <= r.pick[i - 1].z);
        if (p->verdict == GATE_MINE_V_DUPLICATE && p->same_as < 0) {
            const char *known = ds->items[-1 - p->same_as].file;

            ck_assert(strstr(file(&r, i), "/x.jpg") != NULL
                          ? strcmp(known, "train/bear/01.jpg") == 0
                          : strcmp(known, "test/none/01.jpg") == 0);
        } else if (p->verdict == GATE_MINE_V_DUPLICATE) {
            ck_assert_int_lt(p->same_as, (int64_t)i);
            ck_assert_double_eq(r.pick[p->same_as].z, p->z);
        }
    }
    v = gate_mine_accepted(&r, &n);
    ck_assert_uint_eq(n, POOL - 3);
    ck_assert_uint_eq(v[0], r.pick[0].verdict == GATE_MINE_V_HARD ? 0 : 1);
    nn_mem_free(v);
    gate_mine_result_release(&r);
}
END_TEST

START_TEST(caps)
{
    struct gate_mine_options o = options(POOL);
    struct gate_mine_result r;
    size_t a = 0, b = 0;

    o.folder_cap = 5;
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            *(strstr(file(&r, i), "/a/") != NULL ? &a : &b) += 1;
        }
    }
    ck_assert_uint_eq(a, 5);
    ck_assert_uint_eq(b, 5);
    ck_assert_uint_eq(r.count[GATE_MINE_V_CAPPED], POOL - 3 - 10);
    gate_mine_result_release(&r);
    o.folder_cap = 0;
    o.cluster_cap = 7;
    o.cluster_cosine = -1; /* everything is of one kind */
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 7);
    gate_mine_result_release(&r);
}
END_TEST

/* Pictures of folder b are bears, says the opinion: none is accepted, all
 * that are no copies stand among the suspects. */
START_TEST(suspects_are_kept_apart)
{
    const struct gate_mine_opinion knows = { oracle, (char[]){ "/b/" } };
    const struct gate_mine_rule rule = { .w = { 0, 0, 0, 1 }, .limit = 0.5 };
    struct gate_mine_options o = options(10);
    struct gate_mine_result r;

    choose(&rule, &knows, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_int_eq(r.exhausted, 0);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/a/"));
        } else if (r.pick[i].verdict == GATE_MINE_V_SUSPECT) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/b/"));
        }
    }
    /* also those that score less than the last one taken */
    ck_assert_uint_ge(r.count[GATE_MINE_V_SUSPECT], POOL / 2 - 3);
    gate_mine_result_release(&r);
}
END_TEST

START_TEST(random_share_and_threads)
{
    struct gate_mine_options o = options(20);
    struct gate_mine_result r, again;

    o.hard_share = 0.5;
    nn_parallel_set_threads(1);
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 10);
    nn_parallel_set_threads(3);
    choose(NULL, NULL, &o, &again);
    ck_assert_uint_eq(r.n, again.n);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_uint_eq(r.pick[i].item, again.pick[i].item);
        ck_assert_int_eq(r.pick[i].verdict, again.pick[i].verdict);
    }
    gate_mine_result_release(&r);
    gate_mine_result_release(&again);
    o.mode = GATE_MINE_RANDOM;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 20);
    gate_mine_result_release(&r);
}
END_TEST

/* Unknown scores are enough to draw at random, and change no draw; they are
 * not enough for anything else. Pictures of a folder that is left out are
 * passed over. */
START_TEST(random_without_scores)
{
    static const char *const out[] = { "a", "bb" };
    struct gate_mine_options o = options(15);
    struct gate_mine_scores none = { -1, POOL + 1 };
    struct gate_mine_result r, again;
    struct gate_mine_bank b;

    o.mode = GATE_MINE_RANDOM;
    o.leave_out = out;
    o.n_leave_out = 2;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 15);
    bank(&b);
    ck_assert_int_eq(gate_mine_choose(gate, pool, &none, &b, NULL, NULL, &o,
                                      NULL, &again, NULL),
                     NN_OK);
    ck_assert_uint_eq(again.count[GATE_MINE_V_RANDOM], 15);
    for (size_t i = 0, k = 0; i < again.n; i++) {
        if (again.pick[i].verdict == GATE_MINE_V_UNREADABLE) {
            continue; /* scores would have told */
        }
        ck_assert_uint_eq(r.pick[k].item, again.pick[i].item);
        ck_assert_double_eq_tol(r.pick[k].z, again.pick[i].z, 1e-4);
        ck_assert_ptr_nonnull(strstr(file(&r, k), "/b/"));
        k++;
    }
    gate_mine_result_release(&r);
    gate_mine_result_release(&again);
    o.mode = GATE_MINE_HARDEST;
    ck_assert_int_eq(gate_mine_choose(gate, pool, &none, &b, NULL, NULL, &o,
                                      NULL, &again, NULL),
                     NN_ERR_ARG);
    gate_mine_bank_release(&b);
}
END_TEST

/* The order does not depend on how many are asked for at a time. */
START_TEST(order_in_pieces)
{
    struct gate_mine_options o = options(10);
    struct gate_mine_candidate *all, *part, last = { 0 };
    size_t n, m = 1, at = 0;

    o.threshold = 1;
    scan(NULL, z);
    for (int mode = GATE_MINE_FALSE_POSITIVES; mode <= GATE_MINE_RANDOM;
         mode++) {
        o.mode = (enum gate_mine_mode)mode;
        ck_assert_int_eq(
            gate_mine_order(&scores, &o, 1, NULL, 1000, &all, &n, NULL), NN_OK);
        ck_assert_uint_gt(n, 10);
        for (at = 0, m = 1; m > 0; at += m) {
            ck_assert_int_eq(gate_mine_order(&scores, &o, 1,
                                             at == 0 ? NULL : &last, 7, &part,
                                             &m, NULL),
                             NN_OK);
            ck_assert_uint_le(at + m, n);
            for (size_t i = 0; i < m; i++) {
                ck_assert_uint_eq(part[i].item, all[at + i].item);
                ck_assert_double_eq(part[i].z, z[part[i].item]);
                last = part[i];
            }
            nn_mem_free(part);
        }
        ck_assert_uint_eq(at, n);
        nn_mem_free(all);
    }
}
END_TEST

START_TEST(semi_hard_and_uniform)
{
    struct gate_mine_options o = options(8);
    struct gate_mine_result r;
    double middle;

    scan(NULL, z);
    middle = z[5];
    o.mode = GATE_MINE_SEMI;
    o.threshold = gate_probability(gate, middle);
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_double_lt(r.pick[i].z, middle + 1e-6);
        ck_assert(i == 0 || r.pick[i].z <= r.pick[i - 1].z);
    }
    gate_mine_result_release(&r);
    o.mode = GATE_MINE_UNIFORM;
    o.least = gate_probability(gate, middle);
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_double_ge(r.pick[i].z, middle - 1e-6);
    }
    gate_mine_result_release(&r);
}
END_TEST

/* Any picture that fools the gate, as often as another: over many draws of one
 * each rank comes first about equally often, none below `least` at all. */
START_TEST(false_positives_are_drawn_evenly)
{
    enum { DRAWS = 2000 };
    struct gate_mine_options o = options(1);
    size_t first[POOL] = { 0 }, above = 0;

    scan(NULL, z);
    o.mode = GATE_MINE_FALSE_POSITIVES;
    o.least = gate_probability(gate, z[5]) * (1 - 1e-9);
    for (o.seed = 1; o.seed <= DRAWS; o.seed++) {
        struct gate_mine_candidate *list;
        size_t n;

        ck_assert_int_eq(
            gate_mine_order(&scores, &o, 1, NULL, POOL, &list, &n, NULL),
            NN_OK);
        for (size_t i = 0; i < n; i++) {
            ck_assert_double_ge(list[i].z, z[5] - 1e-6);
        }
        ck_assert_uint_lt(list[0].item, POOL);
        first[list[0].item]++;
        above = n;
        nn_mem_free(list);
    }
    ck_assert_uint_gt(above, 3);
    ck_assert_uint_lt(above, POOL);
    for (size_t i = 0; i < POOL; i++) {
        double expected = DRAWS / (double)above;

        if (z[i] >= z[5]) { /* six standard deviations of a binomial count */
            ck_assert_double_lt(fabs((double)first[i] - expected),
                                6 * sqrt(expected));
        } else {
            ck_assert_uint_eq(first[i], 0);
        }
    }
}
END_TEST

/* Drawn or from the top, suspects are looked for everywhere. */
START_TEST(false_positives_and_all_suspects)
{
    const struct gate_mine_opinion knows = { oracle, (char[]){ "/b/" } };
    const struct gate_mine_rule rule = { .w = { 0, 0, 0, 1 }, .limit = 0.5 };
    struct gate_mine_options o = options(10);
    struct gate_mine_result r;

    o.mode = GATE_MINE_FALSE_POSITIVES;
    choose(&rule, &knows, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_uint_ge(r.count[GATE_MINE_V_SUSPECT], POOL / 2 - 3);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/a/"));
        }
    }
    gate_mine_result_release(&r);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("mine");
    TCase *t = tcase_create("mine");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, journal_survives_a_kill);
    tcase_add_test(t, finished_scores_are_kept);
    tcase_add_test(t, journal_of_another_gate);
    tcase_add_test(t, stopped);
    tcase_add_test(t, neighbours);
    tcase_add_test(t, known_pictures_at_the_size_of_a_pool);
    tcase_add_test(t, rule_catches_what_it_says);
    tcase_add_test(t, rule_needs_both_kinds);
    tcase_add_test(t, hardest_first_and_no_copies);
    tcase_add_test(t, caps);
    tcase_add_test(t, suspects_are_kept_apart);
    tcase_add_test(t, random_share_and_threads);
    tcase_add_test(t, random_without_scores);
    tcase_add_test(t, order_in_pieces);
    tcase_add_test(t, semi_hard_and_uniform);
    tcase_add_test(t, false_positives_are_drawn_evenly);
    tcase_add_test(t, false_positives_and_all_suspects);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
