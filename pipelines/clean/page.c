#include "pipelines/clean/page.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/net/prepare.h"
#include "pipelines/report/page_parts.h"

enum { SIDE = 224, QUALITY = 75, HEX = 17 };

/* What the page is made of. */
struct page {
    const struct clean_findings *f;
    json_t *urls;  /* photos as data: URLs */
    json_t *shown; /* objects: what there is to decide on */
    size_t *url;   /* [ds->n] place in urls + 1, 0: not there */
};

void clean_reason(const struct nn_dataset *ds, size_t item,
                  struct nn_error *err)
{
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    size_t n = 0;

    if (!nn_dataset_read(ds, item, &bytes, &n, err) &&
        !nn_image_prepare(bytes, n, SIDE, &img, NULL, err)) {
        nn_fail(err, NN_ERR_IO, "could not be read");
    }
    nn_image_release(&img);
    nn_mem_free(bytes);
}

/* The place of a photo among the URLs; each is in the page once. */
static json_t *photo(struct page *g, size_t item)
{
    char *url;

    if (g->url[item] == 0) {
        url = page_small_photo(g->f->ds, item, SIDE, QUALITY);
        nn_json_add(&g->urls, url != NULL ? json_string(url) : NULL);
        nn_mem_free(url);
        g->url[item] = json_array_size(g->urls);
    }
    return json_integer((json_int_t)g->url[item] - 1);
}

static const char *label_name(const struct nn_dataset *ds,
                              const struct nn_item *it)
{
    return it->label == NN_NEGATIVE ? "none" : ds->classes[it->label];
}

/* {"list","file","hash","label"} */
static json_t *entry(const struct page *g, const char *list, size_t item)
{
    const struct nn_dataset *ds = g->f->ds;
    const struct nn_item *it = &ds->items[item];
    json_t *j = json_object();
    char hex[HEX];

    nn_json_put(&j, "list", json_string(list));
    nn_json_put(&j, "file", nn_json_text(it->file));
    if (it->hash != 0) {
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)it->hash);
        nn_json_put(&j, "hash", json_string(hex));
    }
    nn_json_put(&j, "label", nn_json_text(label_name(ds, it)));
    if (it->split != NN_SPLIT_NONE) {
        nn_json_put(&j, "split", json_string(nn_split_name(it->split)));
    }
    return j;
}

static void add_suspect(struct page *g, size_t rank, int sampled)
{
    const struct clean_findings *f = g->f;
    size_t row = f->order[rank];
    const struct clean_doubt *d = &f->d[row];
    json_t *j = entry(g, "suspects", f->item[row]);

    nn_json_put(&j, "rank", json_integer((json_int_t)rank + 1));
    if (sampled) {
        nn_json_put(&j, "sampled", json_true());
    }
    if (d->other >= 0) {
        nn_json_put(&j, "other", nn_json_text(clean_output_name(f, d->other)));
        nn_json_put(&j, "p_label", nn_json_number((double)d->p_given));
        nn_json_put(&j, "p_other", nn_json_number((double)d->p_other));
    }
    nn_json_put(&j, "outlier", nn_json_number(d->outlier));
    nn_json_put(&j, "flat", nn_json_number(d->flat));
    nn_json_put(&j, "url", photo(g, f->item[row]));
    nn_json_add(&g->shown, j);
}

/* The sample first, then the others, both by falling doubt. */
static void add_suspects(struct page *g)
{
    for (int sampled = 1; sampled >= 0; sampled--) {
        for (size_t i = 0; i < g->f->n_listed; i++) {
            if (g->f->sampled[g->f->order[i]] == sampled) {
                add_suspect(g, i, sampled);
            }
        }
    }
}

static void add_pairs(struct page *g)
{
    const struct clean_findings *f = g->f;

    for (size_t i = 0; i < f->n_pairs && i < CLEAN_MOST_PAIRS; i++) {
        const struct clean_pair *p = &f->pair[i];
        json_t *j = entry(g, "duplicates", p->item);

        nn_json_put(&j, "url", photo(g, p->item));
        nn_json_put(&j, "twin", entry(g, "duplicates", p->twin));
        nn_json_put(&j, "twin_url", photo(g, p->twin));
        nn_json_add(&g->shown, j);
    }
}

static void add_damaged(struct page *g)
{
    const struct clean_findings *f = g->f;

    for (size_t i = 0; i < f->n_damaged && i < CLEAN_MOST_DAMAGED; i++) {
        struct nn_error why = NN_ERROR_INIT;
        json_t *j = entry(g, "damaged", f->damaged[i]);

        clean_reason(f->ds, f->damaged[i], &why);
        nn_json_put(&j, "reason", nn_json_text(why.text));
        nn_json_add(&g->shown, j);
    }
}

static json_t *page_json(struct page *g)
{
    const struct clean_findings *f = g->f;
    json_t *j = json_object(), *labels = json_array();
    char hash[33];

    for (size_t k = 0; k < f->n_outputs; k++) {
        nn_json_add(&labels, nn_json_text(clean_output_name(f, (int32_t)k)));
    }
    if (f->negatives < 0) {
        nn_json_add(&labels, json_string("none"));
    }
    nn_dataset_hash(f->ds, hash);
    nn_json_put(&j, "data", nn_json_text(nn_path_base(f->ds->path)));
    nn_json_put(&j, "key", json_string(hash));
    nn_json_put(&j, "labels", labels);
    nn_json_put(&j, "photos", json_integer((json_int_t)f->n));
    nn_json_put(&j, "listed", json_integer((json_int_t)f->n_listed));
    nn_json_put(&j, "sample", json_integer((json_int_t)f->n_sample));
    nn_json_put(&j, "confidence", nn_json_number(CLEAN_CONFIDENCE));
    nn_json_put(&j, "shown", g->shown);
    nn_json_put(&j, "urls", g->urls);
    g->shown = g->urls = NULL;
    return j;
}

enum nn_status clean_page_write(const struct clean_findings *f,
                                const char *path, struct nn_error *err)
{
    struct page g = { .f = f, .urls = json_array(), .shown = json_array() };
    const struct page_frame frame = { clean_page_head, clean_page_tail,
                                      clean_page_head_size,
                                      clean_page_tail_size };
    json_t *data;
    enum nn_status st;

    g.url = nn_mem_calloc(f->ds->n, sizeof *g.url);
    if (g.url == NULL) {
        json_decref(g.urls);
        json_decref(g.shown);
        return nn_fail_nomem(err);
    }
    add_suspects(&g);
    add_pairs(&g);
    add_damaged(&g);
    data = page_json(&g);
    st = page_write(path, &frame, data, err);
    json_decref(data);
    nn_mem_free(g.url);
    return st;
}
