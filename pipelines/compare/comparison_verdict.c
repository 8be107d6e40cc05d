/* What the figures say, in words, and the table that compare prints. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parallel.h"
#include "pipelines/compare/comparison.h"

/* A difference counts as shown below this chance of a false one. */
#define LEVEL 0.05

/* --- reading the other parts -----------------------------------------------
 */

/* figures.NAME.key of a system or a difference; NaN where it is null. */
static double figure(const json_t *of, int which, const char *key)
{
    const json_t *f = json_object_get(json_object_get(of, "figures"),
                                      comparison_figure_names[which]);
    const json_t *v = json_object_get(f, key);

    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static const json_t *at(const json_t *all, const char *list, size_t i)
{
    return json_array_get(json_object_get(all, list), i);
}

static size_t count_of(const json_t *all, const char *list)
{
    return json_array_size(json_object_get(all, list));
}

static const char *name_of(const json_t *system)
{
    const char *name = json_string_value(json_object_get(system, "name"));

    return name != NULL ? name : "?";
}

static double bulk_ms(const json_t *system)
{
    return json_number_value(
        json_object_get(json_object_get(system, "cost"), "ms_bulk"));
}

/* Index from `first` on of the largest end-to-end accuracy. */
static size_t best_from(const json_t *all, size_t first)
{
    size_t best = first;

    for (size_t i = first + 1; i < count_of(all, "systems"); i++) {
        if (figure(at(all, "systems", i), FIGURE_END_TO_END, "value") >
            figure(at(all, "systems", best), FIGURE_END_TO_END, "value")) {
            best = i;
        }
    }
    return best;
}

__attribute__((format(printf, 2, 3))) static int say(json_t *list,
                                                     const char *format, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return json_array_append_new(list, json_string(text));
}

/* --- the sentence ----------------------------------------------------------
 */

static json_t *sentence_alone(const json_t *all)
{
    const json_t *s = at(all, "systems", best_from(all, 0));

    return json_sprintf(
        "Of the systems compared, %s has the largest share of right answers: "
        "%.1f %% of the test pictures (95 %% interval %.1f to %.1f).",
        name_of(s), 100 * figure(s, FIGURE_END_TO_END, "value"),
        100 * figure(s, FIGURE_END_TO_END, "lo"),
        100 * figure(s, FIGURE_END_TO_END, "hi"));
}

/* "p = 0.012", or "p < 0.001" where digits would say zero. */
static void p_text(double p, char text[16])
{
    if (p < 0.001) {
        snprintf(text, 16, "p < 0.001");
    } else {
        snprintf(text, 16, "p = %.3f", p);
    }
}

/* What both sentences end with: shares, difference, interval, p. */
static json_t *shares(const json_t *us, const json_t *it, const json_t *d,
                      size_t m)
{
    char p[16];

    p_text(figure(d, FIGURE_END_TO_END, "p_holm"), p);
    return json_sprintf(
        "right answers on %.1f %% of the test pictures against %.1f %%, a "
        "difference of %+.1f points (95 %% interval %+.1f to %+.1f; %s%s)",
        100 * figure(us, FIGURE_END_TO_END, "value"),
        100 * figure(it, FIGURE_END_TO_END, "value"),
        100 * figure(d, FIGURE_END_TO_END, "value"),
        100 * figure(d, FIGURE_END_TO_END, "lo"),
        100 * figure(d, FIGURE_END_TO_END, "hi"), p,
        m > 1 ? ", adjusted for the number of single models" : "");
}

/* The cascade against the best single model. */
static json_t *sentence_pair(const json_t *all)
{
    size_t best = best_from(all, 1);
    const json_t *us = at(all, "systems", 0), *it = at(all, "systems", best);
    const json_t *d = at(all, "differences", best - 1);
    json_t *numbers = shares(us, it, d, count_of(all, "differences")), *j;
    const char *text = json_string_value(numbers);

    if (figure(d, FIGURE_END_TO_END, "p_holm") < LEVEL) {
        j = json_sprintf("On these pictures the cascade is %s than the best "
                         "single model, %s: %s.",
                         figure(d, FIGURE_END_TO_END, "value") > 0 ? "better"
                                                                   : "worse",
                         name_of(it), text != NULL ? text : "");
    } else {
        j = json_sprintf(
            "No difference can be shown on these pictures between the "
            "cascade and the best single model, %s: %s. Take the "
            "faster one, which is %s here.",
            name_of(it), text != NULL ? text : "",
            bulk_ms(us) <= bulk_ms(it) ? "the cascade" : name_of(it));
    }
    json_decref(numbers);
    return j;
}

/* --- the conditions --------------------------------------------------------
 */

static void say_alarms(json_t *list, const json_t *all)
{
    size_t best = best_from(all, 1);
    const json_t *d = at(all, "differences", best - 1);
    double p = figure(d, FIGURE_FPR95, "p_holm");

    say(list,
        "Where 95 %% of the class pictures pass, the cascade lets %.1f %% of "
        "the others pass and %s %.1f %%: a difference of %+.1f points (%+.1f "
        "to %+.1f), %s.",
        100 * figure(at(all, "systems", 0), FIGURE_FPR95, "value"),
        name_of(at(all, "systems", best)),
        100 * figure(at(all, "systems", best), FIGURE_FPR95, "value"),
        100 * figure(d, FIGURE_FPR95, "value"),
        100 * figure(d, FIGURE_FPR95, "lo"),
        100 * figure(d, FIGURE_FPR95, "hi"),
        p < LEVEL ? "more than chance explains" : "which chance explains too");
}

/* What the cascade alone can answer, and is never right. */
static void say_unknown(json_t *list, const json_t *all)
{
    double rate = figure(at(all, "systems", 0), FIGURE_UNKNOWN_RATE, "value");

    if (rate > 0) {
        say(list,
            "The cascade can also answer unknown_bear, which counts as wrong: "
            "it did so on %.1f %% of the pictures of a class. Single models "
            "always name one.",
            100 * rate);
    }
}

/* At one wanted picture in ten, and where the order turns. */
static void say_cost(json_t *list, const json_t *all)
{
    enum { TENTH = 1 }; /* of the rows of "prevalence" */
    size_t best = best_from(all, 1);
    const json_t *row = at(all, "prevalence", TENTH);
    const json_t *even = json_object_get(at(all, "break_even", best - 1), "ms");
    double share = json_number_value(even);
    char when[80] = "the single model is the faster one at any share";

    if (json_is_number(even) && share >= 1) {
        snprintf(when, sizeof when,
                 "the cascade is the faster one at any share");
    } else if (json_is_number(even)) {
        snprintf(when, sizeof when,
                 "the cascade is the faster one below a share of %.3g %%",
                 100 * share);
    }
    say(list,
        "Time: where one picture in ten shows a class, the nets of the cascade "
        "take %.2f ms a picture and %s %.2f (32 pictures at a time, %d "
        "threads); %s.",
        json_number_value(json_object_get(at(row, "systems", 0), "ms")),
        name_of(at(all, "systems", best)),
        json_number_value(json_object_get(at(row, "systems", best), "ms")),
        nn_parallel_threads(), when);
}

static void say_seeds(json_t *list, const struct comparison *c,
                      const json_t *all)
{
    const json_t *us = at(all, "systems", 0);
    const json_t *seeds = json_object_get(
        json_object_get(json_object_get(us, "figures"),
                        comparison_figure_names[FIGURE_END_TO_END]),
        "seeds");
    double lo = INFINITY, hi = -INFINITY;

    for (size_t i = 0; i < json_array_size(seeds); i++) {
        double v = json_number_value(json_array_get(seeds, i));

        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    if (c->opt->seeds > 1) {
        say(list,
            "Means over %d training runs each; right answers of the runs of "
            "%s lie between %.1f and %.1f %%. The intervals speak of other "
            "test pictures of the same kind, not of other training runs.",
            c->opt->seeds, name_of(us), 100 * lo, 100 * hi);
    } else {
        say(list, "One training run each: what another seed would change is "
                  "unknown.");
    }
}

static void say_left_out(json_t *list, const struct comparison *c)
{
    if (c->n_left == 0) {
        say(list, "No negative family was kept out of training on purpose: "
                  "things never seen are likely to be harder.");
    } else {
        say(list,
            "%zu of %zu negative families were left out of extra runs (seed "
            "1), to see what things never seen in training do.",
            c->n_left, c->ds->n_families);
    }
}

/* Is there a cascade and something beside it? */
static int pair(const struct comparison *c)
{
    return c->n_systems > 1 && c->system[0].design->system == MODEL_CASCADE;
}

static json_t *conditions(const struct comparison *c, const json_t *all)
{
    json_t *list = json_array();
    size_t leaks = (size_t)json_integer_value(
        json_object_get(json_object_get(all, "data"), "leaks"));

    if (list == NULL) {
        return NULL;
    }
    say(list,
        "An answer is right when a picture of a class gets its class and any "
        "other picture gets none. %zu test pictures; %zu of them (%.0f %%) "
        "show a class: where classes are rarer, false alarms weigh more.",
        c->n, c->n_positives, 100.0 * (double)c->n_positives / (double)c->n);
    if (c->k == 1) {
        say(list, "With one class the cascade is its gate alone: there is "
                  "nothing for a species net to tell apart.");
    }
    say(list, "Thresholds of all systems come from the validation pictures, so "
              "that 95 %% of the class pictures pass there.");
    say_seeds(list, c, all);
    say(list,
        "Same pictures, starting weights, views and number of training "
        "pictures seen (%d and %d epochs): other budgets may rank otherwise.",
        c->opt->gate_epochs, c->opt->species_epochs);
    if (pair(c)) {
        say(list, "The best single model was picked on the same test pictures, "
                  "which favours it a little.");
        say_unknown(list, all);
        say_alarms(list, all);
        say_cost(list, all);
    }
    say_left_out(list, c);
    if (leaks > 0) {
        say(list,
            "%zu validation or test pictures have a near-duplicate in "
            "training: figures on them are too good.",
            leaks);
    }
    return list;
}

json_t *comparison_verdict(const struct comparison *c, const json_t *all)
{
    return json_pack("{s:o, s:o}", "text",
                     pair(c) ? sentence_pair(all) : sentence_alone(all),
                     "conditions", conditions(c, all));
}

/* --- on the screen ---------------------------------------------------------
 */

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

static void print_systems(const json_t *all, FILE *to)
{
    static const struct {
        int which, percent;
        const char *title;
    } columns[] = {
        { FIGURE_END_TO_END, 1, "right" },
        { FIGURE_SPECIES_ACCURACY, 1, "species" },
        { FIGURE_MISS_RATE, 1, "missed" },
        { FIGURE_FALSE_ALARM, 1, "alarms" },
        { FIGURE_ROC_AREA, 0, "ROC" },
        { FIGURE_FPR95, 1, "FPR95" },
        { FIGURE_OSCR_AREA, 0, "OSCR" },
        { FIGURE_GATE_ECE, 0, "ECE" },
    };
    enum { N = sizeof columns / sizeof columns[0] };

    fprintf(to, "%-17s", "system");
    for (size_t i = 0; i < N; i++) {
        fprintf(to, " %7s", columns[i].title);
    }
    fprintf(to, " %7s\n", "ms");
    for (size_t s = 0; s < count_of(all, "systems"); s++) {
        const json_t *j = at(all, "systems", s);

        fprintf(to, "%-17s", name_of(j));
        for (size_t i = 0; i < N; i++) {
            print_number(to, figure(j, columns[i].which, "value"),
                         columns[i].percent);
        }
        fprintf(to, " %7.2f\n", bulk_ms(j));
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

static void print_differences(const json_t *all, FILE *to)
{
    if (count_of(all, "differences") > 0) {
        fputs("\ncascade minus      right (95 % interval)   p Holm  FPR95 "
              "(95 % interval)   p Holm  McNemar\n",
              to);
    }
    for (size_t i = 0; i < count_of(all, "differences"); i++) {
        static const int which[] = { FIGURE_END_TO_END, FIGURE_FPR95 };
        const json_t *d = at(all, "differences", i);
        const json_t *m = json_object_get(d, "mcnemar");

        fprintf(to, "%-17s", json_string_value(json_object_get(d, "system")));
        for (size_t w = 0; w < 2; w++) {
            fprintf(to, " %+5.1f (%+5.1f to %+5.1f) ",
                    100 * figure(d, which[w], "value"),
                    100 * figure(d, which[w], "lo"),
                    100 * figure(d, which[w], "hi"));
            print_p(to, figure(d, which[w], "p_holm"));
        }
        print_p(to, json_number_value(json_object_get(m, "p_holm")));
        fputc('\n', to);
    }
}

void comparison_print(const json_t *all, FILE *to)
{
    const json_t *v = json_object_get(all, "verdict");

    print_systems(all, to);
    print_differences(all, to);
    fprintf(to, "\n%s\n", json_string_value(json_object_get(v, "text")));
}
