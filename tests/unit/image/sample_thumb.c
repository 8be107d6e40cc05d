/* JPEG files with a thumbnail in their EXIF block. */
#include <string.h>

#include "tests/unit/image/sample.h"

enum { SHORT = 3, LONG = 4, ASCII = 2 };

static void add_le16(struct sample *s, unsigned v)
{
    sample_add_u8(s, v & 0xFF);
    sample_add_u8(s, v >> 8);
}

/* One directory under way: entries, and behind them what does not fit. */
struct directory {
    struct sample entries, more;
    unsigned n;
    size_t most; /* entries it has room for */
    size_t at;   /* where it stands in the block */
};

static void add_number(struct directory *d, unsigned tag, unsigned type,
                       uint32_t v)
{
    if (v == 0) {
        return;
    }
    add_le16(&d->entries, tag);
    add_le16(&d->entries, type);
    sample_add_le32(&d->entries, 1);
    sample_add_le32(&d->entries, v);
    d->n++;
}

static void add_text(struct directory *d, unsigned tag, const char *text)
{
    size_t n = text != NULL ? strlen(text) + 1 : 0;

    if (n == 0) {
        return;
    }
    add_le16(&d->entries, tag);
    add_le16(&d->entries, ASCII);
    sample_add_le32(&d->entries, (uint32_t)n);
    sample_add_le32(&d->entries,
                    (uint32_t)(d->at + 2 + 12 * d->most + 4 + d->more.size));
    sample_add(&d->more, text, n);
    sample_add(&d->more, "\0", n & 1);
    d->n++;
}

/* At its end; entries that are not there leave a hole. */
static void put(struct sample *to, struct directory *d, uint32_t following)
{
    size_t hole = 12 * (d->most - d->n);

    add_le16(to, d->n);
    sample_add(to, d->entries.bytes, d->entries.size);
    sample_add_le32(to, following);
    for (size_t i = 0; i < hole; i++) {
        sample_add_u8(to, 0);
    }
    if (d->more.size > 0) {
        sample_add(to, d->more.bytes, d->more.size);
    }
    sample_release(&d->entries);
    sample_release(&d->more);
}

void sample_jpeg_thumbnail(struct sample *s, const struct sample_shot *shot,
                           const struct sample *thumb)
{
    enum { FIRST = 4, INNER = 3, SECOND = 4, TEXTS = 64 };
    const size_t first_at = 8, inner_at = first_at + 6 + 12 * FIRST + TEXTS,
                 second_at = inner_at + 6 + 12 * INNER + TEXTS,
                 thumb_at = second_at + 6 + 12 * SECOND;
    struct directory first = { .most = FIRST, .at = first_at };
    struct directory inner = { .most = INNER, .at = inner_at };
    struct directory second = { .most = SECOND, .at = second_at };
    struct sample block = { 0 }, segment = { 0 };

    sample_add(&block, "Exif\0\0II*\0\10\0\0\0", 14);
    add_text(&first, 0x000b, shot->software);
    add_number(&first, 0x0112, SHORT, (uint32_t)shot->orientation);
    add_text(&first, 0x0132, shot->changed);
    add_number(&first, 0x8769, LONG, (uint32_t)inner_at);
    put(&block, &first, (uint32_t)second_at);
    while (block.size < 6 + inner_at) {
        sample_add_u8(&block, 0);
    }
    add_text(&inner, 0x9003, shot->taken);
    add_number(&inner, 0xa002, LONG, (uint32_t)shot->w);
    add_number(&inner, 0xa003, LONG, (uint32_t)shot->h);
    put(&block, &inner, 0);
    while (block.size < 6 + second_at) {
        sample_add_u8(&block, 0);
    }
    add_number(&second, 0x0103, SHORT, 6);
    add_number(&second, 0x0112, SHORT, (uint32_t)shot->turn);
    add_number(&second, 0x0201, LONG, (uint32_t)thumb_at);
    add_number(&second, 0x0202, LONG, (uint32_t)thumb->size);
    put(&block, &second, 0);
    sample_add(&block, thumb->bytes, thumb->size);
    sample_add_be16(&segment, 0xFFE1);
    sample_add_be16(&segment, (unsigned)block.size + 2);
    sample_add(&segment, block.bytes, block.size);
    sample_insert(s, 2, segment.bytes, segment.size);
    sample_release(&segment);
    sample_release(&block);
}
