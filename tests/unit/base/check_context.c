#include "common/base/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/parallel.h"
#include "tests/unit/testkit.h"

enum { N = 64, LOOPS = 300 };

START_TEST(set_gives_back_the_one_before)
{
    struct nn_log_out out;
    struct nn_context c = nn_context_get();

    ck_assert_int_eq(c.threads, 0);
    ck_assert_int_eq(c.quiet, 0);
    ck_assert_ptr_null(c.log);
    c = nn_context_set(
        (struct nn_context){ .threads = 3, .quiet = 1, .log = &out });
    ck_assert_int_eq(c.threads, 0);
    c = nn_context_set(c);
    ck_assert_int_eq(c.threads, 3);
    ck_assert_int_eq(c.quiet, 1);
    ck_assert_ptr_eq(c.log, &out);
    ck_assert_int_eq(nn_progress_is_quiet(), 0);
}
END_TEST

static void *look(void *ctx)
{
    struct nn_context *c = ctx;

    *c = nn_context_get();
    return NULL;
}

/* A thread that somebody starts knows nothing of the one that did. */
START_TEST(a_new_thread_begins_afresh)
{
    struct nn_context seen = { .threads = 7, .quiet = 7 };
    pthread_t t;

    nn_context_set((struct nn_context){ .threads = 3, .quiet = 1 });
    ck_assert_int_eq(pthread_create(&t, NULL, look, &seen), 0);
    pthread_join(t, NULL);
    ck_assert_int_eq(seen.threads, 0);
    ck_assert_int_eq(seen.quiet, 0);
}
END_TEST

/* A caller with its own settings, whose loops count what they meet. */
struct caller {
    int threads, quiet;
    atomic_int calls, strange;
    struct nn_log_out out;
    int messages;
};

static void count_message(void *ctx, enum nn_log_level level, const char *text)
{
    (void)level;
    (void)text;
    ++*(int *)ctx;
}

static void meet(void *ctx, size_t i)
{
    struct caller *c = ctx;
    struct nn_context now = nn_context_get();

    (void)i;
    atomic_fetch_add(&c->calls, 1);
    if (now.threads != c->threads || now.quiet != c->quiet ||
        now.log != &c->out || nn_parallel_thread() >= (size_t)c->threads) {
        atomic_fetch_add(&c->strange, 1);
    }
    nn_log(NN_LOG_INFO, "here");
}

static void loop_in_team(void *ctx)
{
    nn_parallel_for(N, meet, ctx);
    nn_parallel_for(N, meet, ctx);
}

static void *call_often(void *ctx)
{
    struct caller *c = ctx;

    nn_context_set((struct nn_context){
        .threads = c->threads, .quiet = c->quiet, .log = &c->out });
    for (int i = 0; i < LOOPS; i++) {
        nn_parallel_for(N, meet, c);
        nn_parallel_team(loop_in_team, c);
    }
    return NULL;
}

static void init_caller(struct caller *c, int threads, int quiet)
{
    *c = (struct caller){ .threads = threads, .quiet = quiet };
    nn_log_out_init(&c->out, count_message, &c->messages, NN_LOG_INFO);
}

START_TEST(two_callers_do_not_disturb_each_other)
{
    struct caller c[2];
    pthread_t t[2];

    init_caller(&c[0], 1, 0);
    init_caller(&c[1], 3, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&t[i], NULL, call_often, &c[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
        ck_assert_int_eq(c[i].calls, LOOPS * 3 * N);
        ck_assert_int_eq(c[i].strange, 0);
        ck_assert_int_eq(c[i].messages, LOOPS * 3 * N);
        nn_log_out_release(&c[i].out);
    }
    ck_assert_int_eq(nn_context_get().threads, 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("context");
    TCase *t = tcase_create("context");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, set_gives_back_the_one_before);
    tcase_add_test(t, a_new_thread_begins_afresh);
    tcase_add_test(t, two_callers_do_not_disturb_each_other);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
