#include "pipelines/piles/timelapse.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "pipelines/piles/places.h"
#include "pipelines/piles/sort_internal.h"

static enum nn_status put_text(FILE *to, const char *bytes)
{
    char *text = nn_text(bytes);

    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    nn_csv_put(to, text);
    nn_mem_free(text);
    return NN_OK;
}

static enum nn_status put_folder(FILE *to, const char *below, size_t n)
{
    char *folder = nn_mem_strndup(below, n);
    enum nn_status st = NN_ERR_NOMEM;

    for (size_t i = 0; folder != NULL && i < n; i++) {
        folder[i] = folder[i] == '/' ? '\\' : folder[i];
    }
    if (folder != NULL) {
        st = put_text(to, folder);
    }
    nn_mem_free(folder);
    return st;
}

static enum nn_status put_row(FILE *to, const struct pile_row *row,
                              const char *below)
{
    const char *file = nn_path_base(below);
    size_t n = (size_t)(file - below);

    if (put_text(to, file)) {
        return NN_ERR_NOMEM;
    }
    fputc(',', to);
    if (put_folder(to, below, n > 0 ? n - 1 : 0)) {
        return NN_ERR_NOMEM;
    }
    if (row->error != NULL) {
        fputs(",,,,,", to);
        if (put_text(to, row->error)) {
            return NN_ERR_NOMEM;
        }
    } else {
        fputc(',', to);
        nn_csv_put(to, row->label);
        fprintf(to, ",%s,%.3f,", row->is_class ? "class" : row->label,
                row->p_positive);
        if (row->p_best >= 0) {
            fprintf(to, "%.3f", row->p_best);
        }
        fputc(',', to);
    }
    fputs("\r\n", to);
    return NN_OK;
}

static enum nn_status put_rows(struct pile_rows *rows, FILE *to,
                               const char *root, size_t *outside,
                               struct nn_error *err)
{
    struct pile_folder f = { .given = NULL };
    struct pile_row row;
    int more;
    enum nn_status st;

    for (;;) {
        char *path = NULL;
        const char *member;

        st = pile_rows_next(rows, &row, &more, err);
        if (st || !more) {
            break;
        }
        st = pile_source(&f, &row, &path, &member, err);
        if (st) {
            break;
        }
        if (member == NULL && pile_inside(root, path)) {
            size_t n = strlen(root);

            st = put_row(to, &row, path + n + (n == 0 || root[n - 1] != '/'));
        } else {
            if (++*outside <= PILE_SAID) {
                nn_log(NN_LOG_WARN, "'%s' is left out: it %s", row.file,
                       member != NULL ? "is in an archive"
                                      : "does not lie below that folder");
            }
        }
        nn_mem_free(path);
        if (st) {
            nn_fail_nomem(err);
            break;
        }
    }
    pile_folder_release(&f);
    return st;
}

enum nn_status pile_timelapse(struct pile_rows *rows, const char *path,
                              size_t *outside, struct nn_error *err)
{
    struct pile_folder f = { .given = NULL };
    char *root = pile_absolute(&f, path);
    struct nn_file_out out = { .stream = NULL };
    enum nn_status st;

    *outside = 0;
    pile_folder_release(&f);
    if (root == NULL) {
        return nn_fail_nomem(err);
    }
    *strrchr(root, '/') = '\0';
    st = nn_file_out_open(&out, path, err);
    if (st) {
        goto out;
    }
    fputs("File,RelativePath,Label,Verdict,Score,ClassScore,Problem\r\n",
          out.stream);
    st = put_rows(rows, out.stream, root, outside, err);
    if (st) {
        goto out;
    }
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    nn_mem_free(root);
    return st;
}
