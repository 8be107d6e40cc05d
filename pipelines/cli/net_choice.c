#include "pipelines/cli/net_choice.h"

enum { LEAST_SIZE = 32 };

enum nn_status net_choice_check(const struct net_choice *c,
                                struct nn_error *err)
{
    if (*c->size > 0 && *c->size < LEAST_SIZE) {
        return nn_fail(err, NN_ERR_ARG,
                       "option '--%ssize' wants 0 or %d pixels and more, not "
                       "'%d'",
                       c->stem, LEAST_SIZE, *c->size);
    }
    return NN_OK;
}

enum nn_arch net_choice_arch(int word)
{
    return (enum nn_arch)(word - 1);
}

static enum nn_status ask_file(const char *path, const char *prefix,
                               const char *other_prefix, enum nn_arch *arch,
                               int *known, struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    enum nn_status st = nn_st_open(path, &f, err);

    if (st) {
        return st;
    }
    st = nn_arch_of_file(f, prefix, arch, known, &why);
    if (st) {
        goto out;
    }
    if (!*known && other_prefix != NULL) {
        st = nn_arch_of_file(f, other_prefix, arch, known, &why);
    }
out:
    nn_st_close(&f);
    return st ? nn_fail(err, st, "'%s' %s", path, why.text) : NN_OK;
}

enum nn_status net_choice_make(const struct net_choice *c, const char *init,
                               const char *prefix, const char *other_prefix,
                               enum nn_arch fallback, struct nn_error *err)
{
    enum nn_arch arch = fallback;
    enum nn_status st;
    int known = 0;

    if (init != NULL) {
        st = ask_file(init, prefix, other_prefix, &arch, &known, err);
        if (st) {
            return st;
        }
    }
    arch = known ? arch : fallback;
    if (*c->word > 0 && known && arch != net_choice_arch(*c->word)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--%snet %s and --init contradict each other: '%s' "
                       "holds %s",
                       c->stem, nn_arch_info(net_choice_arch(*c->word))->word,
                       init, nn_arch_info(arch)->title);
    }
    if (*c->word == 0) {
        *c->word = 1 + (int)arch;
    }
    arch = net_choice_arch(*c->word);
    if (!nn_arch_info(arch)->has_width && (c->width < 1 || c->width > 1)) {
        return nn_fail(err, NN_ERR_ARG, "%s has no width: leave out --%swidth",
                       nn_arch_info(arch)->title, c->stem);
    }
    if (*c->size == 0) {
        *c->size = arch == NN_ARCH_MOBILENETV4 ? c->mobile_size
                                               : nn_arch_info(arch)->size;
    }
    return NN_OK;
}
