/* pipelines/cli/train_rows.h - groups of rows of train's option table, which
 * are too many for one function. t: its struct train. */
#ifndef PIPELINES_CLI_TRAIN_ROWS_H
#define PIPELINES_CLI_TRAIN_ROWS_H

#include "common/base/options.h"

#define INIT_ROWS(t)                                                           \
    { NULL, 0,    NN_OPT_HEADING,                                              \
      NULL, NULL, "nets that start from pre-trained weights",                  \
      0,    0 },                                                               \
        { "init-rate",    0,   NN_OPT_DOUBLE,                                  \
          &(t).init_rate, "X", "their learning rate is --lr times this",       \
          1e-6,           1000 },                                              \
        { "head-epochs",                                                       \
          0,                                                                   \
          NN_OPT_INT,                                                          \
          &(t).head_epochs,                                                    \
          "N",                                                                 \
          "first epochs, in which the classifier alone is trained",            \
          0,                                                                   \
          100000 },                                                            \
        { "head-rate",    0,   NN_OPT_DOUBLE,                                  \
          &(t).head_rate, "X", "rate of the classifier times this",            \
          1e-6,           1000 },                                              \
        { "layer-decay",                                                       \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).layer_decay,                                                    \
          "X",                                                                 \
          "rate of each of the seven stages: this times that of the next one", \
          0.01,                                                                \
          1 },                                                                 \
    {                                                                          \
        "keep-norms", 0, NN_OPT_INT, &(t).keep_norms, "N",                     \
            "first stages, of seven, whose running statistics of batch norm "  \
            "stay",                                                            \
            0, 7                                                               \
    }

#define NEGATIVES_ROWS(t)                                                      \
    { NULL, 0, NN_OPT_HEADING, NULL, NULL, "negatives", 0, 0 },                \
        { "leave-out",                                                         \
          0,                                                                   \
          NN_OPT_LIST,                                                         \
          &(t).leave_out,                                                      \
          "FAMILY",                                                            \
          "do not train or validate on this family of negatives, and mine "    \
          "none in folders of its name; may be repeated",                      \
          0,                                                                   \
          0 },                                                                 \
        { "negatives",                                                         \
          0,                                                                   \
          NN_OPT_LIST,                                                         \
          &(t).negatives,                                                      \
          "PATH",                                                              \
          "train on these as negatives too: a folder, archive, manifest "      \
          "(such as "                                                          \
          "mine writes) or synth:...; may be repeated",                        \
          0,                                                                   \
          0 },                                                                 \
        { "mine-pool",                                                         \
          0,                                                                   \
          NN_OPT_LIST,                                                         \
          &(t).mine_pool,                                                      \
          "PATH",                                                              \
          "mine negatives here once the gate is trained; may be repeated",     \
          0,                                                                   \
          0 },                                                                 \
        { "rounds",                                                            \
          0,                                                                   \
          NN_OPT_INT,                                                          \
          &(t).rounds.rounds,                                                  \
          "R",                                                                 \
          "rounds of mining at most; they end when false alarms stop to fall", \
          1,                                                                   \
          100 },                                                               \
        { "top",      0,                                                       \
          NN_OPT_INT, &(t).rounds.top,                                         \
          "K",        "negatives of a round",                                  \
          1,          1000000 },                                               \
        { "round-share",                                                       \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).rounds.share,                                                   \
          "S",                                                                 \
          "most negatives of a round, as a share of the training pictures",    \
          0.001,                                                               \
          100 },                                                               \
        { "max-false-alarm",                                                   \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).rounds.max_false_alarm,                                         \
          "P",                                                                 \
          "rounds end when the false-alarm rate at --min-hit-rate is "         \
          "certified to be no more; 0: no target",                             \
          0,                                                                   \
          1 },                                                                 \
        { "gate-from",                                                         \
          0,                                                                   \
          NN_OPT_STRING,                                                       \
          &(t).rounds.gate_from,                                               \
          "FILE|RUN",                                                          \
          "take the gate of this model instead of training a first one; with " \
          "--gate-test-views its threshold is chosen anew",                    \
          0,                                                                   \
          0 },                                                                 \
        { "match-rounds",                                                      \
          0,                                                                   \
          NN_OPT_STRING,                                                       \
          &(t).rounds.match,                                                   \
          "RUN",                                                               \
          "as many negatives in each round as that run has found",             \
          0,                                                                   \
          0 },                                                                 \
        { "round-epochs",      0, NN_OPT_INT, &(t).rounds.epochs, "N",         \
          "epochs of a round", 1, 100000 },                                    \
        { "round-rate",  0,                                                    \
          NN_OPT_DOUBLE, &(t).rounds.rate,                                     \
          "X",           "its largest learning rate is the gate's times this", \
          1e-6,          1000 },                                               \
        { "hard-share",                                                        \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).rounds.hard_share,                                              \
          "S",                                                                 \
          "share of a round chosen by score; the rest are random",             \
          0,                                                                   \
          1 },                                                                 \
        { "mine-mode",                                                         \
          0,                                                                   \
          NN_OPT_CHOICE,                                                       \
          &(t).rounds.mode,                                                    \
          GATE_MINE_MODES,                                                     \
          "what a round takes, as in mine",                                    \
          0,                                                                   \
          0 },                                                                 \
        { "suspect-rate",                                                      \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).rounds.suspect_rate,                                            \
          "P",                                                                 \
          "share of validation bears that the rule for suspects must catch",   \
          0.01,                                                                \
          1 },                                                                 \
        { "keep-rounds",                                                       \
          0,                                                                   \
          NN_OPT_FLAG,                                                         \
          &(t).rounds.keep,                                                    \
          NULL,                                                                \
          "take the last round's gate, also when it is no better (to "         \
          "compare)",                                                          \
          0,                                                                   \
          0 },                                                                 \
    {                                                                          \
        "trust-pool", 0, NN_OPT_FLAG, &(t).rounds.trust_pool, NULL,            \
            "the pool holds no bears: suspect nobody", 0, 0                    \
    }

#define PROMISE_ROWS(t)                                                        \
    { NULL, 0, NN_OPT_HEADING, NULL, NULL, "what it promises", 0, 0 },         \
        { "min-hit-rate",                                                      \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(t).min_hit_rate,                                                   \
          "P",                                                                 \
          "share of bears that the gate must let through",                     \
          0.01,                                                                \
          0.9999 },                                                            \
    {                                                                          \
        "keep-rate", 0, NN_OPT_DOUBLE, &(t).keep_rate, "P",                    \
            "share of bears whose kind must be named, not unknown", 0.01, 1    \
    }

#endif /* PIPELINES_CLI_TRAIN_ROWS_H */
