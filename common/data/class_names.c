/* Which names of folders and labels mean "none of these", and names of classes
 * that people are likely to confuse. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/dataset_internal.h"

/* --- negatives --- */

int nn_is_negative_word(const char *name, size_t n)
{
    static const char *const words[] = { "negative", "negatives",  "none",
                                         "other",    "background", "noise",
                                         "blank",    "empty" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == n && strncasecmp(name, words[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What follows "no_" or "not-" in a name, or NULL. */
static const char *after_no(const char *name)
{
    static const char *const starts[] = { "no_", "not_", "no-", "not-" };

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t m = strlen(starts[i]);

        if (strncasecmp(name, starts[i], m) == 0 && name[m] != '\0') {
            return name + m;
        }
    }
    return NULL;
}

/* "dog" and "Dogs" are one thing. */
static int same_thing(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    n -= n > 1 && (a[n - 1] == 's' || a[n - 1] == 'S');
    m -= m > 1 && (b[m - 1] == 's' || b[m - 1] == 'S');
    return n == m && strncasecmp(a, b, n) == 0;
}

static int word_list_has(const struct nn_word_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

enum nn_word_kind nn_word_kind_of(const char *name, char *const *all, size_t n,
                                  const struct nn_dataset_options *opt)
{
    const char *rest = after_no(name);

    if (word_list_has(&opt->negative_names, name)) {
        return NN_WORD_NEGATIVE;
    }
    if (word_list_has(&opt->class_names, name)) {
        return NN_WORD_CLASS;
    }
    if (nn_is_negative_word(name, strlen(name))) {
        return NN_WORD_NEGATIVE;
    }
    for (size_t i = 0; rest != NULL && i < n; i++) {
        if (same_thing(rest, all[i])) {
            return NN_WORD_NEGATIVE;
        }
    }
    return rest != NULL ? NN_WORD_CLASS_AFTER_NO : NN_WORD_CLASS;
}

/* --- two labels in one name --- */

/* Is one of the parts between commas, without spaces around it, a class? */
static int holds_class(const char *name, char *const *classes, size_t n)
{
    const char *p = name;

    for (;;) {
        size_t len = strcspn(p, ","), from = strspn(p, " ");
        size_t to = len;

        while (to > from && p[to - 1] == ' ') {
            to--;
        }
        for (size_t i = 0; i < n && from < to; i++) {
            if (strlen(classes[i]) == to - from &&
                strncmp(p + from, classes[i], to - from) == 0) {
                return 1;
            }
        }
        if (p[len] == '\0') {
            return 0;
        }
        p += len + 1;
    }
}

enum nn_status nn_check_single_labels(const char *path, char *const *classes,
                                      size_t n,
                                      const struct nn_word_list *meant,
                                      struct nn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = classes[i];
        int several = strchr(name, ',') != NULL;

        if (word_list_has(meant, name) ||
            !(name[0] == '-' || (several && holds_class(name, classes, n)))) {
            continue;
        }
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s': the name '%s' looks like %s; an image has one "
                       "label here (--class '%s' takes the name as a class "
                       "of its own)",
                       path, name, several ? "several labels" : "'not' a label",
                       name);
    }
    return NN_OK;
}

/* --- twins --- */

/* Base letters of U+00C0..U+017F and U+1E00..U+1EFF (Unicode 15, canonical
 * decomposition); '.' where there is none in ASCII. */
static const char latin[] =
    "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
    "aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll."
    "...nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.";
static const char latin_more[] =
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
    "mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
    "wwwwwwwwwwxxxxyyzzzzzzhtwy......aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
    "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......";

static uint32_t code_point(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;
    uint32_t v = n == 1 ? c[0] : c[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        v = v << 6 | (c[i] & 0x3fu);
    }
    return v;
}

static char base_letter(uint32_t c)
{
    char base = c >= 0xc0 && c < 0x180      ? latin[c - 0xc0]
                : c >= 0x1e00 && c < 0x1f00 ? latin_more[c - 0x1e00]
                                            : '.';

    return base != '.' ? base : '\0';
}

/* Greek and Cyrillic letters in lower case; everything else stays. */
static uint32_t lower(uint32_t c)
{
    if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) {
        return c + 0x20;
    }
    return c >= 0x400 && c <= 0x40f ? c + 0x50 : c;
}

/* Two names that differ in letter case or in how accents are encoded (NFC,
 * NFD) become one: lower case, and a mark behind an accented letter. Read code
 * by code, 0 behind the last: it needs no memory that could be lacking. */
enum { MARK = 1 };

struct folding {
    const char *at;
    size_t left;
    uint32_t last; /* what came before, 0 at the beginning */
    int marked;    /* the last letter had a mark, which comes next */
};

static uint32_t next_folded(struct folding *f)
{
    if (f->marked) {
        f->marked = 0;
        return f->last = MARK;
    }
    while (f->left > 0) {
        size_t k = nn_utf8_length(f->at, f->left);
        uint32_t c;
        char base;

        k = k > 0 ? k : 1;
        c = code_point(f->at, k);
        base = base_letter(c);
        f->at += k;
        f->left -= k;
        if (c < 0x80) {
            return f->last = c >= 'A' && c <= 'Z' ? c + 32 : c;
        }
        if (base != '\0') {
            f->marked = 1;
            return f->last = (uint32_t)base;
        }
        if (c < 0x300 || c > 0x36f) {
            return f->last = lower(c);
        }
        if (f->last != MARK) { /* several are as good as one */
            return f->last = MARK;
        }
    }
    return 0;
}

/* They differ and fold to the same. */
static int are_twins(const char *a, const char *b)
{
    struct folding x = { .at = a, .left = strlen(a) };
    struct folding y = { .at = b, .left = strlen(b) };
    uint32_t c;

    if (strcmp(a, b) == 0) {
        return 0;
    }
    do {
        c = next_folded(&x);
        if (c != next_folded(&y)) {
            return 0;
        }
    } while (c != 0);
    return 1;
}

const char *nn_twin_of(const char *name, char *const *classes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (are_twins(name, classes[i])) {
            return classes[i];
        }
    }
    return NULL;
}

