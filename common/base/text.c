#include "common/base/text.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

/* Unicode 15, table 3-7: the first byte says how many follow and bounds the
 * second one. */
size_t nn_utf8_length(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;
    unsigned lo = 0x80, hi = 0xbf;
    size_t need;

    if (n == 0) {
        return 0;
    }
    if (c[0] < 0x80) {
        return 1;
    }
    if (c[0] < 0xc2 || c[0] > 0xf4) {
        return 0;
    }
    need = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    lo = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : lo;
    hi = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : hi;
    if (n < need || c[1] < lo || c[1] > hi) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

int nn_is_utf8(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0, k; i < n; i += k) {
        k = nn_utf8_length(s + i, n - i);
        if (k == 0) {
            return 0;
        }
    }
    return 1;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF", *at = strchr(digits, c);

    return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* The byte that "%XX" stands for where nn_text() writes such a one, or -1. */
static int escape_at(const char *s)
{
    int high = s[0] == '%' ? hex_digit(s[1]) : -1;
    int low = high >= 0 ? hex_digit(s[2]) : -1;
    int byte = 16 * high + low;

    return low >= 0 && (byte >= 0x80 || byte == '%') ? byte : -1;
}

/* s with its escapes undone, in place. 0: it has none, or a '%' of its own. */
static int undo(char *s)
{
    char *to = s;
    int any = 0;

    for (; *s != '\0'; s++) {
        int byte = escape_at(s);

        if (*s == '%' && byte < 0) {
            return 0;
        }
        any |= byte >= 0;
        *to++ = byte >= 0 ? (char)byte : *s;
        s += byte >= 0 ? 2 : 0;
    }
    *to = '\0';
    return any;
}

/* 1: nn_text() writes s for another name; -1: no memory. A name in UTF-8 is
 * escaped only where it reads like a text, so undoing goes on until it ends
 * in other bytes (yes), or nothing is left to undo (no). */
static int reads_like_text(const char *s)
{
    char *copy;
    int yes = 0;

    if (strchr(s, '%') == NULL) {
        return 0;
    }
    copy = nn_mem_strdup(s);
    if (copy == NULL) {
        return -1;
    }
    while (!yes && undo(copy)) {
        yes = !nn_is_utf8(copy);
    }
    nn_mem_free(copy);
    return yes;
}

char *nn_text(const char *bytes)
{
    size_t n = strlen(bytes);
    int valid = nn_is_utf8(bytes), like = valid ? reads_like_text(bytes) : 1;
    char *text, *to;

    if (valid && like == 0) {
        return nn_mem_strdup(bytes);
    }
    text = like > 0 ? nn_mem_calloc(n + 1, 3) : NULL;
    if (text == NULL) {
        return NULL;
    }
    to = text;
    for (size_t i = 0, k; i < n; i += k) {
        k = nn_utf8_length(bytes + i, n - i);
        if (k > 0 && bytes[i] != '%') {
            memcpy(to, bytes + i, k);
            to += k;
        } else {
            unsigned byte = (unsigned char)bytes[i];

            *to++ = '%';
            *to++ = "0123456789ABCDEF"[byte >> 4];
            *to++ = "0123456789ABCDEF"[byte & 15];
            k = 1;
        }
    }
    return text;
}

char *nn_text_bytes(const char *text)
{
    int like = nn_is_utf8(text) ? reads_like_text(text) : 0;
    char *bytes = like >= 0 ? nn_mem_strdup(text) : NULL;

    if (bytes != NULL && like) {
        undo(bytes);
    }
    return bytes;
}

/* Of a character of n bytes: C0, DEL, and C1, which some terminals obey. */
static int is_control(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;

    return (n == 1 && (c[0] < 0x20 || c[0] == 0x7f)) ||
           (n == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

char *nn_text_line(const char *bytes)
{
    char *text = nn_text(bytes), *line = NULL, *to;

    if (text == NULL) {
        return NULL;
    }
    line = nn_mem_calloc(4 * strlen(text) + 1, 1);
    if (line == NULL) {
        goto out;
    }
    to = line;
    for (size_t i = 0, n = strlen(text), k; i < n; i += k) {
        const char *s = text + i;

        k = nn_utf8_length(s, n - i);
        if (is_control(s, k)) {
            to += snprintf(to, 5, s[0] == '\n' ? "\\n" : "\\x%02X",
                           (unsigned char)s[k - 1]);
        } else {
            memcpy(to, s, k);
            to += k;
        }
    }
out:
    nn_mem_free(text);
    return line;
}

char *nn_text_json_pep383(const char *bytes)
{
    size_t n = strlen(bytes), at = 0;
    char *text = nn_mem_calloc(6 * n + 3, 1);

    if (text == NULL) {
        return NULL;
    }
    text[at++] = '"';
    for (size_t i = 0, k; i < n; i += k) {
        unsigned byte = (unsigned char)bytes[i];

        k = nn_utf8_length(bytes + i, n - i);
        if (k == 0) {
            at += (size_t)snprintf(text + at, 7, "\\udc%02x", byte);
            k = 1;
        } else if (byte < 0x20 || byte == '"' || byte == '\\') {
            at += (size_t)snprintf(text + at, 7, "\\u%04x", byte);
        } else {
            memcpy(text + at, bytes + i, k);
            at += k;
        }
    }
    text[at] = '"';
    return text;
}

void nn_csv_put(FILE *to, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', to);
        }
        fputc(*text, to);
    }
    fputc('"', to);
}
