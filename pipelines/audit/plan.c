#include "pipelines/audit/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/revisions.h"

#define FORMAT   "bearcascade-audit 1"
#define MAX_PLAN ((size_t)1 << 30)

static const char *const unit_name[] = { "photo", "time", "folder" };

double audit_keep(const struct audit_options *o)
{
    return (1 - o->wrong) * (1 - o->wrong);
}

struct ranked {
    double p;
    size_t group;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->p != y->p) {
        return x->p < y->p ? 1 : -1;
    }
    return x->group < y->group ? -1 : x->group > y->group;
}

/* Members of the units in the order of `rank`; number [n] is scratch. */
static void list_members(struct audit_plan *plan, const struct ranked *rank,
                         size_t *place)
{
    const struct audit_pile *pile = &plan->pile;

    for (size_t i = 0; i < plan->n; i++) {
        place[rank[i].group] = i;
    }
    for (size_t i = 0; i < pile->n; i++) {
        plan->first[place[pile->photo[i].group] + 1]++;
    }
    for (size_t i = 0; i < plan->n; i++) {
        plan->first[i + 1] += plan->first[i];
    }
    for (size_t i = pile->n; i-- > 0;) { /* from the back: in their order */
        size_t u = place[pile->photo[i].group];

        plan->first[u + 1]--;
        plan->member[plan->first[u + 1]] = i;
    }
    /* first[u + 1] is now where unit u begins */
    memmove(plan->first, plan->first + 1, plan->n * sizeof *plan->first);
    plan->first[plan->n] = pile->n;
}

static void fill_units(struct audit_plan *plan, const double *expected)
{
    struct nn_rng rng = nn_rng_make(plan->options.seed, 0x6175646974);

    for (size_t i = 0; i < plan->n; i++) {
        size_t size = plan->first[i + 1] - plan->first[i];

        plan->unit[i].expected = expected[i];
        plan->unit[i].value = plan->options.count_photos ? (double)size : 1;
        /* never 0; whole multiples of 2^-40 are printed and read as they are */
        plan->unit[i].clock =
            (floor(-log1p(-nn_rng_double(&rng)) * 0x1p40) + 1) * 0x1p-40;
    }
}

static enum nn_status make_units(struct audit_plan *plan, struct nn_error *err)
{
    const struct audit_pile *pile = &plan->pile;
    size_t n = pile->n_groups;
    struct ranked *rank = nn_mem_calloc(n, sizeof *rank);
    double *p = nn_mem_calloc(n, sizeof *p);
    double *expected = nn_mem_calloc(n, sizeof *expected);
    size_t *place = nn_mem_calloc(n, sizeof *place);
    enum nn_status st = NN_OK;

    plan->n = n;
    plan->unit = nn_mem_calloc(n, sizeof *plan->unit);
    plan->first = nn_mem_calloc(n + 1, sizeof *plan->first);
    plan->member = nn_mem_calloc(pile->n, sizeof *plan->member);
    if (rank == NULL || p == NULL || expected == NULL || place == NULL ||
        plan->unit == NULL || plan->first == NULL || plan->member == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        rank[i].group = i;
    }
    for (size_t i = 0; i < pile->n;
         i++) { /* a burst scores as its best photo */
        struct ranked *r = &rank[pile->photo[i].group];

        r->p = fmax(r->p, pile->photo[i].p);
    }
    qsort(rank, n, sizeof *rank, by_score);
    for (size_t i = 0; i < n; i++) {
        p[i] = rank[i].p;
    }
    audit_expect(p, n, expected);
    list_members(plan, rank, place);
    fill_units(plan, expected);
out:
    nn_mem_free(place);
    nn_mem_free(expected);
    nn_mem_free(p);
    nn_mem_free(rank);
    return st;
}

static enum nn_status prepare(struct audit_plan *plan, const char *predictions,
                              struct nn_error *err)
{
    const struct audit_options *o = &plan->options;
    enum nn_status st;

    plan->goal = (struct audit_goal){ .recall = o->recall / audit_keep(o),
                                      .confidence = o->confidence,
                                      .tilt = AUDIT_TILT };
    if (!(plan->goal.recall < 1)) {
        return nn_fail(err, NN_ERR_ARG,
                       "with %g %% of the answers wrong no recall of %g can "
                       "be shown: the most is below %g",
                       100 * o->wrong, o->recall, audit_keep(o));
    }
    st = audit_pile_read(&plan->pile, predictions, err);
    if (st) {
        return st;
    }
    st = audit_pile_group(&plan->pile, o->unit, o->gap, err);
    return st ? st : make_units(plan, err);
}

