/* How many looks does an audit take, and how often is its statement false?
 *
 *     audit_sim SOURCE N SHARE PILES [weighted|even|bursts|frames]
 *
 * SOURCE is "normal:D" (scores of positives and negatives are normal, D
 * deviations apart, and the model knows it) or a name in audit_scores.txt,
 * whose lines hold NAME LABEL COUNT POINTS and the sorted log-odds of COUNT
 * photos as RANK:LOG-ODDS at POINTS ranks. Piles of N photos are drawn from
 * them, with noise of 0.2 in log-odds. Recall 0.9 at 95 % confidence.
 *
 * Draws are weighted by score or even; "bursts": photos come in bursts of 5 to
 * 15 frames whose scores go together, a look is for a burst, and bursts are
 * counted; "frames": the same, and photos are counted.
 *
 * Prints a row of the table in docs/audit.md. "False": the bound was above the
 * truth when the goal was first reached; "ever": at any time up to twice as
 * many looks, so whatever the habit of stopping was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/looks.h"

enum { MOST_POINTS = 400 };

struct curve { /* log-odds by rank, straight between points */
    double rank[MOST_POINTS], odds[MOST_POINTS];
    size_t n, count;
};

struct source {
    double distance;
    struct curve curve[2]; /* of negatives, positives */
};

struct item {
    double p, value;
    int positive;
};

enum way { WEIGHTED, EVEN, BURSTS, FRAMES };
static const char *const way_name[] = { "weighted", "even", "bursts",
                                        "frames" };

struct setting {
    const struct source *source;
    size_t n, positives; /* units */
    enum way way;
};

struct outcome {
    double looks, top;
    int is_false, ever;
};

static int read_points(FILE *f, struct curve *c, size_t count, size_t n)
{
    c->count = count;
    c->n = n;
    for (size_t i = 0; i < n; i++) {
        if (fscanf(f, " %lf:%lf", &c->rank[i], &c->odds[i]) != 2) {
            return -1;
        }
    }
    return 0;
}

static int read_source(struct source *s, const char *name)
{
    FILE *f = fopen(AUDIT_SCORES, "r");
    char of[64];
    int label, found = 0;
    size_t count, n;

    if (f == NULL) {
        return -1;
    }
    while (fscanf(f, "%63s %d %zu %zu", of, &label, &count, &n) == 4) {
        struct curve other;
        int ours = strcmp(of, name) == 0;

        if (label < 0 || label > 1 || n < 2 || n > MOST_POINTS ||
            read_points(f, ours ? &s->curve[label] : &other, count, n)) {
            break;
        }
        found += ours;
    }
    fclose(f);
    return found == 2 ? 0 : -1;
}

/* u in [0,1): the log-odds of that share. */
static double at_share(const struct curve *c, double u)
{
    double r = u * (double)(c->count - 1), part;
    size_t i = 1;

    while (i + 1 < c->n && c->rank[i] < r) {
        i++;
    }
    part = (r - c->rank[i - 1]) / (c->rank[i] - c->rank[i - 1]);
    return c->odds[i - 1] + part * (c->odds[i] - c->odds[i - 1]);
}

/* z: a normal variable that says where among its kind the photo stands. */
static double score_of(const struct source *s, int positive, double z,
                       struct nn_rng *rng)
{
    double odds;

    if (s->distance > 0) {
        odds = s->distance * ((positive ? 0.5 : -0.5) * s->distance + z);
    } else {
        double u = 0.5 * erfc(-z / sqrt(2));

        odds = at_share(&s->curve[positive], u) + 0.2 * nn_rng_normal(rng);
    }
    return 1 / (1 + exp(-odds));
}

static struct item draw_item(const struct setting *set, int positive,
                             struct nn_rng *rng)
{
    struct item item = { 0, 1, positive };
    size_t frames = 1;
    double common = 0;

