/* pipelines/cli/models.h - the weights that come with the program.
 *
 * bears.safetensors is the trained cascade, backbone-*.safetensors are
 * pre-trained nets of one width each. They are looked for in
 *   $BEARCASCADE_MODELS             when it is set, and then nowhere else
 *   DATADIR/bearcascade/models      of the installation
 *   SOURCE/models                   when the program runs as
 *                                   SOURCE/build/pipelines/bearcascade,
 *                                   whatever "build" is called
 * A file of the first folder that has one is taken. */
#ifndef PIPELINES_CLI_MODELS_H
#define PIPELINES_CLI_MODELS_H

#include "common/base/status.h"

/* Path of the shipped cascade into *path (nn_mem_free). Errors: NN_ERR_IO,
 * naming the folders where it is not; NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_cascade(char **path, struct nn_error *err);

/* For a command's --model: when *model is NULL, that of the shipped cascade,
 * which *own keeps (nn_mem_free, NULL otherwise). Errors: NN_ERR_ARG, saying
 * that --model is needed and where no cascade is; NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_choose(const char **model, char **own,
                                           struct nn_error *err);

/* Path of the first backbone by name whose width is `width`, or NULL in *path
 * when there is none. A backbone that cannot be read costs a warning.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_backbone(double width, char **path,
                                             struct nn_error *err);

#endif /* PIPELINES_CLI_MODELS_H */
