/* Sources of negatives, the second scorer, and the record of a round. */
#include "pipelines/mine/mining.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "pipelines/data/open.h"

enum { BATCH = 32 };

/* --- sources --- */

enum nn_status mine_sources_open(const char *const *paths, size_t n,
                                 struct mine_sources *out, struct nn_error *err)
{
    *out = (struct mine_sources){ .n = 0 };
    out->v = nn_mem_calloc(n, sizeof *out->v);
    if (out->v == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        enum nn_status st = data_open_pool(paths[i], &out->v[i], err);

        if (st) {
            mine_sources_close(out);
            return st;
        }
        out->n++;
    }
    return NN_OK;
}

void mine_sources_close(struct mine_sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        nn_dataset_close(&s->v[i]);
    }
    nn_mem_free(s->v);
    *s = (struct mine_sources){ .n = 0 };
}

/* --- second scorer --- */

/* Outputs before those that say none and unknown, where there are any. */
static size_t count_classes(const struct nn_net *species)
{
    size_t n = 0;

    while (n < species->spec.n_outputs &&
           strcmp(species->spec.outputs[n], "-") != 0) {
        n++;
    }
    return n;
}

static enum nn_status score_species(void *ctx, const struct nn_dataset *ds,
                                    const uint32_t *index, size_t n, double *p,
                                    struct nn_error *err)
{
    const struct second_scorer *s = ctx;
    size_t k = s->species->spec.n_outputs;
    size_t classes = count_classes(s->species);
    float *z = nn_mem_calloc(n, k * sizeof *z);
    float *q = nn_mem_calloc(k, sizeof *q);
    uint8_t *ok = nn_mem_calloc(n, 1);
    enum nn_status st;

    if (z == NULL || q == NULL || ok == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_scorer_run_items(s->scorer, ds, index, n, NULL, z, ok, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        nn_net_probabilities(s->species, z + i * k, q);
        p[i] = 0;
        for (size_t j = 0; ok[i] && j < classes; j++) {
            p[i] = (double)q[j] > p[i] ? (double)q[j] : p[i];
        }
    }
out:
    nn_mem_free(z);
    nn_mem_free(q);
    nn_mem_free(ok);
    return st;
}

enum nn_status second_scorer_init(struct second_scorer *s,
                                  const struct nn_net *species, int32_t side,
                                  const char *features,
                                  struct gate_mine_second_scorer *out,
                                  struct nn_error *err)
{
    enum nn_status st;

    *s = (struct second_scorer){ .species = species };
    *out = (struct gate_mine_second_scorer){ .score = NULL };
    if (species == NULL) {
        return NN_OK;
    }
    *out = (struct gate_mine_second_scorer){ score_species, s };
    st = nn_scorer_create(species, BATCH, &s->scorer, err);
    if (st) {
        return st;
    }
    nn_scorer_set_side(s->scorer, side);
    nn_scorer_keep_features(s->scorer, features);
    return NN_OK;
}

void second_scorer_release(struct second_scorer *s)
{
    nn_scorer_destroy(&s->scorer);
}

/* --- record --- */

static int is_drawn(const char *file)
{
    return !nn_file_exists(file) && nn_archive_prefix(file) == 0;
}

char *mining_place(const char *file)
{
    char cwd[PATH_MAX];

    if (file[0] == '/' || is_drawn(file) || getcwd(cwd, sizeof cwd) == NULL) {
        return nn_mem_strdup(file);
    }
    return nn_path_join(cwd, file);
}

/* Of an image of the pool; NULL when out of memory. */
static json_t *place_json(const struct mining_round *r, size_t i)
{
    char *place = mining_place(r->result->images->items[i].file);
    json_t *j = place != NULL ? nn_json_text(place) : NULL;

    nn_mem_free(place);
    return j;
}

static json_t *twin_json(const struct mining_round *r,
                         const struct gate_mine_pick *p)
{
    if (p->same_as == GATE_MINE_SAME_AS_SEEN) {
        return nn_json_text("(trained on)");
    }
    if (p->same_as < 0) {
        return nn_json_text(r->bank->ds->items[-1 - p->same_as].file);
    }
    return place_json(r, (size_t)p->same_as);
}

static json_t *nearest(const struct mining_round *r,
                       const struct gate_mine_pick *p)
{
    json_t *a = json_array();

    for (size_t i = 0; r->bank->n_positives > 0 && i < 3; i++) {
        nn_json_add(
            &a,
            nn_json_text(r->bank->ds->items[p->neighbourhood.nearest[i]].file));
    }
    return a;
}

static json_t *pick_json(const struct mining_round *r, size_t rank)
{
    const struct gate_mine_pick *p = &r->result->pick[rank];
    char hash[17];
    json_t *j;

    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)p->hash);
    j = json_pack("{s:o, s:s, s:i, s:I, s:f, s:f, s:s}", "file",
                  place_json(r, rank), "hash", hash, "round", r->number, "rank",
                  (json_int_t)rank + 1, "score", p->p, "logit", p->z, "verdict",
                  gate_mine_verdict_name(p->verdict));
    if (j == NULL || p->verdict == GATE_MINE_V_UNREADABLE) {
        return j;
    }
    nn_json_put(&j, "positive_cos", json_real(p->neighbourhood.positive_cos));
    nn_json_put(&j, "negative_cos", json_real(p->neighbourhood.negative_cos));
    nn_json_put(&j, "nearest", nearest(r, p));
    if (p->verdict == GATE_MINE_V_DUPLICATE) {
        nn_json_put(&j, "same_as", twin_json(r, p));
    } else if (r->rule != NULL) {
        nn_json_put(&j, "fn_score", json_real(p->fn_score));
    }
    if (p->cluster >= 0) {
        nn_json_put(&j, "cluster", json_integer(p->cluster));
    }
    nn_json_put(&j, "model", json_string(r->model_id));
    return j;
}

