/* What a study has found: a sentence, a table, study.json. */
#include <math.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/study/study.h"

/* "dog", "(no family)". */
static const char *family_name(const struct study *s, size_t f)
{
    return f < s->ds->n_families ? s->ds->families[f] : "(no family)";
}

/* --- the sentence --- */

/* "dog, cat and 2 more" of the families with that verdict; "none". */
static char *list_families(const struct study *s, const struct study_result *r,
                           enum study_verdict want)
{
    enum { NAMED = 6 };
    char *text = nn_mem_strdup("");
    size_t n = 0;

    for (size_t f = 0; text != NULL && f < r->n_families; f++) {
        if (r->family[f].n > 0 && study_judge(&r->family[f]) == want &&
            n++ < NAMED) {
            char *longer = nn_mem_sprintf(
                "%s%s%s", text, text[0] != '\0' ? ", " : "", family_name(s, f));

            nn_mem_free(text);
            text = longer;
        }
    }
    if (text != NULL && (n == 0 || n > NAMED)) {
        char *longer = n == 0
                           ? nn_mem_strdup("none")
                           : nn_mem_sprintf("%s and %zu more", text, n - NAMED);

        nn_mem_free(text);
        text = longer;
    }
    return text;
}

static const char *verdict_text(const struct study_figures *f)
{
    return f->ratio.lo > 1   ? "mining pays"
           : f->ratio.hi < 1 ? "random negatives do better"
                             : "no difference is shown";
}

enum { RANGE = 48 };

/* "0.90 to 1.20" behind what it is. */
static const char *range(const struct nn_interval *v, const char *what,
                         char text[RANGE])
{
    if (isnan(v->lo)) {
        snprintf(text, RANGE, "no interval: they pass the same images");
    } else {
        snprintf(text, RANGE, "%s%.2f to %.2f", what, v->lo, v->hi);
    }
    return text;
}

char *study_sentence(const struct study *s, const struct study_result *r)
{
    const struct study_figures *a = &r->all, *l = &r->left_out;
    char of_all[RANGE], of_left[RANGE];
    char *helped = list_families(s, r, STUDY_HELPED);
    char *hurt = list_families(s, r, STUDY_HURT);
    char *unseen =
        l->n == 0
            ? nn_mem_strdup("")
            : nn_mem_sprintf(" On families kept out of training: %.2f "
                             "times (%s), %s.",
                             l->ratio.value, range(&l->ratio, "", of_left),
                             verdict_text(l));
    char *text = NULL;

    if (helped != NULL && hurt != NULL && unseen != NULL) {
        text = nn_mem_sprintf(
            "At 95 %% recall %.3f of the test negatives pass after mining "
            "and %.3f after as many random negatives (%.3f before): %.2f times "
            "fewer (%s), %s. It helped on: %s; it hurt on: %s.%s",
            a->rate[STUDY_MINED].value, a->rate[STUDY_RANDOM].value,
            a->rate[STUDY_BASE].value, a->ratio.value,
            range(&a->ratio, "95 % interval ", of_all), verdict_text(a), helped,
            hurt, unseen);
    }
    nn_mem_free(helped);
    nn_mem_free(hurt);
    nn_mem_free(unseen);
    return text;
}

/* --- study.json --- */

/* NaN becomes null. */
static json_t *interval_json(const struct nn_interval *v)
{
    return json_pack("{s:o, s:o, s:o}", "value", nn_json_number(v->value), "lo",
                     nn_json_number(v->lo), "hi", nn_json_number(v->hi));
}

static json_t *figures_json(const struct study_figures *f)
{
    json_t *j = json_pack("{s:I}", "negatives", (json_int_t)f->n);

    for (int k = 0; k < STUDY_KINDS; k++) {
        nn_json_put(&j, study_kind_name((enum study_kind)k),
                    interval_json(&f->rate[k]));
    }
    nn_json_put(&j, "ratio", interval_json(&f->ratio));
    nn_json_put(&j, "ratio_to_base", interval_json(&f->ratio_base));
    nn_json_put(&j, "gain", interval_json(&f->gain));
    nn_json_put(&j, "verdict", json_string(study_verdict_name(study_judge(f))));
    return j;
}

static json_t *families_json(const struct study *s,
                             const struct study_figures *v, size_t n)
{
    json_t *a = json_array();

    for (size_t f = 0; f < n; f++) {
        if (v[f].n > 0) {
            json_t *j = figures_json(&v[f]);

            nn_json_put(&j, "family", nn_json_text(family_name(s, f)));
            nn_json_add(&a, j);
        }
    }
    return a;
}

