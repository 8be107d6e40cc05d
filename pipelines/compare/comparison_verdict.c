/* What the figures say, in words. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    return (struct named){ c->system[i].name, &r->system[i],
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

/* Costs that differ by less are taken for equal. */
#define SAME_COST 1.1

enum { PHRASE = 240 };

/* "1.23 G", "560 M" */
static void macs_text(double macs, char text[24])
{
    int giga = macs >= 1e9;

    snprintf(text, 24, "%.3g %s", macs / (giga ? 1e9 : 1e6), giga ? "G" : "M");
}

/* "41 images/s against 13 of softmax-none, from files, where 1 % ..." */
static void cost_phrase(const struct comparison_result *r,
                        const struct comparison_weight *w, size_t other,
                        const char *name, char text[PHRASE])
{
    const struct comparison_price *us = &r->system[0].price[COMPARISON_RARE];
    const struct comparison_price *it =
        &r->system[other].price[COMPARISON_RARE];
    double share = 100 * comparison_prevalence[COMPARISON_RARE];
    char a[24], b[24];

    if (w->way == COMPARISON_WAYS) {
        macs_text(us->macs, a);
        macs_text(it->macs, b);
        snprintf(text, PHRASE,
                 "where %g %% of the images show a class, %s multiply-adds an "
                 "image against %s of %s; times are unsure",
                 share, a, b, name);
        return;
    }
    snprintf(text, PHRASE,
             "where %g %% of the images show a class, %.*f images/s %s against "
             "%.*f of %s",
             share, us->images_s[w->way] < 10, us->images_s[w->way],
             w->way == COMPARISON_FILES ? "from files" : "in memory",
             it->images_s[w->way] < 10, it->images_s[w->way], name);
}

/* -1: the cascade is the cheaper one, 1: the other, 0: neither. */
static int dearer(const struct comparison_weight *w)
{
    return w->ratio > SAME_COST ? -1 : w->ratio < 1 / SAME_COST;
}

/* What to do where one is known to be better. */
static char *weigh_better(const struct named *us, const struct named *it,
                          const struct nn_interval *v, int cost,
                          const char *phrase)
{
    const char *better = v->value > 0 ? us->name : it->name;
    const char *other = v->value > 0 ? it->name : us->name;
    int better_costs = v->value > 0 ? cost : -cost;

    if (better_costs == 0) {
        return nn_mem_sprintf("Both cost about the same (%s): take %s.", phrase,
                              better);
    }
    if (better_costs < 0) {
        return nn_mem_sprintf("The better one is the cheaper one, too (%s): "
                              "take %s.",
                              phrase, better);
    }
    return nn_mem_sprintf(
        "The cheaper one is %s (%s): take it where the cost matters more than "
        "%.1f points of right answers, else %s.",
        other, phrase, 100 * fabs(v->value), better);
}

/* What to do where nothing could be shown: how far the truth may be from "no
 * difference" decides. The width of an interval falls with the root of n. */
static char *weigh_equals(const struct comparison *c, const struct named *us,
                          const struct named *it, const struct nn_interval *v,
                          int cost, const char *phrase)
{
    double most = fmax(fabs(v->lo), fabs(v->hi));
    double more = (v->hi - v->lo) / 2 / COMPARISON_CLOSE;
    const char *cheaper = cost < 0 ? us->name : it->name;
    char price[PHRASE + 64];

    if (most <= COMPARISON_CLOSE && cost == 0) {
        return nn_mem_sprintf("Both cost about the same, too (%s): take "
                              "either.",
                              phrase);
    }
    if (most <= COMPARISON_CLOSE) {
        return nn_mem_sprintf("Take the cheaper one, which is %s (%s).",
                              cheaper, phrase);
    }
    if (cost == 0) {
        snprintf(price, sizeof price, "Both cost about the same (%s).", phrase);
    } else {
        snprintf(price, sizeof price, "The cheaper one is %s (%s).", cheaper,
                 phrase);
    }
    return nn_mem_sprintf(
        "The truth may be %.0f points either way: about %.0f test images would "
        "tell differences of %.0f points. %s",
        100 * most, ceil((double)c->n * fmax(1, more * more)),
        100 * COMPARISON_CLOSE, price);
}

