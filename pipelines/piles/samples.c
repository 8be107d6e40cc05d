#include "pipelines/piles/samples.h"

#include <string.h>

#include "common/base/mem.h"

static void release_sample(struct pile_sample *s)
{
    nn_mem_free(s->file);
    nn_mem_free(s->label);
    *s = (struct pile_sample){ .file = NULL };
}

static void release_group(struct pile_group *g)
{
    for (size_t i = 0; i < g->kept; i++) {
        release_sample(&g->v[i]);
    }
    nn_mem_free(g->label);
}

void pile_summary_release(struct pile_summary *s)
{
    for (size_t i = 0; i < s->n_groups; i++) {
        release_group(&s->group[i]);
    }
    release_group(&s->below);
    release_group(&s->above);
    for (size_t i = 0; i < PILE_ERRORS; i++) {
        nn_mem_free(s->error_file[i]);
        nn_mem_free(s->error[i]);
    }
}

static enum nn_status set_sample(struct pile_sample *to,
                                 const struct pile_row *row, size_t at)
{
    char *file = nn_mem_strdup(row->file), *label = nn_mem_strdup(row->label);

    if (file == NULL || label == NULL) {
        nn_mem_free(file);
        nn_mem_free(label);
        return NN_ERR_NOMEM;
    }
    release_sample(to);
    *to = (struct pile_sample){ .file = file,
                                .label = label,
                                .row = at,
                                .p = row->p_positive,
                                .best = row->p_best };
    return NN_OK;
}

/* Every row of the group is kept with the same probability (reservoir
 * sampling, Vitter 1985, algorithm R). */
static enum nn_status draw(struct pile_group *g, const struct pile_row *row,
                           size_t at)
{
    uint64_t place = g->n++;

    if (g->kept < PILE_SAMPLES) {
        place = g->kept++;
    } else {
        place = nn_rng_u64(&g->rng) % (place + 1);
    }
    return place < PILE_SAMPLES ? set_sample(&g->v[place], row, at) : NN_OK;
}

/* Keeps the rows with the largest sign * p_positive, in that order; of equal
 * ones those that came first. */
static enum nn_status rank(struct pile_group *g, const struct pile_row *row,
                           size_t at, double sign)
{
    struct pile_sample s = { .file = NULL };
    size_t i;

    g->n++;
    if (g->kept == PILE_SAMPLES &&
        sign * row->p_positive <= sign * g->v[g->kept - 1].p) {
        return NN_OK;
    }
    if (set_sample(&s, row, at)) {
        return NN_ERR_NOMEM;
    }
    if (g->kept == PILE_SAMPLES) {
        release_sample(&g->v[--g->kept]);
    }
    for (i = g->kept++; i > 0 && sign * g->v[i - 1].p < sign * s.p; i--) {
        g->v[i] = g->v[i - 1];
    }
    g->v[i] = s;
    return NN_OK;
}

static enum nn_status group_of(struct pile_summary *s,
                               const struct pile_row *row,
                               struct pile_group **out)
{
    struct pile_group *g;

    for (size_t i = 0; i < s->n_groups; i++) {
        if (s->group[i].is_class == row->is_class &&
            strcmp(s->group[i].label, row->label) == 0) {
            *out = &s->group[i];
            return NN_OK;
        }
    }
    *out = NULL;
    if (s->n_groups == PILE_GROUPS) {
        s->n_others++;
        return NN_OK;
    }
    g = &s->group[s->n_groups];
    g->label = nn_mem_strdup(row->label);
    if (g->label == NULL) {
        return NN_ERR_NOMEM;
    }
    g->is_class = row->is_class;
    g->rng = nn_rng_make(1, s->n_groups++);
    *out = g;
    return NN_OK;
}

static enum nn_status take_error(struct pile_summary *s,
                                 const struct pile_row *row)
{
    size_t at = s->n_errors++;

    if (at >= PILE_ERRORS) {
        return NN_OK;
    }
    s->error_file[at] = nn_mem_strdup(row->file);
    s->error[at] = nn_mem_strdup(row->error);
    return s->error_file[at] == NULL || s->error[at] == NULL ? NN_ERR_NOMEM
                                                             : NN_OK;
}

static enum nn_status take(struct pile_summary *s, const struct pile_row *row)
{
    int none =
        row->error == NULL && !row->is_class && strcmp(row->label, "none") == 0;
    enum pile_kind kind = none            ? PILE_NONE
                          : row->is_class ? PILE_CLASS
                                          : PILE_UNKNOWN;
    size_t at = s->n + s->n_errors, bin;
    struct pile_group *g;
    double p = row->p_positive;
    enum nn_status st;

    if (row->error != NULL) {
        return take_error(s, row);
    }
    s->n++;
    bin = (size_t)(p * PILE_BINS);
    s->bins[kind][bin < PILE_BINS ? bin : PILE_BINS - 1]++;
    if (none) {
        s->none_max = p > s->none_max ? p : s->none_max;
    } else {
        s->other_min = p < s->other_min ? p : s->other_min;
    }
    st = rank(none ? &s->below : &s->above, row, at, none ? 1 : -1);
    if (st) {
        return st;
    }
    st = group_of(s, row, &g);
    return st || g == NULL ? st : draw(g, row, at);
}

enum nn_status pile_summarise(struct pile_rows *rows, struct pile_summary *s,
                              struct nn_error *err)
{
    struct pile_row row;
    enum nn_status st;
    int more;

    *s = (struct pile_summary){ .none_max = -1, .other_min = 2 };
    for (;;) {
        st = pile_rows_next(rows, &row, &more, err);
        if (st || !more) {
            return st;
        }
        if (take(s, &row)) {
            return nn_fail_nomem(err);
        }
    }
}
