/* tests/unit/image/judge.h - samples decoded and compared. */
#ifndef TESTS_UNIT_IMAGE_JUDGE_H
#define TESTS_UNIT_IMAGE_JUDGE_H

#include "common/image/image.h"
#include "tests/unit/image/sample.h"

/* Decoded with the defaults, or the text of the error in err. */
enum nn_status judge_decode(const struct sample *s, struct nn_image *img,
                            struct nn_image_info *info, struct nn_error *err);
/* Largest difference of two images of one size. */
int judge_distance(const struct nn_image *a, const struct nn_image *b);
/* Decode, compare within a bound, and check the note (NULL: any). */
void judge_expect(const struct sample *s, const struct nn_image *want,
                  int bound, const char *note);

#endif /* TESTS_UNIT_IMAGE_JUDGE_H */
