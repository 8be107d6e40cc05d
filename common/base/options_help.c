#include "common/base/options.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/options_internal.h"

/* Short where that gives the same number again, also for a default that was
 * kept as a float (0.05f is 0.05, not 0.05000000074505806). */
static void double_text(double x, char *buf, size_t size)
{
    if (isnan(x)) { /* a number that must be given to count */
        buf[0] = '\0';
        return;
    }
    snprintf(buf, size, "%.7g", x);
    if ((double)strtof(buf, NULL) == x) {
        return;
    }
    snprintf(buf, size, "%.10g", x);
    if (strtod(buf, NULL) != x) {
        snprintf(buf, size, "%.17g", x);
    }
}

/* Text of the value: buf, or the string itself; "" where there is none. */
static const char *value_text(const struct nn_option *p, char *buf, size_t size)
{
    const char *s = p->arg;

    buf[0] = '\0';
    switch (p->kind) {
    case NN_OPTION_FLAG:
        return *(int *)p->target ? "yes" : "no";
    case NN_OPTION_INT:
        snprintf(buf, size, "%d", *(int *)p->target);
        break;
    case NN_OPTION_U64:
        snprintf(buf, size, "%llu", (unsigned long long)*(uint64_t *)p->target);
        break;
    case NN_OPTION_DOUBLE:
        double_text(*(double *)p->target, buf, size);
        break;
    case NN_OPTION_STRING:
        s = *(const char **)p->target;
        return s != NULL ? s : "";
    case NN_OPTION_CHOICE:
        for (int i = 0; i < *(int *)p->target; i++) {
            s += strcspn(s, "|") + 1;
        }
        snprintf(buf, size, "%.*s", (int)strcspn(s, "|"), s);
        break;
    case NN_OPTION_LIST:
    case NN_OPTION_HEADING:
        break;
    }
    return buf;
}

/* Words of text from column `indent`, lines of at most 80 columns; the cursor
 * stands at column `at`. */
static void print_wrapped(FILE *to, const char *text, int at, int indent)
{
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (at > indent && at + 1 + len > 79) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void print_option(const struct nn_option *p, FILE *to)
{
    enum { HELP_COLUMN = 26 };
    char left[96], text[1024], buf[64];
    const char *value = value_text(p, buf, sizeof buf);
    int at;

    if (p->letter != 0) {
        snprintf(left, sizeof left, "  -%c, --%s%s%s", p->letter, p->name,
                 p->arg != NULL ? " " : "", p->arg != NULL ? p->arg : "");
    } else {
        snprintf(left, sizeof left, "      --%s%s%s", p->name,
                 p->arg != NULL ? " " : "", p->arg != NULL ? p->arg : "");
    }
    if (p->kind != NN_OPTION_FLAG && value[0] != '\0') {
        snprintf(text, sizeof text, "%s [%s]", p->help, value);
    } else {
        snprintf(text, sizeof text, "%s", p->help);
    }
    at = fprintf(to, "%s", left);
    if (at > HELP_COLUMN - 2) {
        fputc('\n', to);
        at = 0;
    }
    fprintf(to, "%*s", HELP_COLUMN - at, "");
    print_wrapped(to, text, HELP_COLUMN, HELP_COLUMN);
}

void nn_options_help(const struct nn_options *o, FILE *to)
{
    fprintf(to, "usage: %s %s %s\n\n", o->program, o->command, o->synopsis);
    print_wrapped(to, o->summary, 0, 0);
    fputs("\noptions [default]:\n", to);
    for (const struct nn_option *p = o->table; !nn_option_at_end(p); p++) {
        if (p->kind == NN_OPTION_HEADING) {
            fprintf(to, "\n%s:\n", p->help);
        } else {
            print_option(p, to);
        }
    }
    fputs("  -h, --help              this page\n", to);
    if (o->examples != NULL) {
        fprintf(to, "\nexamples:\n%s", o->examples);
    }
}

/* --- Markdown ------------------------------------------------------------ */

/* text with a backslash before what Markdown would take for its own. */
static const char *escaped(const char *text, char *buf, size_t size)
{
    size_t n = 0;

    for (; *text != '\0' && n + 2 < size; text++) {
        if (strchr("*_<`\\", *text) != NULL) {
            buf[n++] = '\\';
        }
        buf[n++] = *text;
    }
    buf[n] = '\0';
    return buf;
}

static void markdown_option(const struct nn_option *p, FILE *to)
{
    char help[1024], text[1200], limits[64] = "", preset[300] = "", buf[64];
    const char *value = value_text(p, buf, sizeof buf);
    int at = fprintf(to, "- `");

    if (p->letter != 0) {
        at += fprintf(to, "-%c, ", p->letter);
    }
    at += fprintf(to, "--%s%s%s`:", p->name, p->arg != NULL ? " " : "",
                  p->arg != NULL ? p->arg : "");
    if (p->kind != NN_OPTION_FLAG && value[0] != '\0') {
        snprintf(preset, sizeof preset, "default `%s`", value);
    }
    if (p->lo < 0 || p->hi > 0) {
        snprintf(limits, sizeof limits, "%.10g to %.10g%s", p->lo, p->hi,
                 preset[0] != '\0' ? ", " : "");
    }
    snprintf(text, sizeof text, "%s%s%s%s%s",
             escaped(p->help, help, sizeof help),
             limits[0] != '\0' || preset[0] != '\0' ? " (" : "", limits, preset,
             limits[0] != '\0' || preset[0] != '\0' ? ")" : "");
    print_wrapped(to, text, at, 2);
}

void nn_options_markdown(const struct nn_options *o, FILE *to)
{
    char summary[2048];

    fprintf(to, "# %s %s\n\n", o->program, o->command);
    print_wrapped(to, escaped(o->summary, summary, sizeof summary), 0, 0);
    fprintf(to, "\n```\n%s %s %s\n```\n\n## Options\n", o->program, o->command,
            o->synopsis);
    if (o->table->kind != NN_OPTION_HEADING) {
        fputc('\n', to);
    }
    for (const struct nn_option *p = o->table; !nn_option_at_end(p); p++) {
        if (p->kind == NN_OPTION_HEADING) {
            fprintf(to, "\n### %c%s\n\n", toupper((unsigned char)p->help[0]),
                    p->help + 1);
        } else {
            markdown_option(p, to);
        }
    }
    if (o->examples != NULL) {
        fprintf(to, "\n## Examples\n\n```\n%s```\n", o->examples);
    }
}

/* --- run folders --------------------------------------------------------- */

static void each_of_list(const struct nn_option *p, nn_option_fn *fn, void *ctx)
{
    const struct nn_option_list *l = p->target;

    if (l->n == 0) {
        fn(ctx, p->name, 1, NULL);
    }
    for (size_t i = 0; i < l->n; i++) {
        fn(ctx, p->name, 1, l->v[i]);
    }
}

void nn_options_each(const struct nn_options *o, nn_option_fn *fn, void *ctx)
{
    char buf[64];

    for (const struct nn_option *p = o->table; !nn_option_at_end(p); p++) {
        if (p->kind == NN_OPTION_LIST) {
            each_of_list(p, fn, ctx);
        } else if (p->kind != NN_OPTION_HEADING) {
            fn(ctx, p->name, 0, value_text(p, buf, sizeof buf));
        }
    }
}
