#include "pipelines/compare/comparison.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/experiment/experiment.h"

/* Every LEFT_EVERY-th family by name is left out of the extra runs. */
enum { LEFT_EVERY = 4 };

const struct comparison_design comparison_designs[] = {
    { "cascade", MODEL_CASCADE, 0, 0, 1 },
    { "cascade-plain", MODEL_CASCADE, 0, 1, 1 },
    { "multilabel", MODEL_MULTILABEL, 0, 0, 1 },
    { "multilabel-focal", MODEL_MULTILABEL, 1, 0, 1 },
    { "softmax-none", MODEL_SOFTMAX_NONE, 0, 0, 1 },
    { "softmax-max", MODEL_SOFTMAX_MAX, 0, 0, 0 },
};
const size_t comparison_n_designs =
    sizeof comparison_designs / sizeof comparison_designs[0];

/* --- which systems ---------------------------------------------------------
 */

static int is_name(const char *name, const char *p, size_t n)
{
    return n == strlen(name) && memcmp(p, name, n) == 0;
}

/* Of a system's name: that of its design, up to a "+". */
static size_t design_length(const char *p, size_t n)
{
    const char *plus = memchr(p, '+', n);

    return plus == NULL ? n : (size_t)(plus - p);
}

/* The first entry of the list that is the name [n]; a NULL list has none. */
static const char *find(const char *list, const char *name, size_t n)
{
    while (list != NULL && *list != '\0') {
        size_t m = strcspn(list, ",");

        if (m == n && memcmp(list, name, n) == 0) {
            return list;
        }
        list += m + (list[m] == ',');
    }
    return NULL;
}

/* It names a folder, and ends at the ":" of an option. */
static int is_variant(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\0' || strchr("abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-@",
                                   p[i]) == NULL) {
            return 0;
        }
    }
    return n > 0;
}

static enum nn_status check_name(const char *p, size_t n, struct nn_error *err)
{
    size_t m = design_length(p, n);

    if (m < n && !is_variant(p + m + 1, n - m - 1)) {
        return nn_fail(err, NN_ERR_ARG,
                       "system '%.*s' wants a name of letters, digits and "
                       ". _ - @ behind its +",
                       (int)n, p);
    }
    for (size_t i = 0; i < comparison_n_designs; i++) {
        if (is_name(comparison_designs[i].name, p, m)) {
            return NN_OK;
        }
    }
    return nn_fail(err, NN_ERR_ARG,
                   "there is no system '%.*s' (cascade, cascade-plain, "
                   "multilabel, multilabel-focal, softmax-none, softmax-max)",
                   (int)m, p);
}

static enum nn_status check_list(const char *list, struct nn_error *err)
{
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ",");
        enum nn_status st = check_name(p, n, err);

        if (st) {
            return st;
        }
        p += n + (p[n] == ',');
    }
    return NN_OK;
}

size_t comparison_with_system(const char *with)
{
    size_t n = strcspn(with, ":=");

    return with[n] == ':' ? n : 0;
}

static enum nn_status check_with(const struct comparison_options *o,
                                 struct nn_error *err)
{
    for (size_t i = 0; i < o->with.n; i++) {
        const char *name = o->with.v[i];
        size_t n = comparison_with_system(name);
        enum nn_status st = n > 0 ? check_name(name, n, err) : NN_OK;

        if (st) {
            return st;
        }
        if (design_length(name, n) < n && find(o->systems, name, n) == NULL) {
            return nn_fail(err, NN_ERR_ARG,
                           "--with has options for '%.*s', which is not among "
                           "--systems",
                           (int)n, name);
        }
    }
    return NN_OK;
}

/* With one class a largest probability is 1 whatever the image, and a cascade
 * has no species net. */
static int makes_sense(const struct comparison *c,
                       const struct comparison_design *d)
{
    return (d->system != MODEL_SOFTMAX_MAX && !d->plain) ||
           c->ds->n_classes > 1;
}

/* The runs of a system: one for each seed and, where families are left out,
 * one more. */
static enum nn_status add_system(struct comparison *c,
                                 const struct comparison_design *d,
                                 const char *name, size_t length,
                                 struct nn_error *err)
{
    struct comparison_system *s = &c->system[c->n_systems++];
    size_t runs = (size_t)c->opt->seeds;

    s->design = d;
    s->name = nn_mem_sprintf("%.*s", (int)length, name);
    if (s->name == NULL) {
        return nn_fail_nomem(err);
    }
    s->run = nn_mem_calloc(runs, sizeof *s->run);
    if (s->run == NULL) {
        return nn_fail_nomem(err);
    }
    s->n_runs = runs;
    if (c->n_left > 0) {
        s->left_out = nn_mem_calloc(1, sizeof *s->left_out);
        if (s->left_out == NULL) {
            return nn_fail_nomem(err);
        }
    }
    return NN_OK;
}

static void release_run(struct comparison_run *r)
{
    nn_mem_free(r->dir);
    nn_mem_free(r->command);
    outcomes_release(&r->said);
}

