/* net_logits WEIGHTS WIDTH SIZE OUTPUTS < INPUT: logits of weights in timm's
 * names, as `train --init` reads them. WIDTH is of MobileNetV4; 0: the net that
 * the file tells. INPUT is float32 [N,SIZE,SIZE,3], N any
 * number; a line of OUTPUTS numbers each, and what was loaded on stderr. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/net.h"

static enum nn_status ask_file(const char *path, struct nn_net_spec *spec,
                               struct nn_error *err)
{
    struct nn_st_file *f = NULL;
    enum nn_arch arch;
    int known = 0;
    enum nn_status st = nn_st_open(path, &f, err);

    if (st) {
        return st;
    }
    st = nn_arch_of_file(f, "", &arch, &known, err);
    if (!st && known) {
        nn_net_spec_set_arch(spec, arch);
    }
    nn_st_close(&f);
    return st;
}

static enum nn_status load(const char *path, float width, int32_t size,
                           size_t outputs, struct nn_net **net,
                           struct nn_error *err)
{
    struct nn_net_spec spec = nn_net_spec_defaults();
    const char **names = nn_mem_calloc(outputs, sizeof *names);
    struct nn_load_report r;
    enum nn_status st;

    for (size_t i = 0; names != NULL && i < outputs; i++) {
        names[i] = "x";
    }
    spec.width = width;
    spec.size = size;
    if (width <= 0) {
        st = ask_file(path, &spec, err);
        if (st) {
            nn_mem_free(names);
            return st;
        }
    }
    spec.n_outputs = outputs;
    spec.outputs = names;
    st = names == NULL ? nn_fail_nomem(err) : nn_net_create(&spec, 1, net, err);
    nn_mem_free(names);
    if (!st) {
        st = nn_net_init_from(*net, path, "gate.", &r, err);
    }
    if (!st) {
        nn_net_init_log("net", path, &r);
    }
    return st;
}

static enum nn_status print_logits(const struct nn_net *net,
                                   struct nn_error *err)
{
    const struct nn_exec_options opt = { .max_batch = 1,
                                         .cpu = nn_cpu_flags() };
    size_t side = (size_t)net->spec.size, n = side * side * 3;
    float *x = nn_mem_calloc(n, sizeof *x);
    struct nn_exec *exec = NULL;
    enum nn_status st = x == NULL
                            ? nn_fail_nomem(err)
                            : nn_exec_create(net->graph, &opt, &exec, err);

    if (!st) {
        nn_exec_load(exec, &net->params);
    }
    while (!st && fread(x, sizeof *x, n, stdin) == n) {
        struct nn_tensor z;

        st = nn_exec_forward(exec, NULL, x, 1, 0, &z, err);
        for (size_t k = 0; !st && k < net->spec.n_outputs; k++) {
            printf("%.9g ", (double)z.data[k]);
        }
        putchar('\n');
    }
    nn_exec_destroy(&exec);
    nn_mem_free(x);
    return st;
}

int main(int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_log_out messages;
    struct nn_net *net = NULL;
    enum nn_status st;

    nn_cpu_limit(getenv("BEARCASCADE_CPU"));
    nn_log_out_init(&messages, nn_log_stderr, NULL, NN_LOG_INFO);
    nn_log_to(&messages);
    if (argc != 5) {
        fputs("usage: net_logits WEIGHTS WIDTH SIZE OUTPUTS < INPUT\n", stderr);
        return 2;
    }
    st =
        load(argv[1], strtof(argv[2], NULL), (int32_t)strtol(argv[3], NULL, 10),
             strtoul(argv[4], NULL, 10), &net, &err);
    if (!st) {
        st = print_logits(net, &err);
    }
    if (st) {
        fprintf(stderr, "net_logits: %s\n", err.text);
    }
    nn_net_destroy(&net);
    return st ? 1 : 0;
}
