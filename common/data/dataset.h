/* common/data/dataset.h - what a folder, archive or manifest of images holds.
 *
 * DATA may be
 *   a folder     ROOT/{train,valid,test}/CLASS/... or ROOT/CLASS/... ("val",
 *                "validation" mean valid; any case; "train_set",
 *                "test-images", "train2017" and the like too); looks into a
 *                folder that lies alone in ROOT and holds that
 *   an archive   .tar, .tar.gz/.tgz, .zip (libarchive) with the same inside;
 *                a leading "./" and one folder around it all are left out
 *   a folder of such archives (shards: train-00.tar.gz belongs to split
 *                train, valid.tar.gz to valid). Archives beside class folders
 *                are left out with a warning.
 *   a manifest   .csv (RFC 4180; header line with the columns
 *                file,label[,split][,group][,family][,weight], others are
 *                ignored) or .jsonl (one object a line, same keys); paths are
 *                relative to the manifest; ARCHIVE:MEMBER is an image inside
 *                an archive; an empty label is a negative, in .jsonl null too
 *   WebDataset   archives in which x.cls or x.json lies beside x.jpg and says
 *                its label (archive_labels.c); labels count for more than
 *                folders inside
 *   a folder with a label file of a known name: metadata.csv or .jsonl (Hugging
 *                Face imagefolder; rows file_name, label),
 *                _annotations.coco.json, annotations/instances_*.json
 *   a COCO file  .json with images, categories and annotations: one label for
 *                each image (coco.c)
 *   a generator  "NAME:..." when the program registered one for NAME
 * A class folder (or label) named negative, negatives, none, background,
 * other, noise, blank or empty (any case, the whole name), no_X, not_X, no-X
 * or not-X where X is another class (any case, plural or not), or one that the
 * options name, is the
 * all-zero label; the folder below it is the negative's family. Everything
 * else is a class; classes are sorted by name. Files that are no images by
 * name (README, .txt, .csv, .json, videos, raw and side files of cameras, ...),
 * everything hidden (a name with a leading dot) and folders of thumbnails and
 * deleted files (@eaDir, #recycle, $RECYCLE.BIN, ...) are skipped.
 *
 * Links to files and folders are followed, except back to a folder above. A
 * broken link or an unreadable file is an image that fails when it is read;
 * a folder that cannot be opened and a damaged archive cost a warning and
 * what they hold, unless nothing is left.
 *
 * Nothing is ever unpacked under a member's name, so names inside archives
 * may be anything. Images are read at random: from a plain tar in place,
 * from compressed archives after unpacking them at opening.
 *
 * A dataset is read-only after opening and may be used from many threads. */
#ifndef NN_COMMON_DATA_DATASET_H
#define NN_COMMON_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum nn_split {
    NN_TRAIN,
    NN_VALID,
    NN_TEST,
    NN_SPLITS,
    NN_SPLIT_NONE,
    NN_SPLIT_UNLABELLED, /* of a training that knows no label (negatives.h) */
};
const char *nn_split_name(enum nn_split s); /* "train", ..., else "none" */
int nn_split_parse(const char *name, enum nn_split *s); /* 0 or -1 */

#define NN_NEGATIVE (-1) /* label of an image of no class */

struct nn_item {
    const char *file; /* as shown to people: path below ROOT or inside the
                         archive, of shards "SHARD:member"; of a pool
                         "POOL/path" or "POOL:member", of a manifest in it
                         the path that the row means */
    int32_t label;    /* class index, or NN_NEGATIVE */
    int32_t family;   /* index into families, or -1 (negatives only) */
    enum nn_split split;
    uint64_t group;     /* near-duplicate or manifest group: the smallest
                           index of its items + 1; 0: none yet */
    uint64_t dhash;     /* nn_image_dhash(), 0 until fingerprinted */
    uint64_t hash;      /* of the file's bytes, 0 until fingerprinted */
    uint8_t colour[48]; /* mean RGB of 4x4 tiles, rows first */
    uint8_t luma[256];  /* mean luma of 16x16 tiles, rows first */
    int32_t w, h;       /* pixels, 0 until fingerprinted */
    int bad;            /* 1: could not be read or decoded */
    char *why;          /* where bad: the reason; NULL when memory was out for
                           it, and of items of other data sets */
    float weight;       /* 1 unless the manifest says otherwise */
    uint64_t where;     /* private to the source */
};

