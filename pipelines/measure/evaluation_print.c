#include <math.h>

#include "common/base/json.h"
#include "pipelines/measure/evaluation.h"

/* who: of the gate, or of both stages; NULL: the name says it. */
static void print_figure(FILE *to, const char *who, const char *name,
                         const struct evaluation_figure *f)
{
    char text[64];

    if (isnan(f->value)) {
        return;
    }
    snprintf(text, sizeof text, "%s%s%s", who != NULL ? who : "",
             who != NULL ? ": " : "", name);
    fprintf(to, "  %-44s %.4f", text, f->value);
    if (!isnan(f->lo)) {
        fprintf(to, "  [%.4f, %.4f]", f->lo, f->hi);
    }
    fputc('\n', to);
}

static void print_rate(FILE *to, double rate)
{
    if (isnan(rate)) {
        fprintf(to, "  %8s", "-");
    } else {
        fprintf(to, "  %8.4f", rate);
    }
}

static void print_negatives(FILE *to, const struct evaluation_negatives *v)
{
    fprintf(to, "  %-20s %6zu", v->name, v->n);
    print_rate(to, v->fpr95.value);
    print_rate(to, v->fpr99.value);
    print_rate(to, v->fpr.value);
    if (!isnan(v->fpr.lo)) {
        fprintf(to, " [%.4f, %.4f]", v->fpr.lo, v->fpr.hi);
    }
    fputc('\n', to);
}

static void print_families(const struct evaluation *e, const char *who,
                           FILE *to)
{
    if (e->n_negatives == 0) {
        return;
    }
    fprintf(to,
            "false positives of the %s, by negative family\n"
            "  family                    n   FPR@95    FPR@99  at threshold\n",
            who);
    print_negatives(to, &e->all);
    for (size_t f = 0; f < e->n_families; f++) {
        print_negatives(to, &e->families[f]);
    }
}

enum { TABLE_CLASSES = 12, WORST = 15 };

static const char *verdict_name(const struct model *m, size_t k, size_t j)
{
    return j < k ? m->classes[j] : j == k ? "none" : "unknown";
}

/* Of many classes, the wrong verdicts that come most often. */
static void print_worst(const struct evaluation *e, const struct model *m,
                        FILE *to)
{
    size_t k = e->n_classes, limit = SIZE_MAX, printed = 0;

    fprintf(to,
            "end to end: the %d most frequent confusions of %zu classes "
            "(--json has the table)\n",
            WORST, k);
    while (limit > 0 && printed < WORST) {
        size_t best = 0;

        for (size_t i = 0; i < (k + 1) * (k + 2); i++) {
            size_t n = e->confusion[i];
            int right = i / (k + 2) == i % (k + 2);

            best = !right && n < limit && n > best ? n : best;
        }
        limit = best;
        for (size_t i = 0; best > 0 && i < (k + 1) * (k + 2); i++) {
            size_t truth = i / (k + 2), verdict = i % (k + 2);

            if (e->confusion[i] == best && truth != verdict &&
                printed < WORST) {
                fprintf(to, "  %6zu  %.40s called %.40s\n", best,
                        truth < k ? m->classes[truth] : "(negative)",
                        verdict_name(m, k, verdict));
                printed++;
            }
        }
    }
}

static void print_confusion(const struct evaluation *e, const struct model *m,
                            FILE *to)
{
    size_t k = e->n_classes;

    if (k > TABLE_CLASSES) {
        print_worst(e, m, to);
        return;
    }

    fputs("end to end (rows: truth, columns: verdict)\n  ", to);
    fprintf(to, "%-14s", "");
    for (size_t j = 0; j < k + 2; j++) {
        const char *name = j < k ? m->classes[j] : "none";

        fprintf(to, " %12.12s", j == k + 1 ? "unknown" : name);
    }
    fputc('\n', to);
    for (size_t i = 0; i <= k; i++) {
        fprintf(to, "  %-14.14s", i < k ? m->classes[i] : "(negative)");
        for (size_t j = 0; j < k + 2; j++) {
            fprintf(to, " %12zu", e->confusion[i * (k + 2) + j]);
        }
        fputc('\n', to);
    }
}

