#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

static enum nn_status fail_io(struct nn_error *err, const char *what,
                              const char *path)
{
    return nn_fail(err, NN_ERR_IO, "cannot %s '%s': %s", what, path,
                   strerror(errno));
}

/* Size of an open regular file into *size. */
static enum nn_status regular_size(int fd, const char *path, size_t max_bytes,
                                   size_t *size, struct nn_error *err)
{
    struct stat s;

    if (fstat(fd, &s) != 0) {
        return fail_io(err, "read", path);
    }
    if (S_ISDIR(s.st_mode)) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': it is a folder",
                       path);
    }
    if (!S_ISREG(s.st_mode)) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': not a regular file",
                       path);
    }
    if ((uint64_t)s.st_size > max_bytes) {
        int whole = max_bytes >= 1u << 20;

        return nn_fail(err, NN_ERR_FORMAT, "'%s' is larger than %zu %s", path,
                       whole ? max_bytes >> 20 : max_bytes,
                       whole ? "MiB" : "bytes");
    }
    *size = (size_t)s.st_size;
    return NN_OK;
}

static enum nn_status read_all(int fd, const char *path, unsigned char *data,
                               size_t size, struct nn_error *err)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = read(fd, data + have, size - have);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_io(err, "read", path);
        }
        if (got == 0) {
            return nn_fail(err, NN_ERR_IO,
                           "cannot read '%s': it shrank while being read",
                           path);
        }
        have += (size_t)got;
    }
    return NN_OK;
}

static enum nn_status open_regular(const char *path, size_t max_bytes, int *fd,
                                   size_t *size, struct nn_error *err)
{
    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    int got = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum nn_status st;

    if (got < 0) {
        return fail_io(err, "open", path);
    }
    st = regular_size(got, path, max_bytes, size, err);
    if (st) {
        close(got);
        return st;
    }
    *fd = got;
    return NN_OK;
}

enum nn_status nn_file_open_regular(const char *path, int *fd,
                                    struct nn_error *err)
{
    size_t size;

    return open_regular(path, SIZE_MAX, fd, &size, err);
}

enum nn_status nn_file_read(const char *path, size_t max_bytes,
                            unsigned char **data, size_t *size,
                            struct nn_error *err)
{
    unsigned char *block = NULL;
    size_t n = 0;
    int fd = -1;
    enum nn_status st = open_regular(path, max_bytes, &fd, &n, err);

    if (st) {
        return st;
    }
    block = nn_mem_realloc(NULL, n + 1, 1);
    if (block == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    block[n] = 0;
    st = read_all(fd, path, block, n, err);
    if (st) {
        goto out;
    }
    *data = block;
    *size = n;
    block = NULL;
out:
    nn_mem_free(block);
    close(fd);
    return st;
}

/* Renaming over a device or a pipe would replace it. */
static enum nn_status check_replaceable(const char *path, struct nn_error *err)
{
    struct stat s;

    if (stat(path, &s) != 0 || S_ISREG(s.st_mode)) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", path,
                   S_ISDIR(s.st_mode) ? "it is a folder"
                                      : "not a regular file");
}

enum nn_status nn_file_out_open(struct nn_file_out *o, const char *path,
                                struct nn_error *err)
{
    int fd;
    enum nn_status st;

    *o = (struct nn_file_out){ 0 };
    st = check_replaceable(path, err);
    if (st) {
        return st;
    }
    o->path = nn_mem_strdup(path);
    o->temp = nn_mem_sprintf("%s.%ld.tmp", path, (long)getpid());
    if (o->path == NULL || o->temp == NULL) {
        st = nn_fail_nomem(err);
        goto fail;
    }
    fd = open(o->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = fail_io(err, "write", path);
        goto fail;
    }
    o->stream = fdopen(fd, "wb");
    if (o->stream == NULL) {
        close(fd);
        unlink(o->temp);
        st = nn_fail_nomem(err);
        goto fail;
    }
    return NN_OK;
fail:
    nn_mem_free(o->path);
    nn_mem_free(o->temp);
    *o = (struct nn_file_out){ 0 };
    return st;
}

/* Everything on the disk? Returns 0, or the errno of what went wrong. */
static int flush_all(FILE *f)
{
    int failed = ferror(f);

    if (failed) {
        /* That write's errno is gone by now; on a full disk one more byte
         * fails for the same reason. */
        clearerr(f);
        fputc(0, f);
    }
    errno = 0;
    if (fflush(f) != 0 || (!failed && fsync(fileno(f)) != 0)) {
        return errno != 0 ? errno : EIO;
    }
    return failed ? EIO : 0;
}

enum nn_status nn_file_out_commit(struct nn_file_out *o, struct nn_error *err)
{
    int why = flush_all(o->stream);
    enum nn_status st = NN_OK;

    if (fclose(o->stream) != 0 && why == 0) {
        why = errno;
    }
    o->stream = NULL;
    if (why == 0 && rename(o->temp, o->path) != 0) {
        why = errno;
    }
    if (why != 0) {
        errno = why;
        st = fail_io(err, "write", o->path);
    }
    nn_file_out_abort(o);
    return st;
}

void nn_file_out_abort(struct nn_file_out *o)
{
    if (o->stream != NULL) {
        fclose(o->stream);
    }
    if (o->temp != NULL) {
        unlink(o->temp);
    }
    nn_mem_free(o->path);
    nn_mem_free(o->temp);
    *o = (struct nn_file_out){ 0 };
}

enum nn_status nn_file_mkdirs(const char *path, struct nn_error *err)
{
    char *p = nn_mem_strdup(path);
    enum nn_status st = NN_OK;

    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    for (char *s = p + 1; p[0] != '\0'; s++) {
        char c = *s;

        if (c != '/' && c != '\0') {
            continue;
        }
        *s = '\0';
        if (mkdir(p, 0777) != 0 && !(errno == EEXIST && nn_file_is_dir(p))) {
            st = fail_io(err, "create folder", p);
            goto out;
        }
        *s = c;
        if (c == '\0') {
            break;
        }
    }
out:
    nn_mem_free(p);
    return st;
}

int nn_file_exists(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

int nn_file_is_dir(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

char *nn_path_join(const char *a, const char *b)
{
    size_t n = strlen(a);

    return nn_mem_sprintf(n == 0 || a[n - 1] == '/' ? "%s%s" : "%s/%s", a, b);
}

const char *nn_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* --- unnamed files --- */

enum nn_status nn_file_temp(int *fd, struct nn_error *err)
{
    const char *dir = getenv("TMPDIR");
    char *path = nn_mem_sprintf("%s/nn-XXXXXX",
                                dir != NULL && *dir != '\0' ? dir : "/tmp");
    enum nn_status st = NN_OK;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0) {
        st = fail_io(err, "create", path);
    } else {
        unlink(path);
    }
    nn_mem_free(path);
    return st;
}

int nn_file_pread(int fd, void *data, size_t size, int64_t at)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, (char *)data + done, size - done,
                          (off_t)(at + (int64_t)done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n < 0 ? errno : 0;
            return -1;
        }
        done += (size_t)n;
    }
    return 0;
}

int nn_file_pwrite(int fd, const void *data, size_t size, int64_t at)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pwrite(fd, (const char *)data + done, size - done,
                           (off_t)(at + (int64_t)done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        done += (size_t)n;
    }
    return 0;
}
