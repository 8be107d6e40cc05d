/* Folders with one writer, and what killed processes left in them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/unit/testkit.h"

static char *dir;

static void setup(void)
{
    dir = testkit_mkdir();
}

static void teardown(void)
{
    testkit_rmdir(dir);
}

static int take(const char *path, struct nn_error *err)
{
    int fd;
    enum nn_status st = nn_folder_take(path, &fd, err);

    ck_assert_int_eq(st == NN_OK, fd >= 0);
    return fd;
}

START_TEST(one_at_a_time)
{
    char *sub = nn_path_join(dir, "a/b");
    struct nn_error err = NN_ERROR_INIT;
    int fd = take(sub, &err), other;

    ck_assert_msg(fd >= 0, "%s", err.text);
    ck_assert(nn_file_is_dir(sub));
    ck_assert_int_eq(nn_folder_take(sub, &other, &err), NN_ERR_IO);
    ck_assert_int_eq(other, -1);
    ck_assert_ptr_nonnull(strstr(err.text, "a/b' is being written by another"));
    nn_folder_give_back(&fd);
    ck_assert_int_eq(fd, -1);
    nn_folder_give_back(&fd); /* does nothing */
    fd = take(sub, NULL);
    ck_assert_int_ge(fd, 0);
    nn_folder_give_back(&fd);
    nn_mem_free(sub);
}
END_TEST

/* A process that ends, however it does, gives its folder back. */
START_TEST(a_process_that_ends_gives_back)
{
    int ready[2], status, fd;
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        byte = (char)(take(dir, NULL) >= 0);
        _exit(write(ready[1], &byte, 1) == 1 && sleep(60) == 0);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 1);
    ck_assert_int_eq(nn_folder_take(dir, &fd, NULL), NN_ERR_IO);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    fd = take(dir, NULL);
    ck_assert_int_ge(fd, 0);
    nn_folder_give_back(&fd);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* The number of a process that is no more. */
static pid_t ended(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return pid;
}

static char *put(const char *name, long pid)
{
    char *file =
        pid > 0 ? nn_mem_sprintf("%s.%ld.tmp", name, pid) : nn_mem_strdup(name);
    char *path = nn_path_join(dir, file);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);

    ck_assert_int_ge(fd, 0);
    close(fd);
    nn_mem_free(file);
    return path;
}

START_TEST(temporary_files_of_the_dead_go)
{
    static const char *const kept[] = { "best.safetensors", "x.tmp",
                                        "x..tmp",           "x.1a.tmp",
                                        ".4194303.tmp",     "4194303.tmp",
                                        "x4194303.tmp",     "x.4194303.tmpx" };
    enum { KEPT = sizeof kept / sizeof kept[0] };
    char *dead = put("last.safetensors", ended()), *own = put("a", getpid());
    char *alive = put("b", getppid()), *path[KEPT];
    int fd;

    for (size_t i = 0; i < KEPT; i++) {
        path[i] = put(kept[i], 0);
    }
    fd = take(dir, NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert(!nn_file_exists(dead));
    ck_assert(!nn_file_exists(own)); /* nothing of ours is open yet */
    ck_assert(nn_file_exists(alive));
    for (size_t i = 0; i < KEPT; i++) {
        ck_assert_msg(nn_file_exists(path[i]), "%s is gone", kept[i]);
        nn_mem_free(path[i]);
    }
    nn_folder_give_back(&fd);
    nn_mem_free(dead);
    nn_mem_free(own);
    nn_mem_free(alive);
}
END_TEST

START_TEST(a_folder_in_use_is_not_swept)
{
    int fd = take(dir, NULL), other;
    char *dead = put("last.safetensors", ended());

    ck_assert_int_eq(nn_folder_take(dir, &other, NULL), NN_ERR_IO);
    ck_assert(nn_file_exists(dead));
    nn_folder_give_back(&fd);
    nn_mem_free(dead);
}
END_TEST

START_TEST(a_file_is_no_folder)
{
    char *path = put("file", 0);
    struct nn_error err = NN_ERROR_INIT;
    int fd = 5;

    ck_assert_int_eq(nn_folder_take(path, &fd, &err), NN_ERR_IO);
    ck_assert_int_eq(fd, -1);
    ck_assert_ptr_nonnull(strstr(err.text, "file'"));
    nn_mem_free(path);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("folder");
    TCase *t = tcase_create("folder");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_at_a_time);
    tcase_add_test(t, a_process_that_ends_gives_back);
    tcase_add_test(t, temporary_files_of_the_dead_go);
    tcase_add_test(t, a_folder_in_use_is_not_swept);
    tcase_add_test(t, a_file_is_no_folder);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
