/* The tables that compare prints. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipelines/compare/comparison.h"

static void print_number(FILE *to, double x, int percent)
{
    if (!isfinite(x)) {
        fprintf(to, " %7s", "-");
    } else if (percent) {
        fprintf(to, " %6.1f%%", 100 * x);
    } else {
        fprintf(to, " %7.4f", x);
    }
}

/* Of the column of names. */
static int name_width(const struct comparison *c, int least)
{
    for (size_t i = 0; i < c->n_systems; i++) {
        int n = (int)strlen(c->system[i].name);

        least = n > least ? n : least;
    }
    return least;
}

static void print_systems(const struct comparison *c,
                          const struct comparison_result *r, FILE *to)
{
    static const struct {
        int which, percent;
        const char *title;
    } columns[] = {
        { OUTCOMES_END_TO_END, 1, "right" },
        { OUTCOMES_SPECIES_ACCURACY, 1, "species" },
        { OUTCOMES_MISS_RATE, 1, "fnr" },
        { OUTCOMES_FALSE_ALARM, 1, "fpr" },
        { OUTCOMES_ROC_AREA, 0, "ROC" },
        { OUTCOMES_FPR95, 1, "FPR95" },
        { OUTCOMES_OSCR_AREA, 0, "OSCR" },
        { OUTCOMES_GATE_ECE, 0, "ECE" },
    };
    enum { N = sizeof columns / sizeof columns[0] };
    int width = name_width(c, 17);

    fprintf(to, "%-*s", width, "system");
    for (size_t i = 0; i < N; i++) {
        fprintf(to, " %7s", columns[i].title);
    }
    fputc('\n', to);
    for (size_t s = 0; s < r->n_systems; s++) {
        const struct comparison_system_result *it = &r->system[s];

        fprintf(to, "%-*s", width, c->system[s].name);
        for (size_t i = 0; i < N; i++) {
            print_number(to, it->figures.v[columns[i].which].value,
                         columns[i].percent);
        }
        fputc('\n', to);
    }
}

static void print_p(FILE *to, double p)
{
    if (p < 0.001) {
        fprintf(to, " %7s ", "<0.001");
    } else {
        fprintf(to, " %7.3f ", p);
    }
}

static void print_differences(const struct comparison *c,
                              const struct comparison_result *r, FILE *to)
{
    int width = name_width(c, 17);

    if (r->n_differences > 0) {
        fprintf(to,
                "\n%-*s right (95 %% interval)   p Holm  FPR95 "
                "(95 %% interval)   p Holm  McNemar\n",
                width, "cascade minus");
    }
    for (size_t i = 0; i < r->n_differences; i++) {
        static const int which[] = { OUTCOMES_END_TO_END, OUTCOMES_FPR95 };
        const struct comparison_difference *d = &r->difference[i];

        fprintf(to, "%-*s", width, c->system[i + 1].name);
        for (size_t w = 0; w < 2; w++) {
            const struct nn_interval *v = &d->figures.v[which[w]];

            fprintf(to, " %+5.1f (%+5.1f to %+5.1f) ", 100 * v->value,
                    100 * v->lo, 100 * v->hi);
            print_p(to, d->p_holm[which[w]]);
        }
        print_p(to, d->mcnemar_holm);
        fputc('\n', to);
    }
}

/* --- costs --- */

/* Of a system at a prevalence: multiply-adds in millions, or images/s. */
static double cost_at(const struct comparison_result *r, size_t s, size_t p,
                      int way)
{
    const struct comparison_price *at = &r->system[s].price[p];

    return way < COMPARISON_WAYS ? at->images_s[way] : at->macs / 1e6;
}

/* Three digits that matter, and a mark where the time is unsure. */
static void print_cost(FILE *to, double v, int unsure)
{
    char text[24] = "-";

    if (isfinite(v)) {
        snprintf(text, sizeof text, "%.*f", v < 10 ? 2 : v < 100, v);
    }
    fprintf(to, " %9s%c", text, unsure && isfinite(v) ? '?' : ' ');
}

/* 1 when something was unsure. */
static int print_cost_table(const struct comparison *c,
                            const struct comparison_result *r, int way,
                            const char *title, FILE *to)
{
    int some = 0, width = name_width(c, 22);

    if (!isfinite(cost_at(r, 0, 0, way))) {
        return 0;
    }
    fprintf(to, "%-*s", width, title);
    for (size_t p = 0; p < COMPARISON_PREVALENCES; p++) {
        fprintf(to, " %7g %% ", 100 * comparison_prevalence[p]);
    }
    fputc('\n', to);
    for (size_t s = 0; s < r->n_systems; s++) {
        int unsure =
            way < COMPARISON_WAYS && c->system[s].cost.speed[way].unsure;

        fprintf(to, "%-*s", width, c->system[s].name);
        for (size_t p = 0; p < COMPARISON_PREVALENCES; p++) {
            print_cost(to, cost_at(r, s, p, way), unsure);
        }
        fputc('\n', to);
        some |= unsure;
    }
    return some;
}

static void print_costs(const struct comparison *c,
                        const struct comparison_result *r, FILE *to)
{
    int unsure;

    fputs("\nwhere so many of the images show a class:\n", to);
    print_cost_table(c, r, COMPARISON_WAYS, "M multiply-adds", to);
    unsure =
        print_cost_table(c, r, COMPARISON_MEMORY, "images/s in memory", to);
    unsure |=
        print_cost_table(c, r, COMPARISON_FILES, "images/s from files", to);
    if (unsure) {
        fputs("? unsure: the machine was busy\n", to);
    }
}

void comparison_print(const struct comparison *c,
                      const struct comparison_result *r, FILE *to)
{
    print_systems(c, r, to);
    print_costs(c, r, to);
    print_differences(c, r, to);
    fprintf(to, "\n%s\n", r->text);
}