    if (set->way >= BURSTS) {
        frames = 5 + nn_rng_below(rng, 11);
        common = sqrt(0.5) * nn_rng_normal(rng);
    }
    for (size_t i = 0; i < frames; i++) {
        double own = nn_rng_normal(rng);
        double z = frames > 1 ? common + sqrt(0.5) * own : own;

        item.p = fmax(item.p, score_of(set->source, positive, z, rng));
    }
    item.value = set->way == FRAMES ? (double)frames : 1;
    return item;
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

/* Returns the values of all positives. */
static double make_pile(const struct setting *set, struct nn_rng *rng,
                        struct item *item, struct audit_unit *unit, double *p,
                        double *expected)
{
    double all = 0;

    for (size_t i = 0; i < set->n; i++) {
        item[i] = draw_item(set, i < set->positives, rng);
        all += item[i].positive ? item[i].value : 0;
    }
    qsort(item, set->n, sizeof *item, by_score);
    for (size_t i = 0; i < set->n; i++) {
        p[i] = item[i].p;
    }
    audit_expect(p, set->n, expected);
    for (size_t i = 0; i < set->n; i++) {
        unit[i] = (struct audit_unit){ expected[i],
                                       1e-12 - log1p(-nn_rng_double(rng)),
                                       item[i].value };
    }
    return all;
}

/* Plays on to twice the looks that the goal took. */
static int play(struct audit_looks *a, const struct setting *set,
                const struct item *item, double all, struct outcome *out)
{
    double against = 0;
    size_t n_draws, end = set->n;

    *out = (struct outcome){ (double)set->n, 0, 0, 0 };
    for (size_t k = 1; k <= end; k++) {
        int is_draw;
        size_t i = audit_looks_next(a, &is_draw);
        const struct nn_draw *draw;

        if (audit_looks_put(a, item[i].positive ? AUDIT_POSITIVE : AUDIT_NONE,
                            NULL) != NN_OK) {
            return -1;
        }
        draw = audit_looks_draws(a, &n_draws);
        if (is_draw) { /* a rejected truth is a bound above it */
            against += nn_draws_log_evidence(&draw[n_draws - 1], 1, all);
            out->ever |= against >= -log(0.05);
        }
        if (end == set->n && audit_looks_reached(a)) {
            struct audit_state state;

            audit_looks_state(a, &state);
            out->looks = (double)k;
            out->top = (double)state.n_top;
            out->is_false = state.found / all < state.recall;
            end = 2 * k < set->n ? 2 * k : set->n - 1;
        }
    }
    return 0;
}

static int audit_one(const struct setting *set, uint64_t pile,
                     struct outcome *out)
{
    struct nn_rng rng = nn_rng_make(77, pile);
    struct audit_goal goal = { 0.9, 0.95,
                               set->way == WEIGHTED ? AUDIT_TILT : 0 };
    struct item *item = calloc(set->n, sizeof *item);
    struct audit_unit *unit = calloc(set->n, sizeof *unit);
    double *p = calloc(set->n, sizeof *p);
    double *expected = calloc(set->n, sizeof *expected);
    struct audit_looks *a = NULL;
    int failed = -1;

    if (item != NULL && unit != NULL && p != NULL && expected != NULL) {
        double all = make_pile(set, &rng, item, unit, p, expected);

        if (audit_looks_create(unit, set->n, &goal, &a, NULL) == NN_OK) {
            failed = play(a, set, item, all, out);
        }
    }
    audit_looks_destroy(&a);
    free(expected);
    free(p);
    free(unit);
    free(item);
    return failed;
}

static int audit_all(const struct setting *set, const char *name, size_t piles)
{
    double *looks = calloc(piles, sizeof *looks);
    double *top = calloc(piles, sizeof *top), least;
    size_t n_false = 0, n_ever = 0;
    int failed = looks == NULL || top == NULL;

    for (size_t k = 0; !failed && k < piles; k++) {
        struct outcome o = { 0 };

        failed = audit_one(set, k, &o);
        looks[k] = o.looks;
        top[k] = o.top;
        n_false += (size_t)o.is_false;
        n_ever += (size_t)o.ever;
    }
    if (!failed) {
        qsort(looks, piles, sizeof *looks, ascending);
        qsort(top, piles, sizeof *top, ascending);
        least = nn_recall_floor(set->n, set->positives, 0.9, 0.95);
        printf("| %s | %s | %zu | %.0f | %.0f to %.0f | %.0f | %.0f | %.2f | "
               "%zu | %zu |\n",
               name, way_name[set->way], set->positives, looks[piles / 2],
               looks[piles / 10], looks[piles * 9 / 10], top[piles / 2], least,
               looks[piles / 2] / least, n_false, n_ever);
    }
    free(top);
    free(looks);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct source s;
    struct setting set = { &s, 0, 0, WEIGHTED };

    if (argc < 5) {
        fputs("usage: audit_sim SOURCE N SHARE PILES "
              "[weighted|even|bursts|frames]\n",
              stderr);
        return 2;
    }
    while (argc > 5 && set.way < FRAMES &&
           strcmp(argv[5], way_name[set.way]) != 0) {
        set.way++;
    }
    if (strncmp(argv[1], "normal:", 7) == 0) {
        s.distance = strtod(argv[1] + 7, NULL);
    } else if (read_source(&s, argv[1])) {
        fprintf(stderr, "audit_sim: no scores '%s' in %s\n", argv[1],
                AUDIT_SCORES);
        return 1;
    }
    set.n = strtoul(argv[2], NULL, 10) / (set.way >= BURSTS ? 10 : 1);
    set.positives = (size_t)(strtod(argv[3], NULL) * (double)set.n + 0.5);
    return audit_all(&set, argv[1], strtoul(argv[4], NULL, 10));
}
