/* pipelines/mine/ask.h - photos of a pool that a person is asked about.
 *
 * DIR/ask.jsonl has a line for each, in the order of the page:
 *   {"file", "hash", "rank", "score", "logit", "alike", "model"}
 *   file   absolute, or ARCHIVE:MEMBER
 *   score  gate probability; logit: before the temperature
 *   alike  photos looked at and passed over because this one stands for them:
 *          near-duplicates, and those of its cluster
 * DIR/ask.html shows them, with keys; what it saves is a file of decisions
 * (common/data/decisions.h) whose photos join the train part. */
#ifndef PIPELINES_MINE_ASK_H
#define PIPELINES_MINE_ASK_H

#include "pipelines/mine/mining.h"

/* r: of a choice with gate_mine_ask_defaults(). classes [n_classes]: what can
 * be answered besides none. Errors: NN_ERR_ARG (photos that are drawn and lie
 * in no file), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status ask_write(const struct mining_round *r,
                                       const char *const *classes,
                                       size_t n_classes, const char *dir,
                                       struct nn_error *err);

/* Hashes of the photos that a file of such decisions names, a block of nn_mem,
 * *n of them: those that were not decided on are in no part of the data, and
 * are not to be asked for again. Errors: those of nn_decisions_read();
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status ask_answered(const char *path, uint64_t **hash,
                                          size_t *n, struct nn_error *err);

/* ask.html with style and scripts, before and behind the data. */
extern const unsigned char ask_page_head[], ask_page_tail[];
extern const size_t ask_page_head_size, ask_page_tail_size;

#endif /* PIPELINES_MINE_ASK_H */
