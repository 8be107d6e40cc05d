#include "common/base/options.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/options_internal.h"

/* --- looking options up -------------------------------------------------- */

static const struct nn_option *find_name(const struct nn_option *t,
                                         const char *name, size_t len)
{
    for (; !nn_option_at_end(t); t++) {
        if (t->name != NULL && strlen(t->name) == len &&
            memcmp(t->name, name, len) == 0) {
            return t;
        }
    }
    return NULL;
}

static const struct nn_option *find_letter(const struct nn_option *t, char c)
{
    for (; !nn_option_at_end(t); t++) {
        if (t->letter != 0 && t->letter == c) {
            return t;
        }
    }
    return NULL;
}

/* Levenshtein distance of two short names; long ones count as far. */
static size_t distance(const char *a, size_t n, const char *b)
{
    size_t row[64], m = strlen(b);

    if (n >= 64 || m >= 64) {
        return 64;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[m];
}

/* The name that was probably meant: a few typing errors away, or begun like
 * this. NULL when there is none. */
static const char *nearest(const struct nn_option *t, const char *name,
                           size_t len)
{
    const char *best = NULL, *begun = NULL;
    size_t min = len < 4 ? 2 : 3;

    for (; !nn_option_at_end(t); t++) {
        size_t d;

        if (t->name == NULL) {
            continue;
        }
        d = distance(name, len, t->name);
        if (d < min) {
            min = d;
            best = t->name;
        }
        if (begun == NULL && len > 1 && strncmp(t->name, name, len) == 0) {
            begun = t->name;
        }
    }
    return best != NULL ? best : begun;
}

/* The present name of an option that was called `name`, or NULL. */
static const char *renamed(const struct nn_options *o, const char *name,
                           size_t len)
{
    const struct nn_option_renamed *r = o->renamed;

    for (; r != NULL && r->old != NULL; r++) {
        if (strlen(r->old) == len && memcmp(r->old, name, len) == 0 &&
            find_name(o->table, r->now, strlen(r->now)) != NULL) {
            return r->now;
        }
    }
    return NULL;
}

static enum nn_status unknown(const struct nn_options *o, const char *name,
                              size_t len, struct nn_error *err)
{
    int negated = len > 3 && memcmp(name, "no-", 3) == 0;
    const char *now = renamed(o, name, len), *no = "";
    const char *best = nearest(o->table, name, len);

    if (now == NULL && negated) {
        now = renamed(o, name + 3, len - 3);
        no = "no-";
    }
    if (now != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "there is no option '--%.*s' any more; it is called "
                       "'--%s%s'",
                       (int)len, name, no, now);
    }
    if (best != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "there is no option '--%.*s'; did you mean '--%s'?",
                       (int)len, name, best);
    }
    return nn_fail(err, NN_ERR_ARG, "there is no option '--%.*s'", (int)len,
                   name);
}

/* --- reading values ------------------------------------------------------ */

static int in_range(const struct nn_option *p, double x)
{
    return (p->lo == 0 && p->hi == 0) || (x >= p->lo && x <= p->hi);
}

static enum nn_status bad_value(const struct nn_option *p, const char *value,
                                const char *what, struct nn_error *err)
{
    if (p->lo == 0 && p->hi == 0) {
        return nn_fail(err, NN_ERR_ARG, "option '--%s' wants %s, not '%s'",
                       p->name, what, value);
    }
    return nn_fail(err, NN_ERR_ARG,
                   "option '--%s' wants %s from %.10g to %.10g, not '%s'",
                   p->name, what, p->lo, p->hi, value);
}

/* strtol() and strtod() would skip blanks and take hexadecimal, too. */
static int starts_number(const char *s)
{
    s += *s == '-' || *s == '+';
    return (*s >= '0' && *s <= '9' && s[1] != 'x' && s[1] != 'X') || *s == '.';
}

static enum nn_status set_int(const struct nn_option *p, const char *value,
                              struct nn_error *err)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(value, &end, 10);
    if (!starts_number(value) || *end != '\0' || errno != 0 || n < INT32_MIN ||
        n > INT32_MAX || !in_range(p, (double)n)) {
        return bad_value(p, value, "a whole number", err);
    }
    *(int *)p->target = (int)n;
    return NN_OK;
}

static enum nn_status set_u64(const struct nn_option *p, const char *value,
                              struct nn_error *err)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || errno != 0) {
        return bad_value(p, value, "a whole number, 0 or more", err);
    }
    *(uint64_t *)p->target = n;
    return NN_OK;
}

static enum nn_status set_double(const struct nn_option *p, const char *value,
                                 struct nn_error *err)
{
    char *end;
    double x = strtod(value, &end);

    if (!starts_number(value) || end == value || *end != '\0' || !isfinite(x) ||
        !in_range(p, x)) {
        return bad_value(p, value, "a number", err);
    }
    *(double *)p->target = x;
    return NN_OK;
}

static enum nn_status set_choice(const struct nn_option *p, const char *value,
                                 struct nn_error *err)
{
    const char *s = p->arg;
    size_t len = strlen(value);

    for (int i = 0; s != NULL; i++) {
        size_t n = strcspn(s, "|");

        if (n == len && memcmp(s, value, n) == 0) {
            *(int *)p->target = i;
            return NN_OK;
        }
        s = s[n] == '|' ? s + n + 1 : NULL;
    }
    return nn_fail(err, NN_ERR_ARG, "option '--%s' wants one of %s, not '%s'",
                   p->name, p->arg, value);
}

