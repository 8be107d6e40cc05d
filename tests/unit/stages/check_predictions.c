/* What classify writes, read back by readers that are not its own. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pipelines/cli/predictions.h"
#include "tests/unit/testkit.h"

/* Names that a careless writer breaks on. */
static char ant[] = "say \"ant\"", bee[] = "bee, honey", cat[] = "cat\r\ntom";
static char *classes[] = { ant, bee, cat };
#define FILE_A "a,b \"c\"\nd.jpg"
#define FILE_B "\""
#define FILE_C "plain.jpg"
#define FILE_D "no,such"
#define WHY    "cannot open \"no,such\":\nNo such file"
/* For a person's eyes: one line each. */
#define LINE_A   "a,b \"c\"\\nd.jpg"
#define LINE_WHY "cannot open \"no,such\":\\nNo such file"

static struct nn_net any_net;
static struct model model;
static const double bees[] = { .125, .8123456, .0625 };
static const double flat[] = { .3, .3, .4 };

static void set_up(void)
{
    model = (struct model){ .system = MODEL_CASCADE,
                            .n_classes = 3,
                            .classes = classes,
                            .gate_policy = { .threshold = .25 },
                            .species = &any_net,
                            .species_policy = { .reject_threshold = .6 } };
}

static enum nn_status put(struct predictions *p, const char *file,
                          const struct verdict *v, double ms, const char *error)
{
    const struct predictions_row row = {
        .file = file, .v = v, .ms = ms, .error = error
    };

    return predictions_put(p, &row);
}

/* Four records: a class, none, unknown, a file that failed. *text is freed
 * with free(). */
static void write_all(enum predictions_format format, char **text)
{
    const struct verdict v[] = { cascade_decide(&model, .9876543, 0, bees),
                                 cascade_decide(&model, .125, 0, NULL),
                                 cascade_decide(&model, .25, 0, flat) };
    const struct verdict none = { .best = -1 };
    struct predictions p = { 0 };
    size_t n;
    FILE *to = open_memstream(text, &n);

    ck_assert_ptr_nonnull(to);
    ck_assert_int_eq(predictions_begin(&p, to, format, &model), NN_OK);
    ck_assert_int_eq(put(&p, FILE_A, &v[0], 1.5, NULL), NN_OK);
    ck_assert_int_eq(put(&p, FILE_B, &v[1], 2.25, NULL), NN_OK);
    ck_assert_int_eq(put(&p, FILE_C, &v[2], 3, NULL), NN_OK);
    ck_assert_int_eq(put(&p, FILE_D, &none, 4, WHY), NN_OK);
    predictions_end(&p);
    ck_assert_uint_eq(p.written, 4);
    ck_assert_int_eq(fclose(to), 0);
}

/* The same of a model whose species net may say none, and did of the third. */
static void write_both(enum predictions_format format, char **text)
{
    static const char *const outputs[] = { "a", "b", "c", "-" };
    struct nn_net net = { .spec = { .n_outputs = 4, .outputs = outputs } };
    struct predictions p = { 0 };
    struct verdict v[3];
    const struct verdict none = { .best = -1 };
    size_t n;
    FILE *to = open_memstream(text, &n);

    ck_assert_ptr_nonnull(to);
    model.species = &net;
    model.policy.none_threshold = .5;
    v[0] = cascade_decide(&model, .9, .0625, bees);
    v[1] = cascade_decide(&model, .125, 0, NULL);
    v[2] = cascade_decide(&model, .75, .625, flat);
    ck_assert_int_eq(predictions_begin(&p, to, format, &model), NN_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(put(&p, FILE_B, &v[i], 1, NULL), NN_OK);
    }
    ck_assert_int_eq(put(&p, FILE_D, &none, 4, "no"), NN_OK);
    predictions_end(&p);
    ck_assert_int_eq(fclose(to), 0);
    model.species = &any_net;
}

/* --- RFC 4180 ---------------------------------------------------------------
 */

enum { ROWS = 8, FIELDS = 24 };

