/* pipelines/cli/main.c - the program: picks a command, owns the exit status. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "pipelines/cli/cmd.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    { "train", cmd_train, "train a cascade on a folder of images" },
    { "pretrain", cmd_pretrain, "train a backbone on many classes" },
    { "classify", cmd_classify, "say what is in images: a class, or none" },
    { "evaluate", cmd_evaluate, "measure a model on labelled images" },
    { "inspect", cmd_inspect, "show what a model or a data set holds" },
    { "audit", cmd_audit, "show what share of the positives was found" },
    { "clean", cmd_clean, "find wrong labels and bad photos in a data set" },
    { "mine", cmd_mine, "find the images of a pool that fool the gate" },
    { "compare", cmd_compare, "cascade against single models, on your images" },
    { "export", cmd_export, "write a net as ONNX" },
    { "sweep", cmd_sweep, "how many negatives does the gate need?" },
    { "bench", cmd_bench, "measure the speed of the nets on this machine" },
    { "synth", cmd_synth, "draw images of bears and look-alikes" },
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
    fputs("bearcascade " BEARCASCADE_VERSION
          ": image classifiers that know when the answer is none of these\n\n"
          "usage: bearcascade COMMAND [options]\n\n",
          to);
    for (int i = 0; i < N_COMMANDS; i++) {
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
    }
    fputs("\n'bearcascade COMMAND --help' shows the options of one.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but some "
          "inputs failed,\n4 a target was missed.\n",
          to);
}

/* A full disk or a closed pipe shows up only when stdout is flushed. */
static int check_stdout(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bearcascade: cannot write to standard output: %s\n",
                strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

/* libgomp's threads spin for about a millisecond at each barrier, which on a
 * machine with other work costs more than the loop itself (measured: 26 against
 * 170 images/s of training beside one busy process). The limit can only be set
 * by the environment, before libgomp is loaded, so set it and start anew. */
static void limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL ||
        setenv("GOMP_SPINCOUNT", "3000", 1) != 0) {
        return;
    }
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    struct nn_log_out messages;

    limit_spinning(argv);
    nn_cpu_limit(getenv("BEARCASCADE_CPU"));
    nn_json_use_nn_mem();
    nn_log_out_init(&messages, nn_log_stderr, NULL, NN_LOG_INFO);
    nn_log_to(&messages);
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return check_stdout(EXIT_DONE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("bearcascade " BEARCASCADE_VERSION);
        return check_stdout(EXIT_DONE);
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return check_stdout(commands[i].run(argc - 1, argv + 1));
        }
    }
    fprintf(stderr, "bearcascade: there is no command '%s'\n", argv[1]);
    print_help(stderr);
    return EXIT_USAGE;
}
