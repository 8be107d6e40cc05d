/* common/data/dataset_internal.h - between the files of this folder. */
#ifndef NN_COMMON_DATA_DATASET_INTERNAL_H
#define NN_COMMON_DATA_DATASET_INTERNAL_H

#include <stdio.h>

#include "common/data/dataset.h"
#include "common/data/pool.h"

#define NN_MAX_IMAGE ((size_t)256 << 20) /* bytes of a file */

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
    NN_WHERE_POOL,
    NN_WHERE_FAILED, /* nothing: a reason */
};

/* An image of another data set, which outlives this one. */
struct nn_item_ref {
    const struct nn_dataset *from;
    size_t item;
};

struct nn_source {
    char **path; /* of files */
    size_t n_paths, cap_paths;
    struct nn_member *member;
    size_t n_members, cap_members;
    char **reason; /* of NN_WHERE_FAILED */
    size_t n_reasons, cap_reasons;
    struct nn_item_ref *ref;
    size_t n_refs, cap_refs;
    const struct nn_pool *pool; /* of NN_WHERE_POOL; outlives this */
    int *fd;                    /* plain tars and the spool file, kept open */
    size_t n_fds, cap_fds;
    int spool_fd; /* -1 until needed */
    int64_t spool_end;
    size_t memory_used, memory_limit;
    const struct nn_generator *generator;
    void *generator_ctx;
    struct nn_inputs *inputs; /* inputs.h, or NULL */
};

/* One image as found, before it has a label. */
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

/* find.c: `to` becomes `from` with strings of its own, three blocks of nn_mem.
 * 1: no memory; those that failed are NULL. */
NN_MUST_CHECK int nn_found_copy(struct nn_found *to,
                                const struct nn_found *from);

/* What stands before the names of a file of labels below the root, and the
 * split that its folder means. */
struct nn_part {
    const char *prefix;
    enum nn_split split;
};

struct nn_pool_index;
struct nn_finder {
    struct nn_source *source;
    const struct nn_dataset_options *opt;
    struct nn_found *found; /* [n] */
    size_t n, cap;
    struct nn_pool_index *pool_index; /* or NULL: what is found goes there, is
                                         not kept, and n only counts */
    int members_only; /* 1: labels beside the members of archives are not read
                       */
};

/* find.c: add an image. name and the strings are copied. */
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
 * of the shard's name. Damage behind the first image is a warning. */
NN_MUST_CHECK enum nn_status
nn_find_archive(struct nn_finder *f, const char *path, const char *prefix,
                enum nn_split split, struct nn_error *err);

/* archive_labels.c: labels beside the images of an archive (WebDataset). */
struct nn_beside;
struct nn_beside_list {
    struct nn_beside *v;
    size_t n, cap;
};
int nn_beside_is_label(const char *name); /* by its ending */
/* A member of such a name; one without a label is passed over. Errors:
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_beside_note(struct nn_beside_list *l,
                                            const char *name,
                                            const uint8_t *bytes, size_t size);
/* Label the images found from `first` on, which are those of the archive; where
 * one has a label, images without one are left out with a warning. Errors:
 * those of reading classes.txt beside the archive. */
NN_MUST_CHECK enum nn_status nn_beside_apply(struct nn_beside_list *l,
                                             struct nn_finder *f, size_t first,
                                             const char *path,
                                             struct nn_error *err);
void nn_beside_release(struct nn_beside_list *l);

/* coco.c: one label for each image; part may be NULL. An image with several
 * categories is left out, and so is one without any where a category stands for
 * negatives; else that is a negative. */
NN_MUST_CHECK enum nn_status nn_find_coco(struct nn_finder *f, const char *path,
                                          const struct nn_part *part,
                                          struct nn_error *err);

/* described.c: the folder's images by its own files of labels; *taken is 0
 * where it has none. */
NN_MUST_CHECK enum nn_status nn_find_described(struct nn_finder *f,
                                               const char *root, int *taken,
                                               struct nn_error *err);

