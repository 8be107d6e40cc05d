#include "common/data/feature_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define MAGIC  "bcfeat1\n"
#define PREFIX "features-"
enum { FIRST_SLOTS = 1024 };

struct header {
    char magic[8];
    uint64_t key;
    uint32_t dims, zero;
    uint64_t sum;
};

struct record_head {
    uint64_t content, sum;
};

/* Open addressing; place 0 is an empty slot, else the number of the record
 * plus 1. */
struct slot {
    uint64_t content;
    size_t place;
};

struct nn_feature_cache {
    char *path;
    int fd, writes;
    size_t dims, record; /* record: bytes */
    uint64_t limit;
    struct slot *slot;
    size_t n_slots, n;     /* n: records in the file */
    unsigned char *buffer; /* [record] */
};

/* --- the table --- */

static struct slot *find(const struct nn_feature_cache *c, uint64_t content)
{
    size_t mask = c->n_slots - 1, at = (size_t)(content & mask);

    while (c->slot[at].place != 0 && c->slot[at].content != content) {
        at = (at + 1) & mask;
    }
    return &c->slot[at];
}

static enum nn_status reserve(struct nn_feature_cache *c, size_t records)
{
    size_t slots = c->n_slots > 0 ? c->n_slots : FIRST_SLOTS, old = c->n_slots;
    struct slot *before = c->slot, *made;

    while (slots < 2 * records) {
        slots *= 2;
    }
    if (slots == old) {
        return NN_OK;
    }
    made = nn_mem_calloc(slots, sizeof *made);
    if (made == NULL) {
        return NN_ERR_NOMEM;
    }
    c->slot = made;
    c->n_slots = slots;
    for (size_t i = 0; i < old; i++) {
        if (before[i].place != 0) {
            *find(c, before[i].content) = before[i];
        }
    }
    nn_mem_free(before);
    return NN_OK;
}

/* The last record of a content counts: an earlier one was damaged. */
static void remember(struct nn_feature_cache *c, uint64_t content, size_t place)
{
    *find(c, content) = (struct slot){ content, place + 1 };
}

static int64_t offset_of(const struct nn_feature_cache *c, size_t place)
{
    return (int64_t)(sizeof(struct header) + place * c->record);
}

static uint64_t sum_of(uint64_t content, const float *row, size_t dims)
{
    return nn_hash_u64(row, dims * sizeof *row, content);
}

/* --- opening --- */

static struct header make_header(uint64_t key, size_t dims)
{
    struct header h = { .key = key, .dims = (uint32_t)dims };

    memcpy(h.magic, MAGIC, sizeof h.magic);
    h.sum = nn_hash_u64(&h, offsetof(struct header, sum), 0);
    return h;
}

/* The file begins anew unless its header is the one asked for. */
static enum nn_status check_header(struct nn_feature_cache *c, uint64_t key,
                                   struct nn_error *err)
{
    const struct header want = make_header(key, c->dims);
    struct header got;
    int same = nn_file_pread(c->fd, &got, sizeof got, 0) == 0 &&
               memcmp(&got, &want, sizeof got) == 0;

    if (same) {
        return NN_OK;
    }
    if (!c->writes) {
        return nn_fail(err, NN_ERR_IO, "another program is making '%s'",
                       c->path);
    }
    if (ftruncate(c->fd, 0) != 0 ||
        nn_file_pwrite(c->fd, &want, sizeof want, 0) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", c->path,
                       strerror(errno));
    }
    return NN_OK;
}

static enum nn_status read_index(struct nn_feature_cache *c,
                                 struct nn_error *err)
{
    struct stat file;
    struct record_head head;

    if (fstat(c->fd, &file) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", c->path,
                       strerror(errno));
    }
    c->n = ((size_t)file.st_size - sizeof(struct header)) / c->record;
    if (reserve(c, c->n + 1)) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < c->n; i++) {
        if (nn_file_pread(c->fd, &head, sizeof head, offset_of(c, i)) != 0) {
            return nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", c->path,
                           strerror(errno));
        }
        remember(c, head.content, i);
    }
    return NN_OK;
}

/* --- eviction --- */

struct kept {
    char *path;
    uint64_t bytes;
    struct timespec used;
};

