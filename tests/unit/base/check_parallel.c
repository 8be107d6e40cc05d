#include "tests/unit/testkit.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/parallel_internal.h"

enum { N = 1000 };

struct visits {
    atomic_int seen[N], bad_thread, nested;
    atomic_uint threads; /* one bit per thread index */
    int meet;
    atomic_int inside, most_inside;
};

static void visit(void *ctx, size_t i)
{
    struct visits *v = ctx;
    size_t thread = nn_parallel_thread();

    atomic_fetch_add(&v->seen[i], 1);
    if (thread >= (size_t)nn_parallel_threads()) {
        atomic_store(&v->bad_thread, 1);
    }
    atomic_fetch_or(&v->threads, 1u << thread);
}

START_TEST(each_index_once)
{
    static const int threads[] = { 1, 2, 7 };
    static const size_t sizes[] = { 0, 1, 2, 3, N };

    nn_parallel_set_threads(threads[_i]);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct visits v = { 0 };

        nn_parallel_for(sizes[s], visit, &v);
        for (size_t i = 0; i < N; i++) {
            testkit_assert(v.seen[i] == (i < sizes[s]),
                           "%zu of %zu: seen %d times", i, sizes[s], v.seen[i]);
        }
        ck_assert_int_eq(v.bad_thread, 0);
    }
}
END_TEST

/* Two indices that wait for each other finish only on two threads. */
static void meet(void *ctx, size_t i)
{
    struct visits *v = ctx;

    (void)i;
    atomic_fetch_add(&v->inside, 1);
    while (atomic_load(&v->inside) < 2) {
        sched_yield();
    }
    atomic_fetch_or(&v->threads, 1u << nn_parallel_thread());
}

START_TEST(two_threads_run_together)
{
    struct visits v = { 0 };

    nn_parallel_set_threads(2);
    if (nn_parallel_threads() < 2) {
        return; /* built without OpenMP: covered by each_index_once */
    }
    nn_parallel_for(2, meet, &v);
    ck_assert_uint_eq(v.threads, 3);
}
END_TEST

static void inner(void *ctx, size_t i)
{
    struct visits *v = ctx;

    atomic_fetch_add(&v->nested, (int)i);
    atomic_fetch_or(&v->threads, 1u << nn_parallel_thread());
}

static void outer(void *ctx, size_t i)
{
    struct visits *v = ctx, mine = { 0 };

    nn_parallel_for(5, inner, &mine);
    atomic_fetch_add(&v->seen[i], mine.nested);
    /* the nested loop must have stayed on this one thread */
    if (mine.threads != 1u << nn_parallel_thread()) {
        atomic_store(&v->bad_thread, 1);
    }
}

START_TEST(nested_loop_is_plain)
{
    struct visits v = { 0 };

    nn_parallel_set_threads(3);
    nn_parallel_for(20, outer, &v);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(v.seen[i], 0 + 1 + 2 + 3 + 4);
    }
    ck_assert_int_eq(v.bad_thread, 0);
    ck_assert_uint_eq(nn_parallel_thread(), 0);
}
END_TEST

START_TEST(one_thread_keeps_the_order)
{
    struct visits v = { 0 };

    nn_parallel_set_threads(1);
    nn_parallel_for(N, visit, &v);
    ck_assert_uint_eq(v.threads, 1);
}
END_TEST

START_TEST(default_follows_the_affinity_mask)
{
    cpu_set_t set, one;

    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_int_eq(nn_parallel_affinity(), CPU_COUNT(&set));
    ck_assert_int_le(nn_parallel_threads(), CPU_COUNT(&set));
    ck_assert_int_ge(nn_parallel_threads(), 1);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            CPU_SET(i, &one);
            break;
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    nn_parallel_set_threads(0);
    ck_assert_int_eq(nn_parallel_threads(), 1);
}
END_TEST

static void put(const char *dir, const char *name, const char *text)
{
    char *path = nn_mem_sprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    nn_mem_free(path);
}

static int quota_of(const char *dir, int max)
{
    char *member = nn_mem_sprintf("%s/self", dir);
    int n = nn_parallel_quota(member, dir, max);

    nn_mem_free(member);
    return n;
}

