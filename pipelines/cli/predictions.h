/* pipelines/cli/predictions.h - the four output formats of classify.
 *
 * text   one line for a person: "photo.jpg: grizzly 0.970 (gate 0.990, none
 *        0.004)"
 * jsonl  one object a line: {"file","label","p_positive","p":{class:prob},
 *        "stage":"gate|species","verdict":"none|class|unknown","ms"}; "p" is {}
 *        where the species net did not run; of a cascade whose species net may
 *        say none also "p_gate" and, where it ran, "p_none"
 * csv    a header line, then file,label,verdict,stage,p_positive (and p_gate,
 *        p_none as above), one column per class, ms,error,note (RFC 4180
 *        quoting)
 * megadetector  one JSON document in MegaDetector batch format 1.6 (category
 *        "1" = animal, whole-image box, classifications)
 * Where the thresholds were given for the run, jsonl and csv also say them in
 * each row, "threshold" and "unknown_below", and megadetector, whose header
 * always has the threshold, there.
 * What the camera wrote stands in jsonl as "time", "camera" {"make", "model",
 * "serial"} and "place" {"latitude", "longitude"}, each where it is there; in
 * csv in columns of these names behind note; in megadetector as "datetime"
 * (EXIF's form, without fraction and offset) and "exif_metadata".
 * Of a burst, jsonl and megadetector have an object "burst" {"id" (its first
 * frame), "label", "verdict", "p_positive", "agree", "frame", "frames"}, csv
 * columns burst, burst_label, ...; text names it where it has two frames or
 * more. "label" and "verdict" stay those of the frame.
 * A file that cannot be read gives a line with the error instead; what is odd
 * about one that can be read stands in "note".
 *
 * Names are written as common/base/text.h says: nn_text() in jsonl and csv (the
 * name's bytes in hex, "file_bytes", stand beside it in jsonl where they
 * differ), nn_text_line() in text, nn_text_json_pep383() in megadetector. */
#ifndef PIPELINES_CLI_PREDICTIONS_H
#define PIPELINES_CLI_PREDICTIONS_H

#include <jansson.h>
#include <stdint.h>
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
    const char *run;  /* NULL, or rows also say "bytes", "mtime" and "run" */
    const char *head; /* NULL, or how a megadetector file begins in place of
                         the model's own head: of lines as below, the first
                         "{", the second "info", the last the begin of "images"
                         without a newline */
    int bursts;       /* 1: rows have bursts */
    size_t written;   /* records so far */
};

/* What all frames of a burst say together. */
struct predictions_burst {
    const char *id;       /* name of its first frame */
    size_t frame, frames; /* this one (1, ...) of how many */
    struct verdict v;
    int agree; /* 1: all frames have one label */
};

struct predictions_row {
    const char *file;
    const struct verdict *v; /* not read where there is an error */
    double ms; /* that it took itself, and its share of the nets' steps */
    const char *error, *note;              /* or NULL */
    const struct nn_shot *shot;            /* or NULL */
    const struct predictions_burst *burst; /* or NULL */
    int64_t bytes, mtime_ms; /* of the file, where p->run is not NULL */
    json_t *image;   /* NULL, or what a megadetector record says but "file" and
                        those; error, note, v and shot are then not looked at */
    uint64_t record; /* 0, or of what else the row was made: with p->run it
                        stands in "record" */
};

/* Write what comes before the records. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status predictions_begin(struct predictions *p, FILE *to,
                                               enum predictions_format format,
                                               const struct model *m);
/* One record. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status predictions_put(struct predictions *p,
                                             const struct predictions_row *row);
/* A record that was written before, of `size` bytes, without what stands
 * between records. */
void predictions_copy(struct predictions *p, const char *text, size_t size);
/* What follows the last record. */
void predictions_end(struct predictions *p);
/* Bytes that predictions_end() writes. */
size_t predictions_end_size(const struct predictions *p);

#endif /* PIPELINES_CLI_PREDICTIONS_H */