static int older(const void *a, const void *b)
{
    const struct timespec *x = &((const struct kept *)a)->used;
    const struct timespec *y = &((const struct kept *)b)->used;

    if (x->tv_sec != y->tv_sec) {
        return x->tv_sec < y->tv_sec ? -1 : 1;
    }
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static size_t list_files(const char *dir, struct kept *v, size_t room)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    size_t n = 0;

    while (d != NULL && n < room && (e = readdir(d)) != NULL) {
        struct stat file;
        char *path;

        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0) {
            continue;
        }
        path = nn_path_join(dir, e->d_name);
        if (path == NULL || stat(path, &file) != 0) {
            nn_mem_free(path);
            continue;
        }
        v[n++] = (struct kept){ path, (uint64_t)file.st_size, file.st_mtim };
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

/* Remove the files that were opened longest ago, never the one at `own`. */
static void evict(const char *dir, const char *own, uint64_t limit)
{
    enum { ROOM = 4096 };
    struct kept *v = nn_mem_calloc(ROOM, sizeof *v);
    uint64_t sum = 0;
    size_t n;

    if (v == NULL) {
        return;
    }
    n = list_files(dir, v, ROOM);
    for (size_t i = 0; i < n; i++) {
        sum += v[i].bytes;
    }
    qsort(v, n, sizeof *v, older);
    for (size_t i = 0; i < n; i++) {
        if (sum > limit && strcmp(v[i].path, own) != 0 &&
            unlink(v[i].path) == 0) {
            sum -= v[i].bytes;
        }
        nn_mem_free(v[i].path);
    }
    nn_mem_free(v);
}

static enum nn_status open_file(struct nn_feature_cache *c, const char *dir,
                                uint64_t key, struct nn_error *err)
{
    enum nn_status st = nn_file_mkdirs(dir, err);

    if (st) {
        return st;
    }
    c->path = nn_mem_sprintf("%s/" PREFIX "%016llx.bin", dir,
                             (unsigned long long)key);
    if (c->path == NULL) {
        return nn_fail_nomem(err);
    }
    c->fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->fd < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", c->path,
                       strerror(errno));
    }
    c->writes = flock(c->fd, LOCK_EX | LOCK_NB) == 0;
    (void)futimens(c->fd, NULL); /* says when it was used */
    return NN_OK;
}

enum nn_status nn_feature_cache_open(const char *dir, uint64_t key, size_t dims,
                                     uint64_t limit_bytes,
                                     struct nn_feature_cache **out,
                                     struct nn_error *err)
{
    struct nn_feature_cache *c;
    enum nn_status st;

    *out = NULL;
    if (dims == 0 || dims > UINT32_MAX / sizeof(float)) {
        return nn_fail(err, NN_ERR_ARG, "features of %zu values", dims);
    }
    c = nn_mem_calloc(1, sizeof *c);
    if (c == NULL) {
        return nn_fail_nomem(err);
    }
    c->fd = -1;
    c->dims = dims;
    c->record = sizeof(struct record_head) + dims * sizeof(float);
    c->limit = limit_bytes;
    c->buffer = nn_mem_calloc(1, c->record);
    if (c->buffer == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = open_file(c, dir, key, err);
    if (st) {
        goto out;
    }
    st = check_header(c, key, err);
    if (st) {
        goto out;
    }
    st = read_index(c, err);
    if (st) {
        goto out;
    }
    evict(dir, c->path, limit_bytes);
    *out = c;
    c = NULL;
out:
    nn_feature_cache_close(&c);
    return st;
}

void nn_feature_cache_close(struct nn_feature_cache **cp)
{
    struct nn_feature_cache *c = *cp;

    *cp = NULL;
    if (c == NULL) {
        return;
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    nn_mem_free(c->path);
    nn_mem_free(c->slot);
    nn_mem_free(c->buffer);
    nn_mem_free(c);
}

/* --- rows --- */

int nn_feature_cache_get(struct nn_feature_cache *c, uint64_t content,
                         float *row)
{
    const struct slot *s = find(c, content);
    struct record_head head;

    if (s->place == 0 || nn_file_pread(c->fd, c->buffer, c->record,
                                       offset_of(c, s->place - 1)) != 0) {
        return 0;
    }
    memcpy(&head, c->buffer, sizeof head);
    memcpy(row, c->buffer + sizeof head, c->dims * sizeof *row);
    return head.content == content && head.sum == sum_of(content, row, c->dims);
}

void nn_feature_cache_put(struct nn_feature_cache *c, uint64_t content,
                          const float *row)
{
    const struct record_head head = { content, sum_of(content, row, c->dims) };
    int64_t at = offset_of(c, c->n);

    if (!c->writes || (uint64_t)at + c->record > c->limit) {
        return;
    }
    memcpy(c->buffer, &head, sizeof head);
    memcpy(c->buffer + sizeof head, row, c->dims * sizeof *row);
    if (reserve(c, c->n + 1) ||
        nn_file_pwrite(c->fd, c->buffer, c->record, at) != 0) {
        nn_log(NN_LOG_WARN, "'%s' takes no more features: %s", c->path,
               strerror(errno));
        c->writes = 0;
        return;
    }
    remember(c, content, c->n++);
}

char *nn_feature_cache_dir(void)
{
    const char *own = getenv("BEARCASCADE_CACHE");
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (own != NULL) {
        return *own != '\0' && strcmp(own, "none") != 0 ? nn_mem_strdup(own)
                                                        : NULL;
    }
    if (xdg != NULL && *xdg == '/') {
        return nn_path_join(xdg, "bearcascade");
    }
    return home != NULL && *home != '\0'
               ? nn_path_join(home, ".cache/bearcascade")
               : NULL;
}

char *nn_feature_cache_given(const char *option)
{
    if (option == NULL) {
        return nn_feature_cache_dir();
    }
    return strcmp(option, "none") == 0 ? NULL : nn_mem_strdup(option);
}