struct nn_dataset {
    char *path;
    size_t n;
    struct nn_item *items; /* sorted by file name, byte by byte: the order is
                              the same on every machine */
    size_t n_classes;
    char **classes;
    size_t n_families;
    char **families;
    /* Names that were taken as negatives, sorted, and those that were not
     * though they begin with "no_", "not_". */
    char **negatives, **doubtful;
    size_t n_negatives, n_doubtful;
    int has_splits; /* the source named them */
    int unlabelled; /* a pool: no class folders */
    struct nn_source *source;
};

/* A program's own source of images, e.g. rendered ones. */
struct nn_generator_item {
    const char *file, *label, *family; /* label "" : negative; valid until
                                          the next call */
    enum nn_split split;
};
struct nn_generator {
    const char *name; /* "synth": opens "synth:..." */
    /* Parse spec (the whole string); *n images. */
    enum nn_status (*open)(const char *spec, void **ctx, size_t *n,
                           struct nn_error *err);
    enum nn_status (*describe)(void *ctx, size_t i,
                               struct nn_generator_item *item);
    /* New block in *bytes (nn_mem_free). Called from any thread. */
    enum nn_status (*read)(void *ctx, size_t i, uint8_t **bytes, size_t *size,
                           struct nn_error *err);
    void (*close)(void *ctx);
};

/* Names of folders and labels, as bytes. */
struct nn_word_list {
    const char *const *v;
    size_t n;
};

struct nn_dataset_options {
    int as_pool; /* 1: no labels wanted; nested folders of any depth, archives
                    in them, loose files and one single image are fine, and
                    a manifest needs no label column */
    struct nn_word_list negative_names; /* are negatives, whatever the name, */
    struct nn_word_list class_names;    /* and these are classes */
    int no_class_needed;                /* 1: negatives alone are fine */
    int names_must_exist; /* 1: a name of the two that the data lack is an
                             error */
    const struct nn_generator *const *generators; /* NULL-ended, or NULL */
    size_t spool_bytes; /* unpacked images up to this much are held in
                           memory, the rest in an unlinked file under TMPDIR
                           (else /tmp); 0: 512 MiB */
};

/* 0 for files that are no images by name and for hidden ones, as above. */
int nn_is_image_name(const char *name);

/* Another of the n classes that differs from name only in letter case or in how
 * an accent is encoded (NFC, NFD), or NULL. */
const char *nn_twin_of(const char *name, char *const *classes, size_t n);

/* Length of ARCHIVE where path is "ARCHIVE:MEMBER" and ARCHIVE is there, by its
 * name an archive; 0 for other paths, and where a file of that name exists. */
size_t nn_archive_prefix(const char *path);

/* Errors: NN_ERR_IO (names the path), NN_ERR_FORMAT (bad manifest line with
 * its number, or of a member that its archive lacks, damaged archive, no
 * images, no class, splits for some rows of a manifest only), NN_ERR_NOMEM;
 * *out is then NULL. */
NN_MUST_CHECK enum nn_status
nn_dataset_open(const char *path, const struct nn_dataset_options *opt,
                struct nn_dataset **out, struct nn_error *err);
/* A pool of the given single files, in the given order (never sorted), items
 * named as given. Nothing is opened yet: a missing file fails when read.
 * Errors: NN_ERR_ARG (n = 0), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_dataset_open_files(const char *const *paths,
                                                   size_t n,
                                                   struct nn_dataset **out,
                                                   struct nn_error *err);
/* Append from->items[index[0..n-1]] to ds: same name, weight and
 * fingerprints, but with `label` (a class of ds, or NN_NEGATIVE) and `split`
 * of ds, no family and no group. The bytes are still read through `from`,
 * which must outlive ds; of a set that was taken from a pool (pool.h), the
 * first pool that ds borrows from must, the set itself may go. Appended items
 * stand behind the others, unsorted.
 * Errors: NN_ERR_ARG (no such item or label), NN_ERR_NOMEM; ds is then as it
 * was. */
