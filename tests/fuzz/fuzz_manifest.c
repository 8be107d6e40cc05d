/* tests/fuzz/fuzz_manifest.c - any bytes into the manifest parsers, in blocks
 * of a few bytes.
 *
 * The first byte chooses: 'c' CSV, 'C' CSV of a pool, 'j' JSON lines, 'J' JSON
 * lines of a pool; the rest is the manifest. With libFuzzer: compile this
 * file and all .c files of common/data, common/image and common/base with
 * clang -fsanitize=fuzzer,address,undefined, and run it on
 * tests/fuzz/corpus/manifest. Otherwise tests/fuzz/standalone_main.c feeds it.
 * Traps when a promise of dataset.h is broken. */
#include <float.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void promise(int kept)
{
    if (!kept) {
        __builtin_trap();
    }
}

static void check_item(const struct nn_dataset *ds, size_t i)
{
    const struct nn_item *it = &ds->items[i];

    promise(it->file[0] != '\0');
    promise(it->label >= NN_NEGATIVE && it->label < (int32_t)ds->n_classes);
    promise(it->family >= -1 && it->family < (int32_t)ds->n_families);
    promise(it->family < 0 || it->label == NN_NEGATIVE);
    promise(it->split < NN_SPLITS || !ds->has_splits || ds->unlabelled);
    promise(it->group <= i + 1);
    promise(it->group == 0 || ds->items[it->group - 1].group == it->group);
    promise(it->weight >= 0 && it->weight <= FLT_MAX);
}

static void check_names(char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        promise(v[i][0] != '\0');
        promise(i == 0 || strcmp(v[i - 1], v[i]) < 0);
    }
}

static void use(struct nn_dataset *ds)
{
    const struct nn_split_shares how = { .valid = 0.2, .test = 0.2, .seed = 1 };
    struct nn_split_counts counts;
    char hex[33];

    check_names(ds->classes, ds->n_classes);
    check_names(ds->families, ds->n_families);
    for (size_t i = 0; i < ds->n; i++) {
        check_item(ds, i);
    }
    nn_dataset_hash(ds, hex);
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = NN_SPLIT_NONE;
    }
    promise(nn_dataset_split_rest(ds, &how, &counts, NULL) == NN_OK);
    for (size_t i = 0; i < ds->n; i++) {
        promise(ds->items[i].split == ds->items[ds->items[i].group - 1].split);
    }
}

static enum nn_status parse(struct nn_finder *f, char kind, const uint8_t *text,
                            size_t size, struct nn_error *err)
{
    const char *path =
        kind == 'c' || kind == 'C' ? "data/list.csv" : "data/list.jsonl";
    FILE *in;
    enum nn_status st;

    if (size == 0) {
        return NN_OK; /* fmemopen() may refuse it */
    }
    in = fmemopen((void *)(uintptr_t)text, size, "rb");
    promise(in != NULL);
    st = nn_find_manifest_stream(f, path, NULL, in, 1 + size % 13, err);
    fclose(in);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char kind = size > 0 ? (char)bytes[0] : 'c';
    struct nn_dataset_options opt = { .as_pool = kind == 'C' || kind == 'J' };
    struct nn_finder f = { .opt = &opt };
    struct nn_error err = NN_ERROR_INIT;
    long live = nn_mem_live();
    struct nn_dataset *ds = nn_mem_calloc(1, sizeof *ds);
    enum nn_status st;

    promise(ds != NULL);
    ds->source = f.source = nn_mem_calloc(1, sizeof *ds->source);
    ds->path = nn_mem_strdup("data/list");
    promise(ds->source != NULL && ds->path != NULL);
    st = size > 0 ? parse(&f, kind, bytes + 1, size - 1, &err) : NN_OK;
    if (st == NN_OK && f.n > 0) {
        st = nn_label_items(ds, &f, &err);
    }
    promise(st == NN_OK || (st == NN_ERR_FORMAT && err.status == st &&
                            strstr(err.text, "data/list") != NULL));
    if (st == NN_OK && ds->n > 0) {
        use(ds);
    }
    nn_finder_release(&f);
    nn_dataset_close(&ds);
    promise(nn_mem_live() == live);
    return 0;
}
