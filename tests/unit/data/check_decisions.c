/* Decisions of a person: whose photo, which label, what is left out. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/decisions.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static const char *const names[] = { "bear/a.jpg",     "bear/b\xe4.jpg",
                                     "cat/c.jpg",      "cat/d.jpg",
                                     "none/dog/e.jpg", "none/dog/f.jpg",
                                     "none/tree/g.jpg" };
enum { N = sizeof names / sizeof names[0] };
#define HEAD "{\"format\": \"bearcascade-decisions 1\", \"made_by\": \"me\"}\n"

static char *dir, *photos, *path;
static struct nn_dataset *ds;

static void open_photos(void)
{
    ds = album_open(photos);
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_dataset_group(ds, NN_NEAR_BITS, NULL), NN_OK);
}

static void set_up(void)
{
    dir = testkit_mkdir();
    photos = nn_path_join(dir, "photos");
    path = nn_path_join(dir, "decisions.jsonl");
    for (size_t i = 0; i < N; i++) {
        album_put_image(photos, names[i], i + 1);
    }
    open_photos();
}

static void tear_down(void)
{
    nn_dataset_close(&ds);
    nn_mem_free(path);
    nn_mem_free(photos);
    testkit_rmdir(dir);
}

static void write_rows(const char *rows)
{
    album_put_text(dir, "decisions.jsonl", rows);
}

static enum nn_status apply(struct nn_decision_counts *n, struct nn_error *err)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    enum nn_status st = nn_decisions_read(path, &d, err);

    if (!st) {
        st = nn_decisions_apply(&d, ds, n, err);
        n->first_absent = NULL; /* of d */
    }
    nn_decisions_release(&d);
    return st;
}

static struct nn_decision_counts apply_rows(const char *rows)
{
    struct nn_decision_counts n = { 0 };
    struct nn_error err = NN_ERROR_INIT;

    write_rows(rows);
    ck_assert_msg(apply(&n, &err) == NN_OK, "%s", err.text);
    return n;
}

static const char *label(const char *file)
{
    return album_label(ds, album_item(ds, file));
}

static int is_there(const char *file)
{
    for (size_t i = 0; i < ds->n; i++) {
        if (strcmp(ds->items[i].file, file) == 0) {
            return 1;
        }
    }
    return 0;
}

START_TEST(labels_are_given_and_photos_left_out)
{
    struct nn_decision_counts n =
        apply_rows(HEAD "{\"file\":\"bear/a.jpg\",\"label\":\"cat\"}\n"
                        "\n"
                        "{\"file\":\"bear/b%E4.jpg\",\"label\":\"none\"}\n"
                        "{\"file\":\"cat/c.jpg\",\"label\":null}\n"
                        "{\"file\":\"cat/d.jpg\",\"label\":\"cat\"}\n"
                        "{\"file\":\"none/dog/e.jpg\",\"label\":\"bear\"}\n"
                        "{\"file\":\"none/dog/f.jpg\",\"answer\":\"unsure\"}\n"
                        "{\"file\":\"none/tree/g.jpg\",\"label\":\"none\"}");

    ck_assert_uint_eq(n.relabelled, 3);
    ck_assert_uint_eq(n.dropped, 1);
    ck_assert_uint_eq(n.kept, 2);
    ck_assert_uint_eq(n.absent, 0);
    ck_assert_uint_eq(ds->n, N - 1);
    ck_assert_str_eq(label("bear/a.jpg"), "cat");
    ck_assert_str_eq(label("bear/b\xe4.jpg"), "-");
    ck_assert_str_eq(label("cat/d.jpg"), "cat");
    ck_assert_str_eq(label("none/dog/e.jpg"), "bear");
    ck_assert_str_eq(label("none/dog/f.jpg"), "-/dog");
    ck_assert_str_eq(label("none/tree/g.jpg"), "-/tree");
    ck_assert(!is_there("cat/c.jpg"));
    for (size_t i = 0; i < ds->n; i++) { /* bytes go with their item */
        size_t was = 0;

        while (strcmp(names[was], ds->items[i].file) != 0) {
            was++;
        }
        album_expect(ds, i, was + 1);
    }
}
END_TEST

START_TEST(a_class_called_none_is_a_class)
{
    const char *mean[] = { "none" };
    const struct nn_dataset_options opt = { .class_names = { mean, 1 } };

    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_dataset_open(photos, &opt, &ds, NULL), NN_OK);
    nn_dataset_fingerprint(ds);
    apply_rows(HEAD "{\"file\":\"bear/a.jpg\",\"label\":\"none\"}\n");
    ck_assert_str_eq(label("bear/a.jpg"), "none");
}
END_TEST

