/* COCO annotations, and those of camera traps in the same form (COCO Camera
 * Traps), as labels of whole images. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

enum { NONE = -1, SEVERAL = -2, TRIED = 100, PLACES = 5 };
#define LONGEST ((size_t)1 << 30)

struct coco {
    struct nn_finder *f;
    const char *path;
    json_t *root;
    const json_t *images, *categories, *annotations;
    json_t *image_at, *category_at; /* {id as text: position} */
    size_t n_images, n_categories;
    int32_t *label; /* [n_images] category, NONE or SEVERAL */
    int32_t *other; /* [n_images] of SEVERAL, the first two */
    char **name;    /* [n_categories], borrowed from root */
    enum nn_word_kind *kind;
    int has_negatives; /* a category stands for none */
    char *base;        /* folder of the images, with its slash */
};

static enum nn_status bad(const struct coco *c, struct nn_error *err,
                          const char *what)
{
    return nn_fail(err, NN_ERR_FORMAT,
                   "'%s' is no COCO file: %s (a list of images with labels is "
                   "a .csv or .jsonl with file and label)",
                   c->path, what);
}

/* --- ids --- */

/* Numbers and strings; NULL for anything else. */
static const char *id_text(const json_t *object, const char *key, char buf[32])
{
    const json_t *id = json_object_get(object, key);

    if (json_is_integer(id)) {
        snprintf(buf, 32, "%lld", (long long)json_integer_value(id));
        return buf;
    }
    return json_string_value(id);
}

static enum nn_status index_ids(const struct coco *c, const json_t *list,
                                const char *what, json_t **out,
                                struct nn_error *err)
{
    size_t i;
    json_t *v;

    *out = json_object();
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        char buf[32];
        const char *id = id_text(v, "id", buf);

        if (id == NULL) {
            return nn_fail(err, NN_ERR_FORMAT, "'%s': %s %zu has no id",
                           c->path, what, i + 1);
        }
        if (json_object_get(*out, id) != NULL) {
            return nn_fail(err, NN_ERR_FORMAT, "'%s': two %ss have the id %s",
                           c->path, what, id);
        }
        nn_json_put(out, id, json_integer((json_int_t)i));
        if (*out == NULL) {
            return nn_fail_nomem(err);
        }
    }
    return *out == NULL ? nn_fail_nomem(err) : NN_OK;
}

/* Position of what key names, or an error. */
static enum nn_status find_id(const struct coco *c, const json_t *annotation,
                              size_t i, const char *key, const json_t *at,
                              size_t *pos, struct nn_error *err)
{
    char buf[32];
    const char *id = id_text(annotation, key, buf);
    const json_t *found = id != NULL ? json_object_get(at, id) : NULL;

    if (found == NULL) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s': annotation %zu has the %s %s, which is not in "
                       "the file",
                       c->path, i + 1, key, id != NULL ? id : "(none)");
    }
    *pos = (size_t)json_integer_value(found);
    return NN_OK;
}

/* --- one label an image --- */

static enum nn_status read_categories(struct coco *c, struct nn_error *err)
{
    size_t n = c->n_categories;

    c->name = nn_mem_calloc(n, sizeof *c->name);
    c->kind = nn_mem_calloc(n, sizeof *c->kind);
    if (c->name == NULL || c->kind == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(c->categories, i), "name"));

        if (name == NULL || name[0] == '\0') {
            return nn_fail(err, NN_ERR_FORMAT, "'%s': category %zu has no name",
                           c->path, i + 1);
        }
        c->name[i] = (char *)(uintptr_t)name;
    }
    for (size_t i = 0; i < n; i++) {
        c->kind[i] = nn_word_kind_of(c->name[i], c->name, n, c->f->opt);
        c->has_negatives |= c->kind[i] == NN_WORD_NEGATIVE;
    }
    return NN_OK;
}

/* A thing beside "empty" and the like counts alone; two things are several. */
static void add_label(struct coco *c, size_t image, int32_t category)
{
    int32_t *now = &c->label[image];

    if (*now == SEVERAL || *now == category) {
        return;
    }
    if (*now == NONE || c->kind[*now] == NN_WORD_NEGATIVE) {
        *now = category;
    } else if (c->kind[category] != NN_WORD_NEGATIVE) {
        c->other[2 * image] = *now;
        c->other[2 * image + 1] = category;
        *now = SEVERAL;
    }
}

