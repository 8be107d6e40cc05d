/* pipelines/cli/net_choice.h - which net the options and first weights mean.
 *
 * A net is chosen by --STEMnet, --STEMwidth and --STEMsize with STEM "gate-",
 * "species-" or "". Without --STEMnet it is that of the file of first weights,
 * where there is one that tells, else a fallback. */
#ifndef PIPELINES_CLI_NET_CHOICE_H
#define PIPELINES_CLI_NET_CHOICE_H

#include "common/net/arch.h"

/* Of NN_OPT_CHOICE; 0 is auto, others are 1 + enum nn_arch. */
#define NET_CHOICE_WORDS "auto|" NN_ARCH_WORDS

struct net_choice {
    const char *stem;
    int *word;           /* of the option */
    int *size;           /* of the option, 0: left out */
    double width;        /* of the option */
    int32_t mobile_size; /* usual size of MobileNetV4 in this command */
};

/* Is a size that was given one that a net may have? Errors: NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status net_choice_check(const struct net_choice *c,
                                              struct nn_error *err);
/* Set *word, and *size where it was left out. init: path of the first weights,
 * or NULL, read under the first of two prefixes that tells (the second may be
 * NULL). Errors: NN_ERR_ARG (the option and the file contradict each other; a
 * width for a net that has none); those of nn_st_open() and
 * nn_arch_of_file(). */
NN_MUST_CHECK enum nn_status
net_choice_make(const struct net_choice *c, const char *init,
                const char *prefix, const char *other_prefix,
                enum nn_arch fallback, struct nn_error *err);
/* Of a word that was made. */
enum nn_arch net_choice_arch(int word);

#endif /* PIPELINES_CLI_NET_CHOICE_H */
