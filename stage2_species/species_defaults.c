/* The species net's defaults: the table to look at and to tune. Apart from the
 * net because the library goes without training. */
#include "stage2_species/species.h"

struct species_options species_defaults(void)
{
    struct species_options o = {
        .train = nn_train_defaults(),
        .width = 1.0f,
        .size = 128,
        .coverage = 0.95,
        .none_share = 0.25,
        .unknown_share = 0.1,
    };

    o.train.epochs = 20;
    return o;
}
