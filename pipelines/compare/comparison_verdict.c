/* What the figures say, in words, and the table that compare prints. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/compare/comparison.h"

/* A difference counts as shown below this chance of a false one. */
#define LEVEL 0.05

/* --- reading the figures ----------------------------------------------------
 */

/* One of the systems, for a sentence. */
struct named {
    const char *name;
    const struct comparison_system_result *r;
    const struct nn_interval *right; /* its end-to-end accuracy */
};

static struct named system_at(const struct comparison *c,
                              const struct comparison_result *r, size_t i)
{
    return (struct named){ c->system[i].design->name, &r->system[i],
                           &r->system[i].figures.v[OUTCOMES_END_TO_END] };
}

static int is_single(const struct comparison *c, size_t i)
{
    return c->system[i].design->system != MODEL_CASCADE;
}

/* Index from `first` on of the largest end-to-end accuracy; behind the cascade,
 * of a single model where there is one. */
static size_t best_from(const struct comparison *c,
                        const struct comparison_result *r, size_t first)
{
    size_t best = first;

    while (first > 0 && best + 1 < r->n_systems && !is_single(c, best)) {
        best++;
    }
    for (size_t i = best + 1; i < r->n_systems; i++) {
        if ((first == 0 || is_single(c, i)) &&
            system_at(c, r, i).right->value >
                system_at(c, r, best).right->value) {
            best = i;
        }
    }
    return best;
}

/* --- the sentence -----------------------------------------------------------
 */