NN_MUST_CHECK enum nn_status
nn_dataset_append_ref(struct nn_dataset *ds, const struct nn_dataset *from,
                      const uint32_t *index, size_t n, int32_t label,
                      enum nn_split split, struct nn_error *err);
/* Where an image lies: a file or ARCHIVE:MEMBER. */
struct nn_place {
    const char *path;
    size_t line; /* of a list that names it, for messages */
};
/* Append the images at n places, in that order and under these names, as
 * negatives of train without family, group and fingerprint. Nothing is opened
 * but archives: a missing file fails when read. list: the file that names the
 * places, for messages.
 * Errors: NN_ERR_FORMAT (an archive lacks a member: names the line, or is
 * damaged), NN_ERR_IO, NN_ERR_NOMEM; ds is then as it was. */
NN_MUST_CHECK enum nn_status
nn_dataset_append_places(struct nn_dataset *ds, const struct nn_place *place,
                         size_t n, const char *list, struct nn_error *err);
/* Replace the table of classes by one that holds all of them and maybe more,
 * in its own order: a model's, to measure it on data that lack a class. Labels
 * follow their names; where there is no such name, a class "a|b|c" stands for
 * a, b and c. Errors: NN_ERR_ARG (names a class of ds that is not
 * among the n), NN_ERR_NOMEM; ds is then as it was. */
NN_MUST_CHECK enum nn_status nn_dataset_set_classes(struct nn_dataset *ds,
                                                    const char *const *classes,
                                                    size_t n,
                                                    struct nn_error *err);
/* Take class k out of the table if none of its items can be read (they are bad
 * and stay so): returns how many they are, or 0 and leaves the class. Needs
 * fingerprints. */
size_t nn_dataset_drop_unreadable_class(struct nn_dataset *ds, size_t k);
void nn_dataset_close(struct nn_dataset **ds); /* NULL is fine */

/* Bytes of image i into a new block (nn_mem_free). Thread-safe.
 * Errors: NN_ERR_IO, NN_ERR_FORMAT, NN_ERR_NOMEM; err names the file. */
NN_MUST_CHECK enum nn_status nn_dataset_read(const struct nn_dataset *ds,
                                             size_t i, uint8_t **bytes,
                                             size_t *size,
                                             struct nn_error *err);

/* Both ends of a file: its first bytes and its last ones that are not among
 * them. Owns bytes, which hold head and, behind them, tail. */
struct nn_ends {
    uint8_t *bytes; /* nn_mem_free() */
    size_t head, tail;
};
/* At most so many bytes of each end of image i; of a single file, and of one in
 * a plain tar, nothing else is read. Thread-safe. Errors as above. */
NN_MUST_CHECK enum nn_status nn_dataset_ends(const struct nn_dataset *ds,
                                             size_t i, size_t head, size_t tail,
                                             struct nn_ends *ends,
                                             struct nn_error *err);
/* Image i is going to be read soon, or at least so many of its first bytes: the
 * system may fetch them meanwhile. Thread-safe. */
void nn_dataset_expect(const struct nn_dataset *ds, size_t i, size_t bytes);

/* Items of a split that can be read, for all who train or measure. */
enum nn_item_kind { NN_ITEMS_ALL, NN_ITEMS_POSITIVE, NN_ITEMS_NEGATIVE };
/* 1 when the item is readable, of the split and of the kind. */
int nn_item_in(const struct nn_item *it, enum nn_split split,
               enum nn_item_kind kind);
size_t nn_dataset_count(const struct nn_dataset *ds, enum nn_split split,
                        enum nn_item_kind kind);
/* Their indices in order, *n of them, in a block with room for ds->n
 * (nn_mem_free). NULL when out of memory; *n is then 0. */
uint32_t *nn_dataset_list(const struct nn_dataset *ds, enum nn_split split,
                          enum nn_item_kind kind, size_t *n);
/* Index of the family of a name that somebody wants to leave out.
 * Errors: NN_ERR_ARG (no such family: names it); *family is then as it was. */
NN_MUST_CHECK enum nn_status nn_dataset_left_out(const struct nn_dataset *ds,
                                                 const char *name,
                                                 int32_t *family,
                                                 struct nn_error *err);