struct table {
    size_t n, n_fields[ROWS];
    char *field[ROWS][FIELDS]; /* into the text that was read */
};

/* Field at *s, taken apart in place; *s is behind it. */
static char *read_field(char **s)
{
    char *at = *s, *to = at, *field = at;

    if (*at != '"') {
        at += strcspn(at, ",\n");
        ck_assert_msg(memchr(field, '"', (size_t)(at - field)) == NULL &&
                          memchr(field, '\r', (size_t)(at - field)) == NULL,
                      "a quote or a return outside of quotes");
        *s = at;
        return field;
    }
    for (at++; at[0] != '"' || at[1] == '"'; at++) {
        ck_assert_msg(*at != '\0', "a quote is not closed");
        at += *at == '"'; /* the second of two */
        *to++ = *at;
    }
    *s = at + 1;
    ck_assert_msg(**s == ',' || **s == '\n', "text behind a quoted field");
    *to = '\0';
    return field;
}

static void read_table(char *s, struct table *t)
{
    *t = (struct table){ .n = 0 };
    while (*s != '\0') {
        char end;

        ck_assert_uint_lt(t->n, ROWS);
        do {
            size_t f = t->n_fields[t->n]++;

            ck_assert_uint_lt(f, FIELDS);
            t->field[t->n][f] = read_field(&s);
            end = *s;
            ck_assert_msg(end != '\0', "the last line has no end");
            *s++ = '\0';
        } while (end == ',');
        t->n++;
    }
}

static void expect_row(const struct table *t, size_t row,
                       const char *const *want, size_t n)
{
    ck_assert_uint_eq(t->n_fields[row], n);
    for (size_t f = 0; f < n; f++) {
        ck_assert_msg(strcmp(t->field[row][f], want[f]) == 0,
                      "row %zu, field %zu: '%s', not '%s'", row, f,
                      t->field[row][f], want[f]);
    }
}

START_TEST(csv)
{
    static const char *const want[][17] = {
        { "file", "label", "verdict", "stage", "p_positive", ant, bee, cat,
          "ms", "error", "note", "time", "make", "model", "serial", "latitude",
          "longitude" },
        { FILE_A, bee, "class", "species", "0.987654", "0.125000", "0.812346",
          "0.062500", "1.500", "", "", "", "", "", "", "", "" },
        { FILE_B, "none", "none", "gate", "0.125000", "", "", "", "2.250", "",
          "", "", "", "", "", "", "" },
        { FILE_C, "unknown", "unknown", "species", "0.250000", "0.300000",
          "0.300000", "0.400000", "3.000", "", "", "", "", "", "", "", "" },
        { FILE_D, "", "", "", "", "", "", "", "", WHY, "", "", "", "", "", "",
          "" },
    };
    struct table t;
    char *text;

    write_all(PREDICTIONS_CSV, &text);
    read_table(text, &t);
    ck_assert_uint_eq(t.n, 5);
    for (size_t row = 0; row < 5; row++) {
        expect_row(&t, row, want[row], 17);
    }
    free(text);
}
END_TEST

/* --- JSON ------------------------------------------------------------------
 */

static const char *text_of(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    ck_assert_msg(s != NULL, "no text '%s'", key);
    return s;
}

static double number_of(const json_t *j, const char *key)
{
    ck_assert_msg(json_is_real(json_object_get(j, key)), "no number '%s'", key);
    return json_real_value(json_object_get(j, key));
}

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

static void expect_object(const json_t *j, const char *file, const char *label,
                          const char *verdict, const char *stage,
                          double p_positive, double ms)
{
    ck_assert_uint_eq(json_object_size(j), 7);
    ck_assert_str_eq(text_of(j, "file"), file);
    ck_assert_str_eq(text_of(j, "label"), label);
    ck_assert_str_eq(text_of(j, "verdict"), verdict);
    ck_assert_str_eq(text_of(j, "stage"), stage);
    near(number_of(j, "p_positive"), p_positive);
    near(number_of(j, "ms"), ms);
}

