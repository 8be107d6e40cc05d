/* common/data/seen.h - which images a model was trained and validated on.
 *
 * Kept as fingerprints: the upper 48 bits of the 64-bit XXH3 of an image's
 * bytes, so that the same file is known again wherever it lies and whatever it
 * is called. Two different files share one with probability 2^-48: among
 * 100,000 fingerprints one of 10,000 other images is taken for known by chance
 * once in 280,000 data sets. Copies that were rescaled or compressed anew are
 * other files. Nothing of an image can be read from its fingerprint, but who
 * has the file can tell that it was there. */
#ifndef NN_COMMON_DATA_SEEN_H
#define NN_COMMON_DATA_SEEN_H

#include <jansson.h>

#include "common/data/dataset.h"

/* NN_TRAIN: trained on; NN_VALID: thresholds and epochs were chosen on them. */
enum { NN_SEEN_PARTS = 2 };
struct nn_seen {
    uint64_t *v[NN_SEEN_PARTS]; /* sorted */
    size_t n[NN_SEEN_PARTS];
};

/* Those of the readable items of ds in train, the unlabelled ones among them,
 * and in valid. Needs fingerprints. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_seen_init(struct nn_seen *s,
                                          const struct nn_dataset *ds,
                                          struct nn_error *err);
/* Put what another model was trained on into s too, which learnt from that
 * model. Errors: NN_ERR_NOMEM; s is then as it was. */
NN_MUST_CHECK enum nn_status nn_seen_add_trained(struct nn_seen *s,
                                                 const struct nn_seen *other,
                                                 struct nn_error *err);
void nn_seen_release(struct nn_seen *s);

/* {"bits": 48, "train": "HEX...", "valid": "HEX..."}, 12 hex digits an image;
 * NULL when out of memory. */
json_t *nn_seen_json(const struct nn_seen *s);
/* Errors: NN_ERR_FORMAT (another number of bits, a list that is damaged or not
 * sorted), NN_ERR_NOMEM; s is then empty. */
NN_MUST_CHECK enum nn_status nn_seen_parse(const json_t *j, struct nn_seen *s,
                                           struct nn_error *err);

/* 1 when the item is one of that part. */
int nn_seen_has(const struct nn_seen *s, enum nn_split part,
                const struct nn_item *it);
/* Take those of the parts up to `last` (NN_TRAIN: of train alone) out of
 * index[0..n-1], whose order stays. Returns how many are left; count[part]
 * says how many were taken out. */
size_t nn_seen_leave_out(const struct nn_seen *s, const struct nn_dataset *ds,
                         enum nn_split last, uint32_t *index, size_t n,
                         size_t count[NN_SEEN_PARTS]);

#endif /* NN_COMMON_DATA_SEEN_H */
