#include "common/data/csv.h"

#include <string.h>
#include <strings.h>

/* The inside of a quoted field, moved to `out`; at stands behind the opening
 * quote. Returns the end of the field, or NULL. */
static char *csv_quoted(struct nn_csv *c, char *out)
{
    for (;;) {
        char ch;

        if (c->at == c->end) {
            c->why = "a quote is never closed";
            return NULL;
        }
        ch = *c->at++;
        if (ch == '"' && (c->at == c->end || *c->at != '"')) {
            break;
        }
        c->at += ch == '"';
        c->line += ch == '\n';
        *out++ = ch;
    }
    if (c->at < c->end && *c->at == '\r' &&
        (c->at + 1 == c->end || c->at[1] == '\n')) {
        c->at++;
    }
    if (c->at < c->end && *c->at != ',' && *c->at != '\n') {
        c->why = "text behind a closing quote";
        return NULL;
    }
    return out;
}

/* One field, unquoted in place; *last is set at the end of the row. NULL and
 * why when it is malformed. */
static char *csv_field(struct nn_csv *c, int *last)
{
    char *start = c->at, *out = c->at;

    if (c->at < c->end && *c->at == '"') {
        c->at++;
        out = csv_quoted(c, out);
        if (out == NULL) {
            return NULL;
        }
    } else {
        while (c->at < c->end && *c->at != ',' && *c->at != '\n') {
            c->at++;
        }
        out = c->at;
        if (out > start && out[-1] == '\r' && (out == c->end || *out == '\n')) {
            out--;
        }
    }
    *last = c->at == c->end || *c->at == '\n';
    c->line += c->at < c->end && *c->at == '\n';
    c->at += c->at < c->end;
    *out = '\0';
    if (strlen(start) != (size_t)(out - start)) {
        c->why = "a zero byte";
        return NULL;
    }
    return start;
}

int nn_csv_row(struct nn_csv *c, char *field[NN_CSV_MAX_COLUMNS], size_t *n)
{
    int last = 0;

    *n = 0;
    while (!last) {
        if (*n == NN_CSV_MAX_COLUMNS) {
            c->why = "more than 64 columns";
            return -1;
        }
        field[*n] = csv_field(c, &last);
        if (field[*n] == NULL) {
            return -1;
        }
        ++*n;
    }
    return 0;
}

const char *nn_csv_columns(char *const *field, size_t n,
                           const char *const *names, size_t n_names, int *col)
{
    for (size_t k = 0; k < n_names; k++) {
        col[k] = -1;
        for (size_t i = 0; i < n; i++) {
            if (strcasecmp(field[i], names[k]) != 0) {
                continue;
            }
            if (col[k] >= 0) {
                return field[i];
            }
            col[k] = (int)i;
        }
    }
    return NULL;
}