/* Groups and splits are those from before; a group is named after the first of
 * its items that is left. */
START_TEST(groups_and_splits_stay)
{
    uint64_t was[N];
    size_t at = 0;

    album_put_image(photos, "cat/c2.jpg", 3); /* a copy of c */
    nn_dataset_close(&ds);
    open_photos();
    ck_assert_uint_eq(ds->n, N + 1);
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = (enum nn_split)(i % NN_SPLITS);
        if (strcmp(ds->items[i].file, "bear/a.jpg") != 0) {
            was[at++] = (uint64_t)ds->items[i].split;
        }
    }
    apply_rows(HEAD "{\"file\":\"bear/a.jpg\",\"label\":null}\n"
                    "{\"file\":\"cat/d.jpg\",\"label\":\"none\"}\n");
    ck_assert_uint_eq(ds->n, N);
    for (size_t i = 0; i < ds->n; i++) {
        uint64_t group = ds->items[i].group;

        ck_assert_uint_eq((uint64_t)ds->items[i].split, was[i]);
        ck_assert_uint_le(group, i + 1);
        ck_assert_uint_ge(group, 1);
        ck_assert_uint_eq(ds->items[group - 1].group, group);
    }
    ck_assert_uint_eq(ds->items[album_item(ds, "cat/c.jpg")].group,
                      ds->items[album_item(ds, "cat/c2.jpg")].group);
    ck_assert_uint_ne(ds->items[album_item(ds, "cat/c.jpg")].group,
                      ds->items[album_item(ds, "cat/d.jpg")].group);
}
END_TEST

static void put_row(char *to, size_t size, const char *file, uint64_t hash,
                    const char *said)
{
    size_t n = strlen(to);

    snprintf(to + n, size - n,
             "{\"file\":\"%s\",\"hash\":\"%016llx\",\"label\":%s}\n", file,
             (unsigned long long)hash, said);
}

START_TEST(photos_are_known_by_their_bytes)
{
    uint64_t a = ds->items[album_item(ds, "bear/a.jpg")].hash;
    uint64_t c = ds->items[album_item(ds, "cat/c.jpg")].hash;
    uint64_t d = ds->items[album_item(ds, "cat/d.jpg")].hash;
    struct nn_decision_counts n;
    char rows[1024] = HEAD;

    put_row(rows, sizeof rows, "old/name.jpg", a, "\"cat\""); /* moved */
    put_row(rows, sizeof rows, "cat/d.jpg", d ^ 1, "null");   /* edited */
    put_row(rows, sizeof rows, "cat/e.jpg", c, "null");       /* twice there */
    album_put_image(photos, "none/copy.jpg", 3);
    nn_dataset_close(&ds);
    open_photos();
    n = apply_rows(rows);
    ck_assert_uint_eq(n.relabelled, 1);
    ck_assert_uint_eq(n.absent, 2);
    ck_assert_str_eq(label("bear/a.jpg"), "cat");
    ck_assert(is_there("cat/c.jpg") && is_there("cat/d.jpg"));
    rows[strlen(HEAD)] = '\0';
    put_row(rows, sizeof rows, "cat/c.jpg", c, "null"); /* that of the two */
    n = apply_rows(rows);
    ck_assert_uint_eq(n.dropped, 1);
    ck_assert(!is_there("cat/c.jpg") && is_there("none/copy.jpg"));
}
END_TEST

START_TEST(a_name_may_begin_with_the_path_of_the_data)
{
    char rows[512];

    snprintf(rows, sizeof rows,
             HEAD "{\"file\":\"%s/cat/c.jpg\",\"label\":null}\n", photos);
    ck_assert_uint_eq(apply_rows(rows).dropped, 1);
    ck_assert(!is_there("cat/c.jpg"));
}
END_TEST

