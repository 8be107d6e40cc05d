/* Images through both nets, batch by batch. */
#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cascade/baseline_score.h"
#include "pipelines/cascade/cascade_internal.h"

/* --- life --- */

static enum nn_status allocate(struct cascade *c)
{
    size_t batch = (size_t)c->max_batch;
    size_t k = c->species != NULL ? nn_scorer_outputs(c->species) : 1;

    c->gate_z =
        nn_mem_calloc(batch, nn_scorer_outputs(c->gate) * sizeof(float));
    c->species_z = nn_mem_calloc(batch, k * sizeof(float));
    c->p = nn_mem_calloc(k, sizeof *c->p);
    c->want = nn_mem_calloc(batch, 1);
    c->left = nn_mem_calloc(batch, sizeof *c->left);
    c->wait_row = nn_mem_calloc(batch, sizeof *c->wait_row);
    if (c->one_trunk) {
        c->seen =
            nn_mem_calloc(batch, nn_scorer_dims(c->gate) * sizeof *c->seen);
        c->seen_row = nn_mem_calloc(batch, sizeof *c->seen_row);
        if (c->seen == NULL || c->seen_row == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return c->gate_z == NULL || c->species_z == NULL || c->p == NULL ||
                   c->want == NULL || c->left == NULL || c->wait_row == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

/* Few photos reach the species net, and larger images need more memory: half
 * as many at once are enough for them. */
static int32_t species_batch(const struct cascade *c, int32_t max_batch)
{
    const struct model *m = c->model;

    if (cascade_second_input(c) == NULL) { /* it never runs */
        return 1;
    }
    return m->species->spec.size > m->gate->spec.size ? (max_batch + 1) / 2
                                                      : max_batch;
}

enum nn_status cascade_create(const struct model *m, int32_t max_batch,
                              struct cascade **out, struct nn_error *err)
{
    struct cascade *c;
    enum nn_status st;

    *out = NULL;
    if (max_batch < 1) {
        return nn_fail(err, NN_ERR_ARG, "a batch of %d images", (int)max_batch);
    }
    c = nn_mem_calloc(1, sizeof *c);
    if (c == NULL) {
        return nn_fail_nomem(err);
    }
    c->model = m;
    c->max_batch = max_batch;
    st = nn_scorer_create(m->gate, max_batch, &c->gate, err);
    if (st) {
        goto out;
    }
    c->gate_in = nn_scorer_input(c->gate);
    if (m->rungs.n > 0) {
        st = ladder_create(m, max_batch, &c->ladder, err);
        if (st) {
            goto out;
        }
    }
    if (m->species != NULL) {
        c->one_trunk = model_one_trunk(m);
        c->species_batch = species_batch(c, max_batch);
        st = nn_scorer_create(m->species, c->species_batch, &c->species, err);
        if (st) {
            goto out;
        }
        c->species_in = nn_scorer_input(c->species);
    }
    if (allocate(c)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    *out = c;
    c = NULL;
out:
    cascade_destroy(&c);
    return st;
}

void cascade_keep_features(struct cascade *c, const char *dir)
{
    nn_scorer_keep_features(c->gate, dir);
    if (c->species != NULL) {
        nn_scorer_keep_features(c->species, dir);
    }
}

int32_t cascade_pile_batch(int threads)
{
    enum { SMALL = 4 };
    int32_t most = 2 * (int32_t)threads;

    most = most < SMALL ? SMALL : most;
    return most < CASCADE_BATCH ? most : CASCADE_BATCH;
}

const struct nn_input *cascade_second_input(const struct cascade *c)
{
    return c->model->species != NULL && (!c->one_trunk || c->ladder != NULL)
               ? &c->species_in
               : NULL;
}

int32_t cascade_max_batch(const struct cascade *c)
{
    return c->max_batch;
}

void cascade_destroy(struct cascade **cp)
{
    struct cascade *c = *cp;

    *cp = NULL;
    if (c == NULL) {
        return;
    }
    ladder_destroy(&c->ladder);
    nn_scorer_destroy(&c->gate);
    nn_scorer_destroy(&c->species);
    nn_mem_free(c->gate_z);
    nn_mem_free(c->species_z);
    nn_mem_free(c->p);
    nn_mem_free(c->gate_x);
    nn_mem_free(c->species_x);
    nn_mem_free(c->wait_x);
    nn_mem_free(c->wait_row);
    nn_mem_free(c->seen);
    nn_mem_free(c->seen_row);
    nn_mem_free(c->want);
    nn_mem_free(c->left);
    nn_mem_free(c);
}

void cascade_scores_release(struct cascade_scores *s)
{
    for (size_t i = 0; s->reason != NULL && i < s->n; i++) {
        nn_mem_free(s->reason[i]);
    }
    nn_mem_free(s->ok);
    for (size_t i = 0; s->note != NULL && i < s->n; i++) {
        nn_mem_free(s->note[i]);
    }
    for (size_t i = 0; s->shot != NULL && i < s->n; i++) {
        nn_mem_free(s->shot[i]);
    }
    nn_mem_free(s->reason);
    nn_mem_free(s->note);
    nn_mem_free(s->shot);
    nn_mem_free(s->status);
    nn_mem_free(s->ran);
    nn_mem_free(s->thumbnail);
    nn_mem_free(s->rung);
    nn_mem_free(s->p_rung);
    nn_mem_free(s->gate_z);
    nn_mem_free(s->p_gate);
    nn_mem_free(s->p_none);
    nn_mem_free(s->p_positive);
    nn_mem_free(s->p);
    nn_mem_free(s->seconds);
    *s = (struct cascade_scores)CASCADE_SCORES_INIT;
}

enum nn_status cascade_scores_init(struct cascade_scores *s,
                                   const struct model *m, size_t n,
                                   struct nn_error *err)
{
    size_t cells, rungs;

    *s = (struct cascade_scores)CASCADE_SCORES_INIT;
    if (nn_size_mul(n, m->n_classes, &cells) ||
        nn_size_mul(n, m->rungs.n, &rungs)) {
        return nn_fail_nomem(err);
    }
    s->n = n;
    s->n_classes = m->n_classes;
    s->n_rungs = m->rungs.n;
    s->ok = nn_mem_calloc(n, 1);
    s->reason = nn_mem_calloc(n, sizeof *s->reason);
    s->status = nn_mem_calloc(n, sizeof *s->status);
    s->note = nn_mem_calloc(n, sizeof *s->note);
    s->shot = nn_mem_calloc(n, sizeof *s->shot);
    s->ran = nn_mem_calloc(n, 1);
    s->thumbnail = nn_mem_calloc(n, 1);
    s->rung = nn_mem_calloc(n, 1);
    s->p_rung = nn_mem_calloc(rungs, sizeof *s->p_rung);
    s->gate_z = nn_mem_calloc(n, sizeof *s->gate_z);
    s->p_gate = nn_mem_calloc(n, sizeof *s->p_gate);
    s->p_none = nn_mem_calloc(n, sizeof *s->p_none);
    s->p_positive = nn_mem_calloc(n, sizeof *s->p_positive);
    s->p = nn_mem_calloc(cells, sizeof *s->p);
    s->seconds = nn_mem_calloc(n, sizeof *s->seconds);
    if (s->ok == NULL || s->reason == NULL || s->status == NULL ||
        s->note == NULL || s->shot == NULL || s->ran == NULL ||
        s->thumbnail == NULL || s->rung == NULL || s->p_rung == NULL ||
        s->gate_z == NULL || s->p_gate == NULL || s->p_none == NULL ||
        s->p_positive == NULL || s->p == NULL || s->seconds == NULL) {
        cascade_scores_release(s);
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

struct verdict cascade_verdict(const struct cascade *c,
                               const struct cascade_scores *s, size_t i)
{
    return cascade_scores_verdict(c->model, s, i);
}

/* --- one batch --- */

void cascade_fail_row(struct cascade_pass *p, size_t row,
                      const struct nn_error *why)
{
    struct cascade_scores *s = p->out;

    s->ok[row] = 0;
    s->ran[row] = 0;
    nn_mem_free(s->reason[row]);
    s->status[row] = why->status;
    s->reason[row] = nn_mem_strdup(why->text);
    p->no_memory |= s->reason[row] == NULL;
}

void cascade_note_row(struct cascade_pass *p, size_t row, const char *note,
                      const struct nn_shot *shot)
{
    struct cascade_scores *s = p->out;

    if (note[0] != '\0') {
        nn_mem_free(s->note[row]);
        s->note[row] = nn_mem_strdup(note);
        p->no_memory |= s->note[row] == NULL;
    }
    if (!nn_shot_is_empty(shot)) {
        nn_mem_free(s->shot[row]);
        s->shot[row] = nn_mem_calloc(1, sizeof **s->shot);
        if (s->shot[row] == NULL) {
            p->no_memory = 1;
        } else {
            *s->shot[row] = *shot;
        }
    }
}

void cascade_put_gate(const struct model *m, const float *z, size_t row,
                      struct cascade_scores *s)
{
    double p;

    s->ok[row] = 1;
    if (m->system == MODEL_CASCADE) {
        s->gate_z[row] = gate_logit(m->gate, z);
        p = gate_probability(m->gate, s->gate_z[row]);
        s->p_gate[row] = p;
        s->p_positive[row] = model_score(m, p, 0);
        return;
    }
    /* A single model answers both questions at once. */
    p = baseline_score(m->system, m->gate, z, s->p + row * m->n_classes);
    p = fmin(fmax(p, 1e-12), 1 - 1e-12); /* a finite logit */
    s->p_gate[row] = p;
    s->p_positive[row] = p;
    s->gate_z[row] = log(p / (1 - p)) * m->gate->temperature;
    s->ran[row] = 1;
}

void cascade_put_species(struct cascade *c, const float *z, size_t row,
                         struct cascade_scores *s)
{
    const struct model *m = c->model;
    size_t k = m->n_classes;
    double *p = s->p + row * k;

    s->ran[row] = 1;
    if (model_says_none(m)) {
        s->p_none[row] =
            cascade_policy_none(m->policy.gate_weight, s->p_gate[row],
                                species_answer(m->species, z, k, p));
        s->p_positive[row] = model_score(m, s->p_gate[row], s->p_none[row]);
        return;
    }
    nn_net_probabilities(m->species, z, c->p);
    for (size_t j = 0; j < k; j++) {
        p[j] = (double)c->p[j];
    }
}

/* Room for max_batch inputs in *x. */
enum nn_status cascade_take_inputs(const struct cascade *c,
                                   const struct nn_input *in, float **x,
                                   struct nn_error *err)
{
    size_t floats = (size_t)in->size * (size_t)in->size * 3;

    if (*x == NULL) {
        *x = nn_mem_aligned((size_t)c->max_batch, floats * sizeof(float));
    }
    return *x == NULL ? nn_fail_nomem(err) : NN_OK;
}

static int32_t count_wanted(const struct cascade *c, int32_t n)
{
    int32_t m = 0;

    for (int32_t i = 0; i < n; i++) {
        m += c->want[i];
    }
    return m;
}

/* Species outputs of m images of those rows, made since t0. */
static void put_all(struct cascade_pass *p, const uint32_t *row, int32_t m,
                    double t0)
{
    struct cascade_scores *s = p->out;
    size_t outputs = nn_scorer_outputs(p->c->species);
    double spent = nn_time_s() - t0;

    for (int32_t i = 0; i < m; i++) {
        cascade_put_species(p->c, p->c->species_z + (size_t)i * outputs, row[i],
                            s);
        s->seconds[row[i]] += spent / m;
    }
    s->species_s += spent;
    s->species_steps++;
}

/* The species net on m inputs, of those rows. */
static enum nn_status run_species(struct cascade_pass *p, const float *input,
                                  const uint32_t *row, int32_t m,
                                  struct nn_error *err)
{
    struct cascade *c = p->c;
    size_t outputs = nn_scorer_outputs(c->species);
    size_t floats = (size_t)c->species_in.size * (size_t)c->species_in.size * 3;
    double t0 = nn_time_s();

    for (int32_t at = 0, n; at < m; at += n) {
        enum nn_status st;

        n = m - at < c->species_batch ? m - at : c->species_batch;
        st = nn_scorer_run(c->species, input + (size_t)at * floats, n,
                           c->species_z + (size_t)at * outputs, err);
        if (st) {
            return st;
        }
    }
    put_all(p, row, m, t0);
    return NN_OK;
}

/* The species net's classifier on what the gate has computed, of the wanted
 * images that it saw; they are not wanted any more. */
static enum nn_status classify_seen(struct cascade_pass *p,
                                    const struct cascade_batch *b,
                                    struct nn_error *err)
{
    struct cascade *c = p->c;
    size_t dims = nn_scorer_dims(c->gate);
    double t0 = nn_time_s();
    int32_t m = 0;
    enum nn_status st;

    for (int32_t j = 0; j < c->n_left; j++) {
        int32_t i = c->left[j];

        if (!c->want[i]) {
            continue;
        }
        st = nn_scorer_features(c->gate, c->ladder != NULL ? j : i,
                                c->seen + (size_t)m * dims);
        if (st) {
            return nn_fail(err, st, "the gate's features are not there");
        }
        c->seen_row[m++] = b->row[i];
        c->want[i] = 0;
    }
    if (m == 0) {
        return NN_OK;
    }
    st = nn_net_classify(c->model->species, c->seen, (size_t)m, c->species_z,
                         err);
    if (!st) {
        put_all(p, c->seen_row, m, t0);
    }
    return st;
}

enum nn_status cascade_flush(struct cascade_pass *p, struct nn_error *err)
{
    int32_t m = p->n_wait;

    p->n_wait = 0;
    return m > 0 ? run_species(p, p->c->wait_x, p->c->wait_row, m, err) : NN_OK;
}

/* The wanted inputs of a batch join those that wait. */
static enum nn_status let_wait(struct cascade_pass *p,
                               const struct cascade_batch *b, const float *x,
                               struct nn_error *err)
{
    struct cascade *c = p->c;
    size_t floats = (size_t)c->species_in.size * (size_t)c->species_in.size * 3;
    enum nn_status st = cascade_take_inputs(c, &c->species_in, &c->wait_x, err);

    if (st) {
        return st;
    }
    for (int32_t i = 0; i < b->n; i++) {
        if (!c->want[i]) {
            continue;
        }
        if (p->n_wait == 0) {
            p->wait_since = nn_time_s();
        }
        memcpy(c->wait_x + (size_t)p->n_wait * floats, x + (size_t)i * floats,
               floats * sizeof(float));
        c->wait_row[p->n_wait++] = b->row[i];
        if (p->n_wait == c->max_batch) {
            st = cascade_flush(p, err);
            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

/* The images of a batch that pass the gate: at once where they are a full step,
 * else with those that wait. */
static enum nn_status pass_on(struct cascade_pass *p,
                              const struct cascade_batch *b,
                              struct nn_error *err)
{
    struct cascade *c = p->c;
    double t0 = nn_time_s(), spent;
    const float *input = NULL;
    enum nn_status st = b->second(b->ctx, c->want, &input, err);
    int32_t m = count_wanted(c, b->n);

    if (st || m == 0) {
        return st;
    }
    spent = nn_time_s() - t0;
    p->out->species_s += spent;
    for (int32_t i = 0; i < b->n; i++) {
        p->out->seconds[b->row[i]] += c->want[i] ? spent / m : 0;
    }
    return m == c->max_batch && p->n_wait == 0
               ? run_species(p, input, b->row, m, err)
               : let_wait(p, b, input, err);
}

/* Has the first image that waits done so for too long, at this row? */
static int is_overdue(const struct cascade_pass *p, uint32_t row)
{
    const struct cascade *c = p->c;

    return p->n_wait > 0 &&
           (row - c->wait_row[0] >= (uint32_t)(CASCADE_WAIT * c->max_batch) ||
            nn_time_s() - p->wait_since >= CASCADE_WAIT_S);
}

/* The good images of a batch, in c->left. */
static int32_t good_ones(struct cascade *c, const struct cascade_batch *b)
{
    int32_t n = 0;

    for (int32_t i = 0; i < b->n; i++) {
        c->want[i] = b->bad == NULL || !b->bad[i];
        if (c->want[i]) {
            c->left[n++] = i;
        }
    }
    return n;
}

/* The gate on a batch; before it, the rungs, where there are some. */
static enum nn_status run_gate(struct cascade_pass *p,
                               const struct cascade_batch *b,
                               struct nn_error *err)
{
    struct cascade *c = p->c;
    const float *input = b->input;
    size_t k = nn_scorer_outputs(c->gate);
    int32_t n = good_ones(c, b);
    enum nn_status st;

    if (p->rungs_alone) {
        return ladder_look_at_all(c->ladder, b, p->out, c->left, n, err);
    }
    if (c->ladder != NULL) {
        st = ladder_climb(c->ladder, b, p->out, c->left, &n, &input, err);
        if (!st && n > 0) {
            st = nn_scorer_run(c->gate, input, n, c->gate_z, err);
        }
    } else { /* inputs that mean nothing cost less than moving the others */
        st = nn_scorer_run(c->gate, input, b->n, c->gate_z, err);
    }
    c->n_left = n;
    for (int32_t j = 0; !st && j < n; j++) {
        int32_t at = c->ladder != NULL ? j : c->left[j];

        cascade_put_gate(c->model, c->gate_z + (size_t)at * k,
                         b->row[c->left[j]], p->out);
    }
    return st;
}

enum nn_status cascade_score_batch(struct cascade_pass *p,
                                   const struct cascade_batch *b,
                                   struct nn_error *err)
{
    struct cascade *c = p->c;
    struct cascade_scores *s = p->out;
    double since = nn_time_s();
    enum nn_status st = run_gate(p, b, err);
    double now = nn_time_s(), spent = now - b->since;

    if (st || p->rungs_alone) {
        return st;
    }
    s->gate_s += spent;
    for (int32_t i = 0; i < b->n; i++) {
        size_t row = b->row[i];

        if (c->want[i]) {
            s->seconds[row] += b->seconds != NULL ? (double)b->seconds[i] +
                                                        (now - since) / b->n
                                                  : spent / b->n;
            c->want[i] =
                p->all_stages || model_gate_passes(c->model, s->p_gate[row]);
        }
    }
    if (c->one_trunk) {
        st = classify_seen(p, b, err);
        if (st) {
            return st;
        }
    }
    if (c->species != NULL && count_wanted(c, b->n) > 0) {
        st = pass_on(p, b, err);
        if (st) {
            return st;
        }
    }
    return is_overdue(p, b->row[b->n - 1]) ? cascade_flush(p, err) : NN_OK;
}

enum nn_status cascade_tell(struct cascade_pass *p, size_t to,
                            struct nn_error *err)
{
    size_t from = p->told;

    if (p->no_memory) {
        return nn_fail_nomem(err);
    }
    if (p->n_wait > 0 && p->c->wait_row[0] < to) {
        to = p->c->wait_row[0];
    }
    if (p->rows == NULL || to <= from) {
        return NN_OK;
    }
    p->told = to;
    return p->rows(p->ctx, p->out, from, to, err);
}