/* Decode every image that has no fingerprint yet, small, and fill w, h,
 * dhash, hash, colour, luma, bad. Parallel, with progress. Bad images are
 * marked, never fatal. */
void nn_dataset_fingerprint(struct nn_dataset *ds);

/* Read every file that has no hash yet and fill `hash`, without decoding.
 * Parallel. Files that cannot be read and rendered images, which take longer
 * to make than to look at, stay at 0. */
void nn_dataset_hash_files(struct nn_dataset *ds);

/* max_bits that finds rescaled, recompressed and slightly cropped copies. */
#define NN_NEAR_BITS 12

/* Group near-duplicates. Two images are near if their bytes are equal, or
 * if all of this holds:
 *   dhash    differs in at most max_bits bits (0..16),
 *   luma     correlates by 0.93 or more over the 16x16 tiles,
 *   colour   differs by 20 levels or less in the mean.
 * A plain image (standard deviation of luma below 4 levels) is near to
 * nothing but equal bytes. Groups are the connected components; a manifest's
 * groups are joined, never split. Needs fingerprints; bad images stay alone.
 * Time: some 0.2 n^2 hash comparisons at 12 bits, a second or two for 50,000
 * images.
 * Errors: NN_ERR_ARG (max_bits), NN_ERR_NOMEM; the groups are then as they
 * were. */
NN_MUST_CHECK enum nn_status
nn_dataset_group(struct nn_dataset *ds, int max_bits, struct nn_error *err);
/* 1 when the two are near by that rule; they may stand in different data sets.
 * Both must be fingerprinted; a bad one is near to nothing. */
int nn_items_near(const struct nn_item *a, const struct nn_item *b,
                  int max_bits);

/* Splits for data whose source names none.
 *
 * A group (an item alone is one) is known by the smallest hash of its items'
 * bytes, whatever they are called and whatever lies beside them. That hash and
 * the seed give a number u in 0..1: valid below `valid`, test below valid +
 * test, else train. So items that are added or removed move no other group.
 *
 * Where chance leaves a label less than a third of its share of valid or test,
 * or one with two groups no valid, one with three no test, the groups with the
 * next larger u move there from train, which keeps one: those few depend on
 * what else the label has, and are counted. A group counts for the label of the
 * item it is known by; bad items take no part and are of train. */
struct nn_split_shares {
    double valid, test; /* 0 or more, together below 1 */
    uint64_t seed;
    int placed; /* 1: no quotas for a label of which items have a split */
};
struct nn_split_counts {
    size_t drawn;    /* items whose group had no split */
    size_t followed; /* took the split of their group */
    size_t moved;    /* groups moved because a label had too few */
};
/* Every item of NN_SPLIT_NONE gets a split: where most of its group stand
 * (train, then valid, in a tie), else a drawn one. Needs fingerprints and
 * groups.
 * Errors: NN_ERR_ARG (a share below 0, valid + test not below 1),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_dataset_split_rest(struct nn_dataset *ds, const struct nn_split_shares *how,
                      struct nn_split_counts *counts, struct nn_error *err);
/* Move that share of the train items of a kind to valid, by the same draw; *n
 * of them. Errors: as above. */
NN_MUST_CHECK enum nn_status
nn_dataset_hold_out(struct nn_dataset *ds, enum nn_item_kind kind, double valid,
                    uint64_t seed, size_t *n, struct nn_error *err);

/* Groups that stand in more than one split: leaks. Bad images and those
 * without a group do not count. All zero when out of memory. */
struct nn_leaks {
    size_t duplicates;  /* items beyond the first of their group */
    size_t leaked;      /* items of valid/test whose group is in train */
    size_t conflicting; /* items whose group holds another label */
    size_t first[2];    /* an example pair of a leak: train, other */
};
void nn_dataset_leaks(const struct nn_dataset *ds, struct nn_leaks *leaks);

/* One hash over names, labels and splits (and content hashes when present):
 * 32 hex digits: the data's fingerprint in a model file. */
void nn_dataset_hash(const struct nn_dataset *ds, char hex[33]);

#endif /* NN_COMMON_DATA_DATASET_H */
