/* A folder that one process writes to at a time. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/file.h"

/* The process in "NAME.PID.tmp" (nn_file_out_open()), or 0. */
static pid_t writer_of(const char *name)
{
    size_t n = strlen(name), at;

    if (n < 6 || strcmp(name + n - 4, ".tmp") != 0) {
        return 0;
    }
    for (at = n - 4; at > 0 && isdigit((unsigned char)name[at - 1]); at--) {
    }
    return at > 1 && at < n - 4 && name[at - 1] == '.'
               ? (pid_t)strtol(name + at, NULL, 10)
               : 0;
}

static void sweep(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        pid_t pid = writer_of(e->d_name);

        if (pid > 0 &&
            (pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH))) {
            unlinkat(fd, e->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    } else if (copy >= 0) {
        close(copy);
    }
}

enum nn_status nn_folder_take(const char *path, int *fd, struct nn_error *err)
{
    enum nn_status st;
    int got;

    *fd = -1;
    st = nn_file_mkdirs(path, err);
    if (st) {
        return st;
    }
    got = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (got < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open folder '%s': %s", path,
                       strerror(errno));
    }
    if (flock(got, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(got);
        return nn_fail(err, NN_ERR_IO,
                       "'%s' is being written by another process: wait for "
                       "it, or choose another folder",
                       path);
    }
    sweep(got);
    *fd = got;
    return NN_OK;
}

void nn_folder_give_back(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}