static enum nn_status label_images(struct coco *c, struct nn_error *err)
{
    size_t i;
    json_t *v;

    c->label = nn_mem_calloc(c->n_images, sizeof *c->label);
    c->other = nn_mem_calloc(c->n_images, 2 * sizeof *c->other);
    if (c->label == NULL || c->other == NULL) {
        return nn_fail_nomem(err);
    }
    for (i = 0; i < c->n_images; i++) {
        c->label[i] = NONE;
    }
    json_array_foreach((json_t *)(uintptr_t)c->annotations, i, v)
    {
        size_t image = 0, category = 0;
        enum nn_status st =
            find_id(c, v, i, "image_id", c->image_at, &image, err);

        if (st) {
            return st;
        }
        st = find_id(c, v, i, "category_id", c->category_at, &category, err);
        if (st) {
            return st;
        }
        add_label(c, image, (int32_t)category);
    }
    return NN_OK;
}

/* --- where the images lie --- */

static const char *file_of(const struct coco *c, size_t image)
{
    return json_string_value(
        json_object_get(json_array_get(c->images, image), "file_name"));
}

static int holds_images(const struct coco *c, const char *base)
{
    int found = 0;

    for (size_t i = 0; !found && i < c->n_images && i < TRIED; i++) {
        const char *file = file_of(c, i);
        char *path = file != NULL ? nn_mem_sprintf("%s%s", base, file) : NULL;

        found = path != NULL && nn_file_exists(path);
        nn_mem_free(path);
    }
    return found;
}

/* What instances_train2017.json says of the folder: "train2017". */
static char *part_of(const char *path)
{
    const char *base = nn_path_base(path), *word = strrchr(base, '_');
    size_t n;

    word = word != NULL && word > base ? word + 1 : base;
    n = strcspn(word, ".");
    return nn_mem_strndup(word, n);
}

static enum nn_status find_base(struct coco *c, struct nn_error *err)
{
    static const char *const forms[PLACES] = { "", "images/", "../",
                                               "../images/", "../images/" };
    int dir = (int)(nn_path_base(c->path) - c->path);
    char *part = part_of(c->path);

    for (int i = 0; part != NULL && i < PLACES; i++) {
        char *base = i < 2
                         ? nn_mem_sprintf("%.*s%s", dir, c->path, forms[i])
                         : nn_mem_sprintf("%.*s%s%s%s", dir, c->path, forms[i],
                                          i < 4 ? part : "", i < 4 ? "/" : "");

        if (base == NULL) {
            break;
        }
        if (holds_images(c, base)) {
            c->base = base;
            nn_mem_free(part);
            return NN_OK;
        }
        nn_mem_free(base);
    }
    if (part == NULL) {
        return nn_fail_nomem(err);
    }
    nn_mem_free(part);
    return nn_fail(err, NN_ERR_IO,
                   "none of the images of '%s' is there, such as '%s': they "
                   "are looked for beside it, in 'images' and in '../images'; "
                   "put the file there",
                   c->path, file_of(c, 0) != NULL ? file_of(c, 0) : "");
}

/* --- the whole --- */

static enum nn_status add_image(struct coco *c, size_t i,
                                const struct nn_part *part, enum nn_split split,
                                struct nn_error *err)
{
    const json_t *image = json_array_get(c->images, i);
    char buf[32], *path, *name;
    const char *seq = id_text(image, "seq_id", buf), *file = file_of(c, i);
    struct nn_found found = { .labelled = 1, .split = split, .weight = 1 };
    enum nn_status st;

