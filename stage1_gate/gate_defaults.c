/* The table to look at and to tune. Apart from the net, which does not need the
 * training loop to answer. */
#include "stage1_gate/gate.h"

struct gate_options gate_defaults(void)
{
    struct gate_options o = {
        .train = nn_train_defaults(),
        .width = 1.0f,
        .size = 128,
        .positive_share = 0,
        .min_recall = 0.95,
        .task = "gate",
    };

    o.train.epochs = 45;
    return o;
}
