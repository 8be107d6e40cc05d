#include <stdint.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "common/data/walk.h"

/* "train-00.tar.gz" belongs to train. */
static enum nn_split shard_split(const char *file)
{
    char word[16] = "";
    size_t n = strcspn(file, "-_.0123456789");
    enum nn_split split;

    if (n >= sizeof word) {
        return NN_SPLIT_NONE;
    }
    memcpy(word, file, n);
    return nn_split_parse(word, &split) ? NN_SPLIT_NONE : split;
}

static enum nn_status take_archive(struct nn_finder *f, const struct nn_walk *w,
                                   const char *path, const char *name,
                                   struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    char *prefix;
    enum nn_status st;

    if (!f->opt->as_pool && nn_walk_top_holds_folders(w)) {
        nn_log(NN_LOG_WARN, "'%s' lies beside folders: left out", path);
        return NN_OK;
    }
    prefix = nn_mem_sprintf("%s:", name);
    if (prefix == NULL) {
        return nn_fail_nomem(err);
    }
    st =
        nn_find_archive(f, path, prefix, shard_split(nn_path_base(name)), &why);
    nn_mem_free(prefix);
    if (st == NN_ERR_FORMAT) {
        nn_log(NN_LOG_WARN, "%s: left out", why.text);
        return NN_OK;
    }
    return st ? nn_fail(err, st, "%s", why.text) : NN_OK;
}

static enum nn_status take_file(struct nn_finder *f, const struct nn_walk *w,
                                const struct nn_walk_entry *e,
                                struct nn_error *err)
{
    const char *base = nn_path_base(e->path);
    struct nn_found found = { .name = (char *)(uintptr_t)e->name,
                              .split = NN_SPLIT_NONE,
                              .weight = 1 };

    if (nn_is_archive_name(base) && (e->depth == 0 || f->opt->as_pool)) {
        return take_archive(f, w, e->path, e->name, err);
    }
    /* A broken link too: it then counts as unreadable, not as absent. */
    return nn_is_image_name(base) ? nn_find_file(f, found, e->path, err)
                                  : NN_OK;
}

static enum nn_status take_entry(struct nn_finder *f, const struct nn_walk *w,
                                 const struct nn_walk_entry *e,
                                 struct nn_error *err)
{
    if (e->kind == NN_WALK_CLOSED) {
        nn_log(NN_LOG_WARN, "cannot open folder '%s': %s", e->path,
               strerror(e->reason));
        return NN_OK;
    }
    if (e->kind == NN_WALK_LOOP) {
        nn_log(NN_LOG_WARN, "'%s' links back to a folder above: left out",
               e->path);
        return NN_OK;
    }
    return take_file(f, w, e, err);
}

enum nn_status nn_find_folder(struct nn_finder *f, const char *root,
                              struct nn_error *err)
{
    struct nn_walk *w;
    struct nn_walk_entry e;
    enum nn_status st =
        nn_walk_open(root, f->opt->as_pool ? root : "", &w, err);

    if (st) {
        return st;
    }
    do {
        st = nn_walk_next(w, &e, err);
        if (st) {
            goto out;
        }
        if (e.kind != NN_WALK_END) {
            st = take_entry(f, w, &e, err);
            if (st) {
                goto out;
            }
        }
    } while (e.kind != NN_WALK_END);
out:
    nn_walk_close(&w);
    return st;
}
