/* pipelines/cli/predictions.h - the four output formats of classify.
 *
 * text         one line for a person: "photo.jpg: grizzly 0.97 (bear 0.99)"
 * jsonl        one object a line:
 * {"file","label","p_positive","p":{class:prob},
 *              "stage":"gate|species","verdict":"none|class|unknown",
 *              "ms"}; "p" is {} where the species net did not run
 * csv          a header line, then file,label,verdict,stage,p_positive,one
 * column per class,ms,error (RFC 4180 quoting) megadetector one JSON document
 * in MegaDetector batch format 1.4 (category "1" = animal, whole-image box,
 * classifications) A file that cannot be read gives a line with the error
 * instead. */
#ifndef PIPELINES_CLI_PREDICTIONS_H
#define PIPELINES_CLI_PREDICTIONS_H

#include <stdio.h>

#include "pipelines/cascade/cascade.h"

enum predictions_format {
    PREDICTIONS_TEXT,
    PREDICTIONS_JSONL,
    PREDICTIONS_CSV,
    PREDICTIONS_MEGADETECTOR,
};
#define PREDICTIONS_FORMATS "text|jsonl|csv|megadetector"

struct predictions {
    FILE *to;
    enum predictions_format format;
    const struct model *model;
    size_t written; /* records so far */
};

/* Write what comes before the records. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status predictions_begin(struct predictions *p, FILE *to,
                                               enum predictions_format format,
                                               const struct model *m);
/* One record. error: what was wrong with the file, or NULL; v is then not
 * read. ms: this image's share of the steps it was in. */
NN_MUST_CHECK enum nn_status predictions_put(struct predictions *p,
                                             const char *file,
                                             const struct verdict *v, double ms,
                                             const char *error);
void predictions_end(struct predictions *p);

#endif /* PIPELINES_CLI_PREDICTIONS_H */
