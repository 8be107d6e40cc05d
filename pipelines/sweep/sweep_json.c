/* sweep.json, and the tables of the terminal. */
#include <math.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/sweep/sweep.h"

/* --- pieces --- */

/* A whole number of images, or null. */
static json_t *count(double x)
{
    return isfinite(x) ? json_integer((json_int_t)x) : json_null();
}

static json_t *figure(const struct sweep_figure *f, size_t n_seeds)
{
    json_t *seeds = json_array();

    for (size_t s = 0; s < n_seeds; s++) {
        nn_json_add(&seeds, nn_json_number(f->seed[s]));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "value", nn_json_number(f->value),
                     "lo", nn_json_number(f->lo), "hi", nn_json_number(f->hi),
                     "seeds", seeds);
}

static json_t *seed_list(size_t n)
{
    json_t *a = json_array();

    for (size_t s = 0; s < n; s++) {
        nn_json_add(&a, json_integer((json_int_t)s + 1));
    }
    return a;
}

static json_t *runs(const struct sweep_plan *plan, const struct sweep_point *p)
{
    json_t *a = json_array();

    for (size_t s = 0; !p->skipped && s < plan->n_seeds; s++) {
        const struct sweep_run *r = &p->run[s];
        nn_json_add(&a,
                    json_pack("{s:I, s:s, s:o, s:o, s:o}", "seed",
                              (json_int_t)s + 1, "command", r->command, "model",
                              json_sprintf("points/%s/best.safetensors",
                                           nn_path_base(r->dir)),
                              "threshold", nn_json_number(r->threshold),
                              "train_seconds", nn_json_number(r->seconds)));
    }
    return a;
}

static json_t *point(const struct sweep_answer *a, const struct sweep_point *p)
{
    size_t n = a->plan->n_seeds;
    const char *design = p->skipped          ? NULL
                         : p->negatives == 0 ? "softmax-max"
                                             : "gate";

    return json_pack(
        "{s:I, s:s, s:s?, s:s, s:s?, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
        "negatives", (json_int_t)p->negatives, "kind", sweep_kind_name(p->kind),
        "family", p->kind == SWEEP_FAMILY ? a->family : NULL, "loss",
        sweep_loss_name(p->loss), "design", design, "epochs", p->epochs,
        "images", (json_int_t)p->images, "seeds", seed_list(n), "roc_area",
        figure(&p->roc_area, n), "fpr95", figure(&p->fpr95, n), "fpr",
        figure(&p->fpr, n), "average_precision",
        figure(&p->average_precision, n), "runs", runs(a->plan, p));
}

static json_t *fit(const struct sweep_fit *f)
{
    enum sweep_verdict v = sweep_judge(f);
    double max = f->n[f->n_points - 1];
    int known = v == SWEEP_ENOUGH || v == SWEEP_FEWEST;
    json_t *points = json_array();

    for (size_t i = 0; i < f->n_points; i++) {
        nn_json_add(&points,
                    json_pack("{s:o, s:o}", "negatives", count(f->n[i]),
                              "value", nn_json_number(f->value[i])));
    }
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}",
        "kind", sweep_kind_name(f->kind), "loss", sweep_loss_name(f->loss), "a",
        nn_json_number(f->power.a), "b", nn_json_number(f->power.b), "c",
        nn_json_number(f->power.c), "rmse", nn_json_number(f->power.rmse),
        "enough", known ? count(f->enough) : json_null(), "verdict",
        sweep_verdict_name(v), "lo", f->lo > max ? json_null() : count(f->lo),
        "hi", f->hi > max ? json_null() : count(f->hi), "extrapolated",
        f->enough > max ? count(f->enough) : json_null(), "one_left_out",
        json_pack("[o, o]", count(f->one_out_lo), count(f->one_out_hi)),
        "points", points);
}

/* --- the whole --- */

static json_t *options(const struct sweep_options *o)
{
    json_t *with = json_array();

    for (size_t i = 0; i < o->with.n; i++) {
        nn_json_add(&with, nn_json_text(o->with.v[i]));
    }
    return json_pack("{s:i, s:i, s:b, s:o}", "epochs", o->epochs, "seeds",
                     o->seeds, "full_grid", o->full_grid, "with", with);
}