static void release_system(struct comparison_system *s)
{
    for (size_t j = 0; j < s->n_runs; j++) {
        release_run(&s->run[j]);
    }
    if (s->left_out != NULL) {
        release_run(s->left_out);
    }
    nn_mem_free(s->run);
    nn_mem_free(s->left_out);
    nn_mem_free(s->name);
    *s = (struct comparison_system){ 0 };
}

/* What the list (NULL: everything) has of a design, itself first. */
static enum nn_status add_design(struct comparison *c,
                                 const struct comparison_design *d,
                                 const char *list, struct nn_error *err)
{
    size_t n = strlen(d->name);
    enum nn_status st = NN_OK;

    if (list == NULL || find(list, d->name, n) != NULL) {
        st = add_system(c, d, d->name, n, err);
    }
    for (const char *p = list; !st && p != NULL && *p != '\0';) {
        size_t m = strcspn(p, ",");

        if (design_length(p, m) == n && n < m && memcmp(p, d->name, n) == 0 &&
            find(list, p, m) == p) {
            st = add_system(c, d, p, m, err);
        }
        p += m + (p[m] == ',');
    }
    return st;
}

/* At most as many as there are designs and entries of the list. */
static size_t most_systems(const char *list)
{
    size_t n = comparison_n_designs + 1;

    for (; list != NULL && *list != '\0'; list++) {
        n += *list == ',';
    }
    return n;
}

static enum nn_status choose_systems(struct comparison *c, struct nn_error *err)
{
    const char *list = c->opt->systems;
    enum nn_status st = check_list(list, err);

    if (st) {
        return st;
    }
    st = check_with(c->opt, err);
    if (st) {
        return st;
    }
    c->system = nn_mem_calloc(most_systems(list), sizeof *c->system);
    if (c->system == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < comparison_n_designs; i++) {
        const struct comparison_design *d = &comparison_designs[i];
        size_t before = c->n_systems;

        st = add_design(c, d, list, err);
        if (st) {
            return st;
        }
        if (!makes_sense(c, d)) {
            for (; c->n_systems > before; c->n_systems--) {
                nn_log(NN_LOG_WARN, "%s needs two classes: left out",
                       c->system[c->n_systems - 1].name);
                release_system(&c->system[c->n_systems - 1]);
            }
        }
    }
    if (c->n_systems == 0) {
        return nn_fail(err, NN_ERR_ARG, "no system to compare");
    }
    return NN_OK;
}

/* --- which families are left out -------------------------------------------
 */

static int has_family(const struct comparison *c, const char *name, size_t f)
{
    return strcmp(c->ds->families[f], name) == 0;
}

static enum nn_status choose_left_out(struct comparison *c,
                                      struct nn_error *err)
{
    const struct comparison_options *o = c->opt;
    size_t nf = c->ds->n_families;

