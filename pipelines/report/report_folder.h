/* pipelines/report/report_folder.h - DIR/report.html from what DIR holds. */
#ifndef PIPELINES_REPORT_REPORT_FOLDER_H
#define PIPELINES_REPORT_REPORT_FOLDER_H

#include "common/base/status.h"

/* (Re)write DIR/report.html from DIR/comparison.json, DIR/images.json and
 * DIR/sweep.json, each of which may be missing; one that is damaged is left
 * out with a warning. Errors: those of report_write(). */
NN_MUST_CHECK enum nn_status report_folder(const char *dir,
                                           struct nn_error *err);

#endif /* PIPELINES_REPORT_REPORT_FOLDER_H */
