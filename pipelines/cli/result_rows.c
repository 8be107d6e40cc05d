#include "pipelines/cli/result_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"

static uint64_t hash_of(const char *s, size_t n)
{
    uint64_t h = nn_hash_u64(s, n, 1);

    return h != 0 ? h : 1;
}

uint64_t result_key(enum predictions_format format, const char *name)
{
    char *text = NULL;
    uint64_t key = 0;

    if (format == PREDICTIONS_MEGADETECTOR) {
        text = nn_text_json_pep383(name);
    } else if (format == PREDICTIONS_CSV) {
        text = nn_text(name);
    } else {
        json_t *j = nn_json_text(name);

        text = j != NULL ? nn_json_dump(j, JSON_ENCODE_ANY) : NULL;
        json_decref(j);
    }
    if (text != NULL) {
        key = hash_of(text, strlen(text));
    }
    nn_mem_free(text);
    return key;
}

/* --- lines --- */

/* The next line into r->line, without its newline, which in csv does not count
 * inside quotes. *whole: there was one. Errors: NN_ERR_NOMEM. */
static enum nn_status read_line(struct result_reader *r, int *whole)
{
    int quoted = 0, c;

    r->size = 0;
    *whole = 0;
    while ((c = getc_unlocked(r->from)) != EOF) {
        if (c == '\n' && !quoted) {
            *whole = 1;
            break;
        }
        quoted ^= c == '"' && r->format == PREDICTIONS_CSV;
        if (nn_mem_grow(&r->line, &r->cap, r->size + 2, 1)) {
            return NN_ERR_NOMEM;
        }
        r->line[r->size++] = (char)c;
    }
    if (r->line != NULL) {
        r->line[r->size] = '\0';
    }
    return NN_OK;
}

static int begins(const struct result_reader *r, const char *with)
{
    size_t n = strlen(with);

    return r->size >= n && memcmp(r->line, with, n) == 0;
}

/* The same, or the file ends before it shows. */
static int may_begin(const struct result_reader *r, const char *with, int whole)
{
    return begins(r, with) || (!whole && strncmp(with, r->line, r->size) == 0);
}

static int ends(const struct result_reader *r, const char *with)
{
    size_t n = strlen(with);

    return r->size >= n && memcmp(r->line + r->size - n, with, n) == 0;
}

/* Line n of a file of the megadetector format is as predictions.h begins it:
 * JSON of another origin is not to be taken for a file that was cut off. */
static int is_our_line(const struct result_reader *r, size_t n, int whole)
{
    if (r->size == 0) {
        return !whole;
    }
    if (n == 0) {
        return r->size == 1 && begins(r, "{");
    }
    return n > 1 || may_begin(r, " \"info\": {\"", whole);
}

/* What comes before the first row. *done: the file ends in it. */
static enum nn_status read_header(struct result_reader *r, int *done)
{
    size_t n = 0;
    int whole;
    enum nn_status st;

    *done = 0;
    r->begun = 1;
    if (r->format == PREDICTIONS_JSONL) {
        return NN_OK;
    }
    do {
        st = read_line(r, &whole);
        if (st) {
            return st;
        }
        if (r->size == 0 && !whole && ftello(r->from) == 0) {
            *done = 1; /* an empty file */
            return NN_OK;
        }
        if (r->format == PREDICTIONS_CSV) {
            *done = !whole;
            r->end = ftello(r->from);
            return begins(r, "file,label,verdict") ? NN_OK : NN_ERR_FORMAT;
        }
        if (!is_our_line(r, n++, whole)) {
            return NN_ERR_FORMAT;
        }
    } while (whole && !ends(r, "\"images\": ["));
    *done = !whole;
    r->end = ftello(r->from) - (whole ? 1 : 0);
    return NN_OK;
}

/* --- one row --- */

/* The name at the row's start as it is written: a JSON string or a csv field.
 * Bytes from *name; 0: the row does not begin so. */
