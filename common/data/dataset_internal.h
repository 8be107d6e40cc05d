/* common/data/dataset_internal.h - between the files of this folder. */
#ifndef NN_COMMON_DATA_DATASET_INTERNAL_H
#define NN_COMMON_DATA_DATASET_INTERNAL_H

#include "common/data/dataset.h"

/* Bytes of archive members: ranges of plain tars, or unpacked into memory,
 * or into an unlinked temporary file once memory is full. */
struct nn_member {
    int fd;             /* -1: in memory */
    unsigned char *mem; /* own block when fd is -1 */
    int64_t offset;
    size_t size;
};

enum nn_where { NN_WHERE_FILE, NN_WHERE_MEMBER, NN_WHERE_GENERATED };

struct nn_source {
    char **path; /* of files */
    size_t n_paths, cap_paths;
    struct nn_member *member;
    size_t n_members, cap_members;
    int *fd; /* open tars and the spool file */
    size_t n_fds, cap_fds;
    int spool_fd; /* -1 until needed */
    int64_t spool_end;
    size_t memory_used, memory_limit;
    const struct nn_generator *generator;
    void *generator_ctx;
};

/* One picture as found, before it has a label. */
struct nn_found {
    char *name;          /* path below the root, '/' between parts */
    enum nn_where kind;
    size_t where;        /* index into the source's table */
    enum nn_split split; /* from the shard's or manifest's word, or NONE */
    int labelled;        /* 1: label and family are given (manifests) */
    char *label, *family; /* NULL or "" label: negative */
    uint64_t group;
};

struct nn_finder {
    struct nn_source *source;
    const struct nn_dataset_options *opt;
    struct nn_found *found;
    size_t n, cap;
};

/* Add a picture. name and the strings are copied. */
NN_MUST_CHECK enum nn_status nn_find_add(struct nn_finder *f,
                                         const struct nn_found *found,
                                         struct nn_error *err);
NN_MUST_CHECK enum nn_status nn_find_file(struct nn_finder *f,
                                          const char *name, const char *path,
                                          struct nn_error *err);
void nn_finder_release(struct nn_finder *f);

/* source_folder.c: walk a folder; shards (archives at its top) are read. */
NN_MUST_CHECK enum nn_status nn_find_folder(struct nn_finder *f,
                                            const char *root,
                                            struct nn_error *err);
/* source_archive.c: one archive; split is that of the shard's name. */
NN_MUST_CHECK enum nn_status nn_find_archive(struct nn_finder *f,
                                             const char *path,
                                             enum nn_split split,
                                             struct nn_error *err);
int nn_is_archive_name(const char *name);
/* manifest.c */
NN_MUST_CHECK enum nn_status nn_find_csv(struct nn_finder *f, const char *path,
                                         struct nn_error *err);
NN_MUST_CHECK enum nn_status nn_find_jsonl(struct nn_finder *f,
                                           const char *path,
                                           struct nn_error *err);

/* names.c */
int nn_is_negative_name(const char *name, const char *const *extra);
int nn_is_picture_name(const char *name); /* 0 for notes, tables, hidden */
int nn_ends_with(const char *s, const char *end); /* any case */

/* labels.c: turn what was found into the items of ds. */
NN_MUST_CHECK enum nn_status nn_label_items(struct nn_dataset *ds,
                                            struct nn_finder *f, int is_archive,
                                            struct nn_error *err);

/* source.c */
void nn_source_destroy(struct nn_source *s);
uint64_t nn_where_pack(enum nn_where kind, size_t index);

#endif /* NN_COMMON_DATA_DATASET_INTERNAL_H */
