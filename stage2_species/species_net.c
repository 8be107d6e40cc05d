/* The species net and its defaults: the table to look at and to tune. */
#include "stage2_species/species.h"

struct species_options species_defaults(void)
{
    struct species_options o = {
        .train = nn_train_defaults(),
        .width = 1.0f,
        .size = 128,
        .coverage = 0.95,
    };

    o.train.epochs = 20;
    return o;
}

struct nn_net_spec species_net_spec(float width, int32_t size)
{
    struct nn_net_spec s = nn_net_spec_defaults();

    s.width = width;
    s.size = size;
    s.head = NN_HEAD_SOFTMAX;
    return s;
}
