#include "pipelines/report/report.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "pipelines/report/assets.h"

/* A piece of JSON text. '<' occurs inside strings only, where \u003c means
 * the same and can neither end the block nor open a comment. */
static int put_piece(const char *text, size_t n, void *ctx)
{
    FILE *to = ctx;

    while (n > 0) {
        const char *stop = memchr(text, '<', n);
        size_t plain = stop != NULL ? (size_t)(stop - text) : n;

        fwrite(text, 1, plain, to);
        text += plain;
        n -= plain;
        if (stop != NULL) {
            fputs("\\u003c", to);
            text++;
            n--;
        }
    }
    return ferror(to) ? -1 : 0;
}

static enum nn_status put_block(FILE *to, const char *id, const json_t *value,
                                struct nn_error *err)
{
    fprintf(to, "<script type=\"application/json\" id=\"%s\">", id);
    if (value == NULL) {
        fputs("null", to);
    } else if (json_dump_callback(value, put_piece, to,
                                  JSON_COMPACT | JSON_ENCODE_ANY) != 0 &&
               !ferror(to)) {
        return nn_fail_nomem(err);
    }
    fputs("</script>\n", to);
    return NN_OK; /* write errors are told by nn_file_out_commit() */
}

enum nn_status report_write(const char *path, const json_t *comparison,
                            const json_t *sweep, const json_t *images,
                            struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    enum nn_status st = nn_file_out_open(&o, path, err);

    if (st) {
        return st;
    }
    fwrite(report_head, 1, report_head_size, o.stream);
    st = put_block(o.stream, "comparison", comparison, err);
    if (st) {
        goto fail;
    }
    st = put_block(o.stream, "sweep", sweep, err);
    if (st) {
        goto fail;
    }
    st = put_block(o.stream, "images", images, err);
    if (st) {
        goto fail;
    }
    fwrite(report_tail, 1, report_tail_size, o.stream);
    return nn_file_out_commit(&o, err);
fail:
    nn_file_out_abort(&o);
    return st;
}