static char *sentence_alone(const struct comparison *c,
                            const struct comparison_result *r)
{
    struct named s = system_at(c, r, best_from(c, r, 0));

    return nn_mem_sprintf(
        "Of the systems compared, %s has the largest share of right answers: "
        "%.1f %% of the test images (95 %% interval %.1f to %.1f).",
        s.name, 100 * s.right->value, 100 * s.right->lo, 100 * s.right->hi);
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
static char *shares(const struct named *us, const struct named *it,
                    const struct comparison_difference *d, size_t m)
{
    const struct nn_interval *v = &d->figures.v[OUTCOMES_END_TO_END];
    char p[16];

    p_text(d->p_holm[OUTCOMES_END_TO_END], p);
    return nn_mem_sprintf(
        "right answers on %.1f %% of the test images against %.1f %%, a "
        "difference of %+.1f points (95 %% interval %+.1f to %+.1f; %s%s)",
        100 * us->right->value, 100 * it->right->value, 100 * v->value,
        100 * v->lo, 100 * v->hi, p,
        m > 1 ? ", adjusted for the number of other systems" : "");
}

static int too_few(const struct comparison *c)
{
    return c->n_positives < COMPARISON_MIN_IMAGES ||
           c->n - c->n_positives < COMPARISON_MIN_IMAGES;
}

/* Times that differ by less are taken for equal. */
#define SAME_TIME 1.1

/* What to do where the shares of right answers are known to be close. */
static void advice_when_close(const struct named *us, const struct named *it,
                              char text[160])
{
    double a = us->r->ms_bulk, b = it->r->ms_bulk;

    if (a < SAME_TIME * b && b < SAME_TIME * a) {
        snprintf(text, 160, "Both take about the same time.");
    } else {
        snprintf(text, 160, "Take the faster one, which is %s here.",
                 a < b ? "the cascade" : it->name);
    }
}

/* What to do where nothing could be shown: how far the truth may be from "no
 * difference" decides. The width of an interval falls with the root of n. */
static void advice(const struct comparison *c, const struct named *us,
                   const struct named *it, const struct nn_interval *v,
                   char text[160])
{
    double most = fmax(fabs(v->lo), fabs(v->hi));
    double half = (v->hi - v->lo) / 2;

    if (most <= COMPARISON_CLOSE) {
        advice_when_close(us, it, text);
    } else {
        double more = half / COMPARISON_CLOSE;

        snprintf(text, 160,
                 "The truth may be %.0f points either way: about %.0f test "
                 "images would tell differences of %.0f points.",
                 100 * most, ceil((double)c->n * fmax(1, more * more)),
                 100 * COMPARISON_CLOSE);
    }
}

/* The cascade against the best single model. */
static char *sentence_pair(const struct comparison *c,
                           const struct comparison_result *r)
{
    size_t best = best_from(c, r, 1);
    struct named us = system_at(c, r, 0), it = system_at(c, r, best);
    const struct comparison_difference *d = &r->difference[best - 1];
    const struct nn_interval *v = &d->figures.v[OUTCOMES_END_TO_END];
    const char *of = is_single(c, best) ? "the best single model, " : "";
    char *numbers = shares(&us, &it, d, r->n_differences), *text;
    char next[160];

    if (numbers == NULL) {
        return NULL;
    }
    if (too_few(c)) {
        text = nn_mem_sprintf(
            "%zu images of a class and %zu others are too few to recommend a "
            "design: there should be %d of each or more. The cascade beside "
            "%s%s here: %s.",
            c->n_positives, c->n - c->n_positives, COMPARISON_MIN_IMAGES, of,
            it.name, numbers);
    } else if (d->p_holm[OUTCOMES_END_TO_END] < LEVEL) {
        text = nn_mem_sprintf(
            "On these images the cascade is %s than %s%s: %s.",
            v->value > 0 ? "better" : "worse", of, it.name, numbers);
    } else {
        advice(c, &us, &it, v, next);
        text = nn_mem_sprintf(
            "No difference can be shown on these images between the "
            "cascade and %s%s: %s. %s",
            of, it.name, numbers, next);
    }
    nn_mem_free(numbers);
    return text;
}

/* --- the conditions ---------------------------------------------------------
 */

struct talk {
    const struct comparison *c;
    struct comparison_result *r;
    size_t cap;
    int failed; /* 1: out of memory */
};

__attribute__((format(printf, 2, 3))) static void say(struct talk *t,
                                                      const char *format, ...)
{
    struct comparison_result *r = t->r;
    char text[512], *own;
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    own = nn_mem_strdup(text);
    if (own == NULL || nn_mem_grow(&r->condition, &t->cap, r->n_conditions + 1,
                                   sizeof *r->condition)) {
        nn_mem_free(own);
        t->failed = 1;
        return;
    }
    r->condition[r->n_conditions++] = own;
}

static void say_false_positives(struct talk *t)
{
    const struct comparison_result *r = t->r;
    size_t best = best_from(t->c, r, 1);
    const struct comparison_difference *d = &r->difference[best - 1];
    const struct nn_interval *v = &d->figures.v[OUTCOMES_FPR95];

    say(t,
        "Where 95 %% of the class images pass, the cascade lets %.1f %% of "
        "the others pass and %s %.1f %%: a difference of %+.1f points (%+.1f "
        "to %+.1f), %s.",
        100 * r->system[0].figures.v[OUTCOMES_FPR95].value,
        t->c->system[best].design->name,
        100 * r->system[best].figures.v[OUTCOMES_FPR95].value, 100 * v->value,
        100 * v->lo, 100 * v->hi,
        d->p_holm[OUTCOMES_FPR95] < LEVEL ? "more than chance explains"
                                          : "which chance explains too");
}

/* What the cascade alone can answer, and is never right. */
static void say_unknown(struct talk *t)
{
    double rate = t->r->system[0].figures.v[OUTCOMES_UNKNOWN_RATE].value;

    if (rate > 0) {
        say(t,
            "The cascade can also answer unknown, which counts as wrong: "
            "it did so on %.1f %% of the images of a class. Single models "
            "always name one.",
            100 * rate);
    }
}

/* At one wanted image in ten, and where the order turns. */
static void say_cost(struct talk *t)
{
    const struct comparison_result *r = t->r;
    size_t best = best_from(t->c, r, 1);
    double share = r->difference[best - 1].even.ms;
    char when[80];

    snprintf(when, sizeof when, "%s is the faster one at any share",
             t->c->system[best].design->name);
    if (share >= 1) {
        snprintf(when, sizeof when,
                 "the cascade is the faster one at any share");
    } else if (isfinite(share)) {
        snprintf(when, sizeof when,
                 "the cascade is the faster one below a share of %.3g %%",
                 100 * share);
    }
    say(t,
        "Time: where one image in ten shows a class, the nets of the cascade "
        "take %.2f ms an image and %s %.2f (32 images at a time, %d "
        "threads); %s.",
        r->system[0].price[COMPARISON_TENTH].ms,
        t->c->system[best].design->name,
        r->system[best].price[COMPARISON_TENTH].ms, nn_parallel_threads(),
        when);
}

static void say_seeds(struct talk *t)
{
    const struct comparison_means *m = &t->r->system[0].figures;
    double lo = INFINITY, hi = -INFINITY;

    for (size_t i = 0; i < m->n_runs; i++) {
        double v = m->seed[i * m->n + OUTCOMES_END_TO_END];

        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    if (t->c->opt->seeds > 1) {
        say(t,
            "Means over %d training runs each; right answers of the runs of "
            "%s lie between %.1f and %.1f %%. The intervals speak of other "
            "test images of the same kind, not of other training runs.",
            t->c->opt->seeds, t->c->system[0].design->name, 100 * lo, 100 * hi);
    } else {
        say(t, "One training run each: what another seed would change is "
               "unknown.");
    }
}

static void say_left_out(struct talk *t)
{
    const struct comparison *c = t->c;

    if (c->n_left == 0) {
        say(t, "No negative family was kept out of training on purpose: "
               "things never seen are likely to be harder.");
    } else {
        say(t,
            "%zu of %zu negative families were left out of extra runs (seed "
            "1), to see what things never seen in training do.",
            c->n_left, c->ds->n_families);
    }
}

static void say_budget(const struct comparison *c, struct talk *t)
{
    if (c->opt->gate_epochs == 0) {
        say(t, "Same images, starting weights and views; each design is "
               "trained as train does by default: other budgets may rank "
               "otherwise.");
        return;
    }
    say(t,
        "Same images, starting weights, views and number of training "
        "images seen (%d and %d epochs): other budgets may rank otherwise.",
        c->opt->gate_epochs, c->opt->species_epochs);
}

/* The test images and the rules that hold for all systems. */
static void say_rules(struct talk *t)
{
    const struct comparison *c = t->c;

    say(t,
        "An answer is right when an image of a class gets its class and any "
        "other image gets none. %zu test images; %zu of them (%.0f %%) "
        "show a class: where classes are rarer, false positives weigh more.",
        c->n, c->n_positives, 100.0 * (double)c->n_positives / (double)c->n);
    if (c->k == 1) {
        say(t, "With one class the cascade is its gate alone: there is "
               "nothing for a species net to tell apart.");
    }
    say(t, "Thresholds of all systems come from the validation images, so "
           "that 95 %% of the class images pass there.");
    say_seeds(t);
    say_budget(c, t);
}

enum nn_status comparison_verdict(const struct comparison *c,
                                  struct comparison_result *r,
                                  struct nn_error *err)
{
    struct talk t = { .c = c, .r = r };

    r->text = r->n_differences > 0 ? sentence_pair(c, r) : sentence_alone(c, r);
    say_rules(&t);
    if (r->n_differences > 0) {
        say(&t, "The best single model was picked on the same test images, "
                "which favours it a little.");
        say_unknown(&t);
        say_false_positives(&t);
        say_cost(&t);
    }
    say_left_out(&t);
    if (r->leaks > 0) {
        say(&t,
            "%zu validation or test images have a near-duplicate in "
            "training: figures on them are too good.",
            r->leaks);
    }
    return r->text == NULL || t.failed ? nn_fail_nomem(err) : NN_OK;
}

/* --- on the screen ----------------------------------------------------------
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

    fprintf(to, "%-17s", "system");
    for (size_t i = 0; i < N; i++) {
        fprintf(to, " %7s", columns[i].title);
    }
    fprintf(to, " %7s\n", "ms");
    for (size_t s = 0; s < r->n_systems; s++) {
        struct named it = system_at(c, r, s);

        fprintf(to, "%-17s", it.name);
        for (size_t i = 0; i < N; i++) {
            print_number(to, it.r->figures.v[columns[i].which].value,
                         columns[i].percent);
        }
        fprintf(to, " %7.2f\n", it.r->ms_bulk);
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
    if (r->n_differences > 0) {
        fputs("\ncascade minus      right (95 % interval)   p Holm  FPR95 "
              "(95 % interval)   p Holm  McNemar\n",
              to);
    }
    for (size_t i = 0; i < r->n_differences; i++) {
        static const int which[] = { OUTCOMES_END_TO_END, OUTCOMES_FPR95 };
        const struct comparison_difference *d = &r->difference[i];

        fprintf(to, "%-17s", c->system[i + 1].design->name);
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

void comparison_print(const struct comparison *c,
                      const struct comparison_result *r, FILE *to)
{
    print_systems(c, r, to);
    print_differences(c, r, to);
    fprintf(to, "\n%s\n", r->text);
}