enum nn_status audit_plan_make(struct audit_plan *plan, const char *predictions,
                               const struct audit_options *o,
                               struct nn_error *err)
{
    enum nn_status st;

    plan->options = *o;
    st = prepare(plan, predictions, err);
    if (st) {
        return st;
    }
    return audit_forecast(plan, err);
}

void audit_plan_release(struct audit_plan *plan)
{
    audit_revisions_release(plan);
    audit_pile_release(&plan->pile);
    nn_mem_free(plan->unit);
    nn_mem_free(plan->first);
    nn_mem_free(plan->member);
    *plan = (struct audit_plan)AUDIT_PLAN_INIT;
}

static json_t *units_json(const struct audit_plan *plan)
{
    json_t *units = json_array();

    for (size_t i = 0; i < plan->n; i++) {
        json_t *members = json_array();

        for (size_t k = plan->first[i]; k < plan->first[i + 1]; k++) {
            nn_json_add(&members, json_integer((json_int_t)plan->member[k]));
        }
        nn_json_add(&units,
                    json_pack("[o,f,f,f]", members, plan->unit[i].expected,
                              plan->unit[i].clock, plan->unit[i].value));
    }
    return units;
}

json_t *audit_plan_json(const struct audit_plan *plan)
{
    const struct audit_options *o = &plan->options;
    json_t *j = json_object(), *files = json_array(), *classes = json_array();

    for (size_t i = 0; i < plan->pile.n_classes; i++) {
        nn_json_add(&classes, json_string(plan->pile.cls[i]));
    }
    for (size_t i = 0; i < plan->pile.n; i++) {
        nn_json_add(&files, json_string(plan->pile.photo[i].file));
    }
    nn_json_put(&j, "format", json_string(FORMAT));
    nn_json_put(&j, "program", json_string("bearcascade " BEARCASCADE_VERSION));
    nn_json_put(&j, "predictions", json_string(plan->pile.hash));
    nn_json_put(&j, "unreadable",
                json_integer((json_int_t)plan->pile.n_unreadable));
    nn_json_put(&j, "recall", json_real(o->recall));
    nn_json_put(&j, "confidence", json_real(o->confidence));
    nn_json_put(&j, "unit", json_string(unit_name[o->unit]));
    nn_json_put(&j, "gap", json_real(o->gap));
    nn_json_put(&j, "count", json_string(o->count_photos ? "photos" : "units"));
    nn_json_put(&j, "wrong", json_real(o->wrong));
    nn_json_put(&j, "seed", json_sprintf("%llu", (unsigned long long)o->seed));
    nn_json_put(&j, "goal", json_real(plan->goal.recall));
    nn_json_put(&j, "tilt", json_real(plan->goal.tilt));
    nn_json_put(&j, "forecast",
                json_pack("{s:f,s:f,s:f,s:f}", "positives",
                          plan->forecast.positives, "median",
                          plan->forecast.median, "most", plan->forecast.most,
                          "floor", plan->forecast.floor));
    nn_json_put(&j, "classes", classes);
    nn_json_put(&j, "files", files);
    nn_json_put(&j, "units", units_json(plan));
    return j;
}

enum nn_status audit_plan_write(struct audit_plan *plan, const char *dir,
                                struct nn_error *err)
{
    json_t *j = audit_plan_json(plan);
    char *path = nn_path_join(dir, "plan.json");
    unsigned char *text = NULL;
    size_t size;
    enum nn_status st;