/* Thresholds that are not the model's own. */
static void print_decision(const struct model *m, FILE *to)
{
    if (m->threshold_given) {
        fprintf(to, "  %-44s %.4f\n", "given threshold of p_positive",
                m->threshold);
    }
    if (m->reject_given) {
        fprintf(to, "  %-44s %.4f\n", "given: unknown below",
                m->species_policy.reject_threshold);
    }
}

/* What there cannot be. */
static void print_missing(const struct evaluation *e, FILE *to)
{
    if (e->n_negatives == 0) {
        fputs("  no negatives, so there is no ROC area, average precision, "
              "false-positive rate\n  or calibration error of a positive\n",
              to);
    }
    if (e->n_positives == 0) {
        fputs("  no image of a class, so there is no ROC area, average "
              "precision, recall,\n  false-negative rate, species accuracy, "
              "share called unknown or calibration error\n",
              to);
    }
}

/* ROC area and average precision have no interval then. */
static void print_no_fault(const struct evaluation *e, FILE *to)
{
    if (e->roc_area.value == 1) {
        fputs("    no interval: here every image of a class scores above "
              "every negative\n",
              to);
    }
}

void evaluation_print(const struct evaluation *e, const struct model *m,
                      FILE *to)
{
    const char *who = model_says_none(m) ? "cascade" : "gate";

    fprintf(to,
            "%s: %zu images of a class, %zu negatives, %zu unreadable; "
            "95 %% %s intervals in brackets\n",
            e->title, e->n_positives, e->n_negatives, e->n_failed,
            evaluation_has_both(e) ? "bootstrap" : "exact");
    print_missing(e, to);
    print_decision(m, to);
    print_figure(to, who, "ROC area", &e->roc_area);
    print_figure(to, who, "average precision", &e->average_precision);
    print_no_fault(e, to);
    print_figure(to, who, "false-positive rate at 95 % recall", &e->all.fpr95);
    print_figure(to, who, "false-positive rate at 99 % recall", &e->all.fpr99);
    print_figure(to, who, "false-negative rate at its threshold", &e->fnr);
    print_figure(to, who, "false-positive rate at its threshold", &e->all.fpr);
    print_figure(to, NULL, "species accuracy behind a perfect gate",
                 &e->species_accuracy);
    print_figure(to, NULL, "positives called unknown", &e->unknown_rate);
    print_figure(to, NULL, "end to end: right verdicts", &e->end_to_end);
    if (!isnan(e->gate_ece)) {
        char text[64];

        snprintf(text, sizeof text, "%s: expected calibration error", who);
        fprintf(to, "  %-44s %.4f (Brier score %.4f)\n", text, e->gate_ece,
                e->gate_brier);
    }
    if (!isnan(e->species_ece)) {
        fprintf(to, "  %-44s %.4f\n", "species: expected calibration error",
                e->species_ece);
    }
    fprintf(to, "  %-44s %.2f + %.2f\n",
            "ms per image, gate + species (all images)", e->ms_gate,
            e->ms_species);
    if (model_says_none(m)) {
        fprintf(to, "  %-44s %zu + %zu\n  %-44s %zu + %zu\n",
                "negatives rejected, by gate + species", e->none_by_gate[0],
                e->none_by_species[0], "positives rejected, by gate + species",
                e->none_by_gate[1], e->none_by_species[1]);
    }
    for (size_t i = 0; i < m->rungs.n; i++) {
        char text[64];

        snprintf(text, sizeof text, "before that by rung %zu", i + 1);
        fprintf(to, "  %-44s %zu negatives, %zu positives\n", text,
                e->none_by_rung[i][0], e->none_by_rung[i][1]);
    }
    print_families(e, who, to);
    print_confusion(e, m, to);
}

/* --- JSON ------------------------------------------------------------------
 */

static json_t *figure_json(const struct evaluation_figure *f)
{
    return json_pack("{s:o, s:o, s:o}", "value", nn_json_number(f->value), "lo",
                     nn_json_number(f->lo), "hi", nn_json_number(f->hi));
}

