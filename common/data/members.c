#include "common/data/members.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"

#define READ_BLOCK ((size_t)1 << 18)

struct nn_archive {
    struct archive *a;
    int fd;
    locale_t utf8; /* or 0 where there is none */
    int64_t stated;
    size_t members; /* so far */
    char nameless[48];
    const char *reason; /* NULL: the library's */
    /* Found behind damaged headers, for the next step. */
    struct nn_archive_member next;
    int held;
};

void nn_archive_close(struct nn_archive **ap)
{
    struct nn_archive *a = *ap;

    *ap = NULL;
    if (a == NULL) {
        return;
    }
    if (a->a != NULL) {
        archive_read_free(a->a);
    }
    if (a->fd >= 0) {
        close(a->fd);
    }
    if (a->utf8 != (locale_t)0) {
        freelocale(a->utf8);
    }
    nn_mem_free(a);
}

enum nn_status nn_archive_open(const char *path, struct nn_archive **out,
                               struct nn_error *err)
{
    struct nn_archive *a = nn_mem_calloc(1, sizeof *a);
    enum nn_status st;

    *out = NULL;
    if (a == NULL) {
        return nn_fail_nomem(err);
    }
    a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (a->fd < 0) {
        st = nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                     strerror(errno));
        goto out;
    }
    a->a = archive_read_new();
    if (a->a == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    /* Only its letters: numbers stay as C writes them. */
    a->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    archive_read_support_filter_all(a->a);
    archive_read_support_format_tar(a->a);
    archive_read_support_format_zip(a->a);
    (void)archive_read_open_fd(a->a, a->fd, READ_BLOCK);
    *out = a;
    return NN_OK;
out:
    nn_archive_close(&a);
    return st;
}

static const char *without_dot(const char *name)
{
    while (name != NULL && strncmp(name, "./", 2) == 0) {
        name += 2;
    }
    return name;
}

/* A member of a plain tar lies in it byte by byte. */
static int64_t offset_of(struct archive *a, struct archive_entry *e)
{
    int plain =
        (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
        archive_filter_count(a) == 1 && archive_entry_sparse_count(e) == 0 &&
        archive_entry_size(e) >= 0;

    return plain ? archive_filter_bytes(a, 0) : -1;
}

static void describe(struct nn_archive *a, struct archive_entry *e,
                     struct nn_archive_member *m)
{
    const char *name = without_dot(archive_entry_pathname(e));

    a->members++;
    if (name == NULL) { /* in no letters that the locale has */
        snprintf(a->nameless, sizeof a->nameless, "member %zu", a->members);
        name = a->nameless;
    }
    a->stated = archive_entry_size_is_set(e) ? archive_entry_size(e) : -1;
    *m = (struct nn_archive_member){
        .name = name[0] != '\0' ? name : "./",
        .link = without_dot(archive_entry_hardlink(e)),
        .is_file = archive_entry_filetype(e) == AE_IFREG,
        .size = a->stated,
        .mtime_ms = (int64_t)archive_entry_mtime(e) * 1000,
        .offset = offset_of(a->a, e),
    };
}

/* Damaged headers in a row are one step: each block of a member whose header is
 * lost looks like one. */
static int next_header(struct nn_archive *a, struct archive_entry **e,
                       int *lost)
{
    int got;

    do {
        got = archive_read_next_header(a->a, e);
        *lost |= got == ARCHIVE_RETRY;
    } while (got == ARCHIVE_RETRY);
    return got;
}

enum nn_archive_step nn_archive_next(struct nn_archive *a,
                                     struct nn_archive_member *m)
{
    locale_t before = (locale_t)0;
    struct archive_entry *e = NULL;
    enum nn_archive_step step = NN_ARCHIVE_MEMBER;
    int lost = 0, got;

    a->reason = NULL;
    if (a->utf8 != (locale_t)0) {
        before = uselocale(a->utf8);
    }
    if (a->held) {
        a->held = 0;
        *m = a->next;
        goto out;
    }
    got = next_header(a, &e, &lost);
    if (got == ARCHIVE_EOF) {
        step = NN_ARCHIVE_END;
    } else if (got < ARCHIVE_WARN) {
        step = NN_ARCHIVE_BROKEN;
    } else {
        describe(a, e, m);
    }
    if (lost) {
        a->held = step == NN_ARCHIVE_MEMBER;
        if (a->held) {
            a->next = *m;
        }
        a->reason = "damaged headers";
        step = step == NN_ARCHIVE_BROKEN ? step : NN_ARCHIVE_LOST;
    }
out:
    if (before != (locale_t)0) {
        uselocale(before);
    }
    return step;
}

const char *nn_archive_reason(const struct nn_archive *a)
{
    const char *text = a->reason;

    text = text != NULL ? text : archive_error_string(a->a);
    return text != NULL ? text : "no reason given";
}

enum nn_status nn_archive_read(struct nn_archive *a, size_t most,
                               uint8_t **bytes, size_t *size)
{
    /* What the archive states is a hint only. */
    size_t want = a->stated > 0 && a->stated < (int64_t)1 << 26
                      ? (size_t)a->stated + 1
                      : (size_t)1 << 16;
    unsigned char *block = NULL;
    size_t cap = 0, n = 0;
    la_ssize_t got;

    do {
        want = n + 1 > want ? n * 2 : want;
        if (nn_mem_grow(&block, &cap, want, 1)) {
            nn_mem_free(block);
            return NN_ERR_NOMEM;
        }
        got = archive_read_data(a->a, block + n, cap - n);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 && n <= most);
    if (got != 0) {
        a->reason = got > 0 ? "too large" : NULL;
        nn_mem_free(block);
        return NN_ERR_FORMAT;
    }
    *bytes = block;
    *size = n;
    return NN_OK;
}

int nn_archive_fd(const struct nn_archive *a)
{
    return a->fd;
}
