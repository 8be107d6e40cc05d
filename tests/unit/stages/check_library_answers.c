/* libbearcascade's answers beside those of the program's cascade. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/context.h"
#include "common/base/mem.h"
#include "tests/unit/data/album.h"
#include "tests/unit/stages/library_world.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

/* --- answers --- */

/* The numbers of the program for one image, for any threads and batch. */
START_TEST(answers_are_the_programs)
{
    static const int threads[] = { 1, 2, 3 }, batch[] = { 0, 4, 32 };
    struct bc_model *m = open_model();
    int kinds[VERDICT_UNKNOWN + 1] = { 0 };

    for (size_t i = 0; i < PHOTOS; i++) {
        kinds[w.verdict[i].kind]++;
    }
    ck_assert_int_gt(kinds[VERDICT_NONE], 0);
    ck_assert_int_lt(kinds[VERDICT_NONE], PHOTOS);
    library_tell(1);
    for (int t = 0; t < 9; t++) {
        struct bc_session *s = session(m, threads[t % 3], batch[t / 3]);
        struct bc_image image[PHOTOS];
        struct bc_result r[PHOTOS];
        double p[PHOTOS * CLASSES];

        fill(image);
        ck_assert_int_eq(bc_classify_batch(s, image, PHOTOS, r, p, CLASSES),
                         BC_OK);
        for (size_t i = 0; i < PHOTOS; i++) {
            expect(m, &r[i], p + i * CLASSES, i, 0);
        }
        ck_assert_int_eq(bc_classify_batch(s, image, PHOTOS, r, NULL, 0),
                         BC_OK);
        ck_assert_double_eq(r[1].p_positive, w.told.p_positive[1]);
        bc_session_destroy(&s);
    }
    bc_model_destroy(&m);
}
END_TEST