static json_t *negatives_json(const struct evaluation_negatives *v)
{
    return json_pack("{s:o, s:I, s:o, s:o, s:o}", "family",
                     nn_json_text(v->name), "n", (json_int_t)v->n, "fpr95",
                     figure_json(&v->fpr95), "fpr99", figure_json(&v->fpr99),
                     "fpr", figure_json(&v->fpr));
}

static json_t *confusion_json(const struct evaluation *e)
{
    json_t *rows = json_array();

    for (size_t i = 0; i <= e->n_classes; i++) {
        json_t *row = json_array();

        for (size_t j = 0; j < e->n_classes + 2; j++) {
            size_t n = e->confusion[i * (e->n_classes + 2) + j];

            nn_json_add(&row, json_integer((json_int_t)n));
        }
        nn_json_add(&rows, row);
    }
    return rows;
}

static json_t *none_json(const size_t *n)
{
    return json_pack("{s:I, s:I}", "positives", (json_int_t)n[1], "negatives",
                     (json_int_t)n[0]);
}

static json_t *names_json(const struct model *m, int with_unknown)
{
    json_t *a = json_array();

    for (size_t k = 0; k < m->n_classes; k++) {
        nn_json_add(&a, json_string(m->classes[k]));
    }
    nn_json_add(&a, json_string("none"));
    if (with_unknown) {
        nn_json_add(&a, json_string("unknown"));
    }
    return a;
}

json_t *evaluation_json(const struct evaluation *e, const struct model *m)
{
    json_t *j = json_object(), *families = json_array();

    for (size_t f = 0; f < e->n_families; f++) {
        nn_json_add(&families, negatives_json(&e->families[f]));
    }
    nn_json_put(&j, "title", nn_json_text(e->title));
    nn_json_put(&j, "positives", json_integer((json_int_t)e->n_positives));
    nn_json_put(&j, "negatives", json_integer((json_int_t)e->n_negatives));
    nn_json_put(&j, "unreadable", json_integer((json_int_t)e->n_failed));
    nn_json_put(&j, "threshold", nn_json_number(model_threshold(m)));
    nn_json_put(&j, "threshold_given", json_boolean(m->threshold_given));
    nn_json_put(&j, "unknown_below",
                m->species != NULL
                    ? nn_json_number(m->species_policy.reject_threshold)
                    : json_null());
    nn_json_put(&j, "unknown_below_given", json_boolean(m->reject_given));
    nn_json_put(&j, "roc_area", figure_json(&e->roc_area));
    nn_json_put(&j, "average_precision", figure_json(&e->average_precision));
    nn_json_put(&j, "all_negatives", negatives_json(&e->all));
    nn_json_put(&j, "families", families);
    nn_json_put(&j, "fnr", figure_json(&e->fnr));
    nn_json_put(&j, "species_accuracy", figure_json(&e->species_accuracy));
    nn_json_put(&j, "unknown_rate", figure_json(&e->unknown_rate));
    nn_json_put(&j, "end_to_end", figure_json(&e->end_to_end));
    nn_json_put(&j, "gate_ece", nn_json_number(e->gate_ece));
    nn_json_put(&j, "gate_brier", nn_json_number(e->gate_brier));
    nn_json_put(&j, "species_ece", nn_json_number(e->species_ece));
    nn_json_put(&j, "ms_gate", nn_json_number(e->ms_gate));
    nn_json_put(&j, "ms_species", nn_json_number(e->ms_species));
    nn_json_put(&j, "truth", names_json(m, 0));
    nn_json_put(&j, "verdicts", names_json(m, 1));
    nn_json_put(&j, "confusion", confusion_json(e));
    nn_json_put(&j, "none_by_gate", none_json(e->none_by_gate));
    nn_json_put(&j, "none_by_species", none_json(e->none_by_species));
    if (m->rungs.n > 0) {
        json_t *rungs = json_array();

        for (size_t i = 0; i < m->rungs.n; i++) {
            nn_json_add(&rungs, none_json(e->none_by_rung[i]));
        }
        nn_json_put(&j, "none_by_rung", rungs);
    }
    return j;
}
