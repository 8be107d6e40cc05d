/* pipelines/mine/mining.h - what `mine` and the rounds of `train` share. */
#ifndef PIPELINES_MINE_MINING_H
#define PIPELINES_MINE_MINING_H

#include <stdio.h>

#include "pipelines/cascade/model.h"
#include "stage1_gate/mine.h"

/* Sources of given negatives: folders, archives, manifests, "synth:". */
struct mine_sources {
    struct nn_dataset **v;
    size_t n;
};
/* Errors: those of nn_dataset_open(). */
NN_MUST_CHECK enum nn_status mine_sources_open(const char *const *paths,
                                               size_t n,
                                               struct mine_sources *out,
                                               struct nn_error *err);
void mine_sources_close(struct mine_sources *s);

/* The species net as second scorer: its largest probability of a class, on
 * images reduced to `side`, with `features`, as for gate_mine_bank_create().
 * For models of one class there is none. */
struct second_scorer {
    const struct nn_net *species;
    struct nn_scorer *scorer;
};
NN_MUST_CHECK enum nn_status
second_scorer_init(struct second_scorer *s, const struct nn_net *species,
                   int32_t side, const char *features,
                   struct gate_mine_second_scorer *out, struct nn_error *err);
void second_scorer_release(struct second_scorer *s);

/* One round, ready to be written down. */
struct mining_round {
    int number; /* 1, 2, ... */
    int whole;  /* 1: of what the whole cascade accepts, for the species net;
                   its files are called mined-species-1.jsonl and the like */
    const char *model_id;
    double temperature; /* of the gate */
    size_t n_pool;      /* images of it */
    const struct gate_mine_bank *bank;
    const struct gate_mine_rule *rule; /* or NULL */
    const struct gate_mine_options *opt;
    const struct gate_mine_result *result;
};
/* A line a candidate, docs/mining.md has the fields. */
NN_MUST_CHECK enum nn_status mining_write_jsonl(const struct mining_round *r,
                                                const char *path,
                                                struct nn_error *err);
/* Where an image of a pool lies, in a block of nn_mem: an absolute path or
 * ARCHIVE:MEMBER, so that a file in any folder may name it; of one that is
 * drawn and lies nowhere, its name. NULL: no memory. */
char *mining_place(const char *file);
/* How many of the accepted ones are drawn. */
size_t mining_drawn(const struct mining_round *r);
/* Copies of the accepted ones as DIR/0001-name.jpg, ..., their bytes as they
 * are. Errors: NN_ERR_IO, NN_ERR_NOMEM, those of nn_dataset_read(). */
NN_MUST_CHECK enum nn_status
mining_copy_accepted(const struct gate_mine_result *result, const char *dir,
                     struct nn_error *err);
/* The accepted ones as a manifest that `train --negatives` takes. */
NN_MUST_CHECK enum nn_status mining_write_manifest(const struct mining_round *r,
                                                   const char *path,
                                                   struct nn_error *err);
/* Numbers of the round as one JSON object: threshold, rule, counts. */
NN_MUST_CHECK enum nn_status mining_write_summary(const struct mining_round *r,
                                                  const char *path,
                                                  struct nn_error *err);
/* A page with thumbnails, self-contained. */
NN_MUST_CHECK enum nn_status mining_write_html(const struct mining_round *r,
                                               const char *path,
                                               struct nn_error *err);
/* Some of these, in a folder. */
struct mining_file {
    const char *name;
    enum nn_status (*write)(const struct mining_round *r, const char *path,
                            struct nn_error *err);
};
NN_MUST_CHECK enum nn_status mining_write_files(const struct mining_round *r,
                                                const char *dir,
                                                const struct mining_file *file,
                                                size_t n, struct nn_error *err);
/* mined-R.jsonl, mined-R.html and round-R.json of a round inside training, or
 * those of a round for the species net, mined-species-R.jsonl and so on. */
NN_MUST_CHECK enum nn_status mining_write_round(const struct mining_round *r,
                                                const char *dir,
                                                struct nn_error *err);
/* A verdict as a person reads it: gate_mine_verdict_name() is for files. */
const char *mining_verdict_words(enum gate_mine_verdict v);
/* What was found and why, a few lines for a person. */
void mining_print(const struct mining_round *r, FILE *to);

#endif /* PIPELINES_MINE_MINING_H */