/* The cascade against the best single model: which is better, and what that is
 * worth beside the costs. */
static char *sentence_pair(const struct comparison *c,
                           const struct comparison_result *r)
{
    size_t best = best_from(c, r, 1);
    struct named us = system_at(c, r, 0), it = system_at(c, r, best);
    const struct comparison_difference *d = &r->difference[best - 1];
    const struct nn_interval *v = &d->figures.v[OUTCOMES_END_TO_END];
    const struct comparison_weight w = comparison_weigh(c, r, best);
    const char *of = is_single(c, best) ? "the best single model, " : "";
    char *numbers = shares(&us, &it, d, r->n_differences), *text = NULL;
    char *advice = NULL, phrase[PHRASE];

    us.name = "the cascade";
    cost_phrase(r, &w, best, it.name, phrase);
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
        advice = weigh_better(&us, &it, v, dearer(&w), phrase);
        text = nn_mem_sprintf(
            "On these images the cascade is %s than %s%s: %s. %s",
            v->value > 0 ? "better" : "worse", of, it.name, numbers,
            advice != NULL ? advice : "");
    } else {
        advice = weigh_equals(c, &us, &it, v, dearer(&w), phrase);
        text = nn_mem_sprintf(
            "No difference can be shown on these images between the "
            "cascade and %s%s: %s. %s",
            of, it.name, numbers, advice != NULL ? advice : "");
    }
    nn_mem_free(numbers);
    if (advice == NULL && !too_few(c)) {
        nn_mem_free(text);
        text = NULL;
    }
    nn_mem_free(advice);
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
        t->c->system[best].name,
        100 * r->system[best].figures.v[OUTCOMES_FPR95].value, 100 * v->value,
        100 * v->lo, 100 * v->hi,
        d->p_holm[OUTCOMES_FPR95] < LEVEL ? "more than chance explains"
                                          : "which chance explains too");
}

/* Share of the images, mean over the runs, that are called unknown and whose
 * likeliest class is the right one. */
static double unknown_but_right(const struct comparison_system *s)
{
    size_t hits = 0, all = 0;

    for (size_t j = 0; j < s->n_runs; j++) {
        const struct outcomes *o = &s->run[j].said;

        all += o->n;
        for (size_t i = 0; i < o->n; i++) {
            hits +=
                o->verdict[i] == (int32_t)o->k + 1 && o->best[i] == o->truth[i];
        }
    }
    return all > 0 ? (double)hits / (double)all : 0;
}

/* What the cascade alone can answer, and is never right. */
static void say_unknown(struct talk *t)
{
    const struct comparison_means *f = &t->r->system[0].figures;
    double rate = f->v[OUTCOMES_UNKNOWN_RATE].value;

    if (rate > 0) {
        say(t,
            "The cascade can also answer unknown, which counts as wrong: "
            "it did so on %.1f %% of the images of a class. With the "
            "likeliest class in its place it would be right on %.1f %% of the "
            "test "
            "images. Single models always name one.",
            100 * rate,
            100 * (f->v[OUTCOMES_END_TO_END].value +
                   unknown_but_right(&t->c->system[0])));
    }
}

/* 1: at every share that is told the prices, [0] multiply-adds or [1] times,
 * differ by less than what counts. */
static int cost_alike(const struct comparison_result *r, size_t best, int unit)
{
    int alike = 1;

    for (size_t i = 0; i < COMPARISON_PREVALENCES; i++) {
        const struct comparison_price *a = &r->system[0].price[i];
        const struct comparison_price *b = &r->system[best].price[i];
        double ratio = unit == 0 ? a->macs / b->macs : a->ms / b->ms;

        alike &= ratio <= SAME_COST && ratio >= 1 / SAME_COST;
    }
    return alike;
}