START_TEST(jsonl)
{
    json_t *j[5];
    const json_t *p;
    char *text, *rest;
    size_t n = 0;

    write_all(PREDICTIONS_JSONL, &text);
    rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        ck_assert_uint_lt(n, 5);
        j[n] = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(j[n] != NULL, "no JSON: %s", line);
        n++;
    }
    ck_assert_uint_eq(n, 4);
    expect_object(j[0], FILE_A, bee, "class", "species", .987654, 1.5);
    p = json_object_get(j[0], "p");
    ck_assert_uint_eq(json_object_size(p), 3);
    near(number_of(p, ant), .125);
    near(number_of(p, bee), .812346);
    near(number_of(p, cat), .0625);
    expect_object(j[1], FILE_B, "none", "none", "gate", .125, 2.25);
    ck_assert(json_is_object(json_object_get(j[1], "p")));
    ck_assert_uint_eq(json_object_size(json_object_get(j[1], "p")), 0);
    expect_object(j[2], FILE_C, "unknown", "unknown", "species", .25, 3);
    near(number_of(json_object_get(j[2], "p"), cat), .4);
    ck_assert_uint_eq(json_object_size(j[3]), 2);
    ck_assert_str_eq(text_of(j[3], "file"), FILE_D);
    ck_assert_str_eq(text_of(j[3], "error"), WHY);
    for (size_t i = 0; i < n; i++) {
        json_decref(j[i]);
    }
    free(text);
}
END_TEST

static char *write_one(enum predictions_format format,
                       const struct predictions_row *row)
{
    struct predictions p = { 0 };
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    ck_assert_int_eq(predictions_begin(&p, to, format, &model), NN_OK);
    ck_assert_int_eq(predictions_put(&p, row), NN_OK);
    predictions_end(&p);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

/* A file name that is no UTF-8. */
START_TEST(names_of_any_bytes)
{
    static const char name[] = "b\xe4r\r\xc3\xa4.jpg";
    const struct verdict v = cascade_decide(&model, .125, 0, NULL);
    const struct predictions_row row = { name, .v = &v, .ms = 1 };
    struct predictions p = { 0 };
    struct table t;
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    json_t *j;

    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_JSONL, &model),
                     NN_OK);
    ck_assert_int_eq(put(&p, name, &v, 1, NULL), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    j = json_loads(text, 0, NULL);
    ck_assert_str_eq(text_of(j, "file"), "b%E4r\r\xc3\xa4.jpg");
    ck_assert_str_eq(text_of(j, "file_bytes"), "62e4720dc3a42e6a7067");
    json_decref(j);
    free(text);
    text = write_one(PREDICTIONS_CSV, &row);
    read_table(text, &t);
    ck_assert_uint_eq(t.n, 2);
    ck_assert_str_eq(t.field[1][0], "b%E4r\r\xc3\xa4.jpg");
    free(text);
    text = write_one(PREDICTIONS_MEGADETECTOR, &row);
    ck_assert_ptr_nonnull(
        strstr(text, "{\"file\": \"b\\udce4r\\u000d\xc3\xa4.jpg\", "));
    free(text);
    to = open_memstream(&text, &n);
    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_TEXT, &model),
                     NN_OK);
    ck_assert_int_eq(put(&p, "a\x1b[31m\xff\n.jpg", &v, 1, NULL), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_str_eq(text, "a\\x1B[31m%FF\\n.jpg: none (gate 0.125)\n");
    free(text);
}
END_TEST