START_TEST(a_file_gives_what_its_bytes_give)
{
    struct bc_model *m = open_model();
    struct bc_session *s = session(m, 1, 0);
    struct bc_result r;
    double p[CLASSES];

    library_tell(1);
    bc_model_destroy(&m); /* the session keeps it */
    m = open_model();
    for (size_t i = 0; i < PHOTOS; i++) {
        album_put(w.dir, "photo", w.jpeg[i], w.size[i]);
        ck_assert_int_eq(
            bc_classify_file(s, album_path(w.dir, "photo"), &r, p, CLASSES),
            BC_OK);
        expect(m, &r, p, i, 0);
        ck_assert_int_eq(
            bc_classify_bytes(s, w.jpeg[i], w.size[i], &r, p, CLASSES), BC_OK);
        expect(m, &r, p, i, 0);
    }
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

/* Without all_stages a rejected image has no class. */
START_TEST(rejected_images_have_no_class)
{
    struct bc_model *m = open_model();
    struct bc_session *s = NULL;
    struct bc_result r;
    double p[CLASSES];

    library_tell(1);
    ck_assert_int_eq(bc_session_create(m, NULL, &s, NULL, 0), BC_OK);
    for (size_t i = 0; i < PHOTOS; i++) {
        p[0] = p[1] = 7;
        ck_assert_int_eq(
            bc_classify_bytes(s, w.jpeg[i], w.size[i], &r, p, CLASSES), BC_OK);
        if (w.verdict[i].kind != VERDICT_NONE) {
            expect(m, &r, p, i, 0);
            continue;
        }
        ck_assert_int_eq(r.verdict, BC_NONE);
        ck_assert_int_eq(r.class_index, -1);
        ck_assert_int_eq(r.stage, 1);
        ck_assert_double_eq(r.p_class, 0);
        ck_assert_double_eq(p[0], 0);
        ck_assert_double_eq(p[1], 0);
        ck_assert_double_eq(r.p_positive, w.told.p_positive[i]);
    }
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

/* Pixels give what a PNG of them gives, gaps between rows or not. */
START_TEST(pixels_with_and_without_gaps)
{
    struct bc_model *m = open_model();
    struct bc_session *s = session(m, 2, 0);
    const struct nn_image *img = &w.image[3];
    size_t row = 3 * (size_t)img->w, stride = row + 13;
    unsigned char *gaps = nn_mem_calloc((size_t)img->h, stride);
    struct bc_result r[3];
    double p[3][CLASSES];
    const char *png = album_path(w.dir, "x.png");

    memset(gaps, 0xa5, (size_t)img->h * stride);
    for (size_t y = 0; y < (size_t)img->h; y++) {
        memcpy(gaps + y * stride, img->rgb + y * row, row);
    }
    sample_png_file(png, img);
    ck_assert_int_eq(bc_classify_file(s, png, &r[0], p[0], CLASSES), BC_OK);
    ck_assert_int_eq(
        bc_classify_rgb(s, img->rgb, img->w, img->h, 0, &r[1], p[1], CLASSES),
        BC_OK);
    ck_assert_int_eq(
        bc_classify_rgb(s, gaps, img->w, img->h, stride, &r[2], p[2], CLASSES),
        BC_OK);
    for (int i = 1; i < 3; i++) {
        ck_assert_mem_eq(&r[i], &r[0], sizeof r[0]);
        ck_assert_mem_eq(p[i], p[0], sizeof p[0]);
    }
    nn_mem_free(gaps);
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

struct messages {
    int n, level;
    char last[1024];
    struct bc_session *inside; /* call it from the log */
    int status;
};

static void note(void *ctx, int level, const char *text)
{
    struct messages *k = ctx;
    struct bc_result r;

    k->n++;
    k->level = level;
    snprintf(k->last, sizeof k->last, "%s", text);
    if (k->inside != NULL) {
        k->status =
            bc_classify_bytes(k->inside, w.jpeg[0], w.size[0], &r, NULL, 0);
        is_failure(&r, BC_ERR_ARGUMENT, "another call");
    }
}

static struct bc_session *heard(struct bc_model *m, struct messages *k,
                                int batch, int level)
{
    struct bc_options o = BC_OPTIONS_INIT;
    struct bc_session *s;

    o.threads = 2;
    o.max_batch = batch;
    o.all_stages = 1;
    o.log = note;
    o.log_ctx = k;
    o.log_level = level;
    ck_assert_int_eq(bc_session_create(m, &o, &s, NULL, 0), BC_OK);
    return s;
}

/* Bad images among good ones, in any step of a batch. */
START_TEST(bad_images_in_a_batch)
{
    struct bc_model *m = open_model();
    struct messages k = { 0 };
    struct bc_session *s = heard(m, &k, _i, BC_LOG_WARN);
    struct bc_image image[PHOTOS];
    struct bc_result r[PHOTOS];
    double p[PHOTOS * CLASSES];
    char cut[64];

    library_tell(_i);
    fill(image);
    image[0].size /= 2;
    image[2].kind = BC_IMAGE_FILE;
    image[2].data = "/none/such.jpg";
    image[3].kind = 9;
    image[5].kind = BC_IMAGE_FILE;
    album_put(w.dir, "cut.jpg", w.jpeg[5], 30);
    image[5].data = album_path(w.dir, "cut.jpg");
    memset(p, 1, sizeof p);
    ck_assert_int_eq(bc_classify_batch(s, image, PHOTOS, r, p, CLASSES), BC_OK);
    expect(m, &r[1], p + 1 * CLASSES, 1, 0); /* fewer than told */
    expect(m, &r[4], p + 4 * CLASSES, 4, 0);
    is_failure(&r[0], BC_ERR_FORMAT, "truncated JPEG data");
    is_failure(&r[2], BC_ERR_IO, "/none/such.jpg");
    is_failure(&r[3], BC_ERR_ARGUMENT, "kind of image 9");
    is_failure(&r[5], BC_ERR_FORMAT, "cut.jpg");
    ck_assert_double_eq(p[0], 0);
    ck_assert_double_eq(p[2 * CLASSES + 1], 0);
    ck_assert_int_eq(k.n, 4);
    ck_assert_int_eq(k.level, BC_LOG_WARN);
    snprintf(cut, sizeof cut, "image %d of %d: ", PHOTOS, PHOTOS);
    ck_assert_int_eq(strncmp(k.last, cut, strlen(cut)), 0);
    bc_session_destroy(&s);
    bc_model_destroy(&m);
}
END_TEST

START_TEST(the_log_belongs_to_a_session)
{
    struct bc_model *m = open_model();
    struct messages a = { 0 }, b = { 0 };
    struct bc_session *loud = heard(m, &a, 1, BC_LOG_DEBUG);
    struct bc_session *other = heard(m, &b, 1, BC_LOG_ERROR);
    struct bc_result r;

    ck_assert_int_eq(a.n, 1);
    ck_assert_int_eq(a.level, BC_LOG_DEBUG);
    ck_assert_ptr_nonnull(strstr(a.last, "2 threads"));
    ck_assert_int_eq(bc_classify_bytes(loud, "x", 1, &r, NULL, 0),
                     BC_ERR_FORMAT);
    ck_assert_int_eq(bc_classify_bytes(other, "x", 1, &r, NULL, 0),
                     BC_ERR_FORMAT);
    ck_assert_int_eq(a.n, 2);
    ck_assert_int_eq(b.n, 0);
    a.inside = loud;
    ck_assert_int_eq(bc_classify_bytes(loud, "x", 1, &r, NULL, 0),
                     BC_ERR_FORMAT);
    ck_assert_int_eq(a.status, BC_ERR_ARGUMENT);
    bc_session_destroy(&loud);
    bc_session_destroy(&other);
    bc_model_destroy(&m);
}
END_TEST

/* --- memory, threads --- */

/* testkit wants our own codes. */
static int code_of(int status)
{
    return status == BC_ERR_MEMORY ? NN_ERR_NOMEM : status;
}

static int open_and_close(void *ctx)
{
    struct bc_model *m = NULL;
    int status = bc_model_open_memory(w.model, w.model_size, &m, NULL, 0);

    (void)ctx;
    bc_model_destroy(&m);
    return code_of(status);
}

static int ask_once(void *ctx)
{
    struct bc_options o = BC_OPTIONS_INIT;
    struct bc_session *s = NULL;
    struct bc_image image[PHOTOS];
    struct bc_result r[PHOTOS];
    double p[PHOTOS * CLASSES];
    int status;

    fill(image);
    o.threads = 1;
    o.max_batch = 2;
    status = bc_session_create(ctx, &o, &s, NULL, 0);
    if (!status) {
        status = bc_classify_batch(s, image, 2, r, p, CLASSES);
        ck_assert_int_eq(r[1].status, status);
    }
    bc_session_destroy(&s);
    return code_of(status);
}

/* Opening makes nine thousand, most of them alike, while the file's header is
 * parsed (check_safetensors tries each of its own): one of 13. */
START_TEST(any_allocation_may_fail)
{
    struct bc_model *m = open_model();

    testkit_alloc_failures(13, open_and_close, NULL);
    testkit_each_alloc_failure(ask_once, m);
    bc_model_destroy(&m);
}
END_TEST

struct user {
    struct bc_model *m;
    struct nn_context context; /* instruction sets, under the ISA matrix */
    int threads, wrong;
};

static void *use(void *ctx)
{
    struct user *u = ctx;
    struct bc_session *s;

    nn_context_set(u->context);
    s = session(u->m, u->threads, 1);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < PHOTOS; i++) {
            struct bc_result r;
            double p[CLASSES];

            u->wrong += bc_classify_bytes(s, w.jpeg[i], w.size[i], &r, p,
                                          CLASSES) != BC_OK ||
                        r.p_positive != w.told.p_positive[i] ||
                        memcmp(p, w.told.p + i * CLASSES, sizeof p) != 0;
        }
    }
    bc_session_destroy(&s);
    return NULL;
}

START_TEST(threads_share_a_model)
{
    struct user u[3] = { { .threads = 1 }, { .threads = 2 }, { .threads = 3 } };
    struct bc_model *m = open_model();
    pthread_t t[3];

    library_tell(1);
    for (int i = 0; i < 3; i++) {
        u[i].m = m;
        u[i].context = nn_context_get();
        ck_assert_int_eq(pthread_create(&t[i], NULL, use, &u[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        ck_assert_int_eq(u[i].wrong, 0);
    }
    bc_model_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("library_answers");
    TCase *t = tcase_create("library_answers");

    tcase_add_checked_fixture(t, library_set_up, library_tear_down);
    tcase_set_timeout(t, 100);
    tcase_add_test(t, answers_are_the_programs);
    tcase_add_test(t, a_file_gives_what_its_bytes_give);
    tcase_add_test(t, rejected_images_have_no_class);
    tcase_add_test(t, pixels_with_and_without_gaps);
    tcase_add_loop_test(t, bad_images_in_a_batch, 1, 4);
    tcase_add_test(t, the_log_belongs_to_a_session);
    tcase_add_test(t, any_allocation_may_fail);
    tcase_add_test(t, threads_share_a_model);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