static json_t *data(const struct sweep_answer *a)
{
    char hash[33];

    nn_dataset_hash(a->ds, hash);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "path",
                     nn_path_base(a->ds->path), "hash", hash, "train_positives",
                     (json_int_t)a->plan->n_positives, "train_negatives",
                     (json_int_t)a->plan->max, "test_positives",
                     (json_int_t)a->test->n_positives, "test_negatives",
                     (json_int_t)a->test->n_negatives);
}

static json_t *all_points(const struct sweep_answer *a)
{
    json_t *list = json_array();

    for (size_t i = 0; i < a->plan->n; i++) {
        nn_json_add(&list, point(a, &a->plan->point[i]));
    }
    return list;
}

static json_t *all_fits(const struct sweep_answer *a)
{
    json_t *list = json_array();

    for (size_t i = 0; i < a->n_fits; i++) {
        nn_json_add(&list, fit(&a->fit[i]));
    }
    return list;
}

json_t *sweep_json(const struct sweep_answer *a)
{
    char *sentence = sweep_sentence(a);
    json_t *j =
        sentence == NULL
            ? NULL
            : json_pack("{s:s, s:s, s:o, s:s, s:o, s:f, s:s, s:o, s:o, s:o}",
                        "format", SWEEP_FORMAT, "program", BEARCASCADE_VERSION,
                        "data", data(a), "answer", sentence, "trust",
                        sweep_trust(a), "stated_gain", a->options->gain,
                        "measure", "fpr95", "options", options(a->options),
                        "points", all_points(a), "fits", all_fits(a));

    nn_mem_free(sentence);
    return j;
}

/* --- tables --- */

static void print_point(const struct sweep_plan *plan,
                        const struct sweep_point *p, FILE *to)
{
    fprintf(to, "%-11s %-14s %9zu", sweep_kind_name(p->kind),
            sweep_loss_name(p->loss), p->negatives);
    if (p->skipped) {
        fputs("  cannot be trained: one class and no negatives\n", to);
        return;
    }
    fprintf(to, " %6d %8zu  %.4f  %.4f [%.4f, %.4f]  %.4f ", p->epochs,
            p->images, p->roc_area.value, p->fpr95.value, p->fpr95.lo,
            p->fpr95.hi, p->fpr.value);
    for (size_t s = 0; s < plan->n_seeds; s++) {
        fprintf(to, " %.4f", p->fpr95.seed[s]);
    }
    fputs(p->negatives == 0 ? "  softmax-max\n" : "\n", to);
}

static void print_fit(const struct sweep_fit *f, FILE *to)
{
    double max = f->n[f->n_points - 1];

    fprintf(to, "%-11s %-14s  ", sweep_kind_name(f->kind),
            sweep_loss_name(f->loss));
    if (f->power.a > 0) {
        fprintf(to, "%.4g n^-%.3g + %.4g, rmse %.2g", f->power.a, f->power.b,
                f->power.c, f->power.rmse);
    } else {
        fprintf(to, "flat at %.4g, rmse %.2g", f->power.c, f->power.rmse);
    }
    if (f->enough <= max) {
        fprintf(to, "; enough at %.0f (%s)\n", f->enough,
                sweep_verdict_name(sweep_judge(f)));
    } else {
        fprintf(to, "; not flat enough by %.0f (%s)\n", max,
                sweep_verdict_name(sweep_judge(f)));
    }
}

void sweep_print(const struct sweep_answer *a, FILE *to)
{
    fputs("kind        loss           negatives epochs   images  ROC     "
          "fpr95  [95 % interval]   fpr     fpr95 of each seed\n",
          to);
    for (size_t i = 0; i < a->plan->n; i++) {
        print_point(a->plan, &a->plan->point[i], to);
    }
    if (a->n_fits > 0) {
        fputs("\nfpr95 = a n^-b + c\n", to);
    }
    for (size_t i = 0; i < a->n_fits; i++) {
        print_fit(&a->fit[i], to);
    }
}
