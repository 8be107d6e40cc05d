/* Every design and seed in a run folder of its own. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/experiment/experiment.h"

static enum nn_status train_run(const struct comparison *c,
                                const struct comparison_design *d,
                                struct comparison_run *r, int left_out,
                                struct nn_error *err)
{
    const struct comparison_options *o = c->opt;
    struct experiment_words w = EXPERIMENT_WORDS_INIT;
    enum nn_status st;

    experiment_add(&w, "--system", model_system_name(d->system));
    if (d->focal) {
        experiment_add(&w, "--loss", "focal");
    }
    experiment_add_number(&w, "--seed", r->seed);
    experiment_add_number(&w, "--split-seed", o->split_seed);
    experiment_add_number(&w, "--gate-epochs", (unsigned)o->gate_epochs);
    experiment_add_number(&w, "--species-epochs", (unsigned)o->species_epochs);
    experiment_add_with(&w, &o->with);
    for (size_t i = 0; left_out && i < c->n_left; i++) {
        experiment_add(&w, "--leave-out", c->ds->families[c->left[i]]);
    }
    st = experiment_train(o->data, r->dir, &w, o->threads, &r->command, err);
    experiment_words_release(&w);
    return st;
}

/* OUT/DESIGN-s1; the extra run is DESIGN-left-out, or run 1 itself of a design
 * that sees no negatives. */
static enum nn_status name_run(const struct comparison *c,
                               const struct comparison_design *d, size_t j,
                               int left_out, struct comparison_run *r,
                               struct nn_error *err)
{
    r->seed = j + 1;
    if (left_out && d->sees_negatives) {
        r->dir = nn_mem_sprintf("%s/%s-left-out", c->opt->out, d->name);
    } else {
        r->dir = nn_mem_sprintf("%s/%s-s%zu", c->opt->out, d->name, j + 1);
    }
    return r->dir == NULL ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status one(const struct comparison *c,
                          const struct comparison_system *s, size_t j,
                          int left_out, struct nn_error *err)
{
    struct comparison_run *r = left_out ? s->left_out : &s->run[j];
    enum nn_status st = name_run(c, s->design, j, left_out, r, err);

    if (!st) {
        nn_log(NN_LOG_INFO, "compare: %s", r->dir);
        st = train_run(c, s->design, r, left_out && s->design->sees_negatives,
                       err);
    }
    return st;
}

/* Seed by seed, so that an early look has all designs in it. */
enum nn_status comparison_train(struct comparison *c, struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (size_t j = 0; j < (size_t)c->opt->seeds; j++) {
        for (size_t i = 0; !st && i < c->n_systems; i++) {
            st = one(c, &c->system[i], j, 0, err);
        }
    }
    for (size_t i = 0; !st && c->n_left > 0 && i < c->n_systems; i++) {
        st = one(c, &c->system[i], 0, 1, err);
    }
    return st;
}
