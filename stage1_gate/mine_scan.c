/* Scores of a pool, block by block, in a journal that survives a kill.
 *
 * Journal: one line of text that names the gate, the pool and their sizes,
 * then 8 bytes a picture, in order. A block that was cut short by a kill is
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
#include "stage1_gate/mine.h"

enum { BLOCK = 1024, BATCH = 32, HEADER = 80 };

struct scan {
    const struct nn_net *gate;
    const struct nn_dataset *pool;
    const char *journal;
    int fd; /* -1: no journal */
    struct nn_scorer *scorer;
    uint32_t *index;
    float *logits;
    uint8_t *ok;
};

/* What scores depend on: weights, the way pictures are fitted, the names. */
static void header_text(const struct scan *s, char text[HEADER + 1])
{
    const struct nn_net *g = s->gate;
    uint64_t a =
        nn_hash_u64(g->params.value.data, g->params.value.count * sizeof(float),
                    (uint64_t)g->spec.size);
    uint64_t b = 0;
    char line[HEADER];

    for (size_t i = 0; i < s->pool->n; i++) {
        const char *name = s->pool->items[i].file;

        b = nn_hash_u64(name, strlen(name) + 1, b);
    }
    snprintf(line, sizeof line, "scores 1 gate %016llx pool %016llx n %zu",
             (unsigned long long)a, (unsigned long long)b, s->pool->n);
    snprintf(text, HEADER + 1, "%-*s\n", HEADER - 1, line);
}

static enum nn_status io_fail(const struct scan *s, const char *verb,
                              struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO, "cannot %s '%s': %s", verb, s->journal,
                   strerror(errno));
}

static enum nn_status write_all(const struct scan *s, const void *data,
                                size_t size, struct nn_error *err)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = write(s->fd, p, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return io_fail(s, "write", err);
        }
        p += n;
        size -= (size_t)n;
    }
    return NN_OK;
}

/* Open or start the journal; *done scores are taken from it into z. */
static enum nn_status open_journal(struct scan *s, double *z, size_t *done,
                                   struct nn_error *err)
{
    char want[HEADER + 1], have[HEADER];
    struct stat st;
    ssize_t n;

    header_text(s, want);
    s->fd = open(s->journal, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        return io_fail(s, "open", err);
    }
    if (st.st_size < HEADER) {
        if (ftruncate(s->fd, 0) != 0) {
            return io_fail(s, "write", err);
        }
        return write_all(s, want, HEADER, err);
    }
    n = pread(s->fd, have, HEADER, 0);
    if (n != HEADER || memcmp(have, want, HEADER) != 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds scores of another gate or pool: choose "
                       "another folder, or remove it",
                       s->journal);
    }
    *done = (size_t)(st.st_size - HEADER) / sizeof *z;
    *done = *done >= s->pool->n ? s->pool->n : *done / BLOCK * BLOCK;
    for (size_t at = 0; at < *done * sizeof *z; at += (size_t)n) {
        n = pread(s->fd, (char *)z + at, *done * sizeof *z - at,
                  (off_t)(HEADER + at));
        if (n <= 0) {
            return io_fail(s, "read", err);
        }
    }
    if (ftruncate(s->fd, (off_t)(HEADER + *done * sizeof *z)) != 0 ||
        lseek(s->fd, 0, SEEK_END) < 0) {
        return io_fail(s, "write", err);
    }
    return NN_OK;
}

static enum nn_status score_block(struct scan *s, size_t at, size_t n,
                                  double *z, struct nn_error *err)
{
    size_t k = s->gate->spec.n_outputs;
    enum nn_status st;

    for (size_t i = 0; i < n; i++) {
        s->index[i] = (uint32_t)(at + i);
    }
    st = nn_scorer_run_items(s->scorer, s->pool, s->index, n, NULL, s->logits,
                             s->ok, err);
    for (size_t i = 0; !st && i < n; i++) {
        z[at + i] =
            s->ok[i] ? gate_logit(s->gate, s->logits + i * k) : (double)NAN;
    }
    if (!st && s->fd >= 0) {
        st = write_all(s, z + at, n * sizeof *z, err);
    }
    return st;
}

static enum nn_status run(struct scan *s, size_t from,
                          const volatile sig_atomic_t *stop, const char *label,
                          double *z, struct nn_error *err)
{
    struct nn_progress bar;
    enum nn_status st = NN_OK;

    if (label != NULL) {
        nn_progress_begin(&bar, label, "img", (int64_t)s->pool->n);
        nn_progress_resume(&bar, (int64_t)from);
    }
    for (size_t at = from; !st && at < s->pool->n; at += BLOCK) {
        size_t n = s->pool->n - at < BLOCK ? s->pool->n - at : BLOCK;

        if (stop != NULL && *stop) {
            st = nn_fail(err, NN_ERR_STOPPED,
                         "interrupted after %zu of %zu pictures of '%s'", at,
                         s->pool->n, s->pool->path);
            break;
        }
        st = score_block(s, at, n, z, err);
        if (label != NULL) {
            nn_progress_update(&bar, (int64_t)(at + n), NULL);
        }
    }
    if (label != NULL) {
        nn_progress_end(&bar, NULL);
    }
    return st;
}

enum nn_status
gate_mine_scan(const struct nn_net *gate, const struct nn_dataset *pool,
               const char *journal, const volatile sig_atomic_t *stop,
               const char *label, double *z, struct nn_error *err)
{
    struct scan s = {
        .gate = gate, .pool = pool, .journal = journal, .fd = -1
    };
    size_t done = 0;
    enum nn_status st = NN_OK;

    s.index = nn_mem_calloc(BLOCK, sizeof *s.index);
    s.ok = nn_mem_calloc(BLOCK, 1);
    s.logits = nn_mem_calloc(BLOCK, gate->spec.n_outputs * sizeof *s.logits);
    if (s.index == NULL || s.ok == NULL || s.logits == NULL) {
        st = nn_fail_nomem(err);
    }
    if (!st && journal != NULL) {
        st = open_journal(&s, z, &done, err);
    }
    if (!st && done < pool->n) {
        st = nn_scorer_create(gate, BATCH, &s.scorer, err);
    }
    if (!st) {
        st = run(&s, done, stop, label, z, err);
    }
    if (s.fd >= 0 && close(s.fd) != 0 && !st) {
        st = io_fail(&s, "write", err);
    }
    nn_scorer_destroy(&s.scorer);
    nn_mem_free(s.index);
    nn_mem_free(s.ok);
    nn_mem_free(s.logits);
    return st;
}
