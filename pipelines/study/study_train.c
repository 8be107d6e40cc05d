/* The runs of a study as child processes. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"
#include "pipelines/study/study.h"

/* OUT/mined-s1; OUT/left-cat-mined where one family is left out, else
 * OUT/left-1-mined. nn_mem_free; NULL when out of memory. */
static char *run_dir(const struct study *s, const struct study_trial *t,
                     enum study_kind kind)
{
    const char *out = s->o->out, *name = study_kind_name(kind), *only = NULL;
    size_t n = 0;

    if (t->set < 0) {
        return nn_mem_sprintf("%s/%s-s%llu", out, name,
                              (unsigned long long)t->seed);
    }
    for (size_t f = 0; f < s->ds->n_families; f++) {
        if (s->set_of[f] == t->set) {
            only = s->ds->families[f];
            n++;
        }
    }
    return n == 1 && strchr(only, '/') == NULL
               ? nn_mem_sprintf("%s/left-%s-%s", out, only, name)
               : nn_mem_sprintf("%s/left-%d-%s", out, (int)t->set + 1, name);
}

/* What all runs of a trial are told. */
static void name_common(struct experiment_words *w, const struct study *s,
                        const struct study_trial *t)
{
    experiment_add(w, "--only", "gate");
    experiment_add_number(w, "--seed", t->seed);
    experiment_add_data(w, &s->o->how);
    if (s->o->epochs > 0) {
        experiment_add_number(w, "--gate-epochs", (unsigned)s->o->epochs);
    }
    experiment_add_with(w, &s->o->with);
    for (size_t f = 0; t->set >= 0 && f < s->ds->n_families; f++) {
        if (s->set_of[f] == t->set) {
            experiment_add(w, "--leave-out", s->ds->families[f]);
        }
    }
}

static void name_rounds(struct experiment_words *w, const struct study *s,
                        const struct study_trial *t, enum study_kind kind)
{
    const struct study_options *o = s->o;

    experiment_add(w, "--gate-from", t->run[STUDY_BASE].dir);
    for (size_t i = 0; i < o->pool.n; i++) {
        experiment_add(w, "--mine-pool", o->pool.v[i]);
    }
    experiment_add_number(w, "--rounds", (unsigned)o->rounds);
    experiment_add_number(w, "--top", (unsigned)o->top);
    experiment_add_number(w, "--round-epochs", (unsigned)o->round_epochs);
    experiment_add(w, "--keep-rounds", NULL);
    if (o->trust_pool) {
        experiment_add(w, "--trust-pool", NULL);
    }
    if (kind == STUDY_RANDOM) {
        experiment_add(w, "--mine-mode", "random");
        experiment_add(w, "--match-rounds", t->run[STUDY_MINED].dir);
    }
}

/* Adds what the summary of a round counts as accepted; nothing without the
 * file. */
static enum nn_status add_round(const char *path, size_t *added,
                                struct nn_error *err)
{
    unsigned char *text = NULL;
    size_t size = 0;
    json_t *j;
    const json_t *count;
    enum nn_status st;

    if (!nn_file_exists(path)) {
        return NN_OK;
    }
    st = nn_file_read(path, 1 << 20, &text, &size, err);
    if (st) {
        return st;
    }
    j = json_loadb((const char *)text, size, 0, NULL);
    count = json_object_get(j, "count");
    *added += (size_t)(json_integer_value(json_object_get(count, "hard")) +
                       json_integer_value(json_object_get(count, "random")));
    json_decref(j);
    nn_mem_free(text);
    return NN_OK;
}

/* The accepted of all rounds in DIR. */
static enum nn_status count_added(const char *dir, int rounds, size_t *added,
                                  struct nn_error *err)
{
    *added = 0;
    for (int i = 1; i <= rounds; i++) {
        char *path = nn_mem_sprintf("%s/round-%d.json", dir, i);
        enum nn_status st;

        if (path == NULL) {
            return nn_fail_nomem(err);
        }
        st = add_round(path, added, err);
        nn_mem_free(path);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status score_run(struct study *s, struct study_trial *t,
                                enum study_kind kind, struct nn_error *err)
{
    double *score = nn_mem_calloc(s->test.n, sizeof *score);
    struct model *m = NULL;
    enum nn_status st;

    if (score == NULL) {
        return nn_fail_nomem(err);
    }
    t->run[kind].score = score;
    st = model_load(t->run[kind].dir, &m, err);
    if (st) {
        return st;
    }
    st = experiment_score(m, s->ds, s->test.index, s->test.n, &s->o->with, NULL,
                          score, s->test.ok, err);
    model_destroy(&m);
    return st;
}

static enum nn_status one_run(struct study *s, struct study_trial *t,
                              enum study_kind kind, struct nn_error *err)
{
    struct experiment_words w = EXPERIMENT_WORDS_INIT;
    enum nn_status st;

    t->run[kind].dir = run_dir(s, t, kind);
    if (t->run[kind].dir == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "study: %s", t->run[kind].dir);
    name_common(&w, s, t);
    if (kind != STUDY_BASE) {
        name_rounds(&w, s, t, kind);
    }
    st = experiment_train(s->o->data, t->run[kind].dir, &w, s->o->threads,
                          &t->run[kind].command, err);
    experiment_words_release(&w);
    if (st) {
        return st;
    }
    st = count_added(t->run[kind].dir, s->o->rounds, &t->run[kind].added, err);
    if (st) {
        return st;
    }
    st = score_run(s, t, kind, err);
    if (st) {
        return st;
    }
    if (stop_asked) {
        return nn_fail(err, NN_ERR_STOPPED,
                       "interrupted; the same command goes on from there");
    }
    return NN_OK;
}

enum nn_status study_train(struct study *s, struct nn_error *err)
{
    enum nn_status st = nn_file_mkdirs(s->o->out, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < s->n_trials; i++) {
        for (int k = 0; k < STUDY_KINDS; k++) {
            st = one_run(s, &s->trial[i], (enum study_kind)k, err);
            if (st) {
                return st;
            }
        }
    }
    experiment_test_count(&s->test);
    return NN_OK;
}
