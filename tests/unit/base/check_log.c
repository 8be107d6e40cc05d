#include "tests/unit/testkit.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/log.h"

/* --- messages ------------------------------------------------------------ */

struct record {
    int n, busy, overlaps;
    enum nn_log_level level;
    char text[2000];
};

static void note(void *ctx, enum nn_log_level level, const char *text)
{
    struct record *r = ctx;

    r->overlaps += r->busy;
    r->busy = 1;
    r->n++;
    r->level = level;
    snprintf(r->text, sizeof r->text, "%s", text);
    r->busy = 0;
}

static void log_into(struct nn_log_out *out, struct record *r,
                     enum nn_log_level min)
{
    nn_log_out_init(out, note, r, min);
    nn_log_to(out);
}

START_TEST(silent_without_a_sink)
{
    nn_log(NN_LOG_ERROR, "nobody %s", "listens");
}
END_TEST

START_TEST(levels_are_filtered)
{
    struct record r = { 0 };
    struct nn_log_out out;

    log_into(&out, &r, NN_LOG_WARN);
    nn_log(NN_LOG_DEBUG, "a");
    nn_log(NN_LOG_INFO, "b");
    ck_assert_int_eq(r.n, 0);
    nn_log(NN_LOG_WARN, "c %d", 5);
    ck_assert_int_eq(r.n, 1);
    ck_assert_int_eq(r.level, NN_LOG_WARN);
    ck_assert_str_eq(r.text, "c 5");
    nn_log(NN_LOG_ERROR, "d");
    ck_assert_int_eq(r.n, 2);
    nn_log_to(NULL);
    nn_log(NN_LOG_ERROR, "e");
    ck_assert_int_eq(r.n, 2);
}
END_TEST

START_TEST(text_is_made_harmless)
{
    struct record r = { 0 };
    struct nn_log_out out;
    char many[3000];

    log_into(&out, &r, NN_LOG_DEBUG);
    nn_log(NN_LOG_INFO, "x\033[31m\ny");
    ck_assert_str_eq(r.text, "x?[31m?y");
    memset(many, 'm', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    nn_log(NN_LOG_INFO, "%s", many);
    ck_assert_uint_eq(strlen(r.text), 1023);
}
END_TEST

static void *log_much(void *ctx)
{
    nn_log_to(ctx);
    for (int i = 0; i < 2000; i++) {
        nn_log(NN_LOG_INFO, "%d", i);
    }
    return NULL;
}

START_TEST(one_message_at_a_time)
{
    struct record r = { 0 };
    struct nn_log_out out;
    pthread_t threads[4];

    log_into(&out, &r, NN_LOG_DEBUG);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_much, &out), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_int_eq(r.n, 8000);
    ck_assert_int_eq(r.overlaps, 0);
}
END_TEST

/* --- progress ------------------------------------------------------------ */

/* stderr goes to a pipe or a pseudo terminal whose other end is read. */
static int other_end;

static void catch_stderr(int terminal, int columns)
{
    int ends[2];

    if (terminal) {
        struct winsize w = { .ws_row = 24, .ws_col = (unsigned short)columns };

        ck_assert_int_eq(openpty(&ends[0], &ends[1], NULL, NULL, &w), 0);
    } else {
        ck_assert_int_eq(pipe(ends), 0);
    }
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    other_end = ends[0];
}

static const char *caught(void)
{
    static char text[8192];
    size_t n = 0;
    ssize_t got;

    fflush(stderr);
    while ((got = read(other_end, text + n, sizeof text - 1 - n)) > 0) {
        n += (size_t)got;
    }
    text[n] = '\0';
    return text;
}

/* Pretends that s seconds have passed. */
static void pass_time(struct nn_progress *p, double s)
{
    p->start_s -= s;
    p->last_s -= s;
}

START_TEST(short_work_shows_nothing)
{
    struct nn_progress p;

    catch_stderr(_i, 80);
    nn_progress_begin(&p, "train", "img", 10);
    nn_progress_update(&p, 5, NULL);
    nn_progress_update(&p, 10, NULL);
    nn_progress_end(&p, NULL);
    ck_assert_str_eq(caught(), "");
}
END_TEST

START_TEST(quiet_shows_nothing)
{
    struct nn_progress p;

    catch_stderr(_i, 80);
    nn_progress_set_quiet(1);
    nn_progress_begin(&p, "train", "img", 10);
    pass_time(&p, 100);
    nn_progress_update(&p, 5, NULL);
    nn_progress_end(&p, NULL);
    ck_assert_str_eq(caught(), "");
}
END_TEST

START_TEST(plain_lines_where_no_terminal)
{
    struct nn_progress p;

    catch_stderr(0, 0);
    nn_progress_begin(&p, "train gate 3/40", "img", 1000);
    pass_time(&p, 11);
    nn_progress_update(&p, 90, NULL); /* less than 10 % */
    ck_assert_str_eq(caught(), "");
    nn_progress_update(&p, 220, "loss 0.31");
    ck_assert_str_eq(caught(), "train gate 3/40 [=====>                  ] "
                               "220/1000 20 img/s 0:39 left loss 0.31\n");
    nn_progress_update(&p, 900, NULL); /* too soon */
    ck_assert_str_eq(caught(), "");
    pass_time(&p, 11);
    nn_progress_update(&p, 910, NULL);
    ck_assert_ptr_nonnull(strstr(caught(), " 910/1000 41 img/s 0:02 left\n"));
    nn_progress_update(&p, 1000, NULL);
    nn_progress_end(&p, "done");
    ck_assert_ptr_nonnull(strstr(caught(), " 1000/1000 "));
}
END_TEST

