#include "pipelines/piles/page.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/dataset.h"
#include "common/net/prepare.h"
#include "pipelines/piles/archive_bytes.h"
#include "pipelines/piles/places.h"
#include "pipelines/report/image_url.h"
#include "pipelines/report/page_parts.h"

enum { SIDE = 160, LONGEST = 280, QUALITY = 72 };

/* --- photos --- */

struct thumb {
    const struct pile_sample *of;
    char *path;     /* of a file of its own */
    uint8_t *bytes; /* of a member of an archive */
    size_t size;
    char *url; /* "data:...", or NULL */
};
struct thumbs {
    struct thumb *v;
    size_t n;
};

/* No side longer than LONGEST. */
static enum nn_status shrink(struct nn_image *img)
{
    int32_t most = img->w > img->h ? img->w : img->h, w, h;
    const struct nn_box all = { 0, 0, (float)img->w, (float)img->h };
    struct nn_image small;
    enum nn_status st;

    if (most <= LONGEST) {
        return NN_OK;
    }
    w = (int32_t)((int64_t)img->w * LONGEST / most);
    h = (int32_t)((int64_t)img->h * LONGEST / most);
    st = nn_image_create(&small, w > 0 ? w : 1, h > 0 ? h : 1);
    if (st) {
        return st;
    }
    st = nn_image_resize(img, all, NN_FILTER_AREA, &small);
    if (st) {
        nn_image_release(&small);
        return st;
    }
    nn_image_release(img);
    *img = small;
    return NN_OK;
}

static void make_thumb(void *ctx, size_t i)
{
    struct thumb *t = &((struct thumbs *)ctx)->v[i];
    struct nn_image img = NN_IMAGE_INIT;
    enum nn_status st = NN_OK;

    if (t->path != NULL) {
        st = nn_file_read(t->path, (size_t)1 << 30, &t->bytes, &t->size, NULL);
    }
    if (st == NN_OK && t->bytes != NULL &&
        nn_image_prepare(t->bytes, t->size, SIDE, &img, NULL, NULL) == NN_OK &&
        shrink(&img) == NN_OK) {
        t->url = image_url(&img, QUALITY);
    }
    nn_image_release(&img);
    nn_mem_free(t->bytes);
    t->bytes = NULL;
}

static int by_row(const void *a, const void *b)
{
    const struct thumb *x = a, *y = b;

    return (x->of->row > y->of->row) - (x->of->row < y->of->row);
}

static void add_group(struct thumbs *t, const struct pile_group *g)
{
    for (size_t i = 0; i < g->kept; i++) {
        t->v[t->n++].of = &g->v[i];
    }
}

/* Members come in the order of the rows, which is their archive's. */
static enum nn_status read_members(struct thumbs *t, struct nn_error *err)
{
    struct pile_archive archive = { .a = NULL };
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < t->n && st != NN_ERR_NOMEM; i++) {
        const char *file = t->v[i].of->file;
        size_t n = nn_archive_prefix(file);
        char *path = n > 0 ? nn_mem_strndup(file, n) : NULL;

        if (n == 0) {
            continue;
        }
        st = path == NULL
                 ? NN_ERR_NOMEM
                 : pile_archive_read(&archive, path, file + n + 1,
                                     &t->v[i].bytes, &t->v[i].size, NULL);
        nn_mem_free(path);
    }
    pile_archive_release(&archive);
    return st == NN_ERR_NOMEM ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status find_files(struct thumbs *t, struct pile_moved *moved,
                                 struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < t->n && st == NN_OK; i++) {
        const char *file = t->v[i].of->file;

        if (nn_archive_prefix(file) == 0) {
            st = pile_moved_find(moved, file, &t->v[i].path, err);
        }
    }
    return st;
}

static void release_thumbs(struct thumbs *t)
{
    for (size_t i = 0; i < t->n; i++) {
        nn_mem_free(t->v[i].path);
        nn_mem_free(t->v[i].bytes);
        nn_mem_free(t->v[i].url);
    }
    nn_mem_free(t->v);
    *t = (struct thumbs){ .v = NULL };
}

static enum nn_status make_thumbs(const struct pile_summary *s,
                                  struct pile_moved *moved, struct thumbs *t,
                                  struct nn_error *err)
{
    enum nn_status st;

    t->v = nn_mem_calloc((PILE_GROUPS + 2) * PILE_SAMPLES, sizeof *t->v);
    if (t->v == NULL) {
        return nn_fail_nomem(err);
    }
    add_group(t, &s->below);
    add_group(t, &s->above);
    for (size_t i = 0; i < s->n_groups; i++) {
        add_group(t, &s->group[i]);
    }
    qsort(t->v, t->n, sizeof *t->v, by_row);
    st = read_members(t, err);
    if (st == NN_OK) {
        st = find_files(t, moved, err);
    }
    if (st == NN_OK) {
        nn_parallel_for(t->n, make_thumb, t);
    }
    return st;
}

static const char *thumb_of(const struct thumbs *t, const struct pile_sample *s)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].of == s) {
            return t->v[i].url;
        }
    }
    return NULL;
}

/* --- the data of the page --- */

struct page {
    const struct pile_page_options *o;
    const struct pile_summary *s;
    struct thumbs thumbs;
    char dir[PATH_MAX];
    size_t bytes;
};

