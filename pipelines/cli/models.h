/* pipelines/cli/models.h - the weights that come with the program.
 *
 * bears.safetensors is the trained cascade, backbone-*.safetensors are
 * pre-trained nets of one architecture and width each, and
 * efficientnet-lite2.safetensors and the like are what models/fetch.sh got.
 * They are looked for in
 *   $BEARCASCADE_MODELS             when it is set, and then nowhere else
 *   DATADIR/bearcascade/models      of the installation
 *   SOURCE/models                   when the program runs as
 *                                   SOURCE/build/pipelines/bearcascade,
 *                                   whatever "build" is called
 * A file of the first folder that has one is taken. */
#ifndef PIPELINES_CLI_MODELS_H
#define PIPELINES_CLI_MODELS_H

#include "common/net/arch.h"

/* For a command's --model: when *model is NULL, that of the shipped cascade,
 * which *own keeps (nn_mem_free, NULL otherwise). Errors: NN_ERR_ARG, saying
 * that --model is needed and where no cascade is; NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_choose(const char **model, char **own,
                                           struct nn_error *err);

/* Path of the first backbone by name that is of this net, else of the fetched
 * file of that architecture, or NULL in *path when there is none. A backbone
 * that cannot be read costs a warning. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_backbone(enum nn_arch arch, double width,
                                             char **path, struct nn_error *err);

/* For --init: the path that `given` stands for (nn_mem_free). A word without
 * slashes that is no file is NAME.safetensors of the folders above, or of
 * models/ in the current folder; whatever is not found stays as it is.
 * Errors: NN_ERR_IO (nowhere a net that models/fetch.sh could get, whose
 * command the text says); NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status models_init(const char *given, char **path,
                                         struct nn_error *err);

#endif /* PIPELINES_CLI_MODELS_H */
