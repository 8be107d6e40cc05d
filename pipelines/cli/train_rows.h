/* pipelines/cli/train_rows.h - groups of rows of train's option table, which
 * are too many for one function. t: its struct train. */
#ifndef PIPELINES_CLI_TRAIN_ROWS_H
#define PIPELINES_CLI_TRAIN_ROWS_H

#include "common/base/options.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cli/augment_rows.h"
#include "pipelines/cli/net_choice.h"

#define RUN_ROWS(t)                                                            \
    NN_OPT_STRING('o', "out", &(t).out, "RUN", "run folder to write"),         \
        NN_OPT_CHOICE(0, "system", &(t).system, MODEL_SYSTEM_NAMES,            \
                      "design to train"),                                      \
        NN_OPT_CHOICE(0, "loss", &(t).loss, "cross-entropy|focal",             \
                      "of --system multilabel"),                               \
        NN_OPT_INT(                                                            \
            'e', "epochs", &(t).epochs, "N", 0, 100000,                        \
            "epochs of every net; 0: the two defaults below, or as many "      \
            "as see the same number of images"),                               \
        NN_OPT_U64('s', "seed", &(t).seed, "N",                                \
                   "start weights, order, augmentation and splits"),           \
        NN_OPT_STRING(                                                         \
            0, "init", &(t).init, "FILE|NAME",                                 \
            "first weights: timm's or our .safetensors, or "                   \
            "efficientnet-lite2 and the like, which models/fetch.sh gets; "    \
            "none: random ones; left out: the backbone that came with the "    \
            "program, if it fits"),                                            \
        NN_OPT_U64(                                                            \
            0, "split-seed", &(t).split_seed, "N",                             \
            "of the splits alone, where the data name none; 0: --seed"),       \
        NN_OPT_FLAG(0, "resume", &(t).resume,                                  \
                    "go on with an interrupted run in --out; with more "       \
                    "epochs, also with a finished one"),                       \
        NN_OPT_FLAG(0, "no-report", &(t).no_report,                            \
                    "leave out the verdict at the end and RUN/report.html"),   \
        NN_OPT_FLAG(0, "no-reference", &(t).no_reference,                      \
                    "leave the summary of the validation photos out of the "   \
                    "model file, which classify --check-shift compares with")

#define NET_ROWS(t)                                                            \
    NN_OPT_HEADING("networks"),                                                \
        NN_OPT_CHOICE(0, "gate-net", &(t).gate_net, NET_CHOICE_WORDS,          \
                      "the gate; auto: the net of --init, else mobilenetv4"),  \
        NN_OPT_DOUBLE(0, "gate-width", &(t).gate_width, "W", 0.05, 4,          \
                      "channels of a mobilenetv4 gate times this"),            \
        NN_OPT_INT(0, "gate-size", &(t).gate_size, "PX", 0, 1024,              \
                   "input of the gate, pixels square; 0: 128, or 224, 240 "    \
                   "and 260 for efficientnet-lite0, 1 and 2"),                 \
        NN_OPT_CHOICE(0, "species-net", &(t).species_net, NET_CHOICE_WORDS,    \
                      "the species net; auto: that of --init, else the "       \
                      "gate's"),                                               \
        NN_OPT_DOUBLE(0, "species-width", &(t).species_width, "W", 0.05, 4,    \
                      "channels of a mobilenetv4 species net times this"),     \
        NN_OPT_INT(0, "species-size", &(t).species_size, "PX", 0, 1024,        \
                   "input of the species net; 0: as for the gate"),            \
        NN_OPT_LIST(0, "rung", &(t).rung, "NET[:WIDTH]@PX",                    \
                    "a cheaper net in front of the gate, as in "               \
                    "mobilenetv4:0.5@96, which rejects what is surely "        \
                    "negative; may be repeated, the cheapest first"),          \
        NN_OPT_DOUBLE(0, "rung-loss", &(t).rung_loss, "S", 0, 1,               \
                      "share of the positives that may be lost by "            \
                      "--min-recall which all rungs together may lose; 0: "    \
                      "they reject what lies below all of them"),              \
        TEST_VIEWS_ROWS((t).gate_tta, (t).species_tta),                        \
        NN_OPT_CHOICE(                                                         \
            0, "species-from", &(t).species_from, "gate|init|random",          \
            "first weights of the species net: the trained gate's "            \
            "where both are the same net (but the species net's of a "         \
            "cascade in --init), those of --init, or random ones"),            \
        NN_OPT_CHOICE(                                                         \
            0, "species-none", &(t).species_none, "on|off",                    \
            "on: the species net may say none too, which it learns from "      \
            "negatives that the gate lets through; off: the gate alone can"),  \
        NN_OPT_FLAG(0, "half", &(t).half,                                      \
                    "store the model as float16 (half the size)")

