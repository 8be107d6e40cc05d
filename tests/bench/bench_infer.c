/* One net of a model file as a child of tests/bench/peer_inference.py: it
 * warms up once and then answers, so that timings can take turns with others.
 *
 *     bench_infer MODEL gate|species INPUT MAX_BATCH
 *
 * INPUT holds MAX_BATCH normalised images [S,S,3] as raw float32. First line
 * of the answer: JSON about the net. Then for each line of standard input
 *     run BATCH CALLS     median seconds of CALLS forward passes
 *     logits BATCH        the logits [BATCH,K], separated by blanks
 * one line, until the input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/model.h"

enum { MAX_CALLS = 10000 };

struct infer {
    struct model *model;
    const struct nn_net *net;
    struct nn_exec *exec;
    float *input;
    int32_t max_batch;
};

static enum nn_status read_input(struct infer *f, const char *path,
                                 struct nn_error *err)
{
    size_t side = (size_t)f->net->spec.size, got;
    size_t n = (size_t)f->max_batch * side * side * 3;
    FILE *in = fopen(path, "rb");

    f->input = nn_mem_aligned(n, sizeof *f->input);
    got = in && f->input ? fread(f->input, sizeof *f->input, n, in) : 0;
    if (in) {
        fclose(in);
    }
    return got == n ? NN_OK
                    : nn_fail(err, NN_ERR_IO, "'%s' does not hold %zu floats",
                              path, n);
}

static enum nn_status set_up(struct infer *f, char **argv, struct nn_error *err)
{
    struct nn_exec_options opt = { .cpu = nn_cpu_flags() };
    enum nn_status st = model_load(argv[1], &f->model, err);

    if (st) {
        return st;
    }
    f->net = strcmp(argv[2], "gate") == 0 ? f->model->gate : f->model->species;
    f->max_batch = opt.max_batch = (int32_t)strtol(argv[4], NULL, 10);
    if (f->net == NULL) {
        return nn_fail(err, NN_ERR_ARG, "'%s' has no such net", argv[1]);
    }
    st = read_input(f, argv[3], err);
    if (!st) {
        st = nn_exec_create(f->net->graph, &opt, &f->exec, err);
    }
    if (!st) {
        nn_exec_load(f->exec, &f->net->params);
    }
    return st;
}

static enum nn_status forward(struct infer *f, int32_t batch,
                              struct nn_tensor *z, struct nn_error *err)
{
    return nn_exec_forward(f->exec, NULL, f->input, batch, 0, z, err);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum nn_status time_calls(struct infer *f, int32_t batch, int calls,
                                 struct nn_error *err)
{
    double *t = nn_mem_calloc((size_t)calls, sizeof *t);
    struct nn_tensor z;
    enum nn_status st = t == NULL ? nn_fail_nomem(err) : NN_OK;

    for (int i = 0; !st && i < calls; i++) {
        double t0 = nn_time_s();

        st = forward(f, batch, &z, err);
        t[i] = nn_time_s() - t0;
    }
    if (!st) {
        qsort(t, (size_t)calls, sizeof *t, by_size);
        printf("%.9f\n", t[calls / 2]);
    }
    nn_mem_free(t);
    return st;
}

static enum nn_status print_logits(struct infer *f, int32_t batch,
                                   struct nn_error *err)
{
    struct nn_tensor z;
    enum nn_status st = forward(f, batch, &z, err);
    int32_t n = st ? 0 : batch * z.shape.c;

    for (int32_t i = 0; i < n; i++) {
        printf("%.9g%c", (double)z.data[i], i + 1 < n ? ' ' : '\n');
    }
    return st;
}

static enum nn_status answer(struct infer *f, const char *line,
                             struct nn_error *err)
{
    int batch = 0, calls = 0;

    if (sscanf(line, "run %d %d", &batch, &calls) == 2 && batch > 0 &&
        batch <= f->max_batch && calls > 0 && calls <= MAX_CALLS) {
        return time_calls(f, batch, calls, err);
    }
    if (sscanf(line, "logits %d", &batch) == 1 && batch > 0 &&
        batch <= f->max_batch) {
        return print_logits(f, batch, err);
    }
    return nn_fail(err, NN_ERR_ARG, "cannot do '%s'", line);
}

int main(int argc, char **argv)
{
    struct infer f = { 0 };
    struct nn_error err = NN_ERROR_INIT;
    char line[128];
    enum nn_status st;

    if (argc != 5) {
        fputs("usage: bench_infer MODEL gate|species INPUT MAX_BATCH\n",
              stderr);
        return 2;
    }
    st = set_up(&f, argv, &err);
    if (!st) {
        printf("{\"net\":\"%s\",\"size\":%d,\"width\":%g,\"outputs\":%zu,"
               "\"threads\":%d,"
               "\"isa\":\"%s\"}\n",
               nn_arch_info(f.net->spec.arch)->word, (int)f.net->spec.size,
               (double)f.net->spec.width, f.net->spec.n_outputs,
               nn_parallel_threads(), nn_cpu_name(nn_cpu_flags()));
    }
    while (!st && fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        st = answer(&f, line, &err);
    }
    if (st) {
        fprintf(stderr, "bench_infer: %s\n", err.text);
    }
    nn_exec_destroy(&f.exec);
    model_destroy(&f.model);
    nn_mem_free(f.input);
    return st != NN_OK;
}