void nn_warn_of_twins(const char *path, char *const *classes, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *twin = nn_twin_of(classes[i], classes, i);

        if (twin != NULL) {
            nn_log(NN_LOG_WARN,
                   "'%s': '%s' and '%s' are two classes, and differ only in "
                   "letter case or in how an accent is encoded",
                   path, twin, classes[i]);
        }
    }
}

/* --- as text --- */

struct renamed {
    char *name;
    int32_t was;
};

static int by_text(const void *a, const void *b)
{
    const struct renamed *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Names as text, for files that must be UTF-8, in their order; to[i] is the
 * new place of the name that was i-th. */
static enum nn_status to_text(char **names, size_t n, int32_t *to)
{
    struct renamed *v = nn_mem_calloc(n + 1, sizeof *v);

    if (v == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        char *text = nn_text(names[i]);

        if (text == NULL) {
            nn_mem_free(v);
            return NN_ERR_NOMEM;
        }
        nn_mem_free(names[i]);
        names[i] = text;
        v[i] = (struct renamed){ text, (int32_t)i };
    }
    qsort(v, n, sizeof *v, by_text);
    for (size_t i = 0; i < n; i++) {
        names[i] = v[i].name;
        to[v[i].was] = (int32_t)i;
    }
    nn_mem_free(v);
    return NN_OK;
}

enum nn_status nn_names_to_text(struct nn_dataset *ds)
{
    size_t n =
        ds->n_classes + ds->n_families + ds->n_negatives + ds->n_doubtful + 1;
    int32_t *class_to = nn_mem_calloc(2 * n, sizeof *class_to);
    int32_t *family_to = class_to + n;
    enum nn_status st = NN_ERR_NOMEM;

    if (class_to == NULL) {
        return st;
    }
    if (to_text(ds->negatives, ds->n_negatives, class_to) ||
        to_text(ds->doubtful, ds->n_doubtful, class_to) ||
        to_text(ds->classes, ds->n_classes, class_to) ||
        to_text(ds->families, ds->n_families, family_to)) {
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];

        it->label = it->label >= 0 ? class_to[it->label] : it->label;
        it->family = it->family >= 0 ? family_to[it->family] : it->family;
    }
    st = NN_OK;
out:
    nn_mem_free(class_to);
    return st;
}
