/* common/data/dataset_internal.h - between the files of this folder. */
#ifndef NN_COMMON_DATA_DATASET_INTERNAL_H
#define NN_COMMON_DATA_DATASET_INTERNAL_H

#include "common/data/dataset.h"

/* Bytes of an archive member: a range of a plain tar, or unpacked into memory,
 * or into an unlinked temporary file once memory is full. */
struct nn_member {
    int fd;             /* -1: in memory */
    unsigned char *mem; /* own block when fd is -1 */
    int64_t offset;
    size_t size;
    int damaged; /* the archive does not give it up */
};

enum nn_where {
    NN_WHERE_FILE,
    NN_WHERE_MEMBER,
    NN_WHERE_GENERATED,
    NN_WHERE_BORROWED,
};

/* A picture of another data set, which outlives this one. */
struct nn_borrowed {
    const struct nn_dataset *from;
    size_t item;
};

struct nn_source {
    char **path; /* of files */
    size_t n_paths, cap_paths;
    struct nn_member *member;
    size_t n_members, cap_members;
    struct nn_borrowed *borrowed;
    size_t n_borrowed, cap_borrowed;
    int *fd; /* plain tars and the spool file, kept open */
    size_t n_fds, cap_fds;
    int spool_fd; /* -1 until needed */
    int64_t spool_end;
    size_t memory_used, memory_limit;
    const struct nn_generator *generator;
    void *generator_ctx;
};

/* One picture as found, before it has a label. */
struct nn_found {
    char *name;   /* shown to people, '/' between parts */
    size_t inner; /* labels are read from name + inner */
    enum nn_where kind;
    size_t where;         /* index into the source's table */
    enum nn_split split;  /* from the shard's or manifest's word, or NONE */
    int labelled;         /* 1: label and family are given */
    char *label, *family; /* NULL or "" label: negative */
    uint64_t group;       /* hash of the manifest's word, 0: none */
    float weight;
};

struct nn_finder {
    struct nn_source *source;
    const struct nn_dataset_options *opt;
    struct nn_found *found;
    size_t n, cap;
};

/* find.c: add a picture. name and the strings are copied. */
NN_MUST_CHECK enum nn_status nn_find_add(struct nn_finder *f,
                                         const struct nn_found *found,
                                         struct nn_error *err);
/* Add `found`, which lies in the file `path`. */
NN_MUST_CHECK enum nn_status nn_find_file(struct nn_finder *f,
                                          struct nn_found found,
                                          const char *path,
                                          struct nn_error *err);
/* Whatever `path` is; items of a pool get the names people see. */
NN_MUST_CHECK enum nn_status nn_find(struct nn_finder *f, const char *path,
                                     struct nn_error *err);
void nn_finder_release(struct nn_finder *f);

/* source_folder.c: walk a folder; shards (archives at its top) are read. */
NN_MUST_CHECK enum nn_status
nn_find_folder(struct nn_finder *f, const char *root, struct nn_error *err);
/* source_archive.c: one archive; names get `prefix` in front; split is that
 * of the shard's name. Damage behind the first picture is a warning. */
NN_MUST_CHECK enum nn_status
nn_find_archive(struct nn_finder *f, const char *path, const char *prefix,
                enum nn_split split, struct nn_error *err);

/* manifest.c: `text` has a zero byte at text[size] and is overwritten; path
 * is that of the manifest, for its folder and for messages. */
NN_MUST_CHECK enum nn_status nn_find_csv(struct nn_finder *f, const char *path,
                                         char *text, size_t size,
                                         struct nn_error *err);
NN_MUST_CHECK enum nn_status nn_find_jsonl(struct nn_finder *f,
                                           const char *path, const char *text,
                                           size_t size, struct nn_error *err);

/* names.c */
/* n bytes at name; extra may be NULL. */
int nn_is_negative_name(const char *name, size_t n, const char *const *extra);
int nn_is_picture_name(const char *name); /* 0 for notes, tables, hidden */
int nn_is_archive_name(const char *name);
int nn_ends_with(const char *s, const char *end); /* any case */

/* labels.c: turn what was found, sorted, into the items of ds. */
NN_MUST_CHECK enum nn_status nn_label_items(struct nn_dataset *ds,
                                            struct nn_finder *f,
                                            struct nn_error *err);

/* source.c */
void nn_source_destroy(struct nn_source *s);
uint64_t nn_where_pack(enum nn_where kind, size_t index);

#endif /* NN_COMMON_DATA_DATASET_INTERNAL_H */