static size_t name_of(const struct result_reader *r, const char **name)
{
    const char *s = r->line, *end;

    if (r->format != PREDICTIONS_CSV) {
        s += strspn(s, " ");
        if (strncmp(s, "{\"file\":", 8) != 0) {
            return 0;
        }
        s += 8 + strspn(s + 8, " ");
        *name = s;
        for (end = s + (*s == '"'); *end != '\0' && *end != '"'; end++) {
            end += *end == '\\' && end[1] != '\0';
        }
        return *s == '"' && *end == '"' ? (size_t)(end + 1 - s) : 0;
    }
    *name = s;
    if (*s != '"') {
        return strcspn(s, ",");
    }
    for (end = s + 1; *end != '\0'; end++) {
        if (*end == '"' && *++end != '"') {
            break;
        }
    }
    return (size_t)(end - s);
}

/* The name of a csv field in quotes without them. */
static uint64_t key_of(enum predictions_format format, const char *name,
                       size_t n)
{
    size_t to = 0;
    uint64_t key;

    if (format != PREDICTIONS_CSV || name[0] != '"') {
        return hash_of(name, n);
    }
    char *plain = nn_mem_strndup(name + 1, n - 2);

    if (plain == NULL) {
        return 0;
    }
    for (size_t i = 0; plain[i] != '\0'; i++) {
        plain[to++] = plain[i];
        i += plain[i] == '"' && plain[i + 1] == '"';
    }
    key = hash_of(plain, to);
    nn_mem_free(plain);
    return key;
}

/* The last place of `what`, or NULL. */
static const char *last(const char *s, const char *what)
{
    const char *at = NULL;

    for (s = strstr(s, what); s != NULL; s = strstr(s + 1, what)) {
        at = s;
    }
    return at;
}

static int64_t milliseconds(const char *s)
{
    double v = strtod(s, NULL) * 1000;

    return (int64_t)(v < 0 ? v - 0.5 : v + 0.5);
}

static void copy_run(const char *s, size_t n, struct result_row *row)
{
    n = n < sizeof row->run - 1 ? n : sizeof row->run - 1;
    memcpy(row->run, s, n);
    row->run[n] = '\0';
}

static size_t whole_number(const char *s)
{
    return (size_t)strtoull(s + strspn(s, " "), NULL, 10);
}

/* burst: its object, or NULL. */
static void read_json_burst(const char *burst, struct result_row *row)
{
    const char *frame = burst != NULL ? last(burst, "\"frame\":") : NULL;
    const char *frames = burst != NULL ? last(burst, "\"frames\":") : NULL;

    if (frame != NULL && frames != NULL) {
        row->frame = whole_number(frame + 8);
        row->frames = whole_number(frames + 9);
    }
}

/* Why there is no verdict stands in its place, and first but for the bytes of
 * the name; classes may be called so, too. */
static int begins_failed(const char *rest)
{
    rest += strspn(rest, ", ");
    if (strncmp(rest, "\"file_bytes\":", 13) == 0) {
        rest += strcspn(rest, ",");
        rest += strspn(rest, ", ");
    }
    return strncmp(rest, "\"error\":", 8) == 0 ||
           strncmp(rest, "\"failure\":", 10) == 0;
}

/* size, time and run stand at the row's end. */
static void read_json_origin(const char *rest, int bursts,
                             struct result_row *row)
{
    const char *record = last(rest, "\"record\": \"");
    const char *bytes = last(rest, "\"bytes\":");
    const char *mtime = last(rest, "\"mtime\":");
    const char *run = last(rest, "\"run\":");

    if (bursts) {
        read_json_burst(last(rest, "\"burst\":"), row);
    }
    if (record != NULL) { /* then what a detector said stands there too */
        row->record = strtoull(record + 11, NULL, 16);
        row->failed = strstr(rest, "\"classification_failure\":") != NULL;
    } else {
        row->failed = begins_failed(rest);
    }
    if (bytes == NULL || mtime == NULL || run == NULL) {
        return;
    }
    row->from.bytes = strtoll(bytes + 8, NULL, 10);
    row->from.mtime_ms = milliseconds(mtime + 8);
    run += 6 + strspn(run + 6, " \"");
    copy_run(run, strcspn(run, "\""), row);
}

