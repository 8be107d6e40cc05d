/* Scores of a pool, block by block, in a journal that survives a kill.
 *
 * Journal: one line of text that names the gate, the pool and their sizes,
 * then 8 bytes an image, in order. A block that was cut short by a kill is
 * computed again. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "stage1_gate/mine_internal.h"

enum { BLOCK = 1024, BATCH = 32, HEADER = 80 };

struct scan {
    const struct nn_net *gate;
    const struct nn_pool *pool;
    const char *journal, *features; /* or NULL */
    int fd;
    struct nn_scorer *scorer;
    uint32_t index[BLOCK];
    uint8_t ok[BLOCK];
    double z[BLOCK];
    float *logits;
};

/* What scores depend on: weights, the way images are fitted, the names. */
static void header_text(const struct scan *s, char text[HEADER + 1])
{
    const struct nn_net *g = s->gate;
    uint64_t a =
        nn_hash_u64(g->params.value.data, g->params.value.count * sizeof(float),
                    (uint64_t)g->spec.size);
    char line[HEADER];

    for (size_t i = 0; i < g->spec.n_more; i++) {
        const struct nn_tta_view *v = &g->spec.more[i];

        a = nn_hash_u64(&v->size, sizeof v->size, a + (v->mirrored != 0));
    }
    snprintf(line, sizeof line, "scores 2 gate %016llx pool %016llx n %zu",
             (unsigned long long)a, (unsigned long long)s->pool->hash,
             s->pool->n);
    snprintf(text, HEADER + 1, "%-*s\n", HEADER - 1, line);
}

static enum nn_status io_fail(const struct scan *s, const char *verb,
                              struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO, "cannot %s '%s': %s", verb,
                   s->journal != NULL ? s->journal : "the scores",
                   strerror(errno));
}

/* Open or start the journal: *done of its scores are whole. */
static enum nn_status open_journal(struct scan *s, size_t *done,
                                   struct nn_error *err)
{
    char want[HEADER + 1], have[HEADER];
    struct stat st;

    if (s->journal == NULL) {
        return nn_file_temp(&s->fd, err);
    }
    header_text(s, want);
    s->fd = open(s->journal, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        return io_fail(s, "open", err);
    }
    if (st.st_size < HEADER) {
        return ftruncate(s->fd, 0) != 0 ||
                       nn_file_pwrite(s->fd, want, HEADER, 0)
                   ? io_fail(s, "write", err)
                   : NN_OK;
    }
    if (nn_file_pread(s->fd, have, HEADER, 0) ||
        memcmp(have, want, HEADER) != 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds scores of another gate or pool: choose "
                       "another folder, or remove it",
                       s->journal);
    }
    *done = (size_t)(st.st_size - HEADER) / sizeof(double);
    *done = *done >= s->pool->n ? s->pool->n : *done / BLOCK * BLOCK;
    return NN_OK;
}

static enum nn_status score_block(struct scan *s, size_t at, size_t n,
                                  struct nn_error *err)
{
    size_t k = s->gate->spec.n_outputs;
    struct nn_dataset *window = NULL;
    enum nn_status st;

    for (size_t i = 0; i < n; i++) {
        s->index[i] = (uint32_t)(at + i);
    }
    st = nn_pool_take(s->pool, s->index, n, &window, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        s->index[i] = (uint32_t)i;
    }
    if (nn_scorer_feature_dir(s->scorer) != NULL) {
        nn_dataset_hash_files(window);
    }
    st = nn_scorer_run_items(s->scorer, window, s->index, n, NULL, s->logits,
                             s->ok, err);
    nn_dataset_close(&window);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        s->z[i] =
            s->ok[i] ? gate_logit(s->gate, s->logits + i * k) : (double)NAN;
    }
    if (nn_file_pwrite(s->fd, s->z, n * sizeof *s->z,
                       HEADER + (int64_t)(at * sizeof *s->z))) {
        return io_fail(s, "write", err);
    }
    return NN_OK;
}

static enum nn_status run(struct scan *s, size_t from,
                          const volatile sig_atomic_t *stop, const char *label,
                          struct nn_error *err)
{
    struct nn_progress bar;
    enum nn_status st = NN_OK;