/* What is odd about an image, and what a later run compares. */
START_TEST(notes_and_origins)
{
    const struct verdict v = cascade_decide(&model, .125, 0, NULL);
    const struct predictions_row row = { .file = "x.jpg",
                                         .v = &v,
                                         .ms = 1,
                                         .note = "cut, short",
                                         .bytes = 12345,
                                         .mtime_ms = 1795921540123 };
    struct predictions p = { .run = "0123abcd" };
    struct table t;
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    json_t *j;

    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_JSONL, &model),
                     NN_OK);
    ck_assert_int_eq(predictions_put(&p, &row), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    j = json_loads(text, 0, NULL);
    ck_assert_str_eq(text_of(j, "note"), "cut, short");
    ck_assert_str_eq(text_of(j, "run"), "0123abcd");
    ck_assert_int_eq(json_integer_value(json_object_get(j, "bytes")), 12345);
    near(number_of(j, "mtime"), 1795921540.123);
    json_decref(j);
    free(text);
    to = open_memstream(&text, &n);
    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_CSV, &model), NN_OK);
    ck_assert_int_eq(predictions_put(&p, &row), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    read_table(text, &t);
    ck_assert_uint_eq(t.n_fields[0], 20);
    ck_assert_uint_eq(t.n_fields[1], 20);
    ck_assert_str_eq(t.field[1][10], "cut, short");
    ck_assert_str_eq(t.field[1][17], "12345");
    ck_assert_str_eq(t.field[1][18], "1795921540.123");
    ck_assert_str_eq(t.field[1][19], "0123abcd");
    free(text);
    p.run = NULL;
    to = open_memstream(&text, &n);
    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_TEXT, &model),
                     NN_OK);
    ck_assert_int_eq(predictions_put(&p, &row), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_str_eq(text, "x.jpg: none (gate 0.125) [cut, short]\n");
    free(text);
}
END_TEST

/* What the camera wrote, in the words of each format. */
START_TEST(shots)
{
    const struct verdict v = cascade_decide(&model, .125, 0, NULL);
    const struct nn_shot shot = { .time = "2024-05-31T06:12:09.250+02:00",
                                  .make = "A, B",
                                  .serial = "17",
                                  .has_place = 1,
                                  .latitude = -12.505,
                                  .longitude = 71.25 };
    const struct predictions_row row = { "x.jpg", .v = &v, .shot = &shot };
    static const char *const fields[] = { "2024-05-31T06:12:09.250+02:00",
                                          "A, B",
                                          "",
                                          "17",
                                          "-12.505000",
                                          "71.250000" };
    struct table t;
    char *text = write_one(PREDICTIONS_JSONL, &row);
    json_t *j = json_loads(text, 0, NULL);
    const json_t *at = json_object_get(j, "camera");

    ck_assert_str_eq(text_of(j, "time"), shot.time);
    ck_assert_uint_eq(json_object_size(at), 2);
    ck_assert_str_eq(text_of(at, "make"), "A, B");
    near(number_of(json_object_get(j, "place"), "latitude"), -12.505);
    near(number_of(json_object_get(j, "place"), "longitude"), 71.25);
    json_decref(j);
    free(text);
    text = write_one(PREDICTIONS_CSV, &row);
    read_table(text, &t);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_str_eq(t.field[1][11 + i], fields[i]);
    }
    free(text);
    text = write_one(PREDICTIONS_MEGADETECTOR, &row);
    j = json_loads(text, 0, NULL);
    at = json_array_get(json_object_get(j, "images"), 0);
    ck_assert_str_eq(text_of(at, "datetime"), "2024:05:31 06:12:09");
    at = json_object_get(at, "exif_metadata");
    ck_assert_uint_eq(json_object_size(at), 4);
    ck_assert_str_eq(text_of(at, "BodySerialNumber"), "17");
    json_decref(j);
    free(text);
}
END_TEST

/* The format's validator wants a frame rate of every video. */
START_TEST(failed_videos_have_a_frame_rate)
{
    struct predictions p = { 0 };
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    ck_assert_int_eq(
        predictions_begin(&p, to, PREDICTIONS_MEGADETECTOR, &model), NN_OK);
    ck_assert_int_eq(put(&p, "a.MKV", NULL, 0, "no"), NN_OK);
    ck_assert_int_eq(put(&p, "a.jpg", NULL, 0, "no"), NN_OK);
    predictions_end(&p);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"frame_rate\": -1"));
    ck_assert_ptr_null(strstr(strstr(text, "frame_rate") + 1, "frame_rate"));
    free(text);
}
END_TEST

