#include "pipelines/cli/cmd.h"

const struct nn_option_renamed cmd_renamed[] = {
    { "min-hit-rate", "min-recall" },
    { "keep-rate", "min-coverage" },
    { "max-false-alarm", "max-fpr" },
    { "suspect-rate", "fn-filter-recall" },
    { "gate-test-views", "gate-tta" },
    { "species-test-views", "species-tta" },
    { "norm-floor", "bn-var-floor" },
    { "keep-norms", "freeze-bn-stats" },
    { "plain-epochs", "no-mix-epochs" },
    { "init-rate", "init-lr-scale" },
    { "head-rate", "head-lr-scale" },
    { "round-rate", "round-lr-scale" },
    { "head-epochs", "freeze-epochs" },
    { "views", "augment" },
    { "without", "augment-without" },
    { "least", "min-score" },
    { NULL, NULL },
};