#define TRAINING_ROWS(t)                                                       \
    NN_OPT_HEADING("training"),                                                \
        NN_OPT_INT(                                                            \
            0, "gate-epochs", &(t).gate_epochs, "N", 0, 100000,                \
            "epochs of the gate; 0: 45 from random weights, 20 from others"),  \
        NN_OPT_INT(0, "rung-epochs", &(t).rung_epochs, "N", 0, 100000,         \
                   "epochs of each rung; 0: as the gate's own defaults"),      \
        NN_OPT_INT(0, "species-epochs", &(t).species_epochs, "N", 0, 100000,   \
                   "epochs of the species net; 0: 20, or 12 when the gate "    \
                   "started from a file"),                                     \
        NN_OPT_INT('b', "batch", &(t).batch, "N", 2, 4096, "images a step"),   \
        NN_OPT_DOUBLE(0, "lr", &(t).lr, "RATE", 1e-8, 10,                      \
                      "largest learning rate"),                                \
        NN_OPT_DOUBLE(0, "weight-decay", &(t).weight_decay, "X", 0, 10,        \
                      "AdamW weight decay"),                                   \
        NN_OPT_DOUBLE(0, "ema", &(t).ema, "D", 0, 0.99999,                     \
                      "decay of the weight average; 0 off"),                   \
        NN_OPT_DOUBLE(                                                         \
            0, "bn-var-floor", &(t).bn_var_floor, "V", -1, 10,                 \
            "minimum running variance of a batch norm, 0: none; -1: "          \
            "0.01 for mobilenetv4 from pre-trained weights, else none"),       \
        NN_OPT_DOUBLE(0, "label-smoothing", &(t).label_smoothing, "S", 0, 0.9, \
                      "of the species net"),                                   \
        NN_OPT_DOUBLE(0, "positive-share", &(t).positive_share, "P", 0, 0.99,  \
                      "share of positives among the gate's training images; "  \
                      "0: as in the data")

#define INIT_ROWS(t)                                                           \
    NN_OPT_HEADING("nets that start from pre-trained weights"),                \
        NN_OPT_CHOICE(0, "tune", &(t).tune, "auto|" NN_TUNE_NAMES,             \
                      "what is trained: all weights; frozen: the classifier "  \
                      "alone, fitted in seconds on what the net sees of each " \
                      "photo; head-first: that, and then all weights; auto: "  \
                      "for efficientnet-lite frozen, or head-first where "     \
                      "epochs of that net are given; for mobilenetv4 all"),    \
        NN_OPT_INT(0, "head-views", &(t).head_views, "N", 0, 32,               \
                   "augmented views of each photo that a fitted classifier "   \
                   "learns from, besides the photo itself"),                   \
        NN_OPT_STRING(0, "feature-cache", &(t).feature_cache, "DIR",           \
                      "where the features of photos are kept, at most 2 GiB; " \
                      "none: nowhere; left out: $BEARCASCADE_CACHE, else "     \
                      "~/.cache/bearcascade"),                                 \
        NN_OPT_DOUBLE(0, "init-lr-scale", &(t).init_rate, "X", 1e-6, 1000,     \
                      "their learning rate, as a multiple of --lr"),           \
        NN_OPT_INT(0, "freeze-epochs", &(t).head_epochs, "N", 0, 100000,       \
                   "first epochs, in which the classifier alone is trained"),  \
        NN_OPT_DOUBLE(                                                         \
            0, "head-lr-scale", &(t).head_rate, "X", 1e-6, 1000,               \
            "learning rate of the classifier, as a multiple of theirs"),       \
        NN_OPT_DOUBLE(0, "layer-decay", &(t).layer_decay, "X", 0.01, 1,        \
                      "layer-wise decay: the learning rate of each of the "    \
                      "stages is this times that of the next one"),            \
        NN_OPT_INT(0, "freeze-bn-stats", &(t).freeze_bn_stats, "N", 0, 9,      \
                   "number of first stages (of 7 in mobilenetv4, 9 in "        \
                   "efficientnet-lite) whose batch-norm statistics are "       \
                   "frozen")

