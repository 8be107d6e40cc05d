#include "common/base/json.h"
#include "pipelines/data/data_card.h"

#include <string.h>

#include "common/base/file.h"

/* Readable items of one label (NN_NEGATIVE: all negatives) in a split. */
static size_t count_label(const struct nn_dataset *ds, int32_t label,
                          enum nn_split split)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        n += !it->bad && it->label == label && it->split == split;
    }
    return n;
}

static size_t count_family(const struct nn_dataset *ds, int32_t family,
                           enum nn_split split)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        n += !it->bad && it->label == NN_NEGATIVE && it->family == family &&
             it->split == split;
    }
    return n;
}

static void print_row(FILE *to, const char *name, const size_t n[NN_SPLITS])
{
    fprintf(to, "  %-18s", name);
    for (int s = 0; s < NN_SPLITS; s++) {
        fprintf(to, " %8zu", n[s]);
    }
    fputc('\n', to);
}

static void print_header(FILE *to, const char *what)
{
    fprintf(to, "  %-18s %8s %8s %8s\n", what, "train", "valid", "test");
}

void data_card_print(const struct nn_dataset *ds, FILE *to)
{
    size_t n[NN_SPLITS];

    fprintf(to, "%s: %zu images, %zu classes\n", ds->path, ds->n,
            ds->n_classes);
    print_header(to, "class");
    for (size_t k = 0; k <= ds->n_classes; k++) {
        int32_t label = k < ds->n_classes ? (int32_t)k : NN_NEGATIVE;

        for (int s = 0; s < NN_SPLITS; s++) {
            n[s] = count_label(ds, label, (enum nn_split)s);
        }
        print_row(to, label == NN_NEGATIVE ? "(negative)" : ds->classes[k], n);
    }
}

/* What was taken for negatives, and what was not though it looks like it. */
void data_card_print_names(const struct nn_dataset *ds, FILE *to)
{
    for (size_t i = 0; i < ds->n_negatives; i++) {
        fprintf(to, "%s'%s'", i == 0 ? "  negatives: " : ", ",
                ds->negatives[i]);
    }
    if (ds->n_negatives > 0) {
        fputc('\n', to);
    }
    for (size_t i = 0; i < ds->n_doubtful; i++) {
        fprintf(to,
                "  '%s' is a class; if it means none of these, give "
                "--negative-class '%s'\n",
                ds->doubtful[i], ds->doubtful[i]);
    }
}

void data_card_print_families(const struct nn_dataset *ds, FILE *to)
{
    size_t n[NN_SPLITS];

    if (ds->n_families == 0) {
        return;
    }
    print_header(to, "negative family");
    for (size_t f = 0; f < ds->n_families; f++) {
        for (int s = 0; s < NN_SPLITS; s++) {
            n[s] = count_family(ds, (int32_t)f, (enum nn_split)s);
        }
        print_row(to, ds->families[f], n);
    }
}

static json_t *label_counts(const struct nn_dataset *ds, enum nn_split s)
{
    json_t *j = json_object();

    for (size_t k = 0; k < ds->n_classes; k++) {
        nn_json_put(&j, ds->classes[k],
                    json_integer((json_int_t)count_label(ds, (int32_t)k, s)));
    }
    nn_json_put(&j, "(negative)",
                json_integer((json_int_t)count_label(ds, NN_NEGATIVE, s)));
    return j;
}

static json_t *family_counts(const struct nn_dataset *ds, enum nn_split s)
{
    json_t *j = json_object();

    for (size_t f = 0; f < ds->n_families; f++) {
        nn_json_put(&j, ds->families[f],
                    json_integer((json_int_t)count_family(ds, (int32_t)f, s)));
    }
    return j;
}

json_t *data_card_json(const struct nn_dataset *ds)
{
    json_t *counts = json_object(), *families = json_object();
    json_t *negatives = json_array();
    char hex[33];
    size_t bad = 0;

    for (size_t i = 0; i < ds->n; i++) {
        bad += ds->items[i].bad != 0;
    }
    for (int s = 0; s < NN_SPLITS; s++) {
        const char *name = nn_split_name((enum nn_split)s);

        nn_json_put(&counts, name, label_counts(ds, (enum nn_split)s));
        nn_json_put(&families, name, family_counts(ds, (enum nn_split)s));
    }
    for (size_t i = 0; i < ds->n_negatives; i++) {
        nn_json_add(&negatives, json_string(ds->negatives[i]));
    }
    nn_dataset_hash(ds, hex);
    return json_pack("{s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "name",
                     nn_json_text(nn_path_base(ds->path)), "hash", hex,
                     "images", (json_int_t)ds->n, "unreadable", (json_int_t)bad,
                     "counts", counts, "families", families, "negative_names",
                     negatives);
}
