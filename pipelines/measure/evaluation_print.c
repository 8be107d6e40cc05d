#include <math.h>

#include "pipelines/measure/evaluation.h"

static void print_figure(FILE *to, const char *name,
                         const struct evaluation_figure *f)
{
    if (isnan(f->value)) {
        return;
    }
    fprintf(to, "  %-44s %.4f", name, f->value);
    if (!isnan(f->lo)) {
        fprintf(to, "  [%.4f, %.4f]", f->lo, f->hi);
    }
    fputc('\n', to);
}

static void print_negatives(FILE *to, const struct evaluation_negatives *v)
{
    fprintf(to, "  %-20s %6zu  %8.4f  %8.4f  %8.4f", v->name, v->n,
            v->fpr95.value, v->fpr99.value, v->false_alarm.value);
    if (!isnan(v->false_alarm.lo)) {
        fprintf(to, " [%.4f, %.4f]", v->false_alarm.lo, v->false_alarm.hi);
    }
    fputc('\n', to);
}

static void print_families(const struct evaluation *e, FILE *to)
{
    if (e->n_negatives == 0 || e->n_positives == 0) {
        return;
    }
    fputs("false positives of the gate, by negative family\n"
          "  family                    n   FPR@95    FPR@99  at threshold\n",
          to);
    print_negatives(to, &e->all);
    for (size_t f = 0; f < e->n_families; f++) {
        print_negatives(to, &e->families[f]);
    }
}

static void print_confusion(const struct evaluation *e, const struct model *m,
                            FILE *to)
{
    size_t k = e->n_classes;

    fputs("end to end (rows: truth, columns: verdict)\n  ", to);
    fprintf(to, "%-14s", "");
    for (size_t j = 0; j < k + 2; j++) {
        const char *name = j < k ? m->classes[j] : "none";

        fprintf(to, " %12.12s", j == k + 1 ? "unknown_bear" : name);
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

void evaluation_print(const struct evaluation *e, const struct model *m,
                      FILE *to)
{
    fprintf(to,
            "%s: %zu pictures of a class, %zu negatives, %zu unreadable; "
            "95 %% bootstrap intervals in brackets\n",
            e->title, e->n_positives, e->n_negatives, e->n_failed);
    print_figure(to, "gate: ROC area", &e->roc_area);
    print_figure(to, "gate: average precision", &e->average_precision);
    print_figure(to, "gate: false-positive rate at 95 % hit rate",
                 &e->all.fpr95);
    print_figure(to, "gate: false-positive rate at 99 % hit rate",
                 &e->all.fpr99);
    print_figure(to, "gate: miss rate at its threshold", &e->miss_rate);
    print_figure(to, "gate: false-alarm rate at its threshold",
                 &e->all.false_alarm);
    print_figure(to, "species accuracy behind a perfect gate",
                 &e->species_accuracy);
    print_figure(to, "positives called unknown_bear", &e->unknown_rate);
    print_figure(to, "end to end: right verdicts", &e->end_to_end);
    if (!isnan(e->gate_ece)) {
        fprintf(to, "  %-44s %.4f (Brier score %.4f)\n",
                "gate: expected calibration error", e->gate_ece, e->gate_brier);
    }
    if (!isnan(e->species_ece)) {
        fprintf(to, "  %-44s %.4f\n", "species: expected calibration error",
                e->species_ece);
    }
    fprintf(to, "  %-44s %.2f + %.2f\n",
            "ms per picture, gate + species (all pictures)", e->ms_gate,
            e->ms_species);
    print_families(e, to);
    print_confusion(e, m, to);
}

/* --- JSON ------------------------------------------------------------------
 */

static json_t *number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

static json_t *figure_json(const struct evaluation_figure *f)
{
    return json_pack("{s:o, s:o, s:o}", "value", number(f->value), "lo",
                     number(f->lo), "hi", number(f->hi));
}

static json_t *negatives_json(const struct evaluation_negatives *v)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o}", "family", v->name, "n",
                     (json_int_t)v->n, "fpr95", figure_json(&v->fpr95), "fpr99",
                     figure_json(&v->fpr99), "false_alarm",
                     figure_json(&v->false_alarm));
}

static json_t *confusion_json(const struct evaluation *e)
{
    json_t *rows = json_array();

    for (size_t i = 0; i <= e->n_classes; i++) {
        json_t *row = json_array();

        for (size_t j = 0; j < e->n_classes + 2; j++) {
            size_t n = e->confusion[i * (e->n_classes + 2) + j];

            json_array_append_new(row, json_integer((json_int_t)n));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *names_json(const struct model *m, int with_unknown)
{
    json_t *a = json_array();

    for (size_t k = 0; k < m->n_classes; k++) {
        json_array_append_new(a, json_string(m->classes[k]));
    }
    json_array_append_new(a, json_string("none"));
    if (with_unknown) {
        json_array_append_new(a, json_string("unknown_bear"));
    }
    return a;
}

json_t *evaluation_json(const struct evaluation *e, const struct model *m)
{
    json_t *j = json_object(), *families = json_array();

    for (size_t f = 0; f < e->n_families; f++) {
        json_array_append_new(families, negatives_json(&e->families[f]));
    }
    json_object_set_new(j, "title", json_string(e->title));
    json_object_set_new(j, "positives",
                        json_integer((json_int_t)e->n_positives));
    json_object_set_new(j, "negatives",
                        json_integer((json_int_t)e->n_negatives));
    json_object_set_new(j, "unreadable", json_integer((json_int_t)e->n_failed));
    json_object_set_new(j, "roc_area", figure_json(&e->roc_area));
    json_object_set_new(j, "average_precision",
                        figure_json(&e->average_precision));
    json_object_set_new(j, "all_negatives", negatives_json(&e->all));
    json_object_set_new(j, "families", families);
    json_object_set_new(j, "miss_rate", figure_json(&e->miss_rate));
    json_object_set_new(j, "species_accuracy",
                        figure_json(&e->species_accuracy));
    json_object_set_new(j, "unknown_rate", figure_json(&e->unknown_rate));
    json_object_set_new(j, "end_to_end", figure_json(&e->end_to_end));
    json_object_set_new(j, "gate_ece", number(e->gate_ece));
    json_object_set_new(j, "gate_brier", number(e->gate_brier));
    json_object_set_new(j, "species_ece", number(e->species_ece));
    json_object_set_new(j, "ms_gate", number(e->ms_gate));
    json_object_set_new(j, "ms_species", number(e->ms_species));
    json_object_set_new(j, "truth", names_json(m, 0));
    json_object_set_new(j, "verdicts", names_json(m, 1));
    json_object_set_new(j, "confusion", confusion_json(e));
    return j;
}
