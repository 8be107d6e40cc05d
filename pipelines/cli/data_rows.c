#include "pipelines/cli/data_rows.h"

#include <stdlib.h>

#include "common/base/mem.h"

struct data_options data_rows_options(const struct data_rows *d, uint64_t seed)
{
    return (struct data_options){
        .seed = seed,
        .classes = { d->classes.v, d->classes.n },
        .negatives = { d->negatives.v, d->negatives.n },
        .must_exist = 1,
        .split_file = d->split_file,
        .decisions = d->decisions,
    };
}

/* --- beside a model --- */

static uint64_t option_number(const json_t *options, const char *key)
{
    const char *text = json_string_value(json_object_get(options, key));

    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

/* Models from before "split_seed" kept their options alone. */
static uint64_t seed_of(const struct model *m)
{
    const json_t *seed = json_object_get(m->data, "split_seed");
    const json_t *options = json_object_get(m->training, "options");
    uint64_t n = option_number(options, "split-seed");

    if (json_is_integer(seed)) {
        return (uint64_t)json_integer_value(seed);
    }
    n = n > 0 ? n : option_number(options, "seed");
    return n > 0 ? n : 1;
}

enum nn_status data_reading_init(struct data_reading *r,
                                 const struct data_rows *d,
                                 const struct model *m, const uint64_t *seed,
                                 struct nn_error *err)
{
    const json_t *negatives = json_object_get(m->data, "negative_names");
    size_t n = json_array_size(negatives), k = 0;

    *r = (struct data_reading){ .how = { .seed =
                                             seed != NULL ? *seed : seed_of(m),
                                         .split_file = d->split_file,
                                         .decisions = d->decisions } };
    r->classes =
        nn_mem_calloc(m->n_classes + d->classes.n + 1, sizeof *r->classes);
    r->negatives = nn_mem_calloc(n + d->negatives.n + 1, sizeof *r->negatives);
    if (r->classes == NULL || r->negatives == NULL) {
        data_reading_release(r);
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < d->classes.n; i++) {
        r->classes[k++] = d->classes.v[i];
    }
    for (size_t i = 0; i < m->n_classes; i++) {
        r->classes[k++] = m->classes[i];
    }
    r->how.classes = (struct nn_word_list){ r->classes, k };
    k = 0;
    for (size_t i = 0; i < d->negatives.n; i++) {
        r->negatives[k++] = d->negatives.v[i];
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(negatives, i));

        if (name != NULL) {
            r->negatives[k++] = name;
        }
    }
    r->how.negatives = (struct nn_word_list){ r->negatives, k };
    return NN_OK;
}

void data_reading_release(struct data_reading *r)
{
    nn_mem_free(r->classes);
    nn_mem_free(r->negatives);
    *r = (struct data_reading){ .classes = NULL };
}