/* row_of: NULL when out of memory. */
static enum nn_status
write_lines(const struct mining_round *r, const char *path, int accepted_only,
            json_t *(*row_of)(const struct mining_round *r, size_t i),
            struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    enum nn_status st = nn_file_out_open(&o, path, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < r->result->n; i++) {
        if (accepted_only &&
            !gate_mine_is_accepted(r->result->pick[i].verdict)) {
            continue;
        }
        st = nn_json_print_line(row_of(r, i), o.stream, err);
        if (st) {
            nn_file_out_abort(&o);
            return st;
        }
    }
    return nn_file_out_commit(&o, err);
}

enum nn_status mining_write_jsonl(const struct mining_round *r,
                                  const char *path, struct nn_error *err)
{
    return write_lines(r, path, 0, pick_json, err);
}

size_t mining_drawn(const struct mining_round *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->result->n; i++) {
        n += gate_mine_is_accepted(r->result->pick[i].verdict) &&
             is_drawn(r->result->images->items[i].file);
    }
    return n;
}

static json_t *manifest_json(const struct mining_round *r, size_t i)
{
    return json_pack("{s:o, s:s}", "file", place_json(r, i), "label",
                     "negative");
}

enum nn_status mining_write_manifest(const struct mining_round *r,
                                     const char *path, struct nn_error *err)
{
    return write_lines(r, path, 1, manifest_json, err);
}

static json_t *rule_json(const struct gate_mine_rule *u)
{
    return u == NULL ? json_null()
                     : json_pack("{s:[f,f,f,f], s:f, s:f, s:f, s:f, s:I, s:I}",
                                 "weights", u->w[0], u->w[1], u->w[2], u->w[3],
                                 "limit", u->limit, "rate", u->rate, "caught",
                                 u->caught, "lost", u->lost, "n_positives",
                                 (json_int_t)u->n_positives, "n_negatives",
                                 (json_int_t)u->n_negatives);
}