static enum nn_status add_to_list(const struct nn_option *p, const char *value,
                                  struct nn_error *err)
{
    struct nn_option_list *l = p->target;

    if (nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
        return nn_fail_nomem(err);
    }
    l->v[l->n++] = value;
    return NN_OK;
}

static enum nn_status set_value(const struct nn_option *p, const char *value,
                                struct nn_error *err)
{
    switch (p->kind) {
    case NN_OPTION_INT:
        return set_int(p, value, err);
    case NN_OPTION_U64:
        return set_u64(p, value, err);
    case NN_OPTION_DOUBLE:
        return set_double(p, value, err);
    case NN_OPTION_CHOICE:
        return set_choice(p, value, err);
    case NN_OPTION_LIST:
        return add_to_list(p, value, err);
    case NN_OPTION_STRING:
        *(const char **)p->target = value;
        return NN_OK;
    case NN_OPTION_FLAG:
    case NN_OPTION_HEADING:
        break;
    }
    return NN_ERR_ARG;
}

/* --- the command line ---------------------------------------------------- */

struct cursor {
    int argc, i;
    char **argv;
};

static int is_option(const struct nn_option *t, const char *s)
{
    return s[0] == '-' && s[1] == '-' &&
           find_name(t, s + 2, strcspn(s + 2, "=")) != NULL;
}

static enum nn_status take_value(const struct nn_option *t,
                                 const struct nn_option *p, const char *given,
                                 struct cursor *c, struct nn_error *err)
{
    if (given == NULL) {
        /* "--out --epochs 3" forgot a value; "--out=--epochs" says so. */
        if (c->i + 1 >= c->argc || is_option(t, c->argv[c->i + 1])) {
            return nn_fail(err, NN_ERR_ARG, "option '--%s' needs a value (%s)",
                           p->name, p->arg);
        }
        given = c->argv[++c->i];
    }
    return set_value(p, given, err);
}

static enum nn_status parse_long(const struct nn_options *o, struct cursor *c,
                                 struct nn_error *err)
{
    const struct nn_option *t = o->table;
    const char *name = c->argv[c->i] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct nn_option *p = find_name(t, name, len);

    if (p == NULL && len > 3 && memcmp(name, "no-", 3) == 0) {
        p = find_name(t, name + 3, len - 3);
        if (p != NULL && p->kind == NN_OPTION_FLAG && value == NULL) {
            *(int *)p->target = 0;
            return NN_OK;
        }
        p = NULL;
    }
    if (p == NULL) {
        return unknown(o, name, len, err);
    }
    if (p->kind != NN_OPTION_FLAG) {
        return take_value(t, p, value, c, err);
    }
    if (value != NULL) {
        return nn_fail(err, NN_ERR_ARG, "option '--%s' takes no value",
                       p->name);
    }
    *(int *)p->target = 1;
    return NN_OK;
}

static enum nn_status parse_letter(const struct nn_option *t, struct cursor *c,
                                   struct nn_error *err)
{
    const char *s = c->argv[c->i];
    const struct nn_option *p = find_letter(t, s[1]);

    if (p == NULL || (p->kind == NN_OPTION_FLAG && s[2] != '\0')) {
        return nn_fail(err, NN_ERR_ARG, "there is no option '%s'", s);
    }
    if (p->kind == NN_OPTION_FLAG) {
        *(int *)p->target = 1;
        return NN_OK;
    }
    return take_value(t, p, s[2] != '\0' ? s + 2 : NULL, c, err);
}

static enum nn_status check_operands(const struct nn_options *o, int n,
                                     const char **operands,
                                     struct nn_error *err)
{
    if (n < o->min_operands) {
        return nn_fail(err, NN_ERR_ARG, "too few operands (wanted: %s)",
                       o->synopsis);
    }
    if (o->max_operands >= 0 && n > o->max_operands) {
        return nn_fail(err, NN_ERR_ARG, "unexpected operand '%s'",
                       operands[o->max_operands]);
    }
    return NN_OK;
}

enum nn_status nn_options_parse(const struct nn_options *o, int argc,
                                char **argv, const char **operands,
                                int *n_operands, enum nn_options_help *help,
                                struct nn_error *err)
{
    struct cursor c = { argc, 1, argv };
    int only_operands = 0, n = 0;

    *help = NN_HELP_NONE;
    *n_operands = 0;
    for (; c.i < argc; c.i++) {
        const char *s = argv[c.i];
        enum nn_status st = NN_OK;

        if (only_operands || s[0] != '-' || s[1] == '\0') {
            operands[n++] = s;
        } else if (strcmp(s, "--") == 0) {
            only_operands = 1;
        } else if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
            *help = NN_HELP_PAGE;
            return NN_OK;
        } else if (strcmp(s, "--help=markdown") == 0) {
            *help = NN_HELP_MARKDOWN;
            return NN_OK;
        } else if (s[1] == '-') {
            st = parse_long(o, &c, err);
        } else {
            st = parse_letter(o->table, &c, err);
        }
        if (st) {
            return st;
        }
    }
    *n_operands = n;
    return check_operands(o, n, operands, err);
}

void nn_options_release(const struct nn_options *o)
{
    for (const struct nn_option *p = o->table; !nn_option_at_end(p); p++) {
        if (p->kind == NN_OPTION_LIST) {
            struct nn_option_list *l = p->target;

            nn_mem_free(l->v);
            *l = (struct nn_option_list){ 0 };
        }
    }
}
