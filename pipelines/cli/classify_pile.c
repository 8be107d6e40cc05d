#include "pipelines/cli/classify_pile.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "pipelines/piles/page.h"
#include "pipelines/piles/recurring.h"
#include "pipelines/piles/sort.h"
#include "pipelines/piles/timelapse.h"

int classify_pile_alone(const struct classify_pile *p)
{
    return p->from != NULL || p->undo != NULL;
}

int classify_pile_wanted(const struct classify_pile *p)
{
    return p->into != NULL || p->page != NULL || p->timelapse != NULL ||
           p->recurring != NULL;
}

static struct pile_sort_options options_of(const struct classify_pile *p)
{
    return (struct pile_sort_options){
        .into = p->into,
        .by = (enum pile_by)p->by,
        .dry_run = p->dry_run,
        .plan = p->from != NULL ? stdout : NULL,
    };
}

static int is_folder_or_none(const struct cmd_line *line)
{
    return line->n == 0 || (line->n == 1 && nn_file_is_dir(line->operands[0]));
}

static enum nn_status usage(const struct classify_pile *p,
                            const struct cmd_line *line, const char *resume,
                            enum predictions_format format,
                            struct nn_error *err)
{
    const char *why = NULL;

    if (p->undo != NULL &&
        (line->n > 0 || classify_pile_wanted(p) || p->from != NULL)) {
        why = "--undo LIST stands alone";
    } else if (p->from != NULL && (resume != NULL || (line->n > 0 && !p->md))) {
        why = "either a PATH or --from FILE";
    } else if (p->from != NULL && !is_folder_or_none(line)) {
        why = "--from FILE of --detections needs one PATH, the folder below "
              "which its photos are, or none";
    } else if (p->from != NULL && !classify_pile_wanted(p)) {
        why = "--from FILE needs --sort-into DIR, --page FILE, "
              "--timelapse FILE or --recurring FILE";
    } else if (p->dry_run && p->into == NULL) {
        why = "--dry-run needs --sort-into DIR";
    } else if (classify_pile_wanted(p) && resume != NULL && !p->md &&
               format != PREDICTIONS_JSONL) {
        why = "--sort-into, --page, --timelapse and --recurring with --resume "
              "need --format jsonl";
    }
    return why != NULL ? nn_fail(err, NN_ERR_ARG, "%s", why) : NN_OK;
}

/* Better now than after hours. */
static enum nn_status check_file(const char *path, struct nn_error *err)
{
    struct nn_file_out out;
    enum nn_status st = nn_file_out_open(&out, path, err);

    if (st == NN_OK) {
        nn_file_out_abort(&out);
    }
    return st;
}

enum nn_status classify_pile_check(const struct classify_pile *p,
                                   const struct cmd_line *line,
                                   const char *resume,
                                   enum predictions_format format,
                                   struct nn_error *err)
{
    const struct pile_sort_options o = options_of(p);
    enum nn_status st = usage(p, line, resume, format, err);

    if (st == NN_OK && p->page != NULL) {
        st = check_file(p->page, err);
    }
    if (st == NN_OK && p->timelapse != NULL) {
        st = check_file(p->timelapse, err);
    }
    if (st == NN_OK && p->recurring != NULL) {
        st = check_file(p->recurring, err);
    }
    if (st || p->into == NULL) {
        return st;
    }
    return pile_sort_check(&o, line->operands, (size_t)line->n, err);
}

