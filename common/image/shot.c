#include "common/image/shot.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <libexif/exif-data.h>

#include "common/base/mem.h"
#include "common/base/text.h"

#define EXIF_PREFIX 6     /* "Exif\0\0" */
#define EXIF_MOST   65536 /* an APP1 segment holds no more */

int nn_shot_is_empty(const struct nn_shot *s)
{
    return s->time[0] == '\0' && s->make[0] == '\0' && s->model[0] == '\0' &&
           s->serial[0] == '\0' && !s->has_place;
}

/* --- times --- */

/* n digits at s, or -1. */
static int digits(const char *s, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

struct clock {
    int year, month, day, hour, minute, second;
};

static int one_of(char c, const char *of)
{
    return c != '\0' && strchr(of, c) != NULL;
}

/* The first 19 bytes of "2024-05-31T06:12:09" or "2024:05:31 06:12:09". */
static int read_clock(const char *s, struct clock *c)
{
    static const int days[] = {
        31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (strnlen(s, 19) < 19 || !one_of(s[4], ":-/.") || s[7] != s[4] ||
        !one_of(s[10], " T") || s[13] != ':' || s[16] != ':') {
        return 0;
    }
    *c = (struct clock){
        digits(s, 4),      digits(s + 5, 2),  digits(s + 8, 2),
        digits(s + 11, 2), digits(s + 14, 2), digits(s + 17, 2)
    };
    return c->year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days[c->month - 1] && c->hour >= 0 && c->hour <= 23 &&
           c->minute >= 0 && c->minute <= 59 && c->second >= 0 &&
           c->second <= 60;
}

/* Of a proleptic Gregorian date. */
static double seconds_of(const struct clock *c)
{
    int64_t year = c->month <= 2 ? c->year - 1 : c->year, era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t month = c->month + (c->month > 2 ? -3 : 9);
    int64_t day = (153 * month + 2) / 5 + c->day - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + day;

    days += era * 146097 - 719468; /* since 1970-01-01 */
    return (double)(((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second);
}

int nn_shot_clock(const char *time, double *seconds)
{
    struct clock c;

    if (time == NULL || !read_clock(time, &c)) {
        return 0;
    }
    *seconds = seconds_of(&c);
    if (time[19] == '.' && isdigit((unsigned char)time[20])) {
        double tenth = 0.1;

        for (const char *s = time + 20; isdigit((unsigned char)*s); s++) {
            *seconds += tenth * (*s - '0');
            tenth /= 10;
        }
    }
    return 1;
}

/* --- texts --- */

/* n bytes, cut at a NUL and without blanks around them, as text; *to stays
 * where it has one. */
static enum nn_status take_text(const char *from, size_t n, char *to,
                                size_t size)
{
    char raw[64], *text;

    if (to[0] != '\0' || from == NULL) {
        return NN_OK;
    }
    n = strnlen(from, n);
    while (n > 0 && (unsigned char)*from <= ' ') {
        from++;
        n--;
    }
    while (n > 0 && (unsigned char)from[n - 1] <= ' ') {
        n--;
    }
    n = n < sizeof raw - 1 ? n : sizeof raw - 1;
    memcpy(raw, from, n);
    raw[n] = '\0';
    text = nn_text_line(raw);
    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    n = strlen(text);
    if (n > size - 1) { /* never in the middle of a character */
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    memcpy(to, text, n);
    to[n] = '\0';
    nn_mem_free(text);
    return NN_OK;
}

static enum nn_status take_string(const char *from, char *to, size_t size)
{
    return from == NULL ? NN_OK : take_text(from, strlen(from), to, size);
}

/* "+02:00" */
static int is_offset(const char *s)
{
    return strlen(s) == 6 && (s[0] == '+' || s[0] == '-') && s[3] == ':' &&
           digits(s + 1, 2) >= 0 && digits(s + 1, 2) <= 15 &&
           digits(s + 4, 2) >= 0 && digits(s + 4, 2) <= 59;
}

enum nn_status nn_shot_take_time(struct nn_shot *s, const char *time,
                                 const char *fraction, const char *offset)
{
    char text[40] = "", part[40] = "", zone[40] = "";
    struct clock c;
    enum nn_status st = take_string(time, text, sizeof text);

    if (st) {
        return st;
    }
    if (s->time[0] != '\0' || !read_clock(text, &c)) {
        return NN_OK;
    }
    st = take_string(fraction, part, sizeof part);
    if (st) {
        return st;
    }
    st = take_string(offset, zone, sizeof zone);
    if (st) {
        return st;
    }
    part[strspn(part, "0123456789")] = '\0';
    snprintf(s->time, sizeof s->time, "%04d-%02d-%02dT%02d:%02d:%02d%s%.3s%.6s",
             c.year, c.month, c.day, c.hour, c.minute, c.second,
             part[0] != '\0' ? "." : "", part, is_offset(zone) ? zone : "");
    return NN_OK;
}

enum nn_status nn_shot_take_camera(struct nn_shot *s, const char *make,
                                   const char *model, const char *serial)
{
    enum nn_status st = take_string(make, s->make, sizeof s->make);

    if (st) {
        return st;
    }
    st = take_string(model, s->model, sizeof s->model);
    if (st) {
        return st;
    }
    return take_string(serial, s->serial, sizeof s->serial);
}

/* --- entries --- */

static const ExifEntry *entry(const ExifData *d, ExifIfd ifd, int tag)
{
    return exif_content_get_entry(d->ifd[ifd], (ExifTag)tag);
}

/* Text of a tag, empty where it has none. */
struct field {
    char text[64];
};

static const char *ascii(const ExifData *d, ExifIfd ifd, int tag,
                         struct field *f)
{
    const ExifEntry *e = entry(d, ifd, tag);
    size_t n;

    if (e == NULL || e->data == NULL || e->format != EXIF_FORMAT_ASCII) {
        return NULL;
    }
    n = e->size < sizeof f->text - 1 ? e->size : sizeof f->text - 1;
    memcpy(f->text, e->data, n);
    f->text[n] = '\0';
    return f->text;
}

static enum nn_status take_times(const ExifData *d, struct nn_shot *s)
{
    static const struct {
        ExifIfd ifd;
        int time, fraction, offset;
    } row[] = {
        { EXIF_IFD_EXIF, 0x9003, 0x9291, 0x9011 }, /* DateTimeOriginal */
        { EXIF_IFD_EXIF, 0x9004, 0x9292, 0x9012 }, /* DateTimeDigitized */
        { EXIF_IFD_0, 0x0132, 0x9290, 0x9010 },    /* DateTime */
    };

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct field time, fraction, offset;
        enum nn_status st = nn_shot_take_time(
            s, ascii(d, row[i].ifd, row[i].time, &time),
            ascii(d, EXIF_IFD_EXIF, row[i].fraction, &fraction),
            ascii(d, EXIF_IFD_EXIF, row[i].offset, &offset));

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status take_camera(const ExifData *d, struct nn_shot *s)
{
    struct field make, model, serial;

    return nn_shot_take_camera(s, ascii(d, EXIF_IFD_0, 0x010f, &make),
                               ascii(d, EXIF_IFD_0, 0x0110, &model),
                               ascii(d, EXIF_IFD_EXIF, 0xa431, &serial));
}

/* --- place --- */

/* Degrees, minutes and seconds; NaN where they are no angle. */
static double angle(const ExifData *d, int tag, char negative, double most)
{
    const ExifEntry *e = entry(d, EXIF_IFD_GPS, tag);
    const ExifEntry *ref = entry(d, EXIF_IFD_GPS, tag - 1);
    ExifByteOrder order = exif_data_get_byte_order((ExifData *)(uintptr_t)d);
    double v = 0, unit = 1;

    if (e == NULL || ref == NULL || e->format != EXIF_FORMAT_RATIONAL ||
        e->components < 1 || e->components > 3 || e->size < 8 * e->components ||
        ref->size < 1) {
        return (double)NAN;
    }
    for (unsigned i = 0; i < e->components; i++, unit *= 60) {
        ExifRational r = exif_get_rational(e->data + 8 * (size_t)i, order);

        if (r.denominator == 0) {
            return (double)NAN;
        }
        v += (double)r.numerator / (double)r.denominator / unit;
    }
    if (v > most) {
        return (double)NAN;
    }
    return ref->data[0] == negative ? -v : v;
}

static void take_place(const ExifData *d, struct nn_shot *s)
{
    double latitude = angle(d, 2, 'S', 90), longitude = angle(d, 4, 'W', 180);

    if (!s->has_place && !isnan(latitude) && !isnan(longitude)) {
        s->has_place = 1;
        s->latitude = latitude;
        s->longitude = longitude;
    }
}

/* --- the block --- */

/* The value of the tag, whatever integer type a program chose for it. */
static int orientation_of(const ExifEntry *e, ExifByteOrder order)
{
    unsigned v = 0;

    if (e == NULL || e->components < 1) {
        return 0;
    }
    if (e->format == EXIF_FORMAT_SHORT && e->size >= 2) {
        v = exif_get_short(e->data, order);
    } else if (e->format == EXIF_FORMAT_LONG && e->size >= 4) {
        v = exif_get_long(e->data, order);
    } else if (e->format == EXIF_FORMAT_BYTE && e->size >= 1) {
        v = e->data[0];
    }
    return v >= 1 && v <= 8 ? (int)v : 0;
}

static enum nn_status take_all(ExifData *d, struct nn_shot *s)
{
    enum nn_status st = take_times(d, s);

    if (st) {
        return st;
    }
    take_place(d, s);
    return take_camera(d, s);
}

enum nn_status nn_shot_read(const uint8_t *data, size_t size, struct nn_shot *s,
                            int *orientation)
{
    static const uint8_t prefix[EXIF_PREFIX] = { 'E', 'x', 'i', 'f', 0, 0 };
    uint8_t *copy = NULL;
    ExifData *exif;
    enum nn_status st;

    *orientation = 0;
    if (size < EXIF_PREFIX + 8) {
        return NN_OK;
    }
    size = size < EXIF_MOST ? size : EXIF_MOST;
    if (memcmp(data, prefix, EXIF_PREFIX) != 0) {
        copy = nn_mem_calloc(size + EXIF_PREFIX, 1);
        if (copy == NULL) {
            return NN_ERR_NOMEM;
        }
        memcpy(copy, prefix, EXIF_PREFIX);
        memcpy(copy + EXIF_PREFIX, data, size);
        data = copy;
        size += EXIF_PREFIX;
    }
    exif = exif_data_new();
    if (exif == NULL) {
        st = NN_ERR_NOMEM;
        goto out;
    }
    /* Without this libexif turns a LONG into a SHORT, or drops it. */
    exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_load_data(exif, data, (unsigned)size);
    *orientation = orientation_of(entry(exif, EXIF_IFD_0, EXIF_TAG_ORIENTATION),
                                  exif_data_get_byte_order(exif));
    st = take_all(exif, s);
    exif_data_unref(exif);
out:
    nn_mem_free(copy);
    return st;
}