static json_t *trials_json(const struct study *s)
{
    json_t *a = json_array();

    for (size_t i = 0; i < s->n_trials; i++) {
        const struct study_trial *t = &s->trial[i];
        json_t *left = json_array(), *j;

        for (size_t f = 0; t->set >= 0 && f < s->ds->n_families; f++) {
            if (s->set_of[f] == t->set) {
                nn_json_add(&left, nn_json_text(s->ds->families[f]));
            }
        }
        j = json_pack("{s:I, s:o}", "seed", (json_int_t)t->seed, "left_out",
                      left);
        for (int k = 0; k < STUDY_KINDS; k++) {
            nn_json_put(
                &j, study_kind_name((enum study_kind)k),
                json_pack("{s:o, s:o, s:I}", "dir", nn_json_text(t->run[k].dir),
                          "command", nn_json_text(t->run[k].command),
                          "negatives_added", (json_int_t)t->run[k].added));
        }
        nn_json_add(&a, j);
    }
    return a;
}

json_t *study_json(const struct study *s, const struct study_result *r)
{
    const struct study_options *o = s->o;
    char *answer = study_sentence(s, r);
    json_t *j = NULL;

    if (answer != NULL) {
        j = json_pack(
            "{s:s, s:s, s:{s:I, s:i, s:i, s:i, s:i}, s:{s:I, s:I}, s:o, s:o, "
            "s:o, s:o, s:o}",
            "format", STUDY_FORMAT, "answer", answer, "options", "seeds",
            (json_int_t)s->n_seeds, "rounds", o->rounds, "top", o->top,
            "epochs", o->epochs, "round_epochs", o->round_epochs, "test",
            "positives", (json_int_t)s->test.n_positives, "negatives",
            (json_int_t)s->test.n_negatives, "all", figures_json(&r->all),
            "left_out", figures_json(&r->left_out), "families",
            families_json(s, r->family, r->n_families), "unseen_families",
            families_json(s, r->unseen, r->n_families), "trials",
            trials_json(s));
    }
    nn_mem_free(answer);
    return j;
}

/* --- the table --- */

static void put_row(FILE *to, const char *name, const struct study_figures *f)
{
    char interval[RANGE] = "no interval";

    if (!isnan(f->ratio.lo)) {
        snprintf(interval, sizeof interval, "[%5.2f, %5.2f]", f->ratio.lo,
                 f->ratio.hi);
    }
    fprintf(to, "  %-20.20s %5zu  %6.3f %6.3f %6.3f  %7.2f %-14s", name, f->n,
            f->rate[STUDY_BASE].value, f->rate[STUDY_RANDOM].value,
            f->rate[STUDY_MINED].value, f->ratio.value, interval);
    fprintf(to, "  %s\n", study_verdict_name(study_judge(f)));
}

static void put_table(FILE *to, const struct study *s, const char *title,
                      const struct study_figures *all,
                      const struct study_figures *family, size_t n)
{
    fprintf(to, "%s\n  %-20s %5s  %6s %6s %6s  %s\n", title, "negatives", "n",
            "before", "random", "mined", "random / mined, 95 % interval");
    put_row(to, "all", all);
    for (size_t f = 0; f < n; f++) {
        if (family[f].n > 0) {
            put_row(to, family_name(s, f), &family[f]);
        }
    }
    fputc('\n', to);
}

static void put_counts(FILE *to, const struct study *s)
{
    for (size_t i = 0; i < s->n_trials; i++) {
        const struct study_trial *t = &s->trial[i];

        fprintf(to, "  %s: %zu negatives mined, %s: %zu at random\n",
                t->run[STUDY_MINED].dir, t->run[STUDY_MINED].added,
                t->run[STUDY_RANDOM].dir, t->run[STUDY_RANDOM].added);
    }
    fputc('\n', to);
}

void study_print(const struct study *s, const struct study_result *r, FILE *to)
{
    char *answer = study_sentence(s, r);

    fprintf(to,
            "mined against random negatives: %zu seeds, up to %d rounds of %d, "
            "%d epochs each; %zu test images of a class, %zu negatives\n",
            s->n_seeds, s->o->rounds, s->o->top, s->o->round_epochs,
            s->test.n_positives, s->test.n_negatives);
    put_counts(to, s);
    put_table(to, s, "false-positive rate at 95 % recall, mean over the seeds",
              &r->all, r->family, r->n_families);
    if (r->left_out.n > 0) {
        put_table(to, s,
                  "the same on families that training and pool did not hold",
                  &r->left_out, r->unseen, r->n_families);
    }
    fprintf(to, "%s\n", answer != NULL ? answer : "");
    nn_mem_free(answer);
}