static const struct {
    const char *rows, *part;
} refused[] = {
    { "", "is no file of decisions" },
    { "{\"file\":\"cat/c.jpg\"}\n", "is no file of decisions" },
    { "{\"format\":\"bearcascade-answers 1\"}\n", "is no file of decisions" },
    { "[1]\n", "is no file of decisions" },
    { HEAD "{\"file\":\n", "line 2" },
    { HEAD "[1]\n", "line 2: not a JSON object" },
    { HEAD "\n{\"file\":\"cat/c.jpg\",\"label\":3}\n",
      "line 3: a label is a text or null" },
    { HEAD "{\"label\":null}\n", "line 2: neither a file name nor a hash" },
    { HEAD "{\"file\":\"a\",\"hash\":\"12\",\"label\":null}\n",
      "a hash is 16 hex digits" },
    { HEAD "{\"file\":\"cat/c.jpg\",\"label\":\"dog\"}\n",
      "has no class 'dog'" },
    { HEAD "{\"file\":\"cat/c.jpg\",\"label\":null}\n"
           "{\"file\":\"cat/c.jpg\",\"label\":\"bear\"}\n",
      "line 3: decides otherwise" },
    { HEAD "{\"file\":\"x.jpg\",\"label\":null}\n"
           "{\"file\":\"y.jpg\",\"label\":\"bear\"}\n",
      "decides on other photos: none of its 2" },
    { HEAD "{\"file\":\"bear/a.jpg\",\"label\":null}\n"
           "{\"file\":\"bear/b%E4.jpg\",\"label\":null}\n"
           "{\"file\":\"cat/c.jpg\",\"label\":null}\n"
           "{\"file\":\"cat/d.jpg\",\"label\":null}\n"
           "{\"file\":\"none/dog/e.jpg\",\"label\":null}\n"
           "{\"file\":\"none/dog/f.jpg\",\"label\":null}\n"
           "{\"file\":\"none/tree/g.jpg\",\"label\":null}\n",
      "drops all 7 images" },
};
enum { N_REFUSED = sizeof refused / sizeof refused[0] };

START_TEST(what_cannot_be_meant_is_refused)
{
    struct nn_decision_counts n;
    struct nn_error err = NN_ERROR_INIT;

    write_rows(refused[_i].rows);
    ck_assert_int_eq(apply(&n, &err), NN_ERR_FORMAT);
    ck_assert_msg(strstr(err.text, refused[_i].part) != NULL, "%s", err.text);
    ck_assert_uint_eq(ds->n, N);
    ck_assert_str_eq(label("cat/c.jpg"), "cat");
}
END_TEST

START_TEST(the_first_line_may_be_a_photo)
{
    struct nn_decision_counts n =
        apply_rows("{\"file\":\"cat/c.jpg\",\"label\":null}\n");

    ck_assert_uint_eq(n.dropped, 1);
    ck_assert(!is_there("cat/c.jpg"));
}
END_TEST

START_TEST(a_file_without_decisions_changes_nothing)
{
    struct nn_decision_counts n = apply_rows(HEAD);

    ck_assert_uint_eq(n.relabelled + n.dropped + n.kept + n.absent, 0);
    ck_assert_uint_eq(ds->n, N);
}
END_TEST

/* --- photos that join --- */

static struct nn_item item_at(const char *file)
{
    return ds->items[album_item(ds, file)];
}

static void put_added(char *to, size_t size, const char *file, uint64_t hash,
                      const char *said)
{
    size_t n = strlen(to);

    snprintf(to + n, size - n,
             "{\"file\":\"%s/pool/%s\",\"hash\":\"%016llx\",\"label\":%s,"
             "\"add\":true}\n",
             dir, file, (unsigned long long)hash, said);
}

static uint64_t hash_of(const char *file)
{
    char *place = nn_mem_sprintf("%s/pool/%s", dir, file);
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t hash;

    ck_assert_int_eq(nn_file_read(place, 1 << 20, &bytes, &size, NULL), NN_OK);
    hash = nn_hash_u64(bytes, size, 0);
    nn_mem_free(bytes);
    nn_mem_free(place);
    return hash;
}

/* A pool of five: two new ones, a copy of a training image under another name,
 * a copy of a test image, and text. */
static void make_pool(void)
{
    char *pool = nn_path_join(dir, "pool");

    album_put_image(pool, "x.jpg", 50);
    album_put_image(pool, "y.jpg", 51);
    album_put_image(pool, "of-c.jpg", 3);
    album_put_text(pool, "t.jpg", "no image");
    nn_mem_free(pool);
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = i == 0 ? NN_TEST : NN_TRAIN;
    }
}

