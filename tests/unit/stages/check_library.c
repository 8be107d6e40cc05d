/* libbearcascade: models, options, and calls that are wrong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/stages/library_world.h"
#include "tests/unit/testkit.h"

/* --- names, models --- */

START_TEST(version_is_that_of_the_header)
{
    char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", BC_VERSION_MAJOR, BC_VERSION_MINOR,
             BC_VERSION_PATCH);
    ck_assert_str_eq(bc_version(), text);
}
END_TEST

START_TEST(names_of_codes)
{
    ck_assert_str_eq(bc_status_name(BC_OK), "ok");
    for (int a = BC_ERR_NUMBER; a <= BC_OK; a++) {
        for (int b = a + 1; b <= BC_OK; b++) {
            ck_assert_str_ne(bc_status_name(a), bc_status_name(b));
        }
    }
    ck_assert_str_eq(bc_status_name(99), "unknown status");
    ck_assert_str_eq(bc_verdict_name(BC_NONE), "none");
    ck_assert_str_eq(bc_verdict_name(BC_CLASS), "class");
    ck_assert_str_eq(bc_verdict_name(BC_UNKNOWN), "unknown");
    ck_assert_str_eq(bc_verdict_name(BC_NO_VERDICT), "");
    ck_assert_str_eq(bc_result_label(NULL, NULL), "");
}
END_TEST

START_TEST(a_model_from_file_and_memory)
{
    struct bc_model *m[2] = { open_model() };

    ck_assert_int_eq(
        bc_model_open_memory(w.model, w.model_size, &m[1], NULL, 0), BC_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(bc_model_class_count(m[i]), CLASSES);
        ck_assert_str_eq(bc_model_class(m[i], 0), "ape");
        ck_assert_str_eq(bc_model_class(m[i], 1), "bee");
        ck_assert_ptr_null(bc_model_class(m[i], 2));
        ck_assert_double_gt(bc_model_threshold(m[i]), 0);
        ck_assert_double_ge(bc_model_reject_threshold(m[i]), 0.5);
        bc_model_destroy(&m[i]);
        ck_assert_ptr_null(m[i]);
        bc_model_destroy(&m[i]);
    }
    bc_model_destroy(NULL);
    ck_assert_uint_eq(bc_model_class_count(NULL), 0);
    ck_assert_ptr_null(bc_model_class(NULL, 0));
    ck_assert(isnan(bc_model_threshold(NULL)));
    ck_assert(isnan(bc_model_reject_threshold(NULL)));
}
END_TEST

START_TEST(no_model)
{
    const size_t sizes[] = { 0, 1, 7, 8, 9, 1000, w.model_size - 1 };
    struct bc_model *m = (struct bc_model *)w.model; /* is overwritten */
    char why[BC_TEXT_SIZE], small[8];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert_int_eq(
            bc_model_open_memory(w.model, sizes[i], &m, why, sizeof why),
            BC_ERR_FORMAT);
        ck_assert_ptr_null(m);
        ck_assert_ptr_nonnull(strstr(why, "(in memory)"));
        ck_assert_ptr_null(strchr(why, '\n'));
    }
    ck_assert_int_eq(bc_model_open("/none/such", &m, why, sizeof why),
                     BC_ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "/none/such"));
    ck_assert_int_eq(bc_model_open("/none/such", &m, small, sizeof small),
                     BC_ERR_IO);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
    ck_assert_int_eq(bc_model_open(NULL, &m, why, sizeof why), BC_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(why, "path is NULL"));
    ck_assert_int_eq(bc_model_open(w.path, NULL, why, sizeof why),
                     BC_ERR_ARGUMENT);
    ck_assert_int_eq(bc_model_open_memory(NULL, 5, &m, NULL, 0),
                     BC_ERR_ARGUMENT);
    ck_assert_int_eq(bc_model_open_memory(w.model, 5, NULL, NULL, 0),
                     BC_ERR_ARGUMENT);
}
END_TEST

/* --- options --- */

static int try_options(struct bc_model *m, const struct bc_options *o,
                       char why[BC_TEXT_SIZE])
{
    struct bc_session *s = (struct bc_session *)m; /* is overwritten */
    int status = bc_session_create(m, o, &s, why, BC_TEXT_SIZE);

    ck_assert_int_eq(status == BC_OK, s != NULL);
    ck_assert_int_eq(status == BC_OK, why[0] == '\0');
    bc_session_destroy(&s);
    return status;
}

START_TEST(options_are_checked)
{
    const struct bc_options wrong[] = {
        { 0, 0, 0, 0, 0, NULL, NULL },
        { sizeof(struct bc_options) - 1, 0, 0, 0, 0, NULL, NULL },
        { (size_t)1 << 40, 0, 0, 0, 0, NULL, NULL },
        { sizeof(struct bc_options), -1, 0, 0, 0, NULL, NULL },
        { sizeof(struct bc_options), 1025, 0, 0, 0, NULL, NULL },
        { sizeof(struct bc_options), 0, -1, 0, 0, NULL, NULL },
        { sizeof(struct bc_options), 0, 1025, 0, 0, NULL, NULL },
        { sizeof(struct bc_options), 0, 0, 0, -1, NULL, NULL },
        { sizeof(struct bc_options), 0, 0, 0, 4, NULL, NULL },
    };
    struct {
        struct bc_options o;
        int of_a_later_version;
    } longer = { BC_OPTIONS_INIT, 0 };
    struct bc_model *m = open_model();
    struct bc_session *s;
    char why[BC_TEXT_SIZE];

    ck_assert_int_eq(try_options(m, NULL, why), BC_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(try_options(m, &wrong[i], why), BC_ERR_ARGUMENT);
    }
    longer.o.struct_size = sizeof longer;
    ck_assert_int_eq(try_options(m, &longer.o, why), BC_OK);
    longer.of_a_later_version = 1;
    ck_assert_int_eq(try_options(m, &longer.o, why), BC_ERR_UNSUPPORTED);
    ck_assert_int_eq(bc_session_create(NULL, NULL, &s, why, sizeof why),
                     BC_ERR_ARGUMENT);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(bc_session_create(m, NULL, NULL, why, sizeof why),
                     BC_ERR_ARGUMENT);
    bc_session_destroy(NULL);
    bc_model_destroy(&m);
}
END_TEST