/* manifest.c: CSV or JSON lines, by the name's end; part may be NULL. */
NN_MUST_CHECK enum nn_status nn_find_manifest(struct nn_finder *f,
                                              const char *path,
                                              const struct nn_part *part,
                                              struct nn_error *err);
/* 1: its header, or its first object, has a label. */
NN_MUST_CHECK enum nn_status nn_manifest_has_labels(const char *path, int *has,
                                                    struct nn_error *err);
/* The same from a stream, `block` bytes at a time; path is for its folder and
 * for messages. */
NN_MUST_CHECK enum nn_status nn_find_manifest_stream(struct nn_finder *f,
                                                     const char *path,
                                                     const struct nn_part *part,
                                                     FILE *in, size_t block,
                                                     struct nn_error *err);

/* archive_reader.c: rows that name a member of an archive, "ARCHIVE:MEMBER".
 * They are kept until the manifest ends, so that each archive is gone through
 * once; one that is compressed is unpacked whole for it. */
struct nn_archive_reader {
    struct nn_wanted *v;
    size_t n, cap;
};
/* path[prefix] is the colon. The strings of found are copied. */
NN_MUST_CHECK enum nn_status
nn_archive_reader_add(struct nn_archive_reader *m, const char *path,
                      size_t prefix, const struct nn_found *found, size_t line,
                      struct nn_error *err);
/* Add them to f, archive by archive. Errors: NN_ERR_FORMAT (no such member),
 * those of nn_find_archive(). */
NN_MUST_CHECK enum nn_status nn_archive_reader_run(struct nn_archive_reader *m,
                                                   struct nn_finder *f,
                                                   const char *manifest,
                                                   struct nn_error *err);
void nn_archive_reader_release(struct nn_archive_reader *m);

/* rows.c: text in blocks of whole rows, so that a manifest of any length takes
 * little memory. Starts with in, path and room set. */
struct nn_rows {
    FILE *in;
    const char *path; /* for messages */
    int csv;          /* newlines inside quotes end no row */
    size_t room;      /* bytes of a block, > 0; doubles for a long row */
    char *v;
    size_t n, cap;
    size_t given; /* bytes of v that nn_rows_next() gave out */
    int at_end;
};
/* Open r->path as r->in (fclose() it), behind a byte order mark. Errors:
 * NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_rows_open(struct nn_rows *r,
                                          struct nn_error *err);
/* The next rows, or *size 0 at the end; they may be written to, and so may
 * the byte behind the last row of the file, which is zero. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM, NN_ERR_FORMAT (a row of more than 16 MiB). */
NN_MUST_CHECK enum nn_status nn_rows_next(struct nn_rows *r, char **text,
                                          size_t *size, struct nn_error *err);
void nn_rows_release(struct nn_rows *r);

/* pool_index.c: what a pool holds, in unnamed files instead of memory. */
NN_MUST_CHECK enum nn_status nn_pool_index_create(struct nn_pool_index **out,
                                                  struct nn_error *err);
void nn_pool_index_destroy(struct nn_pool_index **c);
/* An image; exactly one of path (a file) and member is not NULL. Member
 * descriptors must stay open. */
NN_MUST_CHECK enum nn_status
nn_pool_index_add(struct nn_pool_index *c, const char *name, const char *path,
                  const struct nn_member *member, struct nn_error *err);
/* Another name, prefix and name, of the last image called prefix and target;
 * a warning when there is none. */
NN_MUST_CHECK enum nn_status
nn_pool_index_link(struct nn_pool_index *c, const char *prefix,
                   const char *name, const char *target, struct nn_error *err);
/* Write out what is buffered; nothing is added afterwards. */
NN_MUST_CHECK enum nn_status nn_pool_index_finish(struct nn_pool_index *c,
                                                  struct nn_error *err);