static json_t *sample_json(struct page *g, const struct pile_sample *s)
{
    const char *url = thumb_of(&g->thumbs, s);
    json_t *j = json_object();

    nn_json_put(&j, "file", nn_json_text(s->file));
    nn_json_put(&j, "label", nn_json_text(s->label));
    nn_json_put(&j, "p", json_real(s->p));
    if (s->best >= 0) {
        nn_json_put(&j, "best", json_real(s->best));
    }
    if (url != NULL && g->bytes + strlen(url) <= PILE_PAGE_BYTES) {
        g->bytes += strlen(url);
        nn_json_put(&j, "thumb", json_string(url));
    }
    if (g->o->links && nn_archive_prefix(s->file) == 0) {
        char *link = page_photo_url(g->dir, s->file);

        nn_json_put(&j, "url", link != NULL ? json_string(link) : NULL);
        nn_mem_free(link);
    }
    return j;
}

static json_t *group_json(struct page *g, const struct pile_group *group)
{
    json_t *j = json_object(), *list = json_array();

    for (size_t i = 0; i < group->kept; i++) {
        nn_json_add(&list, sample_json(g, &group->v[i]));
    }
    if (group->label != NULL) {
        nn_json_put(&j, "label", nn_json_text(group->label));
        nn_json_put(&j, "class", json_boolean(group->is_class));
    }
    nn_json_put(&j, "n", json_integer((json_int_t)group->n));
    nn_json_put(&j, "photos", list);
    return j;
}

static json_t *bins_json(const struct pile_summary *s)
{
    json_t *all = json_array();

    for (int kind = 0; kind < PILE_KINDS; kind++) {
        json_t *one = json_array();

        for (int i = 0; i < PILE_BINS; i++) {
            nn_json_add(&one, json_integer((json_int_t)s->bins[kind][i]));
        }
        nn_json_add(&all, one);
    }
    return all;
}

static json_t *errors_json(const struct pile_summary *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < PILE_ERRORS && s->error[i] != NULL; i++) {
        json_t *one = json_array();

        nn_json_add(&one, nn_json_text(s->error_file[i]));
        nn_json_add(&one, nn_json_text(s->error[i]));
        nn_json_add(&all, one);
    }
    return all;
}

static json_t *page_json(struct page *g)
{
    const struct pile_summary *s = g->s;
    json_t *j = json_object(), *groups = json_array();

    nn_json_put(&j, "n", json_integer((json_int_t)s->n));
    nn_json_put(&j, "n_errors", json_integer((json_int_t)s->n_errors));
    nn_json_put(&j, "n_others", json_integer((json_int_t)s->n_others));
    if (g->o->threshold >= 0) {
        nn_json_put(&j, "threshold", json_real(g->o->threshold));
    }
    if (s->none_max >= 0) {
        nn_json_put(&j, "none_max", json_real(s->none_max));
    }
    if (s->other_min <= 1) {
        nn_json_put(&j, "other_min", json_real(s->other_min));
    }
    nn_json_put(&j, "bins", bins_json(s));
    nn_json_put(&j, "below", group_json(g, &s->below));
    nn_json_put(&j, "above", group_json(g, &s->above));
    for (size_t i = 0; i < s->n_groups; i++) {
        nn_json_add(&groups, group_json(g, &s->group[i]));
    }
    nn_json_put(&j, "groups", groups);
    nn_json_put(&j, "errors", errors_json(s));
    return j;
}

/* The folder of the page, absolute. */
static void find_dir(struct page *g)
{
    const char *slash = strrchr(g->o->path, '/');
    char *dir = slash != NULL ? nn_mem_strndup(g->o->path,
                                               (size_t)(slash - g->o->path) + 1)
                              : nn_mem_strdup(".");

    if (dir == NULL || realpath(dir, g->dir) == NULL) {
        g->dir[0] = '\0'; /* opening the page says what is wrong */
    }
    nn_mem_free(dir);
}

enum nn_status pile_page(struct pile_rows *rows,
                         const struct pile_page_options *o,
                         struct nn_error *err)
{
    struct pile_summary *s = nn_mem_calloc(1, sizeof *s);
    struct page g = { .o = o, .s = s };
    struct nn_file_out out = { .stream = NULL };
    char *text = NULL;
    json_t *j;
    enum nn_status st =
        s == NULL ? nn_fail_nomem(err) : pile_summarise(rows, s, err);

    if (st) {
        goto out;
    }
    find_dir(&g);
    st = nn_file_out_open(&out, o->path, err);
    if (st) {
        goto out;
    }
    st = make_thumbs(s, o->moved, &g.thumbs, err);
    if (st) {
        goto out;
    }
    j = page_json(&g);
    text = nn_json_dump(j, JSON_COMPACT | JSON_REAL_PRECISION(7));
    json_decref(j);
    if (text == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    fwrite(pile_page_head, 1, pile_page_head_size, out.stream);
    page_put_json(out.stream, text);
    fwrite(pile_page_tail, 1, pile_page_tail_size, out.stream);
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    release_thumbs(&g.thumbs);
    nn_mem_free(text);
    if (s != NULL) {
        pile_summary_release(s);
    }
    nn_mem_free(s);
    return st;
}