enum nn_status classify_pile_begin(struct classify_pile *p, const char *resume,
                                   const struct model *m, struct nn_error *err)
{
    int fd;
    enum nn_status st;

    p->threshold = model_threshold(m);
    if (!classify_pile_wanted(p) || resume != NULL) {
        return NN_OK;
    }
    st = nn_file_temp(&fd, err);
    if (st) {
        return st;
    }
    p->spool.to = fdopen(fd, "w+b");
    if (p->spool.to == NULL) {
        close(fd);
        return nn_fail_nomem(err);
    }
    st = predictions_begin(&p->spool, p->spool.to, PREDICTIONS_JSONL, m);
    return st ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status classify_pile_put(struct classify_pile *p,
                                 const struct predictions_row *row,
                                 struct nn_error *err)
{
    if (p->spool.to == NULL) {
        return NN_OK;
    }
    if (predictions_put(&p->spool, row)) {
        return nn_fail_nomem(err);
    }
    return ferror(p->spool.to)
               ? nn_fail(err, NN_ERR_IO,
                         "cannot keep the rows in the folder of temporary "
                         "files: %s",
                         strerror(errno))
               : NN_OK;
}

/* --- at the end --- */

static void say(const struct classify_pile *p, const struct pile_sort_counts *n)
{
    static const char *const verbs[] = { "linked", "copied", "moved" };
    char sides[64] = "", before[64] = "", unread[64] = "", stayed[64] = "";
    char symbolic[80] = "";

    if (n->sides > 0) {
        snprintf(sides, sizeof sides, " with %zu side files", n->sides);
    }
    if (n->symbolic > 0) {
        snprintf(symbolic, sizeof symbolic, ", %zu of them by symbolic links",
                 n->symbolic);
    }
    if (n->before > 0) {
        snprintf(before, sizeof before, "; %zu were there before", n->before);
    }
    if (n->unread > 0) {
        snprintf(unread, sizeof unread,
                 "; %zu without a verdict stay where they are", n->unread);
    }
    if (n->stayed > 0) {
        snprintf(stayed, sizeof stayed, "; %zu could not be placed", n->stayed);
    }
    nn_log(NN_LOG_INFO, "%s%s %zu photos%s into '%s'%s%s%s%s",
           p->dry_run ? "would have " : "", verbs[p->by], n->placed, sides,
           p->into, symbolic, before, unread, stayed);
}

static enum nn_status sort_rows(struct classify_pile *p, struct pile_rows *rows,
                                struct cmd_line *line, struct nn_error *err)
{
    const struct pile_sort_options o = options_of(p);
    struct pile_sort_counts n;
    enum nn_status st = pile_sort(rows, &o, &n, err);

    if (st == NN_OK || st == NN_ERR_STOPPED || n.placed > 0) {
        say(p, &n);
    }
    if (st == NN_ERR_STOPPED) {
        fputs("bearcascade classify: interrupted: the same command goes on\n",
              stderr);
        line->exit = EXIT_FAILED;
        return NN_OK;
    }
    if (line->exit == EXIT_DONE && n.unread + n.stayed > 0) {
        line->exit = EXIT_SOME_FAILED;
    }
    return st;
}

static enum nn_status find_recurring(const struct classify_pile *p,
                                     struct pile_rows *rows,
                                     struct pile_moved *moved,
                                     struct nn_error *err)
{
    struct recurring_counts n;
    enum nn_status st = pile_recurring(rows, moved, p->recurring, &n, err);

    pile_rows_rewind(rows);
    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO,
           "%zu of %zu positives show %zu views that come again and again: "
           "'%s' has them",
           n.photos, n.positives, n.views, p->recurring);
    if (n.unseen > 0) {
        nn_log(NN_LOG_WARN,
               "%zu positives were not compared: they are in archives or can "
               "no longer be read",
               n.unseen);
    }
    return NN_OK;
}

/* What looks at photos again. */
static enum nn_status show_rows(const struct classify_pile *p,
                                struct pile_rows *rows, struct nn_error *err)
{
    struct pile_moved moved = { .n = 0 };
    const struct pile_page_options page = {
        .path = p->page,
        .threshold = p->from == NULL ? p->threshold : -1,
        .links = p->into == NULL || p->dry_run || p->by != PILE_MOVE,
        .moved = &moved,
    };
    enum nn_status st = NN_OK;

