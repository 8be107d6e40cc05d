/* How much there is to come. */
#include <string.h>

#include "common/base/file.h"
#include "common/data/members.h"
#include "common/data/dataset_internal.h"
#include "common/data/stream.h"
#include "common/data/walk.h"

static int stopped(const volatile int *stop)
{
    return stop != NULL && *stop;
}

/* Headers of a compressed tar are found by unpacking it. */
static int64_t count_members(const char *path, const volatile int *stop)
{
    struct nn_archive_member m;
    enum nn_archive_step step;
    struct nn_archive *a;
    int64_t n = 0;

    if (nn_ends_with(path, ".gz") || nn_ends_with(path, ".tgz") ||
        nn_archive_open(path, &a, NULL)) {
        return -1;
    }
    do {
        step = nn_archive_next(a, &m);
        n += step == NN_ARCHIVE_LOST ||
             (step == NN_ARCHIVE_MEMBER && (m.is_file || m.link != NULL) &&
              nn_name_kind_of(m.name) == NN_NAME_IMAGE);
    } while ((step == NN_ARCHIVE_MEMBER || step == NN_ARCHIVE_LOST) &&
             !stopped(stop));
    nn_archive_close(&a);
    return step == NN_ARCHIVE_END ? n : -1;
}

static int64_t count_folder(const char *path, const volatile int *stop)
{
    struct nn_walk_entry e = { .kind = NN_WALK_FILE };
    struct nn_walk *w;
    int64_t n = 0;

    if (nn_walk_open(path, "", &w, NULL)) {
        return 1; /* the item that fails */
    }
    while (n >= 0 && !stopped(stop)) {
        if (nn_walk_next(w, &e, NULL)) {
            n = -1;
        } else if (e.kind == NN_WALK_END) {
            break;
        } else if (e.kind == NN_WALK_FILE && nn_is_archive_name(e.path)) {
            int64_t more = count_members(e.path, stop);

            n = more < 0 ? -1 : n + more;
        } else {
            n += e.kind == NN_WALK_CLOSED ||
                 (e.kind == NN_WALK_FILE &&
                  nn_name_kind_of(nn_path_base(e.path)) == NN_NAME_IMAGE);
        }
    }
    nn_walk_close(&w);
    return stopped(stop) ? -1 : n;
}

int64_t nn_stream_count(const char *path,
                        const struct nn_generator *const *generators,
                        const volatile int *stop)
{
    const struct nn_dataset_options opt = { .generators = generators };

    if (nn_find_generator(path, &opt) != NULL) {
        return -1;
    }
    if (nn_file_is_dir(path)) {
        return count_folder(path, stop);
    }
    if (nn_ends_with(path, ".csv") || nn_ends_with(path, ".jsonl")) {
        return -1;
    }
    return nn_is_archive_name(path) ? count_members(path, stop) : 1;
}
