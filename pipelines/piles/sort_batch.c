/* What is done with the photos of a batch, once it is in the list. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"
#include "pipelines/piles/sort_internal.h"

void pile_say(size_t n, const char *file, const char *why)
{
    if (n <= PILE_SAID) {
        nn_log(NN_LOG_WARN, "'%s' stays: %s", file, why);
    } else if (n == PILE_SAID + 1) {
        nn_log(NN_LOG_WARN, "and others");
    }
}

char *pile_temp(const char *dir)
{
    return nn_mem_sprintf("%s%s.sort.%ld.tmp", dir,
                          dir[strlen(dir) - 1] == '/' ? "" : "/",
                          (long)getpid());
}

void pile_stays(struct pile_run *s, const char *file, const char *why)
{
    pile_say(++s->counts->stayed, file, why);
}

/* --- one entry --- */

int64_t pile_mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static enum nn_status make_parent(const char *to)
{
    char *dir = nn_mem_strndup(to, (size_t)(strrchr(to, '/') - to));
    enum nn_status st;

    if (dir == NULL) {
        errno = ENOMEM;
        return NN_ERR_NOMEM;
    }
    errno = 0;
    st = nn_file_mkdirs(dir, NULL);
    nn_mem_free(dir);
    return st;
}

/* 0, an errno, or -1: *err says it. */
static int put_member(struct pile_run *s, const struct pile_entry *e,
                      const char *to, struct nn_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int why;

    if (pile_archive_read(&s->archive, e->from, e->member, &bytes, &size,
                          err)) {
        return -1;
    }
    why = pile_write_new(bytes, size, e->mtime_ns, to, s->temp);
    nn_mem_free(bytes);
    return why;
}

static int act(struct pile_run *s, const struct pile_entry *e, const char *to,
               struct nn_error *err)
{
    int why = 0, symbolic = 0;

    if (make_parent(to)) {
        return errno != 0 ? errno : ENOTDIR;
    }
    if (e->member != NULL) {
        return put_member(s, e, to, err);
    }
    switch (e->by) {
    case PILE_LINK:
        why = pile_link_new(e->from, to, &symbolic);
        break;
    case PILE_COPY:
        why = pile_copy_new(e->from, to, s->temp);
        break;
    case PILE_MOVE:
        why = pile_move_new(e->from, to, s->temp);
        break;
    }
    s->counts->symbolic += (size_t)(why == 0 && symbolic);
    return why;
}

/* An entry of a run that was killed: is anything left to do? */
static int half_done(const struct pile_entry *e, const char *to, int *finish)
{
    struct stat st;
    int there = lstat(e->from, &st) == 0 && st.st_size == e->bytes &&
                pile_mtime_ns(&st) == e->mtime_ns;

    *finish = 0;
    if (lstat(to, &st) != 0) {
        return there;
    }
    if (e->by == PILE_MOVE && there && pile_same(e->from, to, 1)) {
        *finish = 1; /* there twice: the last step is missing */
        return 1;
    }
    return 0;
}

static const char *reason(int why, const struct nn_error *err)
{
    switch (why) {
    case -1:
        return err->text;
    case EAGAIN:
        return "it changed while it was copied";
    case EPERM:
    case EOPNOTSUPP:
        return "the file system has no links: use --sort-by copy";
    default:
        return strerror(why);
    }
}

enum nn_status pile_settle(struct pile_run *s, const struct pile_entry *e,
                           int resumed, struct nn_error *err)
{
    struct nn_error why_text = NN_ERROR_INIT;
    char *to = nn_path_join(s->dir, e->to);
    int why = 0, finish = 0;
    enum nn_status st = NN_OK;

    if (to == NULL) {
        return nn_fail_nomem(err);
    }
    if (!resumed || half_done(e, to, &finish)) {
        why = !finish                ? act(s, e, to, &why_text)
              : unlink(e->from) != 0 ? errno
                                     : 0;
    }
    nn_mem_free(to);
    if (why != 0 && (pile_fatal(why) || why_text.status == NN_ERR_NOMEM)) {
        return nn_fail(err, NN_ERR_IO,
                       "cannot put '%s' into '%s': %s; nothing is lost, and "
                       "the same command goes on from here",
                       e->from, s->dir, reason(why, &why_text));
    }
    if (why != 0) {
        pile_stays(s, e->from, reason(why, &why_text));
        st = pile_list_failed(&s->list, e, err);
    }
    return st;
}

/* --- batches --- */

enum nn_status pile_remember(struct pile_run *s, const struct pile_entry *e)
{
    return pile_keys_add(&s->list.done, pile_entry_key(e)) ||
                   pile_keys_add(&s->list.done,
                                 pile_name_key(e->from, e->member))
               ? NN_ERR_NOMEM
               : NN_OK;
}

enum nn_status pile_flush(struct pile_run *s, struct nn_error *err)
{
    size_t stayed = s->counts->stayed;
    enum nn_status st = NN_OK;

    if (s->batch.n == 0) {
        return NN_OK;
    }
    if (!s->o->dry_run) {
        st = pile_list_add(&s->list, &s->batch, err);
    }
    for (size_t i = 0; st == NN_OK && i < s->batch.n; i++) {
        struct pile_entry *e = &s->batch.v[i];

        if (s->o->dry_run) {
            if (s->o->plan != NULL) {
                fprintf(s->o->plan, "%s%s%s -> %s/%s\n", e->from,
                        e->member != NULL ? ":" : "",
                        e->member != NULL ? e->member : "", s->dir, e->to);
            }
        } else {
            st = stop_asked ? NN_ERR_STOPPED : pile_settle(s, e, 0, err);
        }
        if (st == NN_OK && s->counts->stayed == stayed) {
            s->counts->placed += (size_t)!e->side;
            s->counts->sides += (size_t)e->side;
        }
        stayed = s->counts->stayed;
        if (st == NN_OK && pile_remember(s, e)) {
            st = nn_fail_nomem(err);
        }
    }
    for (size_t i = 0; i < s->batch.n; i++) {
        pile_entry_release(&s->batch.v[i]);
    }
    s->batch.n = 0;
    return st;
}
