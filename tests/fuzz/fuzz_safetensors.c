/* tests/fuzz/fuzz_safetensors.c - any bytes into the model file reader.
 *
 * With libFuzzer: compile this file and all .c files of common/tensor and
 * common/base with clang -fsanitize=fuzzer,address,undefined, and run it on a
 * folder with tests/golden/tensor_small.safetensors. Otherwise
 * standalone_main.c feeds it. Traps when a promise of safetensors.h is broken.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void promise(int kept)
{
    if (!kept) {
        __builtin_trap();
    }
}

static size_t dtype_bytes(enum nn_dtype d)
{
    return d == NN_F32 ? 4 : d == NN_I64 ? 8 : 2;
}

static void check_entry(const struct nn_st_file *f, size_t i, size_t *end)
{
    const struct nn_st_entry *e = nn_st_entry(f, i);
    struct nn_error err = NN_ERROR_INIT;
    float *v = malloc(e->count * sizeof *v + 1);
    enum nn_status st;

    promise(v != NULL && nn_st_find(f, e->name) == e);
    promise(e->ndim >= 0 && e->ndim <= 8);
    promise(e->offset == *end);
    *end += e->bytes;
    if (e->dtype != NN_DTYPE_OTHER) {
        promise(e->bytes == e->count * dtype_bytes(e->dtype));
    }
    st = nn_st_read(f, e, v, &err);
    promise(st == NN_OK || st == NN_ERR_UNSUPPORTED);
    free(v);
}

/* A net that asks for names and shapes the corpus has. */
static struct nn_graph *net(void)
{
    struct nn_conv2d c = { 4, 3, 1, 1, 1, 0, 0 };
    struct nn_graph *g;
    nn_node x;

    promise(nn_graph_create(&g) == NN_OK);
    x = nn_graph_input(g, "image", (struct nn_shape){ 1, 3, 3, 3 });
    x = nn_graph_conv2d(g, x, &c, "conv_stem");
    x = nn_graph_bnorm(g, x, 0.9f, 1e-5f, "bn1");
    x = nn_graph_dense(g, nn_graph_mean_hw(g, x), 5, 1, "classifier");
    promise(nn_graph_finish(g, x, NULL) == NN_OK);
    return g;
}

static void load(const struct nn_st_file *f)
{
    struct nn_graph *g = net();
    struct nn_load_report r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_params p;
    enum nn_status st;

    promise(nn_params_init(&p, g, 0) == NN_OK);
    st = nn_params_load(f, "net.", g, p.value.data, 0, &r, &err);
    promise(st == NN_OK || st == NN_ERR_UNSUPPORTED);
    promise(st || r.taken + r.missing + r.mismatched == 7);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    long live = nn_mem_live();
    unsigned char *copy = nn_mem_calloc(size, 1);
    enum nn_status st;
    size_t end = 0;

    promise(copy != NULL);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    st = nn_st_parse(copy, size, "x.safetensors", &f, &err);
    promise(st == NN_OK ||
            (st == NN_ERR_FORMAT && f == NULL && err.status == st &&
             strstr(err.text, "cannot read 'x.safetensors': ") != NULL));
    for (size_t i = 0; st == NN_OK && i < nn_st_count(f); i++) {
        check_entry(f, i, &end);
    }
    if (st == NN_OK) {
        (void)nn_st_meta(f, "classes");
        load(f);
    }
    nn_st_close(&f);
    promise(nn_mem_live() == live);
    return 0;
}
