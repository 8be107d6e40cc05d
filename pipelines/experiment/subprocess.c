#include "pipelines/experiment/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"

enum { POLL_MS = 10, EXIT_NO_EXEC = 127 };

/* --- running ---------------------------------------------------------------
 */

/* Between fork and exec: calls that are safe there only. A group of its own
 * keeps the terminal's ^C from reaching the child twice, for a second signal
 * would end it without saving. */
static void become(char **argv, int in, int out)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execv("/proc/self/exe", argv);
    }
    _exit(EXIT_NO_EXEC);
}

/* Largest resident set of a process so far; 0 when it cannot be told. What
 * wait4() reports holds the memory of this process too, which the child had
 * until it became another program. */
static double peak_of(pid_t pid)
{
    char path[40], line[128];
    double kb = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kb = strtod(line + 6, NULL);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return kb * 1024;
}

static void wait_for(pid_t pid, struct subprocess_result *r)
{
    const struct timespec pause = { 0, POLL_MS * 1000000L };
    int status = 0, told = 0;
    double peak;
    pid_t got;

    while ((got = waitpid(pid, &status, WNOHANG)) == 0 ||
           (got < 0 && errno == EINTR)) {
        if (stop_asked && !told) {
            told = 1;
            kill(pid, SIGTERM);
        }
        nanosleep(&pause, NULL);
        peak = peak_of(pid); /* 0 once it has ended */
        r->peak_bytes = peak > 0 ? peak : r->peak_bytes;
    }
    r->status =
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static enum nn_status start(char **argv, const char *out,
                            struct subprocess_result *r, struct nn_error *err)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int to = open(out != NULL ? out : "/dev/null",
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    double t0 = nn_time_s();
    enum nn_status st = NN_OK;
    pid_t pid;

    if (in < 0 || to < 0) {
        st = nn_fail(err, NN_ERR_IO, "cannot write '%s': %s",
                     out != NULL ? out : "/dev/null", strerror(errno));
        goto out;
    }
    pid = fork();
    if (pid == 0) {
        become(argv, in, to);
    }
    if (pid < 0) {
        st = nn_fail(err, NN_ERR_IO, "cannot start '%s': %s", argv[1],
                     strerror(errno));
        goto out;
    }
    wait_for(pid, r);
    r->seconds = nn_time_s() - t0;
out:
    if (in >= 0) {
        close(in);
    }
    if (to >= 0) {
        close(to);
    }
    return st;
}

enum nn_status subprocess_run(const char *const *args, size_t n,
                              const char *out, struct subprocess_result *result,
                              struct nn_error *err)
{
    char **argv = nn_mem_calloc(n + 2, sizeof *argv);
    enum nn_status st;

    *result = (struct subprocess_result){ 0 };
    if (argv == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i <= n; i++) {
        argv[i] = nn_mem_strdup(i == 0 ? "bearcascade" : args[i - 1]);
        if (argv[i] == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
    }
    st = start(argv, out, result, err);
out:
    for (size_t i = 0; i <= n; i++) {
        nn_mem_free(argv[i]);
    }
    nn_mem_free(argv);
    return st;
}

/* --- what a person would type ----------------------------------------------
 */

static int is_plain(const char *s)
{
    return *s != '\0' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789_-+=.,:/@%") == strlen(s);
}

/* s quoted for sh behind *to, which has room. */
static void quote(char **to, const char *s)
{
    char *p = *to;
    int plain = is_plain(s);

    *p++ = ' ';
    if (!plain) {
        *p++ = '\'';
    }
    for (; *s != '\0'; s++) {
        if (*s == '\'') {
            memcpy(p, "'\\'", 3); /* and the quote itself opens it again */
            p += 3;
        }
        *p++ = *s;
    }
    if (!plain) {
        *p++ = '\'';
    }
    *to = p;
}

char *subprocess_line(const char *const *args, size_t n)
{
    static const char name[] = "bearcascade";
    size_t size = sizeof name;
    char *line, *p;

    for (size_t i = 0; i < n; i++) {
        size += 4 * strlen(args[i]) + 3;
    }
    line = nn_mem_calloc(size, 1);
    if (line == NULL) {
        return NULL;
    }
    memcpy(line, name, sizeof name - 1);
    p = line + sizeof name - 1;
    for (size_t i = 0; i < n; i++) {
        quote(&p, args[i]);
    }
    return line;
}

/* --- training --------------------------------------------------------------
 */

static enum nn_status check_claim(const char *dir, const char *path,
                                  const char *line, struct nn_error *err)
{
    unsigned char *old = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, 1 << 20, &old, &size, err);

    if (st) {
        return st;
    }
    if (size != strlen(line) + 1 || memcmp(old, line, strlen(line)) != 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "'%s' was made by another command ('%s' says which): "
                     "choose another --out, or remove it",
                     dir, path);
    }
    nn_mem_free(old);
    return st;
}

