/* pipelines/piles/keys.h - a set of 64-bit hashes, 16 bytes each or less. */
#ifndef PIPELINES_PILES_KEYS_H
#define PIPELINES_PILES_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct pile_keys {
    uint64_t *v; /* 0: free */
    size_t n, cap;
};
/* Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_keys_add(struct pile_keys *k, uint64_t key);
int pile_keys_have(const struct pile_keys *k, uint64_t key);
void pile_keys_release(struct pile_keys *k);

#endif /* PIPELINES_PILES_KEYS_H */