#define NEGATIVES_ROWS(t)                                                      \
    NN_OPT_HEADING("negatives"),                                               \
        NN_OPT_LIST(0, "leave-out", &(t).leave_out, "FAMILY",                  \
                    "do not train or validate on this family of negatives, "   \
                    "and mine none in folders of its name; may be repeated"),  \
        NN_OPT_LIST(                                                           \
            0, "negatives", &(t).negatives, "PATH",                            \
            "train on these as negatives too: a folder, archive, manifest "    \
            "(such as mine writes) or synth:...; may be repeated"),            \
        NN_OPT_LIST(                                                           \
            0, "unknown", &(t).unknown, "PATH",                                \
            "photos of the right kind but of no class (other bears): the "     \
            "species net learns from them what is unknown; may be repeated"),  \
        NN_OPT_STRING(                                                         \
            0, "teacher", &(t).teacher, "FILE|RUN",                            \
            "a strong cascade of the same classes: gate and rungs whose "      \
            "weights are trained in epochs learn its probabilities too"),      \
        NN_OPT_DOUBLE(0, "teacher-weight", &(t).teacher_weight, "W", 0, 1,     \
                      "share of the teacher's word, beside the label, on an "  \
                      "image that has one"),                                   \
        NN_OPT_LIST(                                                           \
            0, "unlabelled", &(t).unlabelled, "PATH",                          \
            "images without a label that the teacher looks at and the gate "   \
            "learns from; may be repeated"),                                   \
        NN_OPT_LIST(                                                           \
            0, "mine-pool", &(t).mine_pool, "PATH",                            \
            "mine negatives here once the gate is trained; may be repeated"),  \
        NN_OPT_INT(0, "rounds", &(t).rounds.rounds, "R", 1, 100,               \
                   "maximum number of mining rounds; stops early when the "    \
                   "false-positive rate no longer improves"),                  \
        NN_OPT_INT(                                                            \
            0, "species-rounds", &(t).rounds.species, "R", 0, 100,             \
            "maximum number of rounds after that, which mine what the "        \
            "whole cascade accepts and train the species net anew with "       \
            "that as none"),                                                   \
        NN_OPT_INT(0, "top", &(t).rounds.top, "K", 1, 1000000,                 \
                   "negatives of a round"),                                    \
        NN_OPT_DOUBLE(0, "round-share", &(t).rounds.share, "S", 0.001, 100,    \
                      "maximum number of negatives of a round, as a share of " \
                      "the training images"),                                  \
        NN_OPT_DOUBLE(                                                         \
            0, "max-fpr", &(t).rounds.max_fpr, "P", 0, 1,                      \
            "stop mining when the false-positive rate at --min-recall is "     \
            "certified to be no more; 0: no target"),                          \
        NN_OPT_STRING(                                                         \
            0, "gate-from", &(t).rounds.gate_from, "FILE|RUN",                 \
            "take the gate of this model instead of training a first one; "    \
            "with --gate-tta its threshold is chosen anew"),                   \
        NN_OPT_STRING(                                                         \
            0, "match-rounds", &(t).rounds.match, "RUN",                       \
            "as many negatives in each round as that run has found"),          \
        NN_OPT_INT(0, "round-epochs", &(t).rounds.epochs, "N", 1, 100000,      \
                   "epochs of a round"),                                       \
        NN_OPT_DOUBLE(                                                         \
            0, "round-lr-scale", &(t).rounds.rate, "X", 1e-6, 1000,            \
            "its largest learning rate, as a multiple of the gate's"),         \
        NN_OPT_DOUBLE(                                                         \
            0, "hard-share", &(t).rounds.hard_share, "S", 0, 1,                \
            "share of a round chosen by score; the rest are random"),          \
        NN_OPT_CHOICE(0, "mine-mode", &(t).rounds.mode, GATE_MINE_MODES,       \
                      "what a round takes, as in mine"),                       \
        NN_OPT_DOUBLE(0, "fn-filter-recall", &(t).rounds.fn_filter_recall,     \
                      "P", 0.01, 1,                                            \
                      "share of all validation positives that the filter for " \
                      "suspected false negatives must catch"),                 \
        NN_OPT_FLAG(0, "keep-rounds", &(t).rounds.keep,                        \
                    "take the last round's gate, also when it is no better "   \
                    "(to compare)"),                                           \
        NN_OPT_FLAG(0, "trust-pool", &(t).rounds.trust_pool,                   \
                    "the pool holds no positives: suspect no false negatives")

#define PROMISE_ROWS(t)                                                        \
    NN_OPT_HEADING("what it promises"),                                        \
        NN_OPT_DOUBLE(                                                         \
            0, "min-recall", &(t).min_recall, "P", 0.01, 0.9999,               \
            "recall on the validation positives: those that neither stage "    \
            "takes for none"),                                                 \
        NN_OPT_CHOICE(                                                         \
            0, "thresholds", &(t).thresholds, "least-fpr|cheapest",            \
            "of the two stages, among those that keep that recall: with the "  \
            "least false-positive rate, or with the fewest images that reach " \
            "the species net"),                                                \
        NN_OPT_DOUBLE(                                                         \
            0, "gate-recall", &(t).gate_recall, "P", 0, 1,                     \
            "least recall of the gate by itself on the validation positives: " \
            "what it rejects, no later stage sees; 0: no limit of its own"),   \
        NN_OPT_DOUBLE(                                                         \
            0, "gate-pass", &(t).gate_pass, "P", 0, 1,                         \
            "largest share of the validation negatives that the gate passes "  \
            "on: its threshold is the lowest that keeps to this, or a lower "  \
            "one where --min-recall needs it; 0: --thresholds decides"),       \
        NN_OPT_DOUBLE(                                                         \
            0, "min-coverage", &(t).min_coverage, "P", 0.01, 1,                \
            "share of positives whose class must be named, not unknown")

#endif /* PIPELINES_CLI_TRAIN_ROWS_H */
