/* The answer in words, and how far to trust it. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/sweep/sweep.h"

const char *sweep_verdict_name(enum sweep_verdict v)
{
    static const char *const names[] = { "enough", "fewest", "not reached",
                                         "undetermined" };

    return names[v];
}

static double max_of(const struct sweep_fit *f)
{
    return f->n[f->n_points - 1];
}

enum sweep_verdict sweep_judge(const struct sweep_fit *f)
{
    if (f->lo <= f->n[0] && f->hi > max_of(f)) {
        return SWEEP_UNDETERMINED;
    }
    return f->enough > max_of(f)  ? SWEEP_NOT_REACHED
           : f->enough <= f->n[0] ? SWEEP_FEWEST
                                  : SWEEP_ENOUGH;
}

/* --- pieces of text --- */

/* Two digits are more than such a fit can tell. */
static double rounded(double n)
{
    double unit = n < 100 ? 1 : pow(10, floor(log10(n)) - 1);

    return round(n / unit) * unit;
}

static char *negatives_of(const struct sweep_answer *a, enum sweep_kind kind)
{
    if (kind == SWEEP_FAMILY) {
        return nn_mem_sprintf("negatives of the family '%s'",
                              a->family != NULL ? a->family : "");
    }
    return nn_mem_sprintf("%s negatives", sweep_kind_name(kind));
}

static char *points_text(double share)
{
    return nn_mem_sprintf("%.3g percentage point%s", 100 * share,
                          fabs(100 * share - 1) < 1e-9 ? "" : "s");
}

static char *interval_text(const struct sweep_fit *f)
{
    double max = max_of(f);

    if (f->lo > max) {
        return nn_mem_sprintf("95 %% interval above %.0f", max);
    }
    if (f->hi > max) {
        return nn_mem_sprintf("95 %% interval %.0f to more than %.0f",
                              rounded(f->lo), max);
    }
    return nn_mem_sprintf("95 %% interval %.0f to %.0f", rounded(f->lo),
                          rounded(f->hi));
}

static char *basis_text(const struct sweep_answer *a, const struct sweep_fit *f)
{
    char *interval = interval_text(f);
    size_t seeds = a->plan->n_seeds;
    char *text = interval == NULL
                     ? NULL
                     : nn_mem_sprintf("(fit over %zu numbers, %zu seed%s; %s)",
                                      f->n_points, seeds, seeds == 1 ? "" : "s",
                                      interval);

    nn_mem_free(interval);
    return text;
}

/* --- the sentence --- */

#define LOWERS "lowers the false-positive rate at 95 %% recall by"

static char *join(const struct sweep_answer *a, const struct sweep_fit *f,
                  const char *what, const char *gain, const char *basis)
{
    double max = max_of(f);
    double next =
        sweep_power_at(&f->power, max) - sweep_power_at(&f->power, 2 * max);
    const char *all =
        max >= (double)a->plan->max ? "all there are" : "the most tried";

    switch (sweep_judge(f)) {
    case SWEEP_UNDETERMINED:
        return nn_mem_sprintf(
            "Not determined: the curve says that %s%.0f %s are enough, but the "
            "interval covers every number tried %s.",
            f->enough > max ? "more than " : "about ",
            f->enough > max ? max : rounded(f->enough), what, basis);
    case SWEEP_NOT_REACHED:
        return nn_mem_sprintf(
            "More than %.0f %s are worth having here: at %.0f, %s, another "
            "doubling still " LOWERS " about %.2g percentage points %s.",
            max, what, max, all, 100 * next, basis);
    case SWEEP_FEWEST:
        return nn_mem_sprintf("%.0f %s, the fewest tried, are already enough "
                              "here: another doubling " LOWERS
                              " less than %s %s.",
                              f->n[0], what, gain, basis);
    default:
        return nn_mem_sprintf(
            "About %.0f %s are enough here: another doubling " LOWERS
            " less than %s %s.",
            rounded(f->enough), what, gain, basis);
    }
}

static size_t numbers_above_0(const struct sweep_plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        n += plan->point[i].negatives > 0 &&
             plan->point[i].kind == plan->point[0].kind &&
             plan->point[i].loss == plan->point[0].loss;
    }
    return n;
}

char *sweep_sentence(const struct sweep_answer *a)
{
    const struct sweep_fit *f = a->fit;
    char *what, *gain, *basis, *text = NULL;

    if (a->n_fits == 0) {
        size_t n = numbers_above_0(a->plan);

        return nn_mem_sprintf(
            "Not determined: a curve needs at least 3 numbers of negatives "
            "above 0, and this plan has %zu.",
            n);
    }
    what = negatives_of(a, f->kind);
    gain = points_text(a->options->gain);
    basis = basis_text(a, f);
    if (what != NULL && gain != NULL && basis != NULL) {
        text = join(a, f, what, gain, basis);
    }
    nn_mem_free(what);
    nn_mem_free(gain);
    nn_mem_free(basis);
    return text;
}

/* --- how far to trust it --- */