/* The command that began a run stands in its folder: another one must not
 * take over what that left. */
static enum nn_status claim(const char *dir, const char *line,
                            struct nn_error *err)
{
    char *path = nn_path_join(dir, "command.txt");
    struct nn_file_out o = { 0 };
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_file_exists(path)) {
        st = check_claim(dir, path, line, err);
        goto out;
    }
    st = nn_file_mkdirs(dir, err);
    if (st) {
        goto out;
    }
    st = nn_file_out_open(&o, path, err);
    if (st) {
        goto out;
    }
    fprintf(o.stream, "%s\n", line);
    st = nn_file_out_commit(&o, err);
out:
    nn_mem_free(path);
    return st;
}

static int has_file(const char *dir, const char *name)
{
    char *path = nn_path_join(dir, name);
    int has = path != NULL && nn_file_exists(path);

    nn_mem_free(path);
    return has;
}

static enum nn_status train_now(const char **args, size_t n, const char *dir,
                                int threads, struct nn_error *err)
{
    char count[24];
    struct subprocess_result r;
    enum nn_status st;

    snprintf(count, sizeof count, "%d", threads);
    if (threads > 0) {
        args[n++] = "--threads";
        args[n++] = count;
    }
    args[n++] = "--no-report"; /* what asks for trainings judges them itself */
    args[n++] = "--no-reference";
    if (nn_progress_is_quiet()) {
        args[n++] = "--quiet";
    }
    if (has_file(dir, "last.safetensors")) {
        args[n++] = "--resume";
    }
    st = subprocess_run(args, n, NULL, &r, err);
    if (st) {
        return st;
    }
    if (stop_asked) {
        return nn_fail(err, NN_ERR_STOPPED,
                       "interrupted; the same command goes on from there");
    }
    if (r.status != 0) {
        return nn_fail(err, NN_ERR_ARG, "training of '%s' ended with status %d",
                       dir, r.status);
    }
    return NN_OK;
}

enum nn_status subprocess_train(const char *data, const char *dir,
                                const char *const *options, size_t n,
                                int threads, char **command,
                                struct nn_error *err)
{
    enum { OWN = 4, MORE = 6 }; /* of its own here, and of train_now() */
    const char **args = nn_mem_calloc(n + OWN + MORE, sizeof *args);
    char *line = NULL;
    enum nn_status st;

    if (args == NULL) {
        return nn_fail_nomem(err);
    }
    args[0] = "train";
    args[1] = data;
    args[2] = "--out";
    args[3] = dir;
    for (size_t i = 0; i < n; i++) {
        args[OWN + i] = options[i];
    }
    line = subprocess_line(args, n + OWN);
    if (line == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = claim(dir, line, err);
    if (st) {
        goto out;
    }
    if (!has_file(dir, "best.safetensors")) {
        st = train_now(args, n + OWN, dir, threads, err);
        if (st) {
            goto out;
        }
    }
    if (command != NULL) {
        *command = line;
        line = NULL;
    }
out:
    nn_mem_free(line);
    nn_mem_free(args);
    return st;
}
