#include "common/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

void nn_log_out_init(struct nn_log_out *out, nn_log_sink *sink, void *ctx,
                     enum nn_log_level min)
{
    *out = (struct nn_log_out){ .sink = sink, .ctx = ctx, .min = min };
    pthread_mutex_init(&out->lock, NULL);
}

void nn_log_out_release(struct nn_log_out *out)
{
    pthread_mutex_destroy(&out->lock);
}

void nn_log_to(struct nn_log_out *out)
{
    struct nn_context c = nn_context_get();

    c.log = out;
    nn_context_set(c);
}

void nn_log(enum nn_log_level level, const char *fmt, ...)
{
    struct nn_log_out *out = nn_context_get().log;
    char text[1024];
    va_list args;

    if (out == NULL || level < out->min) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (char *s = text; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            *s = '?'; /* a file name must not steer the terminal */
        }
    }
    pthread_mutex_lock(&out->lock);
    out->sink(out->ctx, level, text);
    pthread_mutex_unlock(&out->lock);
}

void nn_log_stderr(void *ctx, enum nn_log_level level, const char *text)
{
    static const char *const names[] = { "debug: ", "",
                                         "warning: ", "error: " };
    struct nn_log_out *out = nn_context_get().log;

    (void)ctx;
    if (out != NULL && out->bar_shown) {
        out->bar_shown = 0;
        fputs("\r\033[K", stderr);
    }
    fprintf(stderr, "%s%s\n", names[level], text);
}

double nn_time_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void nn_progress_set_quiet(int quiet)
{
    struct nn_context c = nn_context_get();

    c.quiet = quiet;
    nn_context_set(c);
}

int nn_progress_is_quiet(void)
{
    return nn_context_get().quiet;
}

void nn_progress_begin(struct nn_progress *p, const char *label,
                       const char *unit, int64_t total)
{
    *p = (struct nn_progress){ .label = label, .unit = unit, .total = total };
    p->start_s = p->last_s = nn_time_s();
    p->tty = isatty(STDERR_FILENO);
    p->quiet = nn_context_get().quiet;
}

void nn_progress_resume(struct nn_progress *p, int64_t done)
{
    p->before = p->done = done;
    p->last_decile = p->total > 0 ? (int)(done * 10 / p->total) : 0;
}

void nn_progress_expect(struct nn_progress *p, int64_t total, int64_t done)
{
    p->total = total;
    p->before = done;
}

static void clock_text(double s, char *buf, size_t size)
{
    long t = s < 0 ? 0 : (long)(s + 0.5);

    if (t >= 3600) {
        snprintf(buf, size, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    } else {
        snprintf(buf, size, "%ld:%02ld", t / 60, t % 60);
    }
}

static void bar_text(const struct nn_progress *p, char *bar, size_t size)
{
    int full = (int)(size - 1);
    int n = p->total > 0 ? (int)(p->done * full / p->total) : 0;

    for (int i = 0; i < full; i++) {
        bar[i] = ' ';
        if (i < n) {
            bar[i] = '=';
        } else if (i == n) {
            bar[i] = '>';
        }
    }
    bar[full] = '\0';
}

/* Columns of the terminal less one: a line that wraps cannot be rewritten. */
static int columns(void)
{
    struct winsize w;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1) {
        return w.ws_col - 1;
    }
    return 79;
}

/* Put a text on stderr between messages; the bar is then shown or not. */
static void put(const char *text, int bar_shown)
{
    struct nn_log_out *out = nn_context_get().log;

    if (out != NULL) {
        pthread_mutex_lock(&out->lock);
        out->bar_shown = bar_shown;
    }
    fputs(text, stderr);
    if (out != NULL) {
        pthread_mutex_unlock(&out->lock);
    }
}

static void show(struct nn_progress *p, double now, const char *note)
{
    double here = (double)(p->done - p->before);
    double rate = now > p->start_s ? here / (now - p->start_s) : 0;
    char bar[25], left[32] = "";
    char line[256], text[sizeof line + 8];

    if (p->total > 0 && rate > 0) {
        clock_text((double)(p->total - p->done) / rate, left, sizeof left);
        bar_text(p, bar, sizeof bar);
        snprintf(line, sizeof line, "%s [%s] %lld/%lld %.*f %s/s %s left%s%s",
                 p->label, bar, (long long)p->done, (long long)p->total,
                 rate < 10, rate, p->unit, left, note != NULL ? " " : "",
                 note != NULL ? note : "");
    } else {
        snprintf(line, sizeof line, "%s %lld %s %.*f %s/s%s%s", p->label,
                 (long long)p->done, p->unit, rate < 10, rate, p->unit,
                 note != NULL ? " " : "", note != NULL ? note : "");
    }
    if (p->tty) {
        snprintf(text, sizeof text, "\r%.*s\033[K", columns(), line);
    } else {
        snprintf(text, sizeof text, "%s\n", line);
    }
    put(text, p->tty);
    p->last_s = now;
    p->shown = 1;
}

/* Not on a terminal: a line when another 10 % is done and 10 s went by. */
static int is_due(const struct nn_progress *p, double now)
{
    int decile = p->total > 0 ? (int)(p->done * 10 / p->total) : 0;

    if (p->tty) {
        return now - p->last_s >= 0.2;
    }
    return now - p->last_s >= 10 && (p->total <= 0 || decile > p->last_decile);
}

void nn_progress_update(struct nn_progress *p, int64_t done, const char *note)
{
    double now = nn_time_s();

    p->done = done;
    if (p->quiet || !is_due(p, now)) {
        return;
    }
    p->last_decile = p->total > 0 ? (int)(done * 10 / p->total) : 0;
    show(p, now, note);
}

void nn_progress_end(struct nn_progress *p, const char *note)
{
    if (p->quiet || !p->shown) {
        return;
    }
    show(p, nn_time_s(), note);
    if (p->tty) {
        put("\n", 0);
    }
}
