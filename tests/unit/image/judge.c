#include "tests/unit/image/judge.h"

#include <string.h>

#include "common/base/mem.h"
#include "tests/unit/testkit.h"

enum nn_status judge_decode(const struct sample *s, struct nn_image *img,
                            struct nn_image_info *info, struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();

    *err = (struct nn_error)NN_ERROR_INIT;
    return nn_image_decode(s->bytes, s->size, &opt, img, info, err);
}

int judge_distance(const struct nn_image *a, const struct nn_image *b)
{
    int most = 0;

    ck_assert_int_eq(a->w, b->w);
    ck_assert_int_eq(a->h, b->h);
    for (int64_t i = 0; i < (int64_t)a->w * a->h * 3; i++) {
        int d = a->rgb[i] - b->rgb[i];

        d = d < 0 ? -d : d;
        most = d > most ? d : most;
    }
    return most;
}

void judge_expect(const struct sample *s, const struct nn_image *want,
                  int bound, const char *note)
{
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err;
    long live = nn_mem_live();

    ck_assert_msg(judge_decode(s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_int_le(judge_distance(&got, want), bound);
    ck_assert_msg(!note || strcmp(info.note, note) == 0, "note '%s'",
                  info.note);
    nn_image_release(&got);
    ck_assert_int_eq(nn_mem_live(), live);
}