    if (j == NULL || path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_json_write(path, j, err);
    if (st) {
        goto out;
    }
    st = nn_file_read(path, MAX_PLAN, &text, &size, err);
    if (st) {
        goto out;
    }
    nn_hash_hex(text, size, plan->hash);
out:
    nn_mem_free(text);
    nn_mem_free(path);
    json_decref(j);
    return st;
}

static int read_options(const json_t *j, struct audit_plan *plan)
{
    struct audit_options *o = &plan->options;
    const char *format = json_string_value(json_object_get(j, "format"));
    const char *unit = json_string_value(json_object_get(j, "unit"));
    const char *count = json_string_value(json_object_get(j, "count"));
    const char *seed = json_string_value(json_object_get(j, "seed"));
    int kind = 0;

    if (format == NULL || strcmp(format, FORMAT) != 0 || unit == NULL ||
        count == NULL || seed == NULL) {
        return 0;
    }
    while (kind < 3 && strcmp(unit, unit_name[kind]) != 0) {
        kind++;
    }
    o->unit = (enum audit_unit_kind)kind;
    o->count_photos = strcmp(count, "photos") == 0;
    o->recall = json_number_value(json_object_get(j, "recall"));
    o->confidence = json_number_value(json_object_get(j, "confidence"));
    o->gap = json_number_value(json_object_get(j, "gap"));
    o->wrong = json_number_value(json_object_get(j, "wrong"));
    o->seed = strtoull(seed, NULL, 10);
    return kind < 3 && o->recall > 0 && o->recall < 1 && o->confidence > 0 &&
           o->confidence < 1 && o->wrong >= 0 && o->wrong < 1;
}

static int close_to(double a, const json_t *j)
{
    return json_is_number(j) &&
           fabs(a - json_number_value(j)) <= 1e-9 * (1 + fabs(a));
}

/* The file's numbers are taken, as the page had them, once they are those that
 * follow from predictions and seed: logarithms differ by a bit between
 * machines. */
static int adopt_units(const json_t *j, struct audit_plan *plan)
{
    const json_t *units = json_object_get(j, "units");

    if (json_array_size(units) != plan->n) {
        return 0;
    }
    for (size_t i = 0; i < plan->n; i++) {
        const json_t *u = json_array_get(units, i);
        const json_t *members = json_array_get(u, 0);
        struct audit_unit *to = &plan->unit[i];
        size_t size = plan->first[i + 1] - plan->first[i];

        if (json_array_size(members) != size ||
            !close_to(to->expected, json_array_get(u, 1)) ||
            !close_to(to->clock, json_array_get(u, 2)) ||
            !close_to(to->value, json_array_get(u, 3))) {
            return 0;
        }
        for (size_t k = 0; k < size; k++) {
            if ((size_t)json_integer_value(json_array_get(members, k)) !=
                plan->member[plan->first[i] + k]) {
                return 0;
            }
        }
        to->expected = json_number_value(json_array_get(u, 1));
        to->clock = json_number_value(json_array_get(u, 2));
    }
    return close_to(plan->goal.recall, json_object_get(j, "goal"));
}

static enum nn_status check_predictions(const json_t *j,
                                        struct audit_plan *plan,
                                        const char *dir, struct nn_error *err)
{
    const char *want = json_string_value(json_object_get(j, "predictions"));
    const json_t *forecast = json_object_get(j, "forecast");
    char *path = nn_path_join(dir, "predictions.jsonl");
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : prepare(plan, path, err);

    nn_mem_free(path);
    if (st) {
        return st;
    }
    if (want == NULL || strcmp(want, plan->pile.hash) != 0) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "predictions.jsonl in '%s' was changed after the plan "
                       "was made",
                       dir);
    }
    plan->goal.tilt = json_number_value(json_object_get(j, "tilt"));
    plan->even = !(plan->goal.tilt > 0);
    if (!adopt_units(j, plan) || !(plan->goal.tilt >= 0)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "plan.json in '%s' does not follow from its "
                       "predictions and its seed",
                       dir);
    }
    plan->forecast = (struct audit_forecast){
        json_number_value(json_object_get(forecast, "positives")),
        json_number_value(json_object_get(forecast, "median")),
        json_number_value(json_object_get(forecast, "most")),
        json_number_value(json_object_get(forecast, "floor")),
    };
    return NN_OK;
}

enum nn_status audit_plan_read(struct audit_plan *plan, const char *dir,
                               struct nn_error *err)
{
    char *path = nn_path_join(dir, "plan.json");
    unsigned char *text = NULL;
    size_t size;
    json_t *j = NULL;
    enum nn_status st = path == NULL
                            ? nn_fail_nomem(err)
                            : nn_file_read(path, MAX_PLAN, &text, &size, err);

    if (st) {
        goto out;
    }
    nn_hash_hex(text, size, plan->hash);
    st = nn_json_parse((const char *)text, size, path, &j, err);
    if (st) {
        goto out;
    }
    if (!read_options(j, plan)) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' is no plan of an audit", path);
        goto out;
    }
    st = check_predictions(j, plan, dir, err);
    if (st) {
        goto out;
    }
    st = audit_revisions_read(plan, dir, err);
out:
    json_decref(j);
    nn_mem_free(text);
    nn_mem_free(path);
    return st;
}
