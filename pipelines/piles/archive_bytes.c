#include "pipelines/piles/archive_bytes.h"

#include <string.h>

#include "common/base/mem.h"

#define MOST_BYTES ((size_t)1 << 30)

void pile_archive_release(struct pile_archive *p)
{
    nn_archive_close(&p->a);
    nn_mem_free(p->path);
    p->path = NULL;
}

static enum nn_status open_from_start(struct pile_archive *p, const char *path,
                                      struct nn_error *err)
{
    pile_archive_release(p);
    p->path = nn_mem_strdup(path);
    if (p->path == NULL) {
        return nn_fail_nomem(err);
    }
    return nn_archive_open(path, &p->a, err);
}

/* On to the member. 0: not from here to the end. A link becomes the name that
 * it stands for, in *link (nn_mem_free). */
static int find(struct pile_archive *p, const char *member, char **link)
{
    struct nn_archive_member m;
    enum nn_archive_step step;

    do {
        step = nn_archive_next(p->a, &m);
        if (step == NN_ARCHIVE_MEMBER && (m.is_file || m.link != NULL) &&
            strcmp(m.name, member) == 0) {
            *link = m.link != NULL ? nn_mem_strdup(m.link) : NULL;
            return 1;
        }
    } while (step == NN_ARCHIVE_MEMBER || step == NN_ARCHIVE_LOST);
    nn_archive_close(&p->a);
    return 0;
}

enum nn_status pile_archive_read(struct pile_archive *p, const char *path,
                                 const char *member, uint8_t **bytes,
                                 size_t *size, struct nn_error *err)
{
    int going_on = p->a != NULL && strcmp(p->path, path) == 0;
    char *link = NULL;
    enum nn_status st = NN_OK;

    if (!going_on || !find(p, member, &link)) {
        st = open_from_start(p, path, err);
        if (st) {
            return st;
        }
        if (!find(p, member, &link)) {
            return nn_fail(err, NN_ERR_FORMAT, "'%s' has no '%s'", path,
                           member);
        }
    }
    if (link != NULL) { /* an earlier member, so no further link */
        char *further = NULL;

        st = open_from_start(p, path, err);
        if (st == NN_OK && !find(p, link, &further)) {
            st = nn_fail(err, NN_ERR_FORMAT, "'%s' has no '%s'", path, link);
        }
        nn_mem_free(link);
        nn_mem_free(further);
    }
    if (st) {
        return st;
    }
    st = nn_archive_read(p->a, MOST_BYTES, bytes, size);
    if (st) {
        return st == NN_ERR_NOMEM
                   ? nn_fail_nomem(err)
                   : nn_fail(err, st, "cannot read '%s' of '%s': %s", member,
                             path, nn_archive_reason(p->a));
    }
    return NN_OK;
}
