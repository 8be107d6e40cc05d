/* Every design and seed in a run folder of its own. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/child.h"
#include "pipelines/comparison.h"

enum { N_FIXED = 14 }; /* options that every run has, at most */

struct words {
    const char **v;
    size_t n;
};

static void add(struct words *w, const char *name, const char *value)
{
    w->v[w->n++] = name;
    if (value != NULL) {
        w->v[w->n++] = value;
    }
}

/* "--gate-size=64" from each --with gate-size=64; strings of nn_mem. */
static enum nn_status add_with(struct words *w, char **own,
                               const struct nn_option_list *with,
                               struct nn_error *err)
{
    for (size_t i = 0; i < with->n; i++) {
        own[i] = nn_mem_sprintf("--%s", with->v[i]);
        if (own[i] == NULL) {
            return nn_fail_nomem(err);
        }
        add(w, own[i], NULL);
    }
    return NN_OK;
}

static enum nn_status train_run(const struct comparison *c,
                                const struct comparison_design *d,
                                struct comparison_run *r, int left_out,
                                struct nn_error *err)
{
    const struct comparison_options *o = c->opt;
    char seed[24], split[24], gate[24], species[24];
    struct words w = {
        nn_mem_calloc(N_FIXED + o->with.n + 2 * c->n_left, sizeof *w.v), 0
    };
    char **own = nn_mem_calloc(o->with.n + 1, sizeof *own);
    enum nn_status st = w.v == NULL || own == NULL ? nn_fail_nomem(err) : NN_OK;

    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    snprintf(split, sizeof split, "%llu", (unsigned long long)o->split_seed);
    snprintf(gate, sizeof gate, "%d", o->gate_epochs);
    snprintf(species, sizeof species, "%d", o->species_epochs);
    if (!st) {
        add(&w, "--system", model_system_name(d->system));
        if (d->focal) {
            add(&w, "--loss", "focal");
        }
        add(&w, "--seed", seed);
        add(&w, "--split-seed", split);
        add(&w, "--gate-epochs", gate);
        add(&w, "--species-epochs", species);
        st = add_with(&w, own, &o->with, err);
    }
    for (size_t i = 0; !st && left_out && i < c->n_left; i++) {
        add(&w, "--leave-out", c->ds->families[c->left[i]]);
    }
    if (!st) {
        st = child_train(o->data, r->dir, w.v, w.n, o->threads, &r->command,
                         err);
    }
    for (size_t i = 0; own != NULL && i < o->with.n; i++) {
        nn_mem_free(own[i]);
    }
    nn_mem_free(own);
    nn_mem_free(w.v);
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