enum nn_status mining_write_summary(const struct mining_round *r,
                                    const char *path, struct nn_error *err)
{
    const struct gate_mine_result *m = r->result;
    json_t *count = json_object();
    json_t *j;
    enum nn_status st;

    for (int v = 0; v <= GATE_MINE_V_UNREADABLE; v++) {
        nn_json_put(&count, gate_mine_verdict_name((enum gate_mine_verdict)v),
                    json_integer((json_int_t)m->count[v]));
    }
    j = json_pack(
        "{s:i, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:b, s:o, "
        "s:o}",
        "round", r->number, "model", r->model_id, "pool", (json_int_t)r->n_pool,
        "above", (json_int_t)m->above, "unreadable", (json_int_t)m->unreadable,
        "threshold", r->opt->threshold, "min_score", r->opt->min_score,
        "temperature", r->temperature, "top", (json_int_t)r->opt->top,
        "exhausted", m->exhausted, "rule", rule_json(r->rule), "count", count);
    if (r->whole) {
        nn_json_put(&j, "stage", json_string("species"));
    }
    if (j == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_json_write(path, j, err);
    json_decref(j);
    return st;
}

/* The bytes of an image into DIR/0001-name.jpg, number from 1. */
static enum nn_status copy_image(const struct nn_dataset *ds, uint32_t item,
                                 const char *dir, size_t number,
                                 struct nn_error *err)
{
    char *name = nn_mem_sprintf("%s/%04zu-%s", dir, number,
                                nn_path_base(ds->items[item].file));
    struct nn_file_out o = { 0 };
    uint8_t *bytes = NULL;
    size_t size;
    enum nn_status st;

    if (name == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_dataset_read(ds, item, &bytes, &size, err);
    if (st) {
        goto out;
    }
    st = nn_file_out_open(&o, name, err);
    if (st) {
        goto out;
    }
    fwrite(bytes, 1, size, o.stream);
    st = nn_file_out_commit(&o, err);
out:
    nn_mem_free(bytes);
    nn_mem_free(name);
    return st;
}

enum nn_status mining_copy_accepted(const struct gate_mine_result *result,
                                    const char *dir, struct nn_error *err)
{
    size_t n;
    uint32_t *item = gate_mine_accepted(result, &n);
    enum nn_status st;

    if (item == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_mkdirs(dir, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        st = copy_image(result->images, item[i], dir, i + 1, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(item);
    return st;
}

enum nn_status mining_write_files(const struct mining_round *r, const char *dir,
                                  const struct mining_file *file, size_t n,
                                  struct nn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char *path = nn_path_join(dir, file[i].name);
        enum nn_status st;

        if (path == NULL) {
            return nn_fail_nomem(err);
        }
        st = file[i].write(r, path, err);
        nn_mem_free(path);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status mining_write_round(const struct mining_round *r, const char *dir,
                                  struct nn_error *err)
{
    static const char *const stem[] = { "mined", "mined", "round" };
    static const char *const end[] = { "jsonl", "html", "json" };
    char name[3][48];
    const struct mining_file file[] = { { name[0], mining_write_jsonl },
                                        { name[1], mining_write_html },
                                        { name[2], mining_write_summary } };

    for (size_t i = 0; i < 3; i++) {
        snprintf(name[i], sizeof name[i], "%s-%s%d.%s", stem[i],
                 r->whole ? "species-" : "", r->number, end[i]);
    }
    return mining_write_files(r, dir, file, 3, err);
}

const char *mining_verdict_words(enum gate_mine_verdict v)
{
    return v == GATE_MINE_V_SUSPECTED_FN ? "suspected false negative"
                                         : gate_mine_verdict_name(v);
}

/* Why the pool gave no more, and what would help. */
static void say_exhausted(const struct gate_mine_result *m,
                          const struct gate_mine_options *opt, FILE *to)
{
    size_t taken = m->count[GATE_MINE_V_HARD] + m->count[GATE_MINE_V_RANDOM];
    size_t suspects = m->count[GATE_MINE_V_SUSPECTED_FN];

    fprintf(to, "the pool gave no more: %zu of %zu wanted negatives; ", taken,
            opt->top);
    if (suspects > taken) {
        fprintf(to,
                "%zu were laid aside as suspected positives: look at them on "
                "the page, or give --trust-pool if the pool holds none\n",
                suspects);
    } else {
        fputs("a larger pool or a lower --min-score gives more\n", to);
    }
}

void mining_print(const struct mining_round *r, FILE *to)
{
    const struct gate_mine_result *m = r->result;

    if (r->rule != NULL) {
        const struct gate_mine_rule *u = r->rule;

        fprintf(to,
                "false-negative filter: %.2f %+.2f logit %+.2f (cosine to "
                "positives - to "
                "negatives) %+.2f species >= %.2f\n"
                "  catches %.1f %% of the %zu validation positives above the "
                "threshold, and %.1f %% of the %zu negatives there\n",
                u->w[0], u->w[1], u->w[2], u->w[3], u->limit, 100 * u->caught,
                u->n_positives, 100 * u->lost, u->n_negatives);
        if (u->lost > 0.5) {
            fputs("  so it holds back most of what fools the gate: look at "
                  "the suspected ones on the page and keep the negatives\n",
                  to);
        }
    }
    if (r->whole) {
        fprintf(to, "species round %d: the cascade accepts %zu of %zu images",
                r->number, m->above, r->n_pool);
    } else {
        fprintf(to, "round %d: %zu of %zu images score %.3f or more", r->number,
                m->above, r->n_pool, r->opt->min_score);
    }
    fprintf(to, "; looked at %zu:", m->n);
    for (int v = 0; v <= GATE_MINE_V_UNREADABLE; v++) {
        fprintf(to, "%s %zu %s", v > 0 ? "," : "", m->count[v],
                mining_verdict_words((enum gate_mine_verdict)v));
    }
    fputc('\n', to);
    if (m->unreadable > 0) {
        fprintf(to, "unreadable images of the pool: %zu\n", m->unreadable);
    }
    if (m->exhausted && !r->whole) {
        say_exhausted(m, r->opt, to);
    }
}
