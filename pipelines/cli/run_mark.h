/* pipelines/cli/run_mark.h - what tells the rows of one run from those of
 * another: a fingerprint of all that they depend on beside the photo. */
#ifndef PIPELINES_CLI_RUN_MARK_H
#define PIPELINES_CLI_RUN_MARK_H

#include "pipelines/cascade/model.h"

enum { RUN_MARK_SIZE = 17 };

/* Of the model: nets, preprocessing, classes and thresholds, those given for
 * the run as well. Options of a command are hashed on top (nn_hash_u64()). */
uint64_t run_mark(const struct model *m);
/* 16 hex digits. */
void run_mark_text(uint64_t mark, char text[RUN_MARK_SIZE]);

#endif /* PIPELINES_CLI_RUN_MARK_H */