START_TEST(photos_of_a_pool_join_the_train_part)
{
    struct nn_decision_counts n;
    char rows[4096] = HEAD, name[256];
    char *pool = nn_path_join(dir, "pool");

    make_pool();
    album_put_image(pool, "of-a.jpg", 1); /* that of test */
    nn_mem_free(pool);
    put_added(rows, sizeof rows, "y.jpg", hash_of("y.jpg"), "\"none\"");
    put_added(rows, sizeof rows, "x.jpg", 0, "\"cat\"");
    put_added(rows, sizeof rows, "of-a.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "t.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "gone.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "x.jpg", 7, "null");
    put_added(rows, sizeof rows, "of-c.jpg", hash_of("of-c.jpg"), "\"none\"");
    n = apply_rows(rows);
    ck_assert_uint_eq(n.added, 2);
    ck_assert_uint_eq(n.leaking, 1);
    ck_assert_uint_eq(n.unreadable, 2);
    ck_assert_uint_eq(n.undecided, 1);
    ck_assert_uint_eq(n.absent, 0);
    ck_assert_uint_eq(n.relabelled, 1); /* known by its bytes: not added */
    ck_assert_uint_eq(ds->n, N + 2);
    ck_assert_str_eq(label("cat/c.jpg"), "-");
    for (size_t k = 0; k < 2; k++) {
        const struct nn_item *it = &ds->items[N + k];

        snprintf(name, sizeof name, "%s/pool/%s", dir, k ? "x.jpg" : "y.jpg");
        ck_assert_str_eq(it->file, name);
        ck_assert_int_eq(it->split, NN_TRAIN);
        ck_assert_int_eq(it->family, -1);
        ck_assert_uint_eq(it->group, 0);
        ck_assert_uint_ne(it->hash, 0);
        ck_assert_float_eq(it->weight, 1);
        album_expect(ds, N + k, k ? 50 : 51);
    }
    ck_assert_str_eq(album_label(ds, N), "-");
    ck_assert_str_eq(album_label(ds, N + 1), "cat");
}
END_TEST

START_TEST(no_photo_joins_twice_or_with_other_bytes)
{
    struct nn_decision_counts n;
    char rows[2048] = HEAD;
    char *pool = nn_path_join(dir, "pool");

    make_pool();
    album_put_image(pool, "x2.jpg", 50);
    nn_mem_free(pool);
    put_added(rows, sizeof rows, "x.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "x2.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "y.jpg", hash_of("x.jpg"), "\"none\"");
    n = apply_rows(rows);
    ck_assert_uint_eq(n.added, 1);
    ck_assert_uint_eq(n.absent, 1);
    ck_assert_uint_eq(ds->n, N + 1);
    ck_assert_uint_eq(item_at("cat/c.jpg").group,
                      album_item(ds, "cat/c.jpg") + 1);
}
END_TEST

/* The second file of answers: what joined by the first may get another. */
START_TEST(a_row_that_is_not_to_be_added_is_absent)
{
    struct nn_decision_counts n;
    char rows[2048] = HEAD;

    make_pool();
    put_added(rows, sizeof rows, "x.jpg", 0, "\"none\"");
    n = apply_rows(rows);
    ck_assert_uint_eq(n.added, 1);
    rows[strlen(HEAD)] = '\0';
    put_added(rows, sizeof rows, "x.jpg", 0, "\"bear\"");
    n = apply_rows(rows);
    ck_assert_uint_eq(n.added, 0);
    ck_assert_uint_eq(n.relabelled, 1);
    ck_assert_str_eq(album_label(ds, N), "bear");
    n = apply_rows(HEAD "{\"file\":\"bear/a.jpg\",\"label\":\"cat\"}\n"
                        "{\"file\":\"/pool/y.jpg\",\"label\":\"none\"}\n");
    ck_assert_uint_eq(n.absent, 1);
    ck_assert_uint_eq(ds->n, N + 1);
}
END_TEST

static const struct {
    const char *second, *said, *part;
    enum nn_status st;
} not_joined[] = {
    { "x.jpg", "\"bear\"", "line 3: decides otherwise", NN_ERR_FORMAT },
    { "y.jpg", "\"dog\"", "has no class 'dog'", NN_ERR_FORMAT },
};
enum { N_NOT_JOINED = sizeof not_joined / sizeof not_joined[0] };

START_TEST(nothing_joins_where_one_row_is_wrong)
{
    struct nn_decision_counts n;
    struct nn_error err = NN_ERROR_INIT;
    char rows[2048] = HEAD;

    make_pool();
    put_added(rows, sizeof rows, "x.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, not_joined[_i].second, 0, not_joined[_i].said);
    write_rows(rows);
    ck_assert_int_eq(apply(&n, &err), not_joined[_i].st);
    ck_assert_msg(strstr(err.text, not_joined[_i].part) != NULL, "%s",
                  err.text);
    ck_assert_uint_eq(ds->n, N);
}
END_TEST

START_TEST(photos_that_are_all_gone_are_an_error)
{
    struct nn_decision_counts n;
    struct nn_error err = NN_ERROR_INIT;
    char rows[2048] = HEAD;

    put_added(rows, sizeof rows, "x.jpg", 0, "\"none\"");
    put_added(rows, sizeof rows, "y.jpg", 0, "\"bear\"");
    write_rows(rows);
    ck_assert_int_eq(apply(&n, &err), NN_ERR_IO);
    ck_assert_msg(strstr(err.text, "none of the 2 photos") != NULL, "%s",
                  err.text);
    ck_assert_uint_eq(ds->n, N);
}
END_TEST

static int read_and_apply(void *ctx)
{
    struct nn_decision_counts n;

    (void)ctx;
    return (int)apply(&n, NULL);
}

START_TEST(memory_may_run_out)
{
    write_rows(HEAD "{\"file\":\"cat/c.jpg\",\"label\":\"bear\"}\n");
    testkit_each_alloc_failure(read_and_apply, NULL);
}
END_TEST

/* Behind photos that are there: two files and a member, as they were named. */
static int open_and_append(void *ctx)
{
    const struct nn_place *place = ctx;
    const struct nn_dataset_options opt = { 0 };
    struct nn_dataset *all = NULL;
    enum nn_status st = nn_dataset_open(photos, &opt, &all, NULL);
    long left;

    if (st) {
        return (int)st;
    }
    st = nn_dataset_append_places(all, place, 3, "list", NULL);
    ck_assert_uint_eq(all->n, st ? N : N + 3);
    left = nn_mem_fail_at(0); /* what follows is the test's own */
    for (size_t k = 0; !st && k < 3; k++) {
        ck_assert_str_eq(all->items[N + k].file, place[k].path);
        album_expect(all, N + k, k == 1 ? 60 : 50 + k);
    }
    nn_dataset_close(&all);
    nn_mem_fail_at(left);
    return (int)st;
}

START_TEST(memory_may_run_out_while_some_join)
{
    char *tar = nn_path_join(dir, "m.tar");
    char *path_of[3] = { nn_path_join(dir, "pool/x.jpg"),
                         nn_mem_sprintf("%s:in/z.jpg", tar),
                         nn_path_join(dir, "z.jpg") };
    const struct nn_place place[3] = { { path_of[0], 1 },
                                       { path_of[1], 2 },
                                       { path_of[2], 3 } };
    struct nn_place gone = { path_of[1], 7 };
    struct nn_error err = NN_ERROR_INIT;
    struct archive *a;

    make_pool();
    album_put_image(dir, "z.jpg", 52);
    a = album_archive(tar, ALBUM_USTAR);
    album_add_image(a, "in/z.jpg", 60);
    album_finish(a);
    testkit_each_alloc_failure(open_and_append, (void *)(uintptr_t)place);
    path_of[1][strlen(path_of[1]) - 5] = 'q';
    ck_assert_int_eq(nn_dataset_append_places(ds, &gone, 1, "list", &err),
                     NN_ERR_FORMAT);
    ck_assert_msg(strstr(err.text, "'list' line 7: no image 'in/q.jpg'") !=
                      NULL,
                  "%s", err.text);
    ck_assert_uint_eq(ds->n, N);
    for (size_t k = 0; k < 3; k++) {
        nn_mem_free(path_of[k]);
    }
    nn_mem_free(tar);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("decisions");
    TCase *t = tcase_create("decisions");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, labels_are_given_and_photos_left_out);
    tcase_add_test(t, a_class_called_none_is_a_class);
    tcase_add_test(t, groups_and_splits_stay);
    tcase_add_test(t, photos_are_known_by_their_bytes);
    tcase_add_test(t, a_name_may_begin_with_the_path_of_the_data);
    tcase_add_loop_test(t, what_cannot_be_meant_is_refused, 0, N_REFUSED);
    tcase_add_test(t, the_first_line_may_be_a_photo);
    tcase_add_test(t, a_file_without_decisions_changes_nothing);
    tcase_add_test(t, photos_of_a_pool_join_the_train_part);
    tcase_add_test(t, no_photo_joins_twice_or_with_other_bytes);
    tcase_add_test(t, a_row_that_is_not_to_be_added_is_absent);
    tcase_add_loop_test(t, nothing_joins_where_one_row_is_wrong, 0,
                        N_NOT_JOINED);
    tcase_add_test(t, photos_that_are_all_gone_are_an_error);
    tcase_add_test(t, memory_may_run_out);
    tcase_add_test(t, memory_may_run_out_while_some_join);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