/* rest: behind the name; its last three fields, with bursts five, have neither
 * commas nor quotes. */
static void read_csv_origin(const char *rest, int bursts,
                            struct result_row *row)
{
    const char *all[5] = { NULL }, **field = all + 2;
    const char *s = rest + strlen(rest);

    row->failed = strncmp(rest, ",,", 2) == 0;
    for (size_t i = 5; i-- > (bursts ? 0 : 2);) {
        while (s > rest && s[-1] != ',') {
            s--;
        }
        if (s == rest) {
            return;
        }
        all[i] = s--;
    }
    if (field[0] == NULL || field[0][strspn(field[0], "-0123456789")] != ',') {
        return;
    }
    if (bursts) {
        row->frame = whole_number(all[0]);
        row->frames = whole_number(all[1]);
    }
    row->from.bytes = strtoll(field[0], NULL, 10);
    row->from.mtime_ms = milliseconds(field[1]);
    copy_run(field[2], strlen(field[2]), row);
}

/* 1: r->line is a whole row, now in *row. */
static enum nn_status parse(struct result_reader *r, int newline,
                            struct result_row *row, int *ok)
{
    const char *name = NULL;
    size_t n = r->size, named, indent;

    *ok = 0;
    if (r->format == PREDICTIONS_MEGADETECTOR && n > 0 &&
        r->line[n - 1] == ',') {
        r->line[--n] = '\0';
    }
    named = n > 0 ? name_of(r, &name) : 0;
    if (named == 0 || (r->format != PREDICTIONS_CSV && r->line[n - 1] != '}') ||
        (r->format != PREDICTIONS_MEGADETECTOR && !newline)) {
        return NN_OK;
    }
    indent = r->format == PREDICTIONS_CSV ? 0 : strspn(r->line, " ");
    *row = (struct result_row){ .text = r->line + indent, .size = n - indent };
    r->row_end = n;
    row->key = key_of(r->format, name, named);
    if (row->key == 0) {
        return NN_ERR_NOMEM;
    }
    if (r->format == PREDICTIONS_CSV) {
        read_csv_origin(name + named, r->bursts, row);
    } else {
        read_json_origin(name + named, r->bursts, row);
    }
    *ok = newline || row->run[0] != '\0'; /* else cut off at an inner brace */
    return NN_OK;
}

/* What may stand where the first row should. */
static int is_our_first(const struct result_reader *r, int whole)
{
    if (r->size == 0) {
        return !whole;
    }
    if (r->format == PREDICTIONS_JSONL) {
        return begins(r, "{\"file\":");
    }
    return r->format == PREDICTIONS_CSV || strcmp(r->line, " ]") == 0 ||
           may_begin(r, "  {\"file\":", whole);
}

enum nn_status result_reader_next(struct result_reader *r,
                                  struct result_row *row)
{
    int whole, ok, done = 0;
    int64_t at;
    enum nn_status st = r->begun ? NN_OK : read_header(r, &done);

    *row = (struct result_row){ .key = 0 };
    if (st || done) {
        return st;
    }
    at = ftello(r->from);
    st = read_line(r, &whole);
    if (st) {
        return st;
    }
    st = parse(r, whole, row, &ok);
    if (st) {
        return st;
    }
    if (!ok) {
        *row = (struct result_row){ .key = 0 };
        return r->rows > 0 || is_our_first(r, whole) ? NN_OK : NN_ERR_FORMAT;
    }
    r->rows++;
    r->end = r->format == PREDICTIONS_MEGADETECTOR ? at + (int64_t)r->row_end
                                                   : ftello(r->from);
    return NN_OK;
}

void result_reader_release(struct result_reader *r)
{
    nn_mem_free(r->line);
    r->line = NULL;
    r->cap = r->size = 0;
}
