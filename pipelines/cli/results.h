/* pipelines/cli/results.h - a file of rows that goes on where it ended.
 *
 * The file holds what predictions.h writes as jsonl, csv or megadetector, with
 * "bytes", "mtime" and "run" in each row: the size and time of the photo's file
 * when it was looked at, and a fingerprint of the model and the options. It is
 * complete after each flush; a row that was cut off by a kill or a full disk is
 * taken away when the file is opened again, and so are the last rows as far
 * back as a burst begins whose frames are not all there. Rows are told apart by
 * their names as they are written; a name that was given n times has n rows. */
#ifndef PIPELINES_CLI_RESULTS_H
#define PIPELINES_CLI_RESULTS_H

#include "common/data/stream.h"
#include "pipelines/cli/predictions.h"

struct results;

/* Open `path`, or make it, and write what comes before the first row; p->run
 * must be set, p->to becomes the file. Nobody else may have it open so. Errors:
 * NN_ERR_IO (also: in use), NN_ERR_FORMAT (no results in that format, or of
 * another model or other options), NN_ERR_NOMEM; the file is then as it was,
 * but for a row that was cut off. Where it begins otherwise than p->head, it
 * gets that when it is closed. */
NN_MUST_CHECK enum nn_status
results_open(const char *path, struct predictions *p,
             enum predictions_format format, const struct model *m,
             struct results **out, struct nn_error *err);
/* 1: a row of that name is there, made of a file of that size and time and of
 * that record (predictions.h; 0: none), and was not asked for before; *failed:
 * it is one of an error. Rows of the name with another size or time go when the
 * file is closed. */
int results_know(struct results *r, const char *name, const struct nn_origin *o,
                 uint64_t record, int *failed);
/* 1: a row of that name and record, not of an error, is there, of whatever
 * file, and was not asked for before: of a photo that is gone it stays. */
int results_keep(struct results *r, const char *name, uint64_t record);
/* All that there is was asked for: rows of a name that was asked for, but not
 * with their record, go when the file is closed. */
void results_settle(struct results *r);
/* All rows so far are in the file, which is complete. Errors: NN_ERR_IO. */
NN_MUST_CHECK enum nn_status results_flush(struct results *r,
                                           struct nn_error *err);
/* Flush, take outdated rows away (beside, then renamed), and close; *r becomes
 * NULL. NULL is fine. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status results_close(struct results **r,
                                           struct nn_error *err);

#endif /* PIPELINES_CLI_RESULTS_H */
