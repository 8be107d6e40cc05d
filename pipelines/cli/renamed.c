#include "pipelines/cli/cmd.h"

const struct nn_option_renamed cmd_renamed[] = {
    { NULL, NULL },
};
