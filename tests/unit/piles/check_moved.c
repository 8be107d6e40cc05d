/* Where a photo is found that the list of sorted photos says was moved. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/piles/moved.h"
#include "tests/unit/testkit.h"

static void write_text(const char *dir, const char *name, const char *text)
{
    char *path = nn_path_join(dir, name);
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    nn_mem_free(path);
}

static const char list[] =
    "{\"format\": \"bearcascade-sorted 1\", \"base\": \"/no/card\"}\n"
    "{\"to\": \"a/1.jpg\", \"from\": \"/no/card/1.jpg\", \"by\": \"move\", "
    "\"bytes\": 1, \"mtime_ns\": 1, \"batch\": 0}\n"
    "{\"to\": \"a/2.jpg\", \"from\": \"/no/card/2.jpg\", \"by\": \"copy\", "
    "\"bytes\": 1, \"mtime_ns\": 1, \"batch\": 0}\n"
    "{\"to\": \"a/3.jpg\", \"from\": \"/no/card/3.jpg\", \"by\": \"move\", "
    "\"bytes\": 1, \"mtime_ns\": 1, \"batch\": 0}\n"
    "{\"failed\": \"a/3.jpg\"}\n"
    "{\"to\": \"a/1-2.jpg\", \"from\": \"/no/card/1.jpg\", \"by\": \"move\", "
    "\"bytes\": 2, \"mtime_ns\": 2, \"batch\": 1}\n";

START_TEST(places)
{
    static const char *const want[][2] = {
        { "/no/card/1.jpg", "a/1-2.jpg" }, /* the later one */
        { "/no/card/2.jpg", NULL },
        { "/no/card/3.jpg", "a/3.jpg" }, /* where nothing is either */
        { "/no/card/4.jpg", NULL },
        { "/", NULL },
    };
    char *dir = testkit_mkdir();
    struct pile_moved m;

    write_text(dir, PILE_LIST_NAME, list);
    ck_assert(pile_moved_open(&m, dir, NULL) == NN_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char *path, *there = want[i][1] != NULL ? nn_path_join(dir, want[i][1])
                                                : nn_mem_strdup(want[i][0]);

        ck_assert(pile_moved_find(&m, want[i][0], &path, NULL) == NN_OK);
        ck_assert_str_eq(path, there);
        nn_mem_free(path);
        nn_mem_free(there);
    }
    pile_moved_release(&m);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(no_list)
{
    struct pile_moved none = { .n = 0 };
    struct nn_error err = { NN_OK, "" };
    char *dir = testkit_mkdir(), *path;

    ck_assert(pile_moved_find(&none, "/no/1.jpg", &path, NULL) == NN_OK);
    ck_assert_str_eq(path, "/no/1.jpg");
    nn_mem_free(path);
    ck_assert(pile_moved_open(&none, dir, NULL) == NN_OK);
    ck_assert_uint_eq(none.n, 0);
    pile_moved_release(&none);
    write_text(dir, PILE_LIST_NAME, "diary\n");
    ck_assert(pile_moved_open(&none, dir, &err) == NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no list of sorted photos"));
    pile_moved_release(&none);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("moved");
    TCase *c = tcase_create("list");

    tcase_add_test(c, places);
    tcase_add_test(c, no_list);
    suite_add_tcase(s, c);
    return s;
}

TESTKIT_MAIN(create)
