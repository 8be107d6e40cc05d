#include "pipelines/cli/pathlist.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"

enum { PATHLIST_LINE = 64 * 1024 };

void pathlist_init(struct pathlist *l, int fd, int nul)
{
    *l = (struct pathlist){ .fd = fd, .nul = nul };
}

static void clear(struct pathlist *l)
{
    for (size_t i = 0; i < l->n; i++) {
        nn_mem_free(l->v[i]);
    }
    l->n = 0;
}

void pathlist_release(struct pathlist *l)
{
    clear(l);
    nn_mem_free(l->v);
    nn_mem_free(l->buf);
    pathlist_init(l, -1, 0);
}

/* Take one line of the buffer, or at the end of the stream what is left. */
static int take_line(struct pathlist *l, enum nn_status *st)
{
    char *end =
        l->used > 0 ? memchr(l->buf, l->nul ? '\0' : '\n', l->used) : NULL;
    size_t len = end != NULL ? (size_t)(end - l->buf) : l->used;
    size_t skip = end != NULL ? len + 1 : len;

    if (l->used == 0 || (end == NULL && !l->at_end)) {
        return 0;
    }
    if (!l->nul && len > 0 && l->buf[len - 1] == '\r') {
        len--;
    }
    if (len > 0) {
        l->v[l->n] = nn_mem_strndup(l->buf, len);
        if (l->v[l->n] == NULL) {
            *st = NN_ERR_NOMEM;
            return 0;
        }
        l->n++;
    }
    memmove(l->buf, l->buf + skip, l->used - skip);
    l->used -= skip;
    return 1;
}

static enum nn_status fill(struct pathlist *l, struct nn_error *err)
{
    ssize_t got;

    if (l->used == l->cap) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "a path on standard input is longer than %d bytes",
                       PATHLIST_LINE);
    }
    do {
        got = read(l->fd, l->buf + l->used, l->cap - l->used);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot read paths: %s",
                       strerror(errno));
    }
    l->at_end = got == 0;
    l->nul |= got > 0 && memchr(l->buf + l->used, '\0', (size_t)got) != NULL;
    l->used += (size_t)got;
    return NN_OK;
}

static int more_is_ready(const struct pathlist *l)
{
    struct pollfd p = { .fd = l->fd, .events = POLLIN };

    return poll(&p, 1, 0) > 0;
}

enum nn_status pathlist_read(struct pathlist *l, size_t max,
                             struct nn_error *err)
{
    enum nn_status st = NN_OK;

    clear(l);
    if (l->buf == NULL) {
        l->buf = nn_mem_calloc(PATHLIST_LINE, 1);
        l->v = nn_mem_calloc(max, sizeof *l->v);
        l->cap = PATHLIST_LINE;
        if (l->buf == NULL || l->v == NULL) {
            return nn_fail_nomem(err);
        }
    }
    for (;;) {
        while (l->n < max && take_line(l, &st)) {
        }
        if (st) {
            return nn_fail_nomem(err);
        }
        if (l->n == max || l->at_end || (l->n > 0 && !more_is_ready(l))) {
            l->at_end = l->at_end && l->used == 0;
            return NN_OK;
        }
        st = fill(l, err);
        if (st) {
            return st;
        }
    }
}

int pathlist_is_collection(const char *path)
{
    static const char *const endings[] = { ".tar", ".tar.gz", ".tgz",
                                           ".zip", ".csv",    ".jsonl" };
    size_t len = strlen(path);

    if (nn_file_is_dir(path)) {
        return 1;
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);

        if (len > n && strcasecmp(path + len - n, endings[i]) == 0) {
            return 1;
        }
    }
    return strncmp(path, "synth:", 6) == 0;
}