    c->left = nn_mem_calloc(nf + 1, sizeof *c->left);
    if (c->left == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t f = 0; f < nf && !o->no_left_out; f++) {
        int take = o->left_out.n == 0 && f % LEFT_EVERY == LEFT_EVERY - 1;

        for (size_t i = 0; i < o->left_out.n; i++) {
            take = take || has_family(c, o->left_out.v[i], f);
        }
        if (take) {
            c->left[c->n_left++] = (int32_t)f;
        }
    }
    for (size_t i = 0; i < o->left_out.n && !o->no_left_out; i++) {
        int32_t f;
        enum nn_status st =
            nn_dataset_left_out(c->ds, o->left_out.v[i], &f, err);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* --- which images --------------------------------------------------------
 */

/* Every system is trained on the same images: those of ds. */
static enum nn_status leave_out_copies(struct comparison *c,
                                       uint32_t *negatives, size_t *n,
                                       struct nn_error *err)
{
    struct nn_seen seen;
    size_t a[NN_SEEN_PARTS], b[NN_SEEN_PARTS], copies;
    enum nn_status st;

    if (c->opt->keep_overlap) {
        return NN_OK;
    }
    st = nn_seen_init(&seen, c->ds, err);
    if (st) {
        return st;
    }
    c->n_positives =
        nn_seen_leave_out(&seen, c->ds, NN_VALID, c->index, c->n_positives, a);
    *n = nn_seen_leave_out(&seen, c->ds, NN_VALID, negatives, *n, b);
    nn_seen_release(&seen);
    copies = a[NN_TRAIN] + a[NN_VALID] + b[NN_TRAIN] + b[NN_VALID];
    if (copies > 0) {
        nn_log(NN_LOG_WARN,
               "%zu test images stand in train or valid too: they are left "
               "out (--keep-overlap keeps them)",
               copies);
    }
    return NN_OK;
}

static enum nn_status choose_images(struct comparison *c, struct nn_error *err)
{
    const struct nn_dataset *ds = c->ds;
    size_t n = 0;
    uint32_t *negatives = nn_dataset_list(ds, NN_TEST, NN_ITEMS_NEGATIVE, &n);
    enum nn_status st;

    c->k = ds->n_classes;
    c->index = nn_dataset_list(ds, NN_TEST, NN_ITEMS_POSITIVE, &c->n_positives);
    if (c->index == NULL || negatives == NULL) {
        nn_mem_free(negatives);
        return nn_fail_nomem(err);
    }
    st = leave_out_copies(c, negatives, &n, err);
    if (st) {
        nn_mem_free(negatives);
        return st;
    }
    memcpy(c->index + c->n_positives, negatives, n * sizeof *negatives);
    c->n = c->n_positives + n;
    nn_mem_free(negatives);
    if (c->n_positives == 0 || c->n_positives == c->n) {
        return nn_fail(err, NN_ERR_ARG, "the test part of '%s' has no %s",
                       ds->path,
                       c->n_positives == 0 ? "image of a class" : "negatives");
    }
    return NN_OK;
}

enum nn_status comparison_init(struct comparison *c,
                               const struct comparison_options *opt,
                               struct nn_dataset *ds, struct nn_error *err)
{
    enum nn_status st;

    *c = (struct comparison){ .opt = opt, .ds = ds };
    st = choose_left_out(c, err);
    if (st) {
        goto fail;
    }
    st = choose_systems(c, err);
    if (st) {
        goto fail;
    }
    st = choose_images(c, err);
    if (st) {
        goto fail;
    }
    return NN_OK;
fail:
    comparison_release(c);
    return st;
}

void comparison_release(struct comparison *c)
{
    for (size_t i = 0; i < c->n_systems; i++) {
        release_system(&c->system[i]);
    }
    nn_mem_free(c->system);
    nn_mem_free(c->index);
    nn_mem_free(c->left);
    nn_dataset_close(&c->ds);
    *c = (struct comparison){ 0 };
}

/* --- training: every design and seed in a run folder of its own -------------
 */

static void add_with(const struct nn_option_list *with, const char *system,
                     struct experiment_words *w)
{
    for (size_t i = 0; i < with->n; i++) {
        const char *option = with->v[i];
        size_t n = comparison_with_system(option);

        if (n == 0) {
            experiment_add_option(w, option);
        } else if (is_name(system, option, n)) {
            experiment_add_option(w, option + n + 1);
        }
    }
}

static enum nn_status train_run(const struct comparison *c,
                                const struct comparison_system *s,
                                struct comparison_run *r, int left_out,
                                struct nn_error *err)
{
    const struct comparison_options *o = c->opt;
    const struct comparison_design *d = s->design;
    struct experiment_words w = EXPERIMENT_WORDS_INIT;
    enum nn_status st;

    experiment_add(&w, "--system", model_system_name(d->system));
    if (d->focal) {
        experiment_add(&w, "--loss", "focal");
    }
    if (d->plain) {
        experiment_add(&w, "--species-none", "off");
    }
    experiment_add_number(&w, "--seed", r->seed);
    experiment_add_data(&w, &o->how);
    experiment_add_number(&w, "--gate-epochs", (unsigned)o->gate_epochs);
    experiment_add_number(&w, "--species-epochs", (unsigned)o->species_epochs);
    add_with(&o->with, s->name, &w);
    for (size_t i = 0; left_out && i < c->n_left; i++) {
        experiment_add(&w, "--leave-out", c->ds->families[c->left[i]]);
    }
    st = experiment_train(o->data, r->dir, &w, o->threads, &r->command, err);
    experiment_words_release(&w);
    return st;
}

/* OUT/SYSTEM-s1; the extra run is SYSTEM-left-out, or run 1 itself of a design
 * that sees no negatives. */
static enum nn_status name_run(const struct comparison *c,
                               const struct comparison_system *s, size_t j,
                               int left_out, struct comparison_run *r,
                               struct nn_error *err)
{
    r->seed = j + 1;
    if (left_out && s->design->sees_negatives) {
        r->dir = nn_mem_sprintf("%s/%s-left-out", c->opt->out, s->name);
    } else {
        r->dir = nn_mem_sprintf("%s/%s-s%zu", c->opt->out, s->name, j + 1);
    }
    return r->dir == NULL ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status one(const struct comparison *c,
                          const struct comparison_system *s, size_t j,
                          int left_out, struct nn_error *err)
{
    struct comparison_run *r = left_out ? s->left_out : &s->run[j];
    enum nn_status st = name_run(c, s, j, left_out, r, err);

    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO, "compare: %s", r->dir);
    return train_run(c, s, r, left_out && s->design->sees_negatives, err);
}

/* Seed by seed, so that an early look has all designs in it. */
enum nn_status comparison_train(struct comparison *c, struct nn_error *err)
{
    enum nn_status st;

    for (size_t j = 0; j < (size_t)c->opt->seeds; j++) {
        for (size_t i = 0; i < c->n_systems; i++) {
            st = one(c, &c->system[i], j, 0, err);
            if (st) {
                return st;
            }
        }
    }
    for (size_t i = 0; c->n_left > 0 && i < c->n_systems; i++) {
        st = one(c, &c->system[i], 0, 1, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}
