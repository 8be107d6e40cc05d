#include "pipelines/audit/statement.h"

#include <math.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/report/page_parts.h"

/* Never above what was proved. */
static double down(double x)
{
    return floor(x * 1e4) / 1e4;
}

double audit_statement_recall(const struct audit_plan *plan,
                              const struct audit_result *r)
{
    return down(r->state.recall * audit_keep(&plan->options));
}

static const char *what(const struct audit_plan *plan)
{
    if (plan->options.unit == AUDIT_PHOTOS) {
        return "photos";
    }
    return plan->options.count_photos ? "photos of bursts" : "bursts";
}

static double in_all(const struct audit_plan *plan)
{
    return plan->options.count_photos ? (double)plan->pile.n : (double)plan->n;
}

char *audit_statement_text(const struct audit_plan *plan,
                           const struct audit_result *r)
{
    const struct audit_state *s = &r->state;
    const char *name = what(plan);

    if (s->upper == 0) {
        return nn_mem_sprintf(
            "All %.0f %s were looked at, and none is positive.", in_all(plan),
            name);
    }
    if (s->found == 0) {
        return nn_mem_sprintf(
            "With %g %% confidence at most %.0f of these %.0f %s are positive; "
            "none was found yet, so nothing can be said about recall.",
            100 * plan->options.confidence,
            ceil(s->upper / (1 - plan->options.wrong)), in_all(plan), name);
    }
    return nn_mem_sprintf(
        "With %g %% confidence at least %.2f %% of the positive %s among these "
        "%.0f are among the %.0f that were marked positive.",
        100 * plan->options.confidence, 100 * audit_statement_recall(plan, r),
        name, in_all(plan), s->found);
}

static char *assumption(const struct audit_plan *plan)
{
    const double wrong = 100 * plan->options.wrong;
    char answers[160] = "Every answer is right";

    if (wrong > 0) {
        snprintf(answers, sizeof answers,
                 "At most %g %% of the positives would be called none, and at "
                 "most %g %% of those marked positive are none",
                 wrong, wrong);
    }
    return nn_mem_sprintf(
        "%s; \"not sure\" counts as a positive that was not found. The seed "
        "was chosen before anybody looked, and this is the only audit of the "
        "pile, or the first. %zu unreadable files are no part of the pile.",
        answers, plan->pile.n_unreadable);
}

static const char *method(const struct audit_plan *plan)
{
    return plan->even
               ? "looks from the top score down, then even draws without "
                 "replacement from the rest; betting martingale, valid "
                 "whenever one stops"
               : "looks from the top score down, then draws without "
                 "replacement from the rest, weighted by score; betting "
                 "martingale, valid whenever one stops";
}

static json_t *own_text(char *text)
{
    json_t *j = text == NULL ? NULL : json_string(text);

    nn_mem_free(text);
    return j;
}

static void put_figures(json_t **j, const struct audit_plan *plan,
                        const struct audit_result *r)
{
    const struct audit_state *s = &r->state;
    double wrong = plan->options.wrong, n = in_all(plan);
    double most = ceil(s->upper / (1 - wrong));

    nn_json_put(j, "looks", json_integer((json_int_t)(s->n_top + s->n_draws)));
    nn_json_put(j, "photos_seen", json_real(r->photos_seen));
    nn_json_put(j, "passed", json_integer((json_int_t)s->n_top));
    nn_json_put(j, "drawn", json_integer((json_int_t)s->n_draws));
    nn_json_put(j, "found", json_real(s->found));
    nn_json_put(j, "found_passed", json_real(r->found_top));
    nn_json_put(j, "not_sure", json_real(s->unsure));
    nn_json_put(j, "recall_at_least",
                json_real(audit_statement_recall(plan, r)));
    nn_json_put(j, "missed_expected",
                s->n_draws > 0 ? json_real(s->expected - s->found)
                               : json_null());
    nn_json_put(j, "missed_at_most",
                json_real(most - floor(s->found * (1 - wrong))));
    nn_json_put(j, "precision_passed",
                plan->options.count_photos || s->n_top == 0
                    ? json_null()
                    : json_real(r->found_top / (double)s->n_top));
    nn_json_put(j, "prevalence_at_least",
                json_real(down(s->found * (1 - wrong) / n)));
    nn_json_put(j, "prevalence_at_most",
                json_real(fmin(ceil(most / n * 1e4) / 1e4, 1)));
}

json_t *audit_statement_json(const struct audit_plan *plan,
                             const struct audit_result *r)
{
    json_t *j = json_object();
    double recall = audit_statement_recall(plan, r);

    nn_json_put(&j, "statement", own_text(audit_statement_text(plan, r)));
    nn_json_put(&j, "assumes", own_text(assumption(plan)));
    nn_json_put(&j, "method", json_string(method(plan)));
    nn_json_put(&j, "counted", json_string(what(plan)));
    nn_json_put(
        &j, "reached",
        json_boolean(r->state.upper == 0 || recall >= plan->options.recall));
    nn_json_put(&j, "recall_asked", json_real(plan->options.recall));
    nn_json_put(&j, "confidence", json_real(plan->options.confidence));
    nn_json_put(&j, "photos", json_integer((json_int_t)plan->pile.n));
    nn_json_put(&j, "units", json_integer((json_int_t)plan->n));
    nn_json_put(&j, "unreadable",
                json_integer((json_int_t)plan->pile.n_unreadable));
    put_figures(&j, plan, r);
    nn_json_put(&j, "seed",
                json_sprintf("%llu", (unsigned long long)plan->options.seed));
    nn_json_put(&j, "predictions_hash", json_string(plan->pile.hash));
    nn_json_put(&j, "plan_hash", json_string(plan->hash));
    nn_json_put(&j, "re_ranked", json_integer((json_int_t)plan->n_revisions));
    nn_json_put(&j, "answers_hash", json_string(r->hash));
    nn_json_put(&j, "program", json_string("bearcascade " BEARCASCADE_VERSION));
    return j;
}

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>Audit</title>\n<style>body{font:16px/1.5 sans-serif;margin:2em "
    "auto;max-width:42em;padding:0 1em}p.s{font-size:1.3em}table{border-"
    "collapse:collapse}td{border-bottom:1px solid #ccc;padding:.2em 1em .2em "
    "0;vertical-align:top;overflow-wrap:anywhere}</style>\n<h1>Audit</h1>\n"
    "<p class=\"s\">";

enum nn_status audit_statement_print(const json_t *statement, int html,
                                     FILE *to, struct nn_error *err)
{
    const char *key;
    json_t *value;

    fputs(html ? html_head : "", to);
    if (html) {
        page_put_text(
            to, json_string_value(json_object_get(statement, "statement")));
    } else {
        fputs(json_string_value(json_object_get(statement, "statement")), to);
    }
    fputs(html ? "</p>\n<table>\n" : "\n\n", to);
    json_object_foreach((json_t *)(uintptr_t)statement, key, value)
    {
        char *text =
            json_is_string(value)
                ? nn_mem_strdup(json_string_value(value))
                : nn_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));

        if (text == NULL) {
            return nn_fail_nomem(err);
        }
        if (html) {
            fprintf(to, "<tr><td>%s<td>", key);
            page_put_text(to, text);
            fputc('\n', to);
        } else if (value != json_object_get(statement, "statement")) {
            fprintf(to, "  %-20s %s\n", key, text);
        }
        nn_mem_free(text);
    }
    fputs(html ? "</table>\n</html>\n" : "", to);
    return NN_OK;
}
