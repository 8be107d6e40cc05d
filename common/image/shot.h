/* common/image/shot.h - what a camera wrote beside the photo: when, with what,
 * where.
 *
 * From EXIF, wherever a file has it (image.h). A block that is damaged gives
 * what can still be read of it. Nothing is guessed: a photo whose camera wrote
 * no time has none, whatever the date of its file. */
#ifndef NN_COMMON_IMAGE_SHOT_H
#define NN_COMMON_IMAGE_SHOT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct nn_shot {
    /* "2024-05-31T06:12:09", where they are known with a fraction (".25", three
     * digits at most) and the offset from UTC ("+02:00") behind it; "": none.
     * DateTimeOriginal, else DateTimeDigitized, else DateTime. The camera's
     * clock: nothing is converted. */
    char time[36];
    char make[40], model[40], serial[40]; /* text.h's UTF-8; "": none */
    int has_place;
    double latitude, longitude; /* degrees, north and east; if has_place */
};

/* 1: the camera wrote none of it. */
int nn_shot_is_empty(const struct nn_shot *s);

/* Seconds since 1970 of a time as above or as EXIF writes it ("2024:05:31
 * 06:12:09"), by the clock that it was read from (the offset is passed over).
 * 1, or 0 where the text is no such time. */
int nn_shot_clock(const char *time, double *seconds);

/* The same by hand, where a library has the fields apart; each may be NULL.
 * What is there already stays. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_shot_take_time(struct nn_shot *s,
                                               const char *time,
                                               const char *fraction,
                                               const char *offset);
NN_MUST_CHECK enum nn_status nn_shot_take_camera(struct nn_shot *s,
                                                 const char *make,
                                                 const char *model,
                                                 const char *serial);

/* Take what the EXIF block (that starts with "Exif\0\0" or with the TIFF header
 * itself) says into *s, but what is there already; *orientation becomes 1..8,
 * or 0 where it has none. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_shot_read(const uint8_t *exif, size_t size,
                                          struct nn_shot *s, int *orientation);

#endif /* NN_COMMON_IMAGE_SHOT_H */