    if (p->recurring == NULL && p->page == NULL) {
        return NN_OK;
    }
    if (p->into != NULL) {
        st = pile_moved_open(&moved, p->into, err);
    }
    if (st == NN_OK && p->recurring != NULL) {
        st = find_recurring(p, rows, &moved, err);
    }
    if (st == NN_OK && p->page != NULL) {
        st = pile_page(rows, &page, err);
        pile_rows_rewind(rows);
    }
    if (st == NN_OK && p->page != NULL) {
        nn_log(NN_LOG_INFO, "the page is %s", p->page);
    }
    pile_moved_release(&moved);
    return st;
}

/* The others first, while the photos are where the rows say. */
static enum nn_status use_rows(struct classify_pile *p, struct pile_rows *rows,
                               struct cmd_line *line, struct nn_error *err)
{
    size_t outside = 0;
    enum nn_status st = NN_OK;

    if (p->timelapse != NULL) {
        st = pile_timelapse(rows, p->timelapse, &outside, err);
        pile_rows_rewind(rows);
    }
    if (outside > 0) {
        nn_log(NN_LOG_WARN, "%zu photos are not in '%s'", outside,
               p->timelapse);
        line->exit = EXIT_SOME_FAILED;
    }
    if (st == NN_OK) {
        st = show_rows(p, rows, err);
    }
    if (st == NN_OK && p->into != NULL) {
        st = sort_rows(p, rows, line, err);
    }
    pile_rows_release(rows);
    return st;
}

static enum nn_status undo(const struct classify_pile *p, struct cmd_line *line,
                           struct nn_error *err)
{
    struct pile_undo_counts n;
    enum nn_status st = pile_undo(p->undo, &n, err);

    if (st == NN_OK || st == NN_ERR_STOPPED) {
        nn_log(NN_LOG_INFO,
               "undone: %zu files; %zu were gone already, %zu stay", n.undone,
               n.gone, n.kept);
        line->exit = n.kept > 0 ? EXIT_SOME_FAILED : line->exit;
    }
    if (st == NN_ERR_STOPPED) {
        fputs("bearcascade classify: interrupted: the same command goes on\n",
              stderr);
        line->exit = EXIT_FAILED;
        return NN_OK;
    }
    return st;
}

static enum nn_status use_spool(struct classify_pile *p, struct cmd_line *line,
                                struct nn_error *err)
{
    struct pile_rows rows = { .from = p->spool.to, .name = "the rows" };

    if (fflush(p->spool.to) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot keep the rows: %s",
                       strerror(errno));
    }
    rewind(p->spool.to);
    return use_rows(p, &rows, line, err);
}

static enum nn_status use_lines(struct classify_pile *p, const char *path,
                                struct cmd_line *line, struct nn_error *err)
{
    struct pile_rows rows = { .from = fopen(path, "rbe"), .name = path };
    enum nn_status st;

    if (rows.from == NULL || nn_file_is_dir(path)) {
        st = nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                     strerror(rows.from != NULL ? EISDIR : errno));
    } else {
        st = use_rows(p, &rows, line, err);
    }
    if (rows.from != NULL) {
        fclose(rows.from);
    }
    return st;
}

static enum nn_status use_boxes(struct classify_pile *p, const char *path,
                                struct cmd_line *line, struct nn_error *err)
{
    struct md_file md;
    struct pile_rows rows = {
        .md = &md,
        .root = line->n > 0 ? line->operands[0] : "",
    };
    enum nn_status st = md_file_open(&md, path, err);

    if (st == NN_OK) {
        st = use_rows(p, &rows, line, err);
    }
    md_file_release(&md);
    return st;
}

enum nn_status classify_pile_finish(struct classify_pile *p, const char *rows,
                                    struct cmd_line *line, struct nn_error *err)
{
    if (p->undo != NULL) {
        return undo(p, line, err);
    }
    if (!classify_pile_wanted(p)) {
        return NN_OK;
    }
    if (p->spool.to != NULL) {
        return use_spool(p, line, err);
    }
    return p->md ? use_boxes(p, rows, line, err)
                 : use_lines(p, rows, line, err);
}

void classify_pile_release(struct classify_pile *p)
{
    if (p->spool.to != NULL) {
        fclose(p->spool.to);
        p->spool.to = NULL;
    }
}
