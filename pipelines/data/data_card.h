/* pipelines/data/data_card.h - what a data set holds, as a table and as JSON.
 */
#ifndef PIPELINES_DATA_DATA_CARD_H
#define PIPELINES_DATA_DATA_CARD_H

#include <jansson.h>
#include <stdio.h>

#include "common/data/dataset.h"

/* Images per class, and all negatives, in each split. */
void data_card_print(const struct nn_dataset *ds, FILE *to);
/* Which names of folders and labels are negatives, and classes whose name
 * looks like them; nothing where there are none. */
void data_card_print_names(const struct nn_dataset *ds, FILE *to);
/* The same per negative family. */
void data_card_print_families(const struct nn_dataset *ds, FILE *to);

/* {"name","hash","images","unreadable","counts":{split:{class:n}},
 * "families":{split:{family:n}},"negative_names":[...]}; a new reference, or
 * NULL. */
json_t *data_card_json(const struct nn_dataset *ds);

#endif /* PIPELINES_DATA_DATA_CARD_H */
