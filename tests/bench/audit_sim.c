/* How many looks does an audit take, and how often is its statement false?
 *
 *     audit_sim MODEL N SHARE PILES [TILT]
 *
 * MODEL is "normal:D" (scores of positives and negatives are normal, D
 * deviations apart, and the model knows it) or a file with a line "LABEL P" a
 * photo, label 1 or 0, from which piles are drawn with replacement (a little
 * noise, 0.2 in log-odds, parts equal scores). Recall 0.9 at 95 % confidence;
 * the person stops when that is reached. "false" counts piles in which the
 * bound was above the truth then; tests/unit/audit/check_coverage.c has the
 * other stopping habits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/looks.h"

struct item {
    double p;
    int positive;
};

struct source {
    double distance;
    double *p[2]; /* of negatives, positives */
    size_t n[2];
};

static int read_source(struct source *s, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t cap = (size_t)1 << 20;
    int label;
    double p;

    if (f == NULL) {
        return -1;
    }
    s->p[0] = calloc(cap, sizeof *s->p[0]);
    s->p[1] = calloc(cap, sizeof *s->p[1]);
    while (s->p[0] != NULL && s->p[1] != NULL &&
           fscanf(f, "%d %lf", &label, &p) == 2) {
        int k = label != 0;

        if (s->n[k] < cap) {
            s->p[k][s->n[k]++] = fmin(fmax(p, 1e-7), 1 - 1e-7);
        }
    }
    fclose(f);
    return s->n[0] > 0 && s->n[1] > 0 ? 0 : -1;
}

static double draw_score(const struct source *s, int positive,
                         struct nn_rng *rng)
{
    double odds;

    if (s->distance > 0) {
        odds = s->distance *
               ((positive ? 0.5 : -0.5) * s->distance + nn_rng_normal(rng));
    } else {
        double p = s->p[positive][nn_rng_below(rng, (uint32_t)s->n[positive])];

        odds = log(p / (1 - p)) + 0.2 * nn_rng_normal(rng);
    }
    return 1 / (1 + exp(-odds));
}

static int by_score(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return (x->p < y->p) - (x->p > y->p);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct outcome {
    double looks, top;
    int is_false;
};

static int audit_one(const struct source *s, size_t n, size_t positives,
                     double tilt, uint64_t pile, struct outcome *out)
{
    struct nn_rng rng = nn_rng_make(77, pile);
    struct audit_goal goal = { 0.9, 0.95, tilt };
    struct item *item = calloc(n, sizeof *item);
    struct audit_unit *unit = calloc(n, sizeof *unit);
    double *p = calloc(n, sizeof *p), *expected = calloc(n, sizeof *expected);
    struct audit_looks *a = NULL;
    struct audit_state state;
    size_t found = 0;
    int failed = item == NULL || unit == NULL || p == NULL || expected == NULL;

    for (size_t i = 0; !failed && i < n; i++) {
        item[i].positive = i < positives;
        item[i].p = draw_score(s, item[i].positive, &rng);
    }
    if (!failed) {
        qsort(item, n, sizeof *item, by_score);
        for (size_t i = 0; i < n; i++) {
            p[i] = item[i].p;
        }
        audit_expect(p, n, expected);
        for (size_t i = 0; i < n; i++) {
            unit[i] =
                (struct audit_unit){ expected[i],
                                     1e-12 - log1p(-nn_rng_double(&rng)), 1 };
        }
        failed = audit_looks_create(unit, n, &goal, &a, NULL) != NN_OK;
    }
    while (!failed && !audit_looks_reached(a)) {
        size_t i = audit_looks_next(a, NULL);

        if (i == n) {
            break;
        }
        found += (size_t)item[i].positive;
        failed =
            audit_looks_put(a, item[i].positive ? AUDIT_POSITIVE : AUDIT_NONE,
                            NULL) != NN_OK;
    }
    if (!failed) {
        audit_looks_state(a, &state);
        *out = (struct outcome){ (double)(state.n_top + state.n_draws),
                                 (double)state.n_top,
                                 (double)found / (double)positives <
                                     state.recall };
    }
    audit_looks_destroy(&a);
    free(expected);
    free(p);
    free(unit);
    free(item);
    return failed ? -1 : 0;
}

static int audit_all(const struct source *s, const char *name, size_t n,
                     double share, size_t piles, double tilt)
{
    double *looks = calloc(piles, sizeof *looks);
    double *top = calloc(piles, sizeof *top), floor_of;
    size_t positives = (size_t)(share * (double)n + 0.5), n_false = 0;

    if (looks == NULL || top == NULL) {
        return 1;
    }
    for (size_t k = 0; k < piles; k++) {
        struct outcome o;

        if (audit_one(s, n, positives, tilt, k, &o)) {
            return 1;
        }
        looks[k] = o.looks;
        top[k] = o.top;
        n_false += (size_t)o.is_false;
    }
    qsort(looks, piles, sizeof *looks, ascending);
    qsort(top, piles, sizeof *top, ascending);
    floor_of = nn_recall_floor(n, positives, 0.9, 0.95);
    printf("%s N %zu positives %zu tilt %g: looks median %.0f, tenth %.0f, "
           "ninth %.0f; from the top %.0f; floor %.0f, ratio %.3f; false %zu "
           "of %zu\n",
           name, n, positives, tilt, looks[piles / 2], looks[piles / 10],
           looks[piles * 9 / 10], top[piles / 2], floor_of,
           looks[piles / 2] / floor_of, n_false, piles);
    free(top);
    free(looks);
    return 0;
}

int main(int argc, char **argv)
{
    struct source s = { 0 };
    int failed;

    if (argc < 5) {
        fputs("usage: audit_sim normal:D|FILE N SHARE PILES [TILT]\n", stderr);
        return 2;
    }
    if (strncmp(argv[1], "normal:", 7) == 0) {
        s.distance = strtod(argv[1] + 7, NULL);
    } else if (read_source(&s, argv[1])) {
        fprintf(stderr, "audit_sim: no scores in '%s'\n", argv[1]);
        return 1;
    }
    failed = audit_all(&s, argv[1], strtoul(argv[2], NULL, 10),
                       strtod(argv[3], NULL), strtoul(argv[4], NULL, 10),
                       argc > 5 ? strtod(argv[5], NULL) : AUDIT_TILT);
    free(s.p[0]);
    free(s.p[1]);
    return failed;
}
