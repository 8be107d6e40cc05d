/* The first frame of a GIF, through giflib's calls for one record at a time:
 * DGifSlurp() would unpack every frame. */
#include "common/image/image_internal.h"

#include <string.h>

#include <gif_lib.h>

#include "common/base/mem.h"

struct bytes {
    const uint8_t *at;
    size_t left;
};

static int take(GifFileType *gif, GifByteType *to, int n)
{
    struct bytes *b = gif->UserData;
    size_t some = (size_t)n < b->left ? (size_t)n : b->left;

    memcpy(to, b->at, some);
    b->at += some;
    b->left -= some;
    return (int)some;
}

enum nn_status nn_gif_header(const uint8_t *b, size_t size,
                             struct nn_image_header *head, struct nn_error *err)
{
    if (size < 13) {
        return nn_fail(err, NN_ERR_FORMAT, "truncated GIF header");
    }
    head->info.w = (int32_t)nn_le16(b + 6);
    head->info.h = (int32_t)nn_le16(b + 8);
    head->info.bits = (b[10] & 7) + 1;
    head->info.channels = 1;
    if (head->info.w < 1 || head->info.h < 1) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged GIF header");
    }
    return NN_OK;
}

static enum nn_status fail(int code, struct nn_error *err)
{
    const char *text = GifErrorString(code);

    if (code == D_GIF_ERR_NOT_ENOUGH_MEM) {
        return nn_fail_nomem(err);
    }
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON) {
        return nn_fail(err, NN_ERR_FORMAT, "truncated GIF data");
    }
    return nn_fail(err, NN_ERR_FORMAT, "damaged GIF data (%s)",
                   text ? text : "no reason given");
}

/* Extensions up to the first image; the transparent colour, or -1. */
static int find_frame(GifFileType *gif, int *transparent)
{
    GifRecordType record;
    GifByteType *block;
    int code;

    for (;;) {
        if (DGifGetRecordType(gif, &record) != GIF_OK) {
            return GIF_ERROR;
        }
        if (record == IMAGE_DESC_RECORD_TYPE) {
            return DGifGetImageDesc(gif);
        }
        if (record != EXTENSION_RECORD_TYPE) {
            gif->Error = D_GIF_ERR_NO_IMAG_DSCR;
            return GIF_ERROR;
        }
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) {
            return GIF_ERROR;
        }
        if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 &&
            (block[1] & 1)) {
            *transparent = block[4];
        }
        while (block) {
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) {
                return GIF_ERROR;
            }
        }
    }
}

/* Rows of the frame into the canvas, white where it is transparent. *rows:
 * how many there were. */
static int read_frame(GifFileType *gif, int transparent, uint8_t *line,
                      struct nn_image *img, int *rows)
{
    static const int start[] = { 0, 4, 2, 1 }, step[] = { 8, 8, 4, 2 };
    const GifImageDesc *d = &gif->Image;
    const ColorMapObject *map = d->ColorMap ? d->ColorMap : gif->SColorMap;
    int passes = d->Interlace ? 4 : 1;

    for (int pass = 0; pass < passes; pass++) {
        for (int y = d->Interlace ? start[pass] : 0; y < d->Height;
             y += d->Interlace ? step[pass] : 1) {
            if (DGifGetLine(gif, line, d->Width) != GIF_OK) {
                return GIF_ERROR;
            }
            ++*rows;
            if (d->Top + y >= img->h) {
                continue;
            }
            uint8_t *rgb =
                img->rgb +
                ((size_t)(d->Top + y) * (size_t)img->w + (size_t)d->Left) * 3;

            for (int x = 0; x < d->Width && d->Left + x < img->w; x++) {
                int c = line[x];

                if (c != transparent && map && c < map->ColorCount) {
                    rgb[x * 3] = map->Colors[c].Red;
                    rgb[x * 3 + 1] = map->Colors[c].Green;
                    rgb[x * 3 + 2] = map->Colors[c].Blue;
                }
            }
        }
    }
    return GIF_OK;
}

/* 1 when another image follows the first. */
static int is_animated(GifFileType *gif)
{
    GifRecordType record;
    GifByteType *block;
    int code;

    while (DGifGetRecordType(gif, &record) == GIF_OK &&
           record == EXTENSION_RECORD_TYPE) {
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) {
            return 0;
        }
        while (block) {
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) {
                return 0;
            }
        }
    }
    return record == IMAGE_DESC_RECORD_TYPE;
}

static enum nn_status read_first(GifFileType *gif, struct nn_image_info *info,
                                 struct nn_image *img, struct nn_error *err)
{
    int transparent = -1, rows = 0;

    if (find_frame(gif, &transparent) != GIF_OK) {
        return fail(gif->Error, err);
    }
    if (gif->Image.Width < 1 || gif->Image.Height < 1 || gif->Image.Left < 0 ||
        gif->Image.Top < 0 || gif->Image.Left >= img->w) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged GIF header");
    }
    uint8_t *line = nn_mem_calloc((size_t)gif->Image.Width, 1);

    if (!line) {
        return nn_fail_nomem(err);
    }
    int got = read_frame(gif, transparent, line, img, &rows);
    double share = (double)rows / gif->Image.Height;

    nn_mem_free(line);
    if (got != GIF_OK && share < NN_IMAGE_LEAST_SHARE) {
        return fail(gif->Error, err);
    }
    if (got != GIF_OK) {
        nn_image_note_share(info, "truncated GIF", share);
    } else if (is_animated(gif)) {
        nn_image_note(info, "the first frame of an animation");
    }
    return NN_OK;
}

enum nn_status nn_gif_pixels(const uint8_t *bytes, size_t size,
                             const struct nn_image_options *opt,
                             struct nn_image_header *head, struct nn_image *img,
                             struct nn_error *err)
{
    struct bytes b = { bytes, size };
    int code = 0;
    GifFileType *gif;
    enum nn_status st;

    (void)opt;
    if (nn_image_create(img, head->info.w, head->info.h)) {
        return nn_fail_nomem(err);
    }
    memset(img->rgb, 255, (size_t)img->w * (size_t)img->h * 3);
    gif = DGifOpen(&b, take, &code);
    if (!gif) {
        return fail(code, err);
    }
    st = read_first(gif, &head->info, img, err);
    DGifCloseFile(gif, NULL);
    return st;
}