START_TEST(cgroup_quota_counts)
{
    char *dir = testkit_mkdir();
    char *group = nn_mem_sprintf("%s/a", dir);

    ck_assert_int_eq(quota_of(dir, 8), 8); /* nothing there */
    ck_assert_int_eq(mkdir(group, 0777), 0);
    put(dir, "self", "1:cpu:/old\n0::/a\n");
    put(dir, "cpu.max", "max 100000\n");
    ck_assert_int_eq(quota_of(dir, 8), 8);
    put(dir, "cpu.max", "600000 100000\n");
    ck_assert_int_eq(quota_of(dir, 8), 6);
    ck_assert_int_eq(quota_of(dir, 4), 4);
    put(dir, "a/cpu.max", "150000 100000\n"); /* one and a half: two */
    ck_assert_int_eq(quota_of(dir, 8), 2);
    put(dir, "a/cpu.max", "1000 100000\n");
    ck_assert_int_eq(quota_of(dir, 8), 1);
    put(dir, "a/cpu.max", "-5 0 nonsense\n");
    ck_assert_int_eq(quota_of(dir, 8), 6);
    put(dir, "a/cpu.max", "9223372036854775807 1\n");
    ck_assert_int_eq(quota_of(dir, 8), 6);
    nn_mem_free(group);
    testkit_rmdir(dir);
}
END_TEST

struct loops {
    struct visits v;
    int calls, sum;
};

/* Many loops of changing size, one after another; serial work between. */
static void many_loops(void *ctx)
{
    struct loops *l = ctx;

    l->calls++;
    ck_assert_uint_eq(nn_parallel_thread(), 0);
    for (size_t k = 0; k < 3000; k++) {
        size_t n = k * 7 % 23;

        nn_parallel_for(n, visit, &l->v);
        for (size_t i = 0; i < N; i++) {
            testkit_assert(l->v.seen[i] == (i < n), "%zu of %zu: seen %d times",
                           i, n, l->v.seen[i]);
            l->v.seen[i] = 0;
        }
        l->sum += (int)n;
    }
}

START_TEST(team_visits_each_index_once)
{
    static const int threads[] = { 1, 2, 7 };
    struct loops l = { .calls = 0 };

    nn_parallel_set_threads(threads[_i]);
    nn_parallel_team(many_loops, &l);
    ck_assert_int_eq(l.calls, 1);
    ck_assert_int_eq(l.v.bad_thread, 0);
    ck_assert_int_gt(l.sum, 3000);
}
END_TEST

static void meet_twice(void *ctx)
{
    struct visits *v = ctx;

    nn_parallel_for(2, meet, v);
    atomic_store(&v->inside, 0);
    nn_parallel_for(2, meet, v);
}

START_TEST(team_runs_together)
{
    struct visits v = { 0 };

    nn_parallel_set_threads(2);
    if (nn_parallel_threads() < 2) {
        return;
    }
    nn_parallel_team(meet_twice, &v);
    ck_assert_uint_eq(v.threads, 3);
}
END_TEST

static void nest(void *ctx)
{
    nn_parallel_for(20, outer, ctx);
}

static void team_inside(void *ctx, size_t i)
{
    struct visits *v = ctx, mine = { 0 };

    nn_parallel_team(nest, &mine);
    atomic_fetch_add(&v->seen[i], mine.seen[19]);
    if (mine.bad_thread) {
        atomic_store(&v->bad_thread, 1);
    }
}

static void team_in_team(void *ctx)
{
    nn_parallel_team(nest, ctx);
    nn_parallel_for(4, team_inside, ctx);
}

START_TEST(nested_in_a_team)
{
    struct visits v = { 0 };

    nn_parallel_set_threads(3);
    nn_parallel_team(team_in_team, &v);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(v.seen[i], i < 4 ? 20 : 10);
    }
    ck_assert_int_eq(v.bad_thread, 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("parallel");
    TCase *t = tcase_create("parallel");

    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, each_index_once, 0, 3);
    tcase_add_test(t, two_threads_run_together);
    tcase_add_test(t, nested_loop_is_plain);
    tcase_add_loop_test(t, team_visits_each_index_once, 0, 3);
    tcase_add_test(t, team_runs_together);
    tcase_add_test(t, nested_in_a_team);
    tcase_add_test(t, one_thread_keeps_the_order);
    tcase_add_test(t, default_follows_the_affinity_mask);
    tcase_add_test(t, cgroup_quota_counts);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