/* "at any share", "below a share of 12 %" */
static void when_text(int alike, double share, const char *other, char text[96])
{
    if (alike) {
        snprintf(text, 96, "neither (they differ by less than a tenth)");
    } else if (share >= 1) {
        snprintf(text, 96, "the cascade at any share of images with a class");
    } else if (isfinite(share)) {
        snprintf(text, 96,
                 "the cascade below a share of %.3g %% of images with a class",
                 100 * share);
    } else {
        snprintf(text, 96, "%s at any share of images with a class", other);
    }
}

/* Where the order turns, and whether the times are to be trusted. */
static void say_cost(struct talk *t)
{
    const struct comparison_result *r = t->r;
    size_t best = best_from(t->c, r, 1);
    const struct comparison_difference *d = &r->difference[best - 1];
    const char *other = t->c->system[best].name;
    char macs[96], ms[96];
    int unsure = 0;

    when_text(cost_alike(r, best, 0), d->even_macs, other, macs);
    when_text(cost_alike(r, best, 1), d->even_ms, other, ms);
    say(t,
        "Of the cascade and %s the cheaper one is, by multiply-adds, %s, and "
        "by "
        "the time of the nets (%d threads) %s.",
        other, macs, nn_parallel_threads(), ms);
    for (size_t i = 0; i < t->c->n_systems; i++) {
        for (int way = 0; way < COMPARISON_WAYS; way++) {
            unsure |= t->c->system[i].cost.speed[way].unsure;
        }
    }
    if (unsure) {
        say(t,
            "The machine was busy while images/s were measured: those marked "
            "unsure may be too low. Run compare again when it is idle; "
            "nothing is trained again.");
    }
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
            t->c->opt->seeds, t->c->system[0].name, 100 * lo, 100 * hi);
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

/* "cascade:gate-size=129, ..."; NULL without any, or out of memory. */
static char *own_options(const struct nn_option_list *with)
{
    char *all = NULL;

    for (size_t i = 0; i < with->n; i++) {
        char *more;

        if (comparison_with_system(with->v[i]) == 0) {
            continue;
        }
        more = all == NULL ? nn_mem_strdup(with->v[i])
                           : nn_mem_sprintf("%s, %s", all, with->v[i]);
        nn_mem_free(all);
        all = more;
    }
    return all;
}

enum { MOST_OPTIONS = 400 }; /* characters of them in a condition */

static void say_budget(const struct comparison *c, struct talk *t)
{
    char *own = own_options(&c->opt->with);

    if (own != NULL) {
        int cut = strlen(own) > MOST_OPTIONS;

        say(t, "Same images and seeds; options of one system alone: %.*s%s.",
            MOST_OPTIONS, own, cut ? " ..." : "");
        nn_mem_free(own);
        return;
    }
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

static int same_runs(const struct comparison_system *a,
                     const struct comparison_system *b)
{
    int same = a->n_runs == b->n_runs && a->n_runs > 0;

    for (size_t i = 0; same && i < a->n_runs; i++) {
        same = a->run[i].hash[0] != '\0' &&
               strcmp(a->run[i].hash, b->run[i].hash) == 0;
    }
    return same;
}

/* Two designs may differ in something that this training does not use. */
static void say_same(struct talk *t)
{
    const struct comparison *c = t->c;

    for (size_t i = 0; i < c->n_systems; i++) {
        for (size_t k = 0; k < i; k++) {
            if (same_runs(&c->system[k], &c->system[i])) {
                say(t,
                    "%s and %s are the same nets here: a classifier that is "
                    "fitted to frozen features has no focal loss (--epochs N "
                    "trains with it).",
                    c->system[k].name, c->system[i].name);
                break;
            }
        }
    }
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
    say_same(t);
}

enum nn_status comparison_verdict(const struct comparison *c,
                                  struct comparison_result *r,
                                  struct nn_error *err)
{
    struct talk t = { .c = c, .r = r };

    if (r->n_differences > 0 && !too_few(c)) {
        r->weighed = best_from(c, r, 1);
        r->weight = comparison_weigh(c, r, r->weighed);
    }
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
