#include "pipelines/piles/md_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/json.h"
#include "common/base/mem.h"

enum { DEEPEST = 100 };

static enum nn_status bad(const struct md_file *m, const char *why,
                          struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT,
                   "'%s' is no file of MegaDetector results: %s", m->path, why);
}

/* --- JSON text, a value at a time --- */

static int next_char(struct md_file *m)
{
    int c;

    do {
        c = getc_unlocked(m->from);
    } while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    return c;
}

static enum nn_status put(struct md_file *m, int keep, int c)
{
    if (!keep) {
        return NN_OK;
    }
    if (nn_mem_grow(&m->text, &m->cap, m->n + 2, 1)) {
        return NN_ERR_NOMEM;
    }
    m->text[m->n++] = (char)c;
    m->text[m->n] = '\0';
    return NN_OK;
}

/* The value that begins with c, which was read, into m->text if it is kept.
 * What follows a number or a word is left unread. */
static enum nn_status read_value(struct md_file *m, int c, int keep)
{
    int depth = 0, quoted = 0;
    enum nn_status st;

    m->n = 0;
    for (; c != EOF; c = getc_unlocked(m->from)) {
        int plain = depth == 0 && !quoted && m->n + (size_t)!keep > 0;

        if (plain && strchr(",]}: \t\r\n", c) != NULL) {
            ungetc(c, m->from);
            return NN_OK;
        }
        st = put(m, keep, c);
        if (st) {
            return st;
        }
        if (quoted && c == '\\') {
            st = put(m, keep, getc_unlocked(m->from));
            if (st) {
                return st;
            }
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '{' || c == '[')) {
            depth++;
        } else if (!quoted && (c == '}' || c == ']')) {
            depth--;
        }
        if (depth > DEEPEST || depth < 0) {
            return NN_ERR_FORMAT;
        }
        if (depth == 0 && !quoted && strchr("}]\"", c) != NULL) {
            return NN_OK;
        }
    }
    return NN_ERR_FORMAT;
}

static int hex4(const char *s)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int d = s[i] >= '0' && s[i] <= '9'   ? s[i] - '0'
                : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10
                : s[i] >= 'A' && s[i] <= 'F' ? s[i] - 'A' + 10
                                             : -1;

        if (d < 0) {
            return -1;
        }
        v = v * 16 + d;
    }
    return v;
}

/* Lone \udcXX, which stand for the byte XX, become \uf7XX, which jansson
 * reads. Returns how many. */
static size_t hide_bytes(char *text)
{
    size_t n = 0;

    for (char *s = text; *s != '\0'; s++) {
        int v;

        if (*s != '\\') {
            continue;
        }
        v = s[1] == 'u' ? hex4(s + 2) : -1;
        if (v >= 0xd800 && v < 0xdc00) {
            s += 6; /* of a pair: its other half follows */
        } else if (v >= 0xdc80 && v <= 0xdcff) {
            memcpy(s + 2, "f7", 2);
            n++;
        }
        s += *s != '\0';
    }
    return n;
}

/* U+F780 to U+F7FF, in UTF-8 EF 9E 80 to EF 9F BF, become the bytes 80 to FF.
 */