size_t nn_pool_index_count(const struct nn_pool_index *c);
uint64_t nn_pool_index_hash(const struct nn_pool_index *c); /* of the names */
/* Any thread, once finished. *name: nn_mem_free(). */
NN_MUST_CHECK enum nn_status nn_pool_index_name(const struct nn_pool_index *c,
                                                size_t i, char **name,
                                                struct nn_error *err);
NN_MUST_CHECK enum nn_status nn_pool_index_read(const struct nn_pool_index *c,
                                                size_t i, uint8_t **bytes,
                                                size_t *size,
                                                struct nn_error *err);

/* names.c */
/* Hidden, or a folder or file in which a system keeps thumbnails, deleted files
 * and the like; n bytes, one part of a path, any case. */
int nn_is_junk_name(const char *name, size_t n);
enum nn_name_kind {
    NN_NAME_IMAGE,  /* has the ending of one */
    NN_NAME_OPEN,   /* has none that is known: the content must tell */
    NN_NAME_BESIDE, /* junk, notes, tables, videos, raw and side files */
};
enum nn_name_kind nn_name_kind_of(const char *name);
int nn_is_archive_name(const char *name);
int nn_ends_with(const char *s, const char *end); /* any case */

/* class_names.c */
/* "negative", "none", ...: n bytes at name, any case, the whole of it. */
int nn_is_negative_word(const char *name, size_t n);

enum nn_word_kind {
    NN_WORD_CLASS,
    NN_WORD_CLASS_AFTER_NO, /* "no_entry": somebody may have meant negatives */
    NN_WORD_NEGATIVE,
};
/* What a folder or label is: as opt says; one of the words above; "no_X" and
 * the like where X is another of the n names (any case, plural or not). */
enum nn_word_kind nn_word_kind_of(const char *name, char *const *all, size_t n,
                                  const struct nn_dataset_options *opt);
/* Errors: NN_ERR_FORMAT (a class "a,b" beside a class a or b, or "-a", that is
 * not in `meant`). */
NN_MUST_CHECK enum nn_status
nn_check_single_labels(const char *path, char *const *classes, size_t n,
                       const struct nn_word_list *meant, struct nn_error *err);
/* Classes that differ only in letter case or NFC against NFD, through the
 * log. */
void nn_warn_of_twins(const char *path, char *const *classes, size_t n);
/* All names of ds as text (nn_text()), sorted again; items keep theirs.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_names_to_text(struct nn_dataset *ds);

/* labels.c: turn what was found, sorted, into the items of ds. */
NN_MUST_CHECK enum nn_status nn_label_items(struct nn_dataset *ds,
                                            struct nn_finder *f,
                                            struct nn_error *err);

/* source.c */
void nn_source_destroy(struct nn_source *s);
uint64_t nn_where_pack(enum nn_where kind, size_t index);
enum nn_where nn_where_kind(uint64_t where);
size_t nn_where_index(uint64_t where);
NN_MUST_CHECK enum nn_status nn_member_read(const struct nn_member *m,
                                            const char *name, uint8_t **bytes,
                                            size_t *size, struct nn_error *err);
/* inputs.c; NULL is fine. */
void nn_inputs_destroy(struct nn_inputs *k);
/* dataset.c: empty, or NULL. */
struct nn_dataset *nn_dataset_new(const char *path, size_t spool_bytes);
void nn_item_release(struct nn_item *it); /* what the item itself owns */
/* pool.c: as nn_dataset_read(). */
/* 1: image i comes from a generator. */
int nn_pool_renders(const struct nn_pool *p, size_t i);
NN_MUST_CHECK enum nn_status nn_pool_read(const struct nn_pool *p, size_t i,
                                          uint8_t **bytes, size_t *size,
                                          struct nn_error *err);
/* find.c: the generator that opens `path`, or NULL. */
const struct nn_generator *
nn_find_generator(const char *path, const struct nn_dataset_options *opt);

#endif /* NN_COMMON_DATA_DATASET_INTERNAL_H */