static void expect_class(const json_t *list, size_t at, const char *id,
                         double p)
{
    const json_t *c = json_array_get(list, at);

    ck_assert_uint_eq(json_array_size(c), 2);
    ck_assert_str_eq(json_string_value(json_array_get(c, 0)), id);
    near(json_real_value(json_array_get(c, 1)), p);
}

/* The only detection of image i: the whole of it. */
static const json_t *detection(const json_t *images, size_t i, const char *file,
                               double conf)
{
    static const int box[] = { 0, 0, 1, 1 };
    const json_t *image = json_array_get(images, i);
    const json_t *all = json_object_get(image, "detections");
    const json_t *d = json_array_get(all, 0);

    ck_assert_uint_eq(json_object_size(image), 2);
    ck_assert_str_eq(text_of(image, "file"), file);
    ck_assert_uint_eq(json_array_size(all), 1);
    ck_assert_str_eq(text_of(d, "category"), "1");
    near(number_of(d, "conf"), conf);
    for (size_t k = 0; k < 4; k++) {
        ck_assert_int_eq(
            json_integer_value(json_array_get(json_object_get(d, "bbox"), k)),
            box[k]);
    }
    return json_object_get(d, "classifications");
}

static void expect_head(const json_t *doc)
{
    const json_t *info = json_object_get(doc, "info"), *names, *d, *c;

    d = json_object_get(info, "detector_metadata");
    near(number_of(d, "typical_detection_threshold"), .25);
    near(number_of(d, "conservative_detection_threshold"), .125);
    c = json_object_get(info, "classifier_metadata");
    near(number_of(c, "typical_classification_threshold"), .6);
    ck_assert_str_eq(text_of(json_object_get(doc, "detection_categories"), "1"),
                     "animal");
    names = json_object_get(doc, "classification_categories");
    ck_assert_uint_eq(json_object_size(names), 3);
    ck_assert_str_eq(text_of(names, "0"), ant);
    ck_assert_str_eq(text_of(names, "1"), bee);
    ck_assert_str_eq(text_of(names, "2"), cat);
}

START_TEST(megadetector)
{
    const json_t *images, *c;
    json_error_t why;
    json_t *doc;
    char *text;

    write_all(PREDICTIONS_MEGADETECTOR, &text);
    doc = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(doc != NULL, "%s in %s", why.text, text);
    expect_head(doc);
    images = json_object_get(doc, "images");
    ck_assert_uint_eq(json_array_size(images), 4);
    c = detection(images, 0, FILE_A, .987654);
    ck_assert_uint_eq(json_array_size(c), 3);
    expect_class(c, 0, "1", .812346);
    expect_class(c, 1, "0", .125);
    expect_class(c, 2, "2", .0625);
    ck_assert_ptr_null(detection(images, 1, FILE_B, .125));
    c = detection(images, 2, FILE_C, .25);
    expect_class(c, 0, "2", .4);
    expect_class(c, 1, "0", .3); /* of equal ones the first */
    expect_class(c, 2, "1", .3);
    ck_assert_str_eq(text_of(json_array_get(images, 3), "file"), FILE_D);
    ck_assert_str_eq(text_of(json_array_get(images, 3), "failure"), WHY);
    ck_assert(
        json_is_null(json_object_get(json_array_get(images, 3), "detections")));
    json_decref(doc);
    free(text);
}
END_TEST

/* Nothing to classify is still one document, or a header alone. */
START_TEST(no_records)
{
    for (int format = 0; format <= PREDICTIONS_MEGADETECTOR; format++) {
        struct predictions p = { 0 };
        char *text;
        size_t n;
        FILE *to = open_memstream(&text, &n);

        ck_assert_int_eq(
            predictions_begin(&p, to, (enum predictions_format)format, &model),
            NN_OK);
        predictions_end(&p);
        ck_assert_int_eq(fclose(to), 0);
        if (format == PREDICTIONS_MEGADETECTOR) {
            json_t *doc = json_loads(text, 0, NULL);

            ck_assert(json_is_array(json_object_get(doc, "images")));
            ck_assert_uint_eq(json_array_size(json_object_get(doc, "images")),
                              0);
            json_decref(doc);
        } else if (format == PREDICTIONS_CSV) {
            struct table t;

            read_table(text, &t);
            ck_assert_uint_eq(t.n, 1);
        } else {
            ck_assert_str_eq(text, "");
        }
        free(text);
    }
}
END_TEST

