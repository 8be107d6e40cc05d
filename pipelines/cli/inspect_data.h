/* pipelines/cli/inspect_data.h - the report of "inspect DATA". */
#ifndef PIPELINES_CLI_INSPECT_DATA_H
#define PIPELINES_CLI_INSPECT_DATA_H

#include "common/data/dataset.h"

/* To stdout: counts per class and family, sizes, unreadable files and
 * near-duplicates (at most `pairs` of each are named). ds must be
 * fingerprinted and grouped. */
void inspect_data_print(const struct nn_dataset *ds, int pairs);
/* The same as one JSON object with every unreadable file and group. */
NN_MUST_CHECK enum nn_status inspect_data_json(const struct nn_dataset *ds,
                                               struct nn_error *err);

#endif /* PIPELINES_CLI_INSPECT_DATA_H */
