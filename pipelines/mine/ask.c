#include "pipelines/mine/ask.h"

#include <stdio.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/data/decisions.h"
#include "pipelines/report/page_parts.h"

enum { SIDE = 320, QUALITY = 80 };

/* Picks that pick i stands for. */
static size_t count_alike(const struct gate_mine_result *all, size_t i)
{
    size_t n = 0;

    for (size_t k = 0; k < all->n; k++) {
        const struct gate_mine_pick *p = &all->pick[k];

        n += (p->verdict == GATE_MINE_V_DUPLICATE && p->same_as >= 0 &&
              (size_t)p->same_as == i) ||
             (p->verdict == GATE_MINE_V_CAPPED &&
              p->cluster == all->pick[i].cluster);
    }
    return n;
}

static json_t *photo_json(const struct mining_round *r, size_t i, size_t rank)
{
    const struct gate_mine_pick *p = &r->result->pick[i];
    char *place = mining_place(r->result->images->items[i].file), hash[17];
    json_t *j = place != NULL ? json_object() : NULL;

    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)p->hash);
    if (place != NULL) {
        nn_json_put(&j, "file", nn_json_text(place));
    }
    nn_json_put(&j, "hash", json_string(hash));
    nn_json_put(&j, "rank", json_integer((json_int_t)rank));
    nn_json_put(&j, "score", nn_json_number(p->p));
    nn_json_put(&j, "logit", nn_json_number(p->z));
    nn_json_put(&j, "alike",
                json_integer((json_int_t)count_alike(r->result, i)));
    nn_mem_free(place);
    return j;
}

/* All photos as an array; NULL: out of memory. */
static json_t *photos_json(const struct mining_round *r)
{
    json_t *all = json_array();
    size_t rank = 0;

    for (size_t i = 0; i < r->result->n; i++) {
        if (gate_mine_is_accepted(r->result->pick[i].verdict)) {
            nn_json_add(&all, photo_json(r, i, ++rank));
        }
    }
    return all;
}

static enum nn_status write_list(const struct mining_round *r,
                                 const json_t *photos, const char *path,
                                 struct nn_error *err)
{
    struct nn_file_out o;
    enum nn_status st = nn_file_out_open(&o, path, err);
    json_t *photo;
    size_t i;

    if (st) {
        return st;
    }
    json_array_foreach(photos, i, photo)
    {
        json_t *row = nn_json_copy(photo);

        nn_json_put(&row, "model", json_string(r->model_id));
        st = nn_json_print_line(row, o.stream, err);
        if (st) {
            nn_file_out_abort(&o);
            return st;
        }
    }
    return nn_file_out_commit(&o, err);
}

/* The photos again, with their URLs. */
static json_t *page_json(const struct mining_round *r, const json_t *photos,
                         const char *const *classes, size_t n_classes)
{
    json_t *j = json_object(), *labels = json_array(), *shown = json_array();
    uint64_t key = 0;
    char hex[17];
    size_t at = 0;

    for (size_t k = 0; k < n_classes; k++) {
        nn_json_add(&labels, nn_json_text(classes[k]));
    }
    for (size_t i = 0; i < r->result->n; i++) {
        const struct gate_mine_pick *p = &r->result->pick[i];

        if (gate_mine_is_accepted(p->verdict)) {
            char *url = page_small_photo(r->result->images, i, SIDE, QUALITY);
            json_t *photo = nn_json_copy(json_array_get(photos, at++));

            nn_json_put(&photo, "url", url != NULL ? json_string(url) : NULL);
            nn_json_add(&shown, photo);
            nn_mem_free(url);
            key = nn_hash_u64(&p->hash, sizeof p->hash, key);
        }
    }
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)key);
    nn_json_put(&j, "key", json_string(hex));
    nn_json_put(&j, "labels", labels);
    nn_json_put(&j, "shown", shown);
    return j;
}

enum nn_status ask_write(const struct mining_round *r,
                         const char *const *classes, size_t n_classes,
                         const char *dir, struct nn_error *err)
{
    const struct page_frame frame = { ask_page_head, ask_page_tail,
                                      ask_page_head_size, ask_page_tail_size };
    char *list = nn_path_join(dir, "ask.jsonl");
    char *page = nn_path_join(dir, "ask.html");
    json_t *photos = photos_json(r), *data = NULL;
    enum nn_status st;

    if (mining_drawn(r) > 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "%zu of the photos are drawn and lie in no file: "
                     "answers on them could not be trained on",
                     mining_drawn(r));
        goto out;
    }
    if (list == NULL || page == NULL || photos == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = write_list(r, photos, list, err);
    if (st) {
        goto out;
    }
    data = page_json(r, photos, classes, n_classes);
    st = page_write(page, &frame, data, err);
out:
    json_decref(data);
    json_decref(photos);
    nn_mem_free(list);
    nn_mem_free(page);
    return st;
}

enum nn_status ask_answered(const char *path, uint64_t **hash, size_t *n,
                            struct nn_error *err)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    enum nn_status st = nn_decisions_read(path, &d, err);

    *n = 0;
    *hash = NULL;
    if (st) {
        goto out;
    }
    *hash = nn_mem_calloc(d.n + 1, sizeof **hash);
    if (*hash == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t k = 0; k < d.n; k++) {
        if (d.v[k].hash != 0) {
            (*hash)[(*n)++] = d.v[k].hash;
        }
    }
out:
    nn_decisions_release(&d);
    return st;
}
