#include "pipelines/piles/acts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

enum { BLOCK = 1 << 20 };

const char *pile_by_name(enum pile_by by)
{
    static const char *const names[] = { "link", "copy", "move" };

    return names[by];
}

int pile_fatal(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EROFS ||
           error == EIO || error == EFBIG || error == ENOMEM;
}

int pile_rename_new(const char *from, const char *to)
{
    struct stat st;

#ifdef RENAME_NOREPLACE
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return errno;
    }
#endif
    /* A file system without that flag: two names for a moment. */
    if (link(from, to) == 0) {
        return unlink(from) == 0 ? 0 : errno;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) {
        return errno;
    }
    /* And without links: nobody else writes to a folder that was taken. */
    if (lstat(to, &st) == 0) {
        return EEXIST;
    }
    return rename(from, to) == 0 ? 0 : errno;
}

int pile_link_new(const char *from, const char *to, int *symbolic)
{
    char real[PATH_MAX];

    *symbolic = 0;
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0) {
        return 0;
    }
    if (errno != EXDEV && errno != EPERM && errno != EOPNOTSUPP &&
        errno != EMLINK) {
        return errno;
    }
    if (realpath(from, real) == NULL) {
        return errno;
    }
    *symbolic = 1;
    return symlink(real, to) == 0 ? 0 : errno;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int copy_bytes(int from, int to, int64_t *copied)
{
    char *block = nn_mem_calloc(BLOCK, 1);
    int why = block == NULL ? ENOMEM : 0;

    *copied = 0;
    while (why == 0) {
        ssize_t n = read(from, block, BLOCK);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            why = n < 0 ? errno : 0;
            break;
        }
        *copied += n;
        why = write_all(to, block, (size_t)n);
    }
    nn_mem_free(block);
    return why;
}

/* The rest of what makes `temp` the file `to`; fd is closed. */
static int finish_new(int fd, int why, const struct timespec time[2],
                      const char *temp, const char *to)
{
    if (why == 0 && (futimens(fd, time) != 0 || fsync(fd) != 0)) {
        why = errno;
    }
    if (close(fd) != 0 && why == 0) {
        why = errno;
    }
    if (why == 0) {
        why = pile_rename_new(temp, to);
    }
    if (why != 0) {
        unlink(temp);
    }
    return why;
}

int pile_copy_new(const char *from, const char *to, const char *temp)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), fd, why = 0;
    struct timespec time[2];
    struct stat st, now;
    int64_t copied;

    if (in < 0) {
        return errno;
    }
    if (fstat(in, &st) != 0) {
        why = errno;
    } else if (!S_ISREG(st.st_mode)) {
        why = EINVAL;
    }
    fd = why == 0 ? open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                  : -1;
    if (fd < 0) {
        why = why != 0 ? why : errno;
        close(in);
        return why;
    }
    why = copy_bytes(in, fd, &copied);
    if (why == 0 &&
        (fstat(in, &now) != 0 || copied != st.st_size ||
         now.st_size != st.st_size || now.st_mtim.tv_sec != st.st_mtim.tv_sec ||
         now.st_mtim.tv_nsec != st.st_mtim.tv_nsec)) {
        why = EAGAIN;
    }
    close(in);
    /* Some file systems have no modes: that is no loss. */
    (void)!fchmod(fd, st.st_mode & 0777);
    time[0] = st.st_atim;
    time[1] = st.st_mtim;
    return finish_new(fd, why, time, temp, to);
}

int pile_write_new(const void *bytes, size_t size, int64_t mtime_ns,
                   const char *to, const char *temp)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    struct timespec t = { .tv_sec = (time_t)(mtime_ns / 1000000000),
                          .tv_nsec = (long)(mtime_ns % 1000000000) };
    const struct timespec time[2] = { t, t };

    return fd < 0 ? errno
                  : finish_new(fd, write_all(fd, bytes, size), time, temp, to);
}

/* The entry itself is on the disk. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash != NULL ? nn_mem_strndup(path, (size_t)(slash - path) + 1)
                              : nn_mem_strdup(".");
    int fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    nn_mem_free(dir);
}

int pile_move_new(const char *from, const char *to, const char *temp)
{
    int why = pile_rename_new(from, to);

    if (why != EXDEV) {
        return why;
    }
    why = pile_copy_new(from, to, temp);
    if (why != 0) {
        return why;
    }
    sync_folder(to);
    return unlink(from) == 0 ? 0 : errno;
}

static int same_bytes(int a, int b)
{
    char *x = nn_mem_calloc(2, BLOCK / 2);
    int same = x != NULL;

    while (same) {
        ssize_t n = read(a, x, BLOCK / 2), have = 0;

        if (n < 0) {
            same = 0;
            break;
        }
        while (have < n) {
            ssize_t m = read(b, x + BLOCK / 2 + have, (size_t)(n - have));

            if (m <= 0) {
                break;
            }
            have += m;
        }
        same = have == n && memcmp(x, x + BLOCK / 2, (size_t)n) == 0;
        if (n == 0) {
            break;
        }
    }
    nn_mem_free(x);
    return same;
}

int pile_same(const char *a, const char *b, int bytes)
{
    int x = open(a, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int y = open(b, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s, t;
    int same = 0;

    if (x >= 0 && y >= 0 && fstat(x, &s) == 0 && fstat(y, &t) == 0) {
        same = s.st_dev == t.st_dev && s.st_ino == t.st_ino;
        if (!same && bytes && S_ISREG(s.st_mode) && S_ISREG(t.st_mode) &&
            s.st_size == t.st_size) {
            same = same_bytes(x, y);
        }
    }
    if (x >= 0) {
        close(x);
    }
    if (y >= 0) {
        close(y);
    }
    return same;
}