    if (label != NULL) {
        nn_progress_begin(&bar, label, "img", (int64_t)s->pool->n);
        nn_progress_resume(&bar, (int64_t)from);
    }
    for (size_t at = from; at < s->pool->n; at += BLOCK) {
        size_t n = s->pool->n - at < BLOCK ? s->pool->n - at : BLOCK;

        if (stop != NULL && *stop) {
            st = nn_fail(err, NN_ERR_STOPPED,
                         "interrupted after %zu of %zu images of '%s'", at,
                         s->pool->n, s->pool->path);
            goto out;
        }
        st = score_block(s, at, n, err);
        if (st) {
            goto out;
        }
        if (label != NULL) {
            nn_progress_update(&bar, (int64_t)(at + n), NULL);
        }
    }
out:
    if (label != NULL) {
        nn_progress_end(&bar, NULL);
    }
    return st;
}

enum nn_status gate_mine_scan(const struct nn_net *gate,
                              const struct nn_pool *pool, const char *journal,
                              const char *features,
                              const volatile sig_atomic_t *stop,
                              const char *label, struct gate_mine_scores *out,
                              struct nn_error *err)
{
    struct scan *s = nn_mem_calloc(1, sizeof *s);
    size_t done = 0;
    enum nn_status st;

    *out = (struct gate_mine_scores){ .fd = -1 };
    if (s == NULL) {
        return nn_fail_nomem(err);
    }
    *s = (struct scan){ .gate = gate,
                        .pool = pool,
                        .journal = journal,
                        .features = features,
                        .fd = -1 };
    s->logits = nn_mem_calloc(BLOCK, gate->spec.n_outputs * sizeof(float));
    if (s->logits == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = open_journal(s, &done, err);
    if (st) {
        goto out;
    }
    if (done < pool->n) {
        st = nn_scorer_create(gate, BATCH, &s->scorer, err);
        if (st) {
            goto out;
        }
        nn_scorer_keep_features(s->scorer, features);
    }
    st = run(s, done, stop, label, err);
out:
    out->fd = s->fd;
    out->n = pool->n;
    nn_scorer_destroy(&s->scorer);
    nn_mem_free(s->logits);
    nn_mem_free(s);
    if (st) {
        gate_mine_scores_close(out);
    }
    return st;
}

void gate_mine_scores_close(struct gate_mine_scores *s)
{
    if (s->fd >= 0) {
        close(s->fd);
    }
    *s = (struct gate_mine_scores){ .fd = -1 };
}

enum nn_status gate_mine_scores_read(const struct gate_mine_scores *s,
                                     size_t at, size_t n, double *z,
                                     struct nn_error *err)
{
    if (nn_file_pread(s->fd, z, n * sizeof *z,
                      HEADER + (int64_t)(at * sizeof *z))) {
        return nn_fail(err, NN_ERR_IO, "cannot read the scores: %s",
                       errno != 0 ? strerror(errno) : "cut short");
    }
    return NN_OK;
}

enum nn_status gate_mine_scores_write(struct gate_mine_scores *s, size_t at,
                                      size_t n, const double *z,
                                      struct nn_error *err)
{
    if (nn_file_pwrite(s->fd, z, n * sizeof *z,
                       HEADER + (int64_t)(at * sizeof *z))) {
        return nn_fail(err, NN_ERR_IO, "cannot write the scores: %s",
                       strerror(errno));
    }
    return NN_OK;
}

enum nn_status gate_mine_scores_copy(const struct gate_mine_scores *s,
                                     struct gate_mine_scores *out,
                                     struct nn_error *err)
{
    double z[BLOCK];
    enum nn_status st;

    *out = (struct gate_mine_scores){ .fd = -1, .n = s->n };
    st = nn_file_temp(&out->fd, err);
    for (size_t at = 0; !st && at < s->n; at += BLOCK) {
        size_t n = s->n - at < BLOCK ? s->n - at : BLOCK;

        st = gate_mine_scores_read(s, at, n, z, err);
        if (!st) {
            st = gate_mine_scores_write(out, at, n, z, err);
        }
    }
    if (st) {
        gate_mine_scores_close(out);
    }
    return st;
}
