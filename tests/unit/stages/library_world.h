/* tests/unit/stages/library_world.h - a model, images, and what the program's
 * own cascade says of them. */
#ifndef TESTS_UNIT_STAGES_LIBRARY_WORLD_H
#define TESTS_UNIT_STAGES_LIBRARY_WORLD_H

#include "pipelines/cascade/bearcascade.h"
#include "pipelines/cascade/cascade.h"

enum { PHOTOS = 6, CLASSES = 2 }; /* "ape" and "bee" */

extern struct library_world {
    char *dir, *path;     /* of the model */
    unsigned char *model; /* its bytes */
    size_t model_size;
    uint8_t *jpeg[PHOTOS];
    size_t size[PHOTOS];
    struct nn_image image[PHOTOS];
    struct cascade_scores told;     /* by the program, all stages */
    struct verdict verdict[PHOTOS]; /* some none, some not */
} w;

void library_set_up(void);
void library_tear_down(void);
/* told and verdict of a cascade of that batch: how many images are computed
 * together decides which kernels run, and so the last digits. */
void library_tell(int32_t batch);

struct bc_model *open_model(void);
/* With all_stages. */
struct bc_session *session(struct bc_model *m, int threads, int batch);
/* The images as a file's bytes. */
void fill(struct bc_image *image);
/* The answer must be what the program says of image i, probabilities within a
 * difference, 0 for the same bits. */
void expect(const struct bc_model *m, const struct bc_result *r,
            const double *p, size_t i, double within);
/* No answer, for a reason that holds `part`. */
void is_failure(const struct bc_result *r, int status, const char *part);

#endif /* TESTS_UNIT_STAGES_LIBRARY_WORLD_H */
