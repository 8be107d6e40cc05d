#include "pipelines/cli/audit_boxes.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "pipelines/piles/keys.h"
#include "pipelines/piles/md_file.h"
#include "pipelines/piles/pile_rows.h"

static enum nn_status write_row(const struct pile_row *row, const json_t *image,
                                FILE *to, struct nn_error *err)
{
    const char *time = json_string_value(json_object_get(image, "datetime"));
    char *file = nn_text(row->file);
    json_t *j = json_object();
    enum nn_status st;

    if (file == NULL) {
        json_decref(j);
        return nn_fail_nomem(err);
    }
    nn_json_put(&j, "file", json_string(file));
    if (row->error != NULL) {
        nn_json_put(&j, "error", json_string(row->error));
    } else {
        nn_json_put(&j, "label", json_string(row->label));
        nn_json_put(&j, "p_positive", json_real(row->p_positive));
    }
    if (time != NULL) {
        nn_json_put(&j, "time", json_string(time));
    }
    st = nn_json_print_line(j, to, err);
    nn_mem_free(file);
    return st;
}

/* *is: no row before had this file. */
static enum nn_status is_first(struct pile_keys *names, const char *file,
                               int *is, struct nn_error *err)
{
    uint64_t key = nn_hash_u64(file, strlen(file), 0);

    *is = !pile_keys_have(names, key);
    return *is && pile_keys_add(names, key) ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status copy_rows(struct pile_rows *from, FILE *to, size_t *twice,
                                struct nn_error *err)
{
    struct pile_keys names = { 0 };
    struct pile_row row;
    int more, first;
    enum nn_status st;

    *twice = 0;
    while (!(st = pile_rows_next(from, &row, &more, err)) && more) {
        st = is_first(&names, row.file, &first, err);
        if (!st && first) {
            st = write_row(&row, from->md->image, to, err);
        }
        if (st) {
            break;
        }
        *twice += !first;
    }
    pile_keys_release(&names);
    return st;
}

enum nn_status audit_boxes_rows(const char *path, const char *root,
                                const char *rows, size_t *twice,
                                struct nn_error *err)
{
    struct md_file md;
    struct pile_rows from = { .md = &md, .root = root };
    struct nn_file_out out = { 0 };
    enum nn_status st = md_file_open(&md, path, err);

    if (st) {
        goto out;
    }
    st = nn_file_out_open(&out, rows, err);
    if (st) {
        goto out;
    }
    st = copy_rows(&from, out.stream, twice, err);
    if (st) {
        goto out;
    }
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    pile_rows_release(&from);
    md_file_release(&md);
    return st;
}
