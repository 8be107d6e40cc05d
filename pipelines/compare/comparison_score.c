/* Every model on the same test images. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/experiment/experiment.h"

/* --- a model of these data? ------------------------------------------------
 */

static enum nn_status check_model(const struct comparison *c,
                                  const struct comparison_run *r,
                                  const struct model *m, int left_out,
                                  struct nn_error *err)
{
    char hex[33];
    const char *hash = json_string_value(json_object_get(m->data, "hash"));
    int same = m->n_classes == c->k;

    for (size_t i = 0; same && i < c->k; i++) {
        same = strcmp(m->classes[i], c->ds->classes[i]) == 0;
    }
    nn_dataset_hash(c->ds, hex);
    /* Without some families the training data are others by design. */
    if (!same || (!left_out && (hash == NULL || strcmp(hash, hex) != 0))) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' was trained on other images, classes or splits "
                       "than '%s' holds now: choose another --out",
                       r->dir, c->opt->data);
    }
    return NN_OK;
}

/* The weights alone: the metadata behind them hold times. */
static enum nn_status hash_weights(struct comparison_run *r,
                                   struct nn_error *err)
{
    char *path = nn_path_join(r->dir, "best.safetensors");
    unsigned char *data = NULL;
    size_t size = 0, start = 8;
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_read(path, (size_t)1 << 32, &data, &size, err);
    nn_mem_free(path);
    if (st) {
        return st;
    }
    if (size >= 8) { /* safetensors: the header's length comes first */
        for (size_t i = 0; i < 8; i++) {
            start += (size_t)data[i] << (8 * i);
        }
        start = start < size ? start : size;
        nn_hash_hex(data + start, size - start, r->hash);
    }
    nn_mem_free(data);
    return NN_OK;
}

static double training_seconds(const struct model *m)
{
    static const char *const keys[] = { "gate_seconds", "species_seconds",
                                        "seconds" };
    double s = 0;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        s += json_number_value(json_object_get(m->training, keys[i]));
    }
    return s;
}

/* --- scores ----------------------------------------------------------------
 */

/* Images that turned out unreadable leave the comparison. *dropped: how
 * many. */
static void drop_unreadable(struct comparison *c, const uint8_t *ok,
                            size_t *dropped)
{
    size_t m = 0, n_positives = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (!ok[i]) {
            nn_log(NN_LOG_WARN, "test image '%s' cannot be read: left out",
                   c->ds->items[c->index[i]].file);
            continue;
        }
        c->index[m] = c->index[i];
        n_positives += i < c->n_positives;
        m++;
    }
    *dropped = c->n - m;
    c->n = m;
    c->n_positives = n_positives;
}

static enum nn_status score_all(struct comparison *c, struct cascade *model,
                                const char *label, struct cascade_scores *s,
                                struct nn_error *err)
{
    size_t dropped;

    do {
        enum nn_status st;

        cascade_scores_release(s);
        st = cascade_score(model, c->ds, c->index, c->n, 1, label, s, err);
        if (st) {
            return st;
        }
        drop_unreadable(c, s->ok, &dropped);
        if (c->n_positives == 0 || c->n_positives == c->n) {
            return nn_fail(err, NN_ERR_ARG,
                           "too few readable test images in '%s'",
                           c->opt->data);
        }
    } while (dropped > 0);
    return NN_OK;
}

/* --- all of it -------------------------------------------------------------
 */

static enum nn_status score_run(struct comparison *c,
                                struct comparison_system *s,
                                struct comparison_run *r, int left_out,
                                struct nn_error *err)
{
    struct cascade_scores scores = CASCADE_SCORES_INIT;
    char *features = experiment_feature_dir(&c->opt->with);
    struct cascade *cascade = NULL;
    struct model *m = NULL;
    enum nn_status st = model_load(r->dir, &m, err);

    if (st) {
        goto out;
    }
    st = check_model(c, r, m, left_out, err);
    if (st) {
        goto out;
    }
    st = hash_weights(r, err);
    if (st) {
        goto out;
    }
    st = cascade_create(m, CASCADE_BATCH, &cascade, err);
    if (st) {
        goto out;
    }
    (void)experiment_keep_features(cascade, m, features);
    st = score_all(c, cascade, s->name, &scores, err);
    if (st) {
        goto out;
    }
    st = outcomes_of_scores(&r->said, m, c->ds, c->index, &scores, NULL, c->n,
                            err);
    if (st) {
        goto out;
    }
    r->threshold = model_threshold(m);
    r->says_none = model_says_none(m);
    r->reject_threshold =
        m->species != NULL ? m->species_policy.reject_threshold : 0;
    r->train_seconds = training_seconds(m);
out:
    cascade_destroy(&cascade);
    cascade_scores_release(&scores);
    model_destroy(&m);
    nn_mem_free(features);
    return st;
}

enum nn_status comparison_score(struct comparison *c, struct nn_error *err)
{
    enum nn_status st;

    for (size_t i = 0; i < c->n_systems; i++) {
        struct comparison_system *s = &c->system[i];

        for (size_t j = 0; j < s->n_runs; j++) {
            st = score_run(c, s, &s->run[j], 0, err);
            if (st) {
                return st;
            }
        }
        if (s->left_out != NULL) {
            st = score_run(c, s, s->left_out, s->design->sees_negatives, err);
            if (st) {
                return st;
            }
        }
    }
    return comparison_measure(c, err);
}