START_TEST(resumed_work_has_its_own_rate)
{
    struct nn_progress p;

    catch_stderr(0, 0);
    nn_progress_begin(&p, "train", "img", 1000);
    nn_progress_resume(&p, 600);
    pass_time(&p, 10);
    nn_progress_update(&p, 700, NULL);
    ck_assert_str_eq(caught(), "train [================>       ] 700/1000 "
                               "10.0 img/s 0:30 left\n");
}
END_TEST

START_TEST(unknown_length_shows_a_count)
{
    struct nn_progress p;

    catch_stderr(0, 0);
    nn_progress_begin(&p, "scan", "files", 0);
    nn_progress_update(&p, 5, NULL);
    ck_assert_str_eq(caught(), "");
    pass_time(&p, 10);
    nn_progress_update(&p, 20, NULL);
    ck_assert_str_eq(caught(), "scan 20 files 2.0 files/s\n");
}
END_TEST

START_TEST(hours_are_shown)
{
    struct nn_progress p;

    catch_stderr(0, 0);
    nn_progress_begin(&p, "t", "img", 100);
    pass_time(&p, 1000);
    nn_progress_update(&p, 10, NULL);
    ck_assert_ptr_nonnull(strstr(caught(), " 2:30:00 left"));
}
END_TEST

START_TEST(terminal_line_is_rewritten)
{
    struct nn_progress p;
    const char *s;

    catch_stderr(1, 80);
    nn_progress_begin(&p, "train", "img", 100);
    pass_time(&p, 1);
    nn_progress_update(&p, 10, "a");
    s = caught();
    ck_assert_int_eq(s[0], '\r');
    ck_assert_ptr_nonnull(strstr(s, "] 10/100 "));
    ck_assert_str_eq(s + strlen(s) - 5, " a\033[K");
    nn_progress_update(&p, 11, NULL); /* under a fifth of a second later */
    ck_assert_str_eq(caught(), "");
    nn_progress_end(&p, NULL);
    s = caught();
    ck_assert_str_eq(s + strlen(s) - 2, "\r\n"); /* the terminal adds \r */
}
END_TEST

START_TEST(terminal_width_is_kept)
{
    struct nn_progress p;
    char note_text[200];

    memset(note_text, 'n', sizeof note_text - 1);
    note_text[sizeof note_text - 1] = '\0';
    catch_stderr(1, 40);
    nn_progress_begin(&p, "train", "img", 100);
    pass_time(&p, 1);
    nn_progress_update(&p, 10, note_text);
    ck_assert_uint_eq(strlen(caught()), 1 + 39 + 3);
}
END_TEST

START_TEST(message_clears_the_bar)
{
    struct nn_log_out out;
    struct nn_progress p;

    catch_stderr(1, 80);
    nn_log_out_init(&out, nn_log_stderr, NULL, NN_LOG_INFO);
    nn_log_to(&out);
    nn_log(NN_LOG_WARN, "first");
    ck_assert_str_eq(caught(), "warning: first\r\n");
    nn_progress_begin(&p, "train", "img", 100);
    pass_time(&p, 1);
    nn_progress_update(&p, 10, NULL);
    caught();
    nn_log(NN_LOG_ERROR, "second");
    nn_log(NN_LOG_INFO, "third");
    ck_assert_str_eq(caught(), "\r\033[Kerror: second\r\nthird\r\n");
}
END_TEST

START_TEST(time_runs_forward)
{
    double a = nn_time_s();

    usleep(20000);
    ck_assert_double_ge(nn_time_s() - a, 0.019);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("messages"), *p = tcase_create("progress");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, silent_without_a_sink);
    tcase_add_test(t, levels_are_filtered);
    tcase_add_test(t, text_is_made_harmless);
    tcase_add_test(t, one_message_at_a_time);
    suite_add_tcase(s, t);
    tcase_set_timeout(p, 20);
    tcase_add_loop_test(p, short_work_shows_nothing, 0, 2);
    tcase_add_loop_test(p, quiet_shows_nothing, 0, 2);
    tcase_add_test(p, plain_lines_where_no_terminal);
    tcase_add_test(p, resumed_work_has_its_own_rate);
    tcase_add_test(p, unknown_length_shows_a_count);
    tcase_add_test(p, hours_are_shown);
    tcase_add_test(p, terminal_line_is_rewritten);
    tcase_add_test(p, terminal_width_is_kept);
    tcase_add_test(p, message_clears_the_bar);
    tcase_add_test(p, time_runs_forward);
    suite_add_tcase(s, p);
    return s;
}

TESTKIT_MAIN(create)