/* --- for people -------------------------------------------------------------
 */

START_TEST(text)
{
    char *out;

    write_all(PREDICTIONS_TEXT, &out);
    ck_assert_str_eq(out,
                     LINE_A ": bee, honey 0.812 (gate 0.988)\n" FILE_B
                            ": none (gate 0.125)\n" FILE_C
                            ": unknown (most like cat\r\ntom, 0.400) (gate "
                            "0.250)\n" FILE_D ": error: " LINE_WHY "\n");
    free(out);
}
END_TEST

START_TEST(text_of_one_class)
{
    struct predictions p = { 0 };
    struct verdict v;
    char *out;
    size_t n;
    FILE *to = open_memstream(&out, &n);

    model.n_classes = 1;
    model.species = NULL;
    v = cascade_decide(&model, .5, 0, NULL);
    ck_assert_int_eq(predictions_begin(&p, to, PREDICTIONS_TEXT, &model),
                     NN_OK);
    ck_assert_int_eq(put(&p, "x.jpg", &v, 1, NULL), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_str_eq(out, "x.jpg: say \"ant\" (gate 0.500)\n");
    free(out);
}
END_TEST

/* The score is 1 - p_none of what passes the gate, at 0.25. */
START_TEST(both_stages)
{
    static const char *const labels[] = { "bee, honey", "none", "none" };
    static const char *const stages[] = { "species", "gate", "species" };
    static const double gate[] = { .9, .125, .75 };
    static const double score[] = { .9375, .125, .375 };
    char *out, *line, *end;
    json_t *j;

    write_both(PREDICTIONS_JSONL, &out);
    line = out;
    for (int i = 0; i < 3; i++, line = end + 1) {
        end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        j = json_loads(line, 0, NULL);
        ck_assert_ptr_nonnull(j);
        ck_assert_str_eq(text_of(j, "label"), labels[i]);
        ck_assert_str_eq(text_of(j, "stage"), stages[i]);
        near(number_of(j, "p_gate"), gate[i]);
        near(number_of(j, "p_positive"), score[i]);
        ck_assert_int_eq(json_object_get(j, "p_none") != NULL, i != 1);
        near(i == 1 ? .625 : number_of(j, "p_none"), i == 0 ? .0625 : .625);
        json_decref(j);
    }
    free(out);
    write_both(PREDICTIONS_CSV, &out);
    ck_assert_ptr_nonnull(strstr(out, ",stage,p_positive,p_gate,p_none,"));
    ck_assert_ptr_nonnull(
        strstr(out, ",none,none,gate,0.125000,0.125000,,,,,1.000,,"));
    ck_assert_ptr_nonnull(
        strstr(out, ",none,none,species,0.375000,0.750000,0.625000,0.300000,"));
    ck_assert_ptr_nonnull(strstr(out, "\",,,,,,,,,,,no,"));
    free(out);
    write_both(PREDICTIONS_TEXT, &out);
    ck_assert_ptr_nonnull(strstr(out, "(gate 0.900, none 0.062)"));
    ck_assert_ptr_nonnull(strstr(out, ": none (gate 0.125)"));
    ck_assert_ptr_nonnull(strstr(out, ": none (gate 0.750, none 0.625)"));
    free(out);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("predictions");
    TCase *t = tcase_create("predictions");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, csv);
    tcase_add_test(t, jsonl);
    tcase_add_test(t, names_of_any_bytes);
    tcase_add_test(t, both_stages);
    tcase_add_test(t, notes_and_origins);
    tcase_add_test(t, shots);
    tcase_add_test(t, failed_videos_have_a_frame_rate);
    tcase_add_test(t, megadetector);
    tcase_add_test(t, no_records);
    tcase_add_test(t, text);
    tcase_add_test(t, text_of_one_class);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