/* Append a sentence and free it; 0, or -1 when out of memory. */
static int say(json_t *list, char *text)
{
    int bad = text == NULL || json_array_append_new(list, json_string(text));

    nn_mem_free(text);
    return bad ? -1 : 0;
}

static int say_curve(json_t *list, const struct sweep_fit *f)
{
    double max = max_of(f);
    int bad;

    if (f->n_points == 3) {
        bad = say(list, nn_mem_sprintf("3 numbers and 3 unknowns: nothing "
                                       "checks the shape of the curve (rmse "
                                       "%.2g percentage points).",
                                       100 * f->power.rmse));
    } else {
        bad = say(list, nn_mem_sprintf(
                            "The curve a n^-b + c misses its %zu points by "
                            "%.2g percentage points (rmse); a law is assumed, "
                            "not shown.",
                            f->n_points, 100 * f->power.rmse));
    }
    if (!bad && isfinite(f->one_out_hi)) {
        bad = say(list, nn_mem_sprintf("With one of the numbers left out, the "
                                       "answer lies between %.0f and %.0f.",
                                       rounded(f->one_out_lo),
                                       rounded(f->one_out_hi)));
    } else if (!bad && f->n_points > 3) {
        bad = say(list, nn_mem_sprintf("With one of the numbers left out, the "
                                       "answer lies between %.0f and beyond "
                                       "anything.",
                                       rounded(f->one_out_lo)));
    }
    if (!bad && f->enough > max && isfinite(f->enough)) {
        bad = say(list, nn_mem_sprintf("Extrapolated, the curve would be flat "
                                       "enough at about %.0f; nothing beyond "
                                       "%.0f was measured.",
                                       rounded(f->enough), max));
    } else if (!bad) {
        bad = say(list, nn_mem_sprintf("Beyond %.0f negatives nothing was "
                                       "measured: there the curve is "
                                       "extrapolation.",
                                       max));
    }
    return bad;
}

static int say_data(json_t *list, const struct sweep_answer *a)
{
    const struct experiment_test *t = a->test;
    size_t seeds = a->plan->n_seeds, shown = 0;
    int bad;

    for (size_t i = 0; i < a->plan->n; i++) {
        const struct sweep_point *p = &a->plan->point[i];

        shown = p->images > shown ? p->images : shown;
    }
    bad = say(list, seeds == 1
                        ? nn_mem_strdup("1 seed: how much training runs "
                                        "differ is unknown and not in the "
                                        "interval.")
                        : nn_mem_sprintf("%zu seeds, each with its own draw of "
                                         "negatives; the interval covers them "
                                         "and the test images.",
                                         seeds));
    if (!bad) {
        bad = say(list, nn_mem_sprintf(
                            "One data set, %zu test images (%zu positives, "
                            "%zu negatives): one more false positive is %.2g "
                            "percentage points, and negatives of other kinds "
                            "may need other numbers.",
                            t->n_positives + t->n_negatives, t->n_positives,
                            t->n_negatives, 100 / (double)t->n_negatives));
    }
    if (!bad) {
        bad = say(
            list,
            nn_mem_sprintf("The numbers are of training negatives: the same "
                           "%zu validation negatives choose %stemperature and "
                           "threshold at every point.",
                           nn_dataset_count(a->ds, NN_VALID, NN_ITEMS_NEGATIVE),
                           a->options->epochs > 0 ? "epoch, " : ""));
    }
    if (!bad && a->options->epochs > 0) {
        bad = say(list, nn_mem_sprintf("Every run was shown about %zu "
                                       "images, so with fewer negatives each "
                                       "was seen more often.",
                                       shown));
    }
    return bad;
}

static int say_kinds(json_t *list, const struct sweep_answer *a)
{
    int mined = 0, none = 0, skipped = 0, bad = 0;

    for (size_t i = 0; i < a->plan->n; i++) {
        const struct sweep_point *p = &a->plan->point[i];

        mined |= p->kind == SWEEP_MINED;
        none |= p->negatives == 0 && !p->skipped;
        skipped |= p->skipped;
    }
    if (none) {
        bad = say(list, nn_mem_strdup(
                            "0 negatives is another design (softmax over the "
                            "classes, largest probability), since a gate "
                            "cannot be trained without negatives; the curve "
                            "leaves it out."));
    }
    if (skipped) {
        bad = say(list, nn_mem_strdup("0 negatives was not measured: with one "
                                      "class, nothing can be trained without "
                                      "negatives."));
    }
    if (!bad && mined) {
        bad = say(list, nn_mem_sprintf("Mined: the %zu random ones and then "
                                       "those that the gate of these %zu "
                                       "scored highest; its first and last "
                                       "points are the random ones.",
                                       a->plan->first, a->plan->first));
    }
    return bad;
}

json_t *sweep_trust(const struct sweep_answer *a)
{
    json_t *list = json_array();
    int bad = list == NULL;

    if (!bad && a->n_fits > 0) {
        bad = say_curve(list, a->fit);
    }
    bad = bad || say_data(list, a) || say_kinds(list, a);
    if (bad) {
        json_decref(list);
        return NULL;
    }
    return list;
}
