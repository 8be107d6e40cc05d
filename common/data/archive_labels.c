/* Labels that lie beside the images of an archive, as WebDataset has them:
 * 000017.jpg with 000017.cls or 000017.json. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

enum { LONGEST_LABEL = 255, LONGEST_TABLE = 16 << 20 };

struct nn_beside {
    char *key, *label;
    int from_json; /* .cls comes first */
};

/* --- one label --- */

/* WebDataset: what belongs together has one name up to the first dot. */
static char *key_of(const char *name)
{
    const char *base = nn_path_base(name);

    return nn_mem_strndup(name, (size_t)(base - name) + strcspn(base, "."));
}

/* The first line without blanks around it, or NULL. */
static char *label_of_text(const char *s, size_t size)
{
    const char *end = memchr(s, '\n', size);
    size_t n = end != NULL ? (size_t)(end - s) : size;

    while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL) {
        n--;
    }
    while (n > 0 && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }
    return n > 0 && n <= LONGEST_LABEL && memchr(s, '\0', n) == NULL
               ? nn_mem_strndup(s, n)
               : NULL;
}

static char *label_of_json(const char *s, size_t size)
{
    static const char *const keys[] = { "label", "cls", "class", "category" };
    json_t *j = NULL;
    char *label = NULL;

    if (nn_json_load(s, size, 0, &j, NULL)) {
        return NULL;
    }
    for (size_t i = 0; label == NULL && i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *v = json_object_get(j, keys[i]);

        if (json_is_string(v)) {
            label = label_of_text(json_string_value(v), json_string_length(v));
        } else if (json_is_integer(v)) {
            label = nn_mem_sprintf("%lld", (long long)json_integer_value(v));
        }
    }
    json_decref(j);
    return label;
}

int nn_beside_is_label(const char *name)
{
    return nn_ends_with(name, ".cls") || nn_ends_with(name, ".json");
}

enum nn_status nn_beside_note(struct nn_beside_list *l, const char *name,
                              const uint8_t *bytes, size_t size)
{
    int json = nn_ends_with(name, ".json");
    struct nn_beside b = { .from_json = json };

    b.label = json ? label_of_json((const char *)bytes, size)
                   : label_of_text((const char *)bytes, size);
    if (b.label == NULL) { /* none that could be read */
        return NN_OK;
    }
    b.key = key_of(name);
    if (b.key == NULL || nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
        nn_mem_free(b.key);
        nn_mem_free(b.label);
        return NN_ERR_NOMEM;
    }
    l->v[l->n++] = b;
    return NN_OK;
}

void nn_beside_release(struct nn_beside_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        nn_mem_free(l->v[i].key);
        nn_mem_free(l->v[i].label);
    }
    nn_mem_free(l->v);
    *l = (struct nn_beside_list){ NULL, 0, 0 };
}

/* --- names of numbered classes --- */

struct table {
    char *text;
    char **line;
    size_t n, cap;
};

/* classes.txt or classnames.txt in the archive's folder: the name of class 0 in
 * the first line. Without one, the numbers are the names. */
static enum nn_status read_table(const char *archive, struct table *t,
                                 struct nn_error *err)
{
    static const char *const files[] = { "classes.txt", "classnames.txt" };
    int dir = (int)(nn_path_base(archive) - archive);
    size_t size = 0;

    for (int i = 0; i < 2 && t->text == NULL; i++) {
        char *path = nn_mem_sprintf("%.*s%s", dir, archive, files[i]);
        enum nn_status st = NN_OK;

        if (path == NULL) {
            return nn_fail_nomem(err);
        }
        if (nn_file_exists(path)) {
            st = nn_file_read(path, LONGEST_TABLE, (unsigned char **)&t->text,
                              &size, err);
        }
        nn_mem_free(path);
        if (st) {
            return st;
        }
    }
    for (char *at = t->text, *next; at != NULL && *at != '\0'; at = next) {
        size_t n = strcspn(at, "\r\n");

        next = at + n;
        next += strspn(next, "\r") + (strchr(next, '\n') != NULL &&
                                      next[strspn(next, "\r")] == '\n');
        if (nn_mem_grow(&t->line, &t->cap, t->n + 1, sizeof *t->line)) {
            return nn_fail_nomem(err);
        }
        at[n] = '\0';
        t->line[t->n++] = at;
    }
    return NN_OK;
}

static const char *name_in(const struct table *t, const char *label)
{
    char *end;
    unsigned long k;

    if (label[0] < '0' || label[0] > '9') {
        return label;
    }
    k = strtoul(label, &end, 10);
    return *end == '\0' && k < t->n && t->line[k][0] != '\0' ? t->line[k]
                                                             : label;
}

/* --- to the images --- */

static int by_key(const void *a, const void *b)
{
    const struct nn_beside *x = a, *y = b;
    int c = strcmp(x->key, y->key);

    return c != 0 ? c : x->from_json - y->from_json;
}

static const char *find(const struct nn_beside_list *l, const char *key)
{
    size_t from = 0, to = l->n;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (strcmp(l->v[mid].key, key) < 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from < l->n && strcmp(l->v[from].key, key) == 0 ? l->v[from].label
                                                           : NULL;
}

static enum nn_status label_images(const struct nn_beside_list *l,
                                   const struct table *names,
                                   struct nn_finder *f, size_t first,
                                   size_t *labelled, struct nn_error *err)
{
    *labelled = 0;
    for (size_t i = first; i < f->n; i++) {
        struct nn_found *x = &f->found[i];
        char *key = key_of(x->name + x->inner);
        const char *label = key != NULL ? find(l, key) : NULL;

        nn_mem_free(key);
        if (key == NULL) {
            return nn_fail_nomem(err);
        }
        if (label == NULL || nn_name_kind_of(x->name) != NN_NAME_IMAGE) {
            continue;
        }
        x->label = nn_mem_strdup(name_in(names, label));
        if (x->label == NULL) {
            return nn_fail_nomem(err);
        }
        x->labelled = 1;
        ++*labelled;
    }
    return NN_OK;
}

static void leave_out_others(struct nn_finder *f, size_t first,
                             const char *path)
{
    size_t n = first, out = 0;

    for (size_t i = first; i < f->n; i++) {
        struct nn_found *x = &f->found[i];

        if (x->labelled) {
            f->found[n++] = *x;
            continue;
        }
        /* x.id and the like beside x.jpg are no images */
        if (nn_name_kind_of(x->name) == NN_NAME_IMAGE && out++ == 0) {
            nn_log(NN_LOG_WARN,
                   "'%s' holds labels (.cls or .json) beside its images, but "
                   "none for '%s': such images are left out",
                   path, x->name);
        }
        nn_mem_free(x->name);
    }
    f->n = n;
    if (out > 1) {
        nn_log(NN_LOG_WARN, "'%s': %zu images without a label are left out",
               path, out);
    }
}

enum nn_status nn_beside_apply(struct nn_beside_list *l, struct nn_finder *f,
                               size_t first, const char *path,
                               struct nn_error *err)
{
    struct table names = { .text = NULL };
    size_t labelled = 0;
    enum nn_status st;

    if (l->n == 0) {
        return NN_OK;
    }
    qsort(l->v, l->n, sizeof *l->v, by_key);
    st = read_table(path, &names, err);
    if (st) {
        goto out;
    }
    st = label_images(l, &names, f, first, &labelled, err);
    if (st) {
        goto out;
    }
    if (labelled > 0) {
        leave_out_others(f, first, path);
    }
out:
    nn_mem_free(names.line);
    nn_mem_free(names.text);
    return st;
}
