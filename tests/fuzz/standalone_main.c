/* tests/fuzz/standalone_main.c - run a fuzz target without libFuzzer.
 *
 *     fuzz_X [-n MUTATIONS] [-s SEED] FILE|DIR...
 *
 * Feeds each corpus file as it is, cut short at 64 places, and then that many
 * random changes of it (MUTATIONS in all). The target traps on a failure; the
 * input in work is then left in the file fuzz-last.bin. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define MAX_FILE ((size_t)1 << 20)
#define CUTS     64

struct corpus {
    struct input {
        unsigned char *bytes;
        size_t size;
    } * v;
    size_t n, cap;
    long runs;
    FILE *last; /* where the current input is kept */
};

static int add_file(struct corpus *c, const char *path)
{
    struct nn_error err = NN_ERROR_INIT;

    if (nn_mem_grow(&c->v, &c->cap, c->n + 1, sizeof(*c->v))) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    if (nn_file_read(path, MAX_FILE, &c->v[c->n].bytes, &c->v[c->n].size,
                     &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    c->n++;
    return 0;
}

static int add_path(struct corpus *c, const char *path)
{
    struct dirent **names = NULL;
    int rc = 0;

    if (!nn_file_is_dir(path)) {
        return add_file(c, path);
    }
    int n = scandir(path, &names, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        char *file = nn_path_join(path, names[i]->d_name);

        if (!file || (!nn_file_is_dir(file) && add_file(c, file))) {
            rc = -1;
        }
        nn_mem_free(file);
        free(names[i]);
    }
    free(names);
    return n < 0 ? -1 : rc;
}

/* In a block of exactly its size, so that a sanitizer sees the end. */
static void feed(struct corpus *c, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (!copy) {
        return;
    }
    memcpy(copy, bytes, size);
    if (c->last) {
        rewind(c->last);
        fwrite(copy, 1, size, c->last);
        fflush(c->last);
        if (ftruncate(fileno(c->last), (off_t)size)) {
            perror("fuzz-last.bin");
        }
    }
    LLVMFuzzerTestOneInput(copy, size);
    c->runs++;
    free(copy);
}

static uint32_t below(struct nn_rng *rng, size_t n)
{
    return nn_rng_below(rng, n > 0 ? (uint32_t)n : 1);
}

/* Change buf (room for twice MAX_FILE) in one random way; the new size. */
static size_t mutate(struct nn_rng *rng, uint8_t *buf, size_t size)
{
    static const uint8_t edges[] = { 0, 1, 0x7F, 0x80, 0xFE, 0xFF };
    size_t at = below(rng, size), n = 1 + below(rng, 16);

    if (size == 0) {
        return size;
    }
    n = n < size - at ? n : size - at;
    switch (nn_rng_below(rng, 6)) {
    case 0:
        buf[at] ^= (uint8_t)(1u << nn_rng_below(rng, 8));
        break;
    case 1:
        buf[at] = (uint8_t)nn_rng_below(rng, 256);
        break;
    case 2:
        buf[at] = edges[nn_rng_below(rng, sizeof(edges))];
        break;
    case 3: /* drop */
        memmove(buf + at, buf + at + n, size - at - n);
        return size - n;
    case 4: /* repeat */
        if (size + n <= MAX_FILE) {
            memmove(buf + at + n, buf + at, size - at);
            return size + n;
        }
        break;
    default: /* copy a piece elsewhere */
        memmove(buf + below(rng, size - n + 1), buf + at, n);
        break;
    }
    return size;
}

static void run_all(struct corpus *c, long mutations, uint64_t seed,
                    uint8_t *buf)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct input *in = &c->v[i];

        for (size_t k = 0; k <= CUTS; k++) {
            feed(c, in->bytes, in->size * k / CUTS);
        }
    }
    for (long m = 0; m < mutations && c->n > 0; m++) {
        const struct input *in = &c->v[(size_t)m % c->n];
        struct nn_rng rng = nn_rng_make(seed, (uint64_t)m);
        uint32_t changes = 1 + nn_rng_below(&rng, 6);
        size_t size = in->size;

        memcpy(buf, in->bytes, size);
        for (uint32_t k = 0; k < changes; k++) {
            size = mutate(&rng, buf, size);
        }
        feed(c, buf, size);
    }
}

int main(int argc, char **argv)
{
    struct corpus c = { 0 };
    long mutations = 0;
    uint64_t seed = 1;
    uint8_t *buf = nn_mem_calloc(2, MAX_FILE);
    int bad = buf == NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            mutations = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (add_path(&c, argv[i])) {
            bad = 1;
        }
    }
    if (!bad && c.n > 0) {
        c.last = fopen("fuzz-last.bin", "wb");
        run_all(&c, mutations, seed, buf);
        if (c.last) {
            fclose(c.last);
            remove("fuzz-last.bin");
        }
        printf("%zu files, %ld inputs\n", c.n, c.runs);
    } else {
        fprintf(stderr, "usage: %s [-n MUTATIONS] [-s SEED] FILE|DIR...\n",
                argv[0]);
        bad = 1;
    }
    for (size_t i = 0; i < c.n; i++) {
        nn_mem_free(c.v[i].bytes);
    }
    nn_mem_free(c.v);
    nn_mem_free(buf);
    return bad ? 2 : 0;
}