/* --- what is wrong --- */

START_TEST(pixels_are_checked)
{
    static const struct {
        int w, h;
        size_t stride;
        int status;
        const char *part;
    } rows[] = {
        { 0, 5, 0, BC_ERR_ARGUMENT, "0 x 5" },
        { 5, -1, 0, BC_ERR_ARGUMENT, "5 x -1" },
        { 4, 4, 11, BC_ERR_ARGUMENT, "stride of 11" },
        { 4, 4, (size_t)-1, BC_ERR_ARGUMENT, "stride" },
        { 65536, 1, 0, BC_ERR_UNSUPPORTED, "65536 x 1" },
        { 1, 65536, 0, BC_ERR_UNSUPPORTED, "1 x 65536" },
        { 20000, 20000, 0, BC_ERR_UNSUPPORTED, "limit" },
        { 2147483647, 2147483647, 0, BC_ERR_UNSUPPORTED, "limit" },
    };
    struct bc_model *m = open_model();
    struct bc_session *s = session(m, 1, 0);
    struct bc_result r;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(bc_classify_rgb(s, w.image[0].rgb, rows[i].w,
                                         rows[i].h, rows[i].stride, &r, NULL,
                                         0),
                         rows[i].status);
        is_failure(&r, rows[i].status, rows[i].part);
    }
    ck_assert_int_eq(bc_classify_rgb(s, NULL, 4, 4, 0, &r, NULL, 0),
                     BC_ERR_ARGUMENT);
    is_failure(&r, BC_ERR_ARGUMENT, "NULL");
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

START_TEST(calls_are_checked)
{
    struct bc_model *m = open_model();
    struct bc_session *s = session(m, 1, 0);
    struct bc_image image[PHOTOS];
    struct bc_result r;
    double p[3] = { 7, 7, 7 };

    fill(image);
    ck_assert_int_eq(bc_classify_batch(NULL, image, 1, &r, NULL, 0),
                     BC_ERR_ARGUMENT);
    is_failure(&r, BC_ERR_ARGUMENT, "session is NULL");
    ck_assert_int_eq(bc_classify_batch(s, NULL, 1, &r, NULL, 0),
                     BC_ERR_ARGUMENT);
    is_failure(&r, BC_ERR_ARGUMENT, "images is NULL");
    ck_assert_int_eq(bc_classify_batch(s, image, 1, NULL, NULL, 0),
                     BC_ERR_ARGUMENT);
    ck_assert_int_eq(bc_classify_bytes(s, w.jpeg[0], w.size[0], NULL, NULL, 0),
                     BC_ERR_ARGUMENT);
    ck_assert_int_eq(bc_classify_batch(s, image, 1, &r, p, 3), BC_ERR_ARGUMENT);
    is_failure(&r, BC_ERR_ARGUMENT, "n_classes");
    ck_assert_int_eq(bc_classify_batch(s, image, 1, &r, NULL, CLASSES),
                     BC_ERR_ARGUMENT);
    is_failure(&r, BC_ERR_ARGUMENT, "n_classes");
    ck_assert_double_eq(p[0], 7);
    ck_assert_int_eq(bc_classify_batch(s, NULL, 0, NULL, NULL, 0), BC_OK);
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

START_TEST(a_limit_is_not_damage)
{
    static const uint8_t wide[] = {
        /* PNG header of 30000 x 30000, grey */
        0x89, 'P',  'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0,    0,
        13,   'I',  'H', 'D', 'R',  0,    0,    0x75, 0x30, 0,    0,
        0x75, 0x30, 8,   0,   0,    0,    0,    0x43, 0x4c, 0xa7, 0x66
    };
    struct bc_model *m = open_model();
    struct bc_session *s = session(m, 1, 0);
    struct bc_result r;

    ck_assert_int_eq(bc_classify_bytes(s, wide, sizeof wide, &r, NULL, 0),
                     BC_ERR_UNSUPPORTED);
    is_failure(&r, BC_ERR_UNSUPPORTED, "30000");
    ck_assert_int_eq(bc_classify_bytes(s, wide, 0, &r, NULL, 0), BC_ERR_FORMAT);
    is_failure(&r, BC_ERR_FORMAT, "empty");
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("library");
    TCase *t = tcase_create("library");

    tcase_add_checked_fixture(t, library_set_up, library_tear_down);
    tcase_set_timeout(t, 100);
    tcase_add_test(t, version_is_that_of_the_header);
    tcase_add_test(t, names_of_codes);
    tcase_add_test(t, a_model_from_file_and_memory);
    tcase_add_test(t, no_model);
    tcase_add_test(t, options_are_checked);
    tcase_add_test(t, pixels_are_checked);
    tcase_add_test(t, calls_are_checked);
    tcase_add_test(t, a_limit_is_not_damage);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