static void show_bytes(char *name)
{
    char *to = name;

    for (const char *s = name; *s != '\0'; s++) {
        if (strncmp(s, "\xef\x9e", 2) == 0 || strncmp(s, "\xef\x9f", 2) == 0) {
            unsigned char high = (unsigned char)s[1];

            *to++ = (char)((unsigned char)s[2] + (high == 0x9f ? 0x40 : 0));
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

static enum nn_status parse_text(struct md_file *m, json_t **out, int *hidden)
{
    char *copy = nn_mem_strndup(m->text, m->n);
    enum nn_status st;

    if (copy == NULL) {
        return NN_ERR_NOMEM;
    }
    *hidden = hide_bytes(copy) > 0;
    st = nn_json_load(copy, strlen(copy), JSON_DECODE_ANY, out, NULL);
    nn_mem_free(copy);
    return st;
}

/* --- the file --- */

/* One member of the outer object; its key is m->text. */
static enum nn_status read_member(struct md_file *m, int *has_images)
{
    char *key = nn_mem_strndup(m->text + 1, m->n - 2);
    json_t *value = NULL;
    int c, hidden;
    enum nn_status st;

    if (key == NULL) {
        return NN_ERR_NOMEM;
    }
    st = next_char(m) == ':' ? NN_OK : NN_ERR_FORMAT;
    c = next_char(m);
    if (st == NN_OK && strcmp(key, "images") == 0) {
        m->images = ftello(m->from);
        *has_images = c == '[';
        st = c == '[' ? read_value(m, c, 0) : NN_ERR_FORMAT;
    } else if (st == NN_OK) {
        st = read_value(m, c, 1);
        if (st == NN_OK) {
            st = parse_text(m, &value, &hidden);
        }
        if (st == NN_OK) {
            nn_json_put(&m->head, key, value);
            st = m->head == NULL ? NN_ERR_NOMEM : NN_OK;
        }
    }
    nn_mem_free(key);
    return st;
}

static enum nn_status read_head(struct md_file *m, int *has_images)
{
    int c = next_char(m);
    enum nn_status st = c == '{' ? NN_OK : NN_ERR_FORMAT;

    *has_images = 0;
    for (c = next_char(m); st == NN_OK && c != '}'; c = next_char(m)) {
        if (c == ',') {
            continue;
        }
        st = c == '"' ? read_value(m, c, 1) : NN_ERR_FORMAT;
        if (st == NN_OK) {
            st = read_member(m, has_images);
        }
    }
    return st;
}

enum nn_status md_file_open(struct md_file *m, const char *path,
                            struct nn_error *err)
{
    const char *version;
    int has_images;
    enum nn_status st;

    *m = (struct md_file){ .path = path, .head = json_object() };
    if (m->head == NULL) {
        return nn_fail_nomem(err);
    }
    m->from = fopen(path, "rbe");
    if (m->from == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    }
    st = read_head(m, &has_images);
    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return bad(m, "its JSON is damaged, or \"images\" is no list", err);
    }
    if (!has_images) {
        return bad(m, "it has no \"images\"", err);
    }
    if (!json_is_object(json_object_get(m->head, "detection_categories"))) {
        return bad(m, "it has no \"detection_categories\"", err);
    }
    version = json_string_value(
        json_object_get(json_object_get(m->head, "info"), "format_version"));
    if (version != NULL && strtod(version, NULL) >= 2) {
        return bad(m, "its format is newer than 1.x", err);
    }
    return fseeko(m->from, (off_t)m->images, SEEK_SET) == 0
               ? NN_OK
               : nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", path,
                         strerror(errno));
}

static enum nn_status take_image(struct md_file *m)
{
    int hidden;
    const char *file;
    enum nn_status st = parse_text(m, &m->image, &hidden);

    if (st) {
        return st;
    }
    file = json_string_value(json_object_get(m->image, "file"));
    if (file == NULL || file[0] == '\0') {
        return NN_ERR_FORMAT;
    }
    m->file = nn_mem_strdup(file);
    if (m->file == NULL) {
        return NN_ERR_NOMEM;
    }
    if (hidden) {
        show_bytes(m->file);
    }
    json_object_del(m->image, "file");
    return NN_OK;
}

enum nn_status md_file_next(struct md_file *m, int *more, struct nn_error *err)
{
    int c = next_char(m);
    enum nn_status st;

    json_decref(m->image);
    m->image = NULL;
    nn_mem_free(m->file);
    m->file = NULL;
    *more = 0;
    if (c == ',') {
        c = next_char(m);
    }
    if (c == ']') {
        ungetc(c, m->from);
        return NN_OK;
    }
    m->at++;
    st = c == '{' ? read_value(m, c, 1) : NN_ERR_FORMAT;
    if (st == NN_OK) {
        st = take_image(m);
    }
    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "image %zu of '%s' is none of MegaDetector's", m->at,
                       m->path);
    }
    *more = 1;
    return NN_OK;
}

void md_file_rewind(struct md_file *m)
{
    m->at = 0;
    fseeko(m->from, (off_t)m->images, SEEK_SET); /* as when it was opened */
}

void md_file_release(struct md_file *m)
{
    if (m->from != NULL) {
        fclose(m->from);
    }
    json_decref(m->head);
    json_decref(m->image);
    nn_mem_free(m->text);
    nn_mem_free(m->file);
    *m = (struct md_file){ .path = NULL };
}

int md_file_is_one(const char *path)
{
    static const char *const members[] = { "info", "images",
                                           "detection_categories",
                                           "classification_categories" };
    struct md_file m = { .path = path, .from = NULL };
    struct stat s;
    int yes = 0;

    /* What comes through a pipe cannot be read twice. */
    if (stat(path, &s) == 0 && S_ISREG(s.st_mode)) {
        m.from = fopen(path, "rbe");
    }
    if (m.from != NULL && next_char(&m) == '{' &&
        read_value(&m, next_char(&m), 1) == NN_OK) {
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
            yes |= m.n == strlen(members[i]) + 2 &&
                   strncmp(m.text + 1, members[i], m.n - 2) == 0;
        }
    }
    md_file_release(&m);
    return yes;
}

int md_file_looks_like(const char *text, size_t n)
{
    static const char first[] = "\"file\"";
    size_t i = 0;

    while (i < n && strchr(" \t\r\n{", text[i]) != NULL) {
        i++;
    }
    return i == n ||
           strncmp(text + i, first,
                   n - i < sizeof first - 1 ? n - i : sizeof first - 1) != 0;
}