    if (file == NULL || file[0] == '\0') {
        return nn_fail(err, NN_ERR_FORMAT, "'%s': image %zu has no file_name",
                       c->path, i + 1);
    }
    if (c->label[i] >= 0) {
        found.label = c->name[c->label[i]];
        found.family =
            c->kind[c->label[i]] == NN_WORD_NEGATIVE ? found.label : NULL;
    }
    if (seq != NULL) {
        found.group = nn_hash_u64(seq, strlen(seq), 1) | 1;
    }
    path = nn_mem_sprintf("%s%s", file[0] == '/' ? "" : c->base, file);
    name = nn_mem_sprintf("%s%s", part != NULL ? part->prefix : "", file);
    if (path == NULL || name == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    found.name = name;
    st = nn_find_file(c->f, found, path, err);
out:
    nn_mem_free(path);
    nn_mem_free(name);
    return st;
}

static void say_left_out(const struct coco *c)
{
    size_t several = 0, none = 0, first = 0;

    for (size_t i = 0; i < c->n_images; i++) {
        first = c->label[i] == SEVERAL && several++ == 0 ? i : first;
        none += c->label[i] == NONE;
    }
    if (several > 0) {
        nn_log(NN_LOG_WARN,
               "'%s': %zu images with things of several categories are left "
               "out, such as '%s' (%s, %s): an image has one label here",
               c->path, several, file_of(c, first),
               c->name[c->other[2 * first]], c->name[c->other[2 * first + 1]]);
    }
    if (none > 0 && c->has_negatives) {
        nn_log(NN_LOG_WARN,
               "'%s': %zu images without an annotation are left out; those of "
               "nothing have a category of their own",
               c->path, none);
    } else if (none > 0) {
        nn_log(NN_LOG_INFO,
               "'%s': %zu images without an annotation are negatives", c->path,
               none);
    }
}

static enum nn_status read_lists(struct coco *c, struct nn_error *err)
{
    enum nn_status st = nn_json_read(c->path, LONGEST, &c->root, err);

    if (st) {
        return st;
    }
    c->images = json_object_get(c->root, "images");
    c->categories = json_object_get(c->root, "categories");
    c->annotations = json_object_get(c->root, "annotations");
    if (!json_is_array(c->images) || json_array_size(c->images) == 0) {
        return bad(c, err, "it has no list 'images'");
    }
    if (!json_is_array(c->categories) || json_array_size(c->categories) == 0) {
        return bad(c, err, "it has no list 'categories'");
    }
    if (!json_is_array(c->annotations)) {
        return bad(c, err, "it has no list 'annotations'");
    }
    c->n_images = json_array_size(c->images);
    c->n_categories = json_array_size(c->categories);
    return NN_OK;
}

static enum nn_status understand(struct coco *c, struct nn_error *err)
{
    enum nn_status st = read_lists(c, err);

    if (st) {
        return st;
    }
    st = index_ids(c, c->images, "image", &c->image_at, err);
    if (st) {
        return st;
    }
    st = index_ids(c, c->categories, "category", &c->category_at, err);
    if (st) {
        return st;
    }
    st = read_categories(c, err);
    if (st) {
        return st;
    }
    st = label_images(c, err);
    if (st) {
        return st;
    }
    return find_base(c, err);
}

static enum nn_split split_of(const char *path, const struct nn_part *part)
{
    char *word = part_of(path);
    enum nn_split split = part != NULL ? part->split : NN_SPLIT_NONE;

    if (split == NN_SPLIT_NONE && word != NULL &&
        nn_split_parse(word, &split)) {
        split = NN_SPLIT_NONE;
    }
    nn_mem_free(word);
    return split;
}

enum nn_status nn_find_coco(struct nn_finder *f, const char *path,
                            const struct nn_part *part, struct nn_error *err)
{
    struct coco c = { .f = f, .path = path };
    enum nn_split split = split_of(path, part);
    enum nn_status st = understand(&c, err);

    for (size_t i = 0; !st && i < c.n_images; i++) {
        if (c.label[i] >= 0 || (c.label[i] == NONE && !c.has_negatives)) {
            st = add_image(&c, i, part, split, err);
        }
    }
    if (!st) {
        say_left_out(&c);
    }
    json_decref(c.root);
    json_decref(c.image_at);
    json_decref(c.category_at);
    nn_mem_free(c.label);
    nn_mem_free(c.other);
    nn_mem_free(c.name);
    nn_mem_free(c.kind);
    nn_mem_free(c.base);
    return st;
}
