#include "pipelines/cli/train_run.h"

#include "pipelines/cli/train_species.h"
#include "pipelines/cli/train_teach.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/inputs.h"
#include "common/data/negatives.h"
#include "pipelines/cascade/model.h"
#include "pipelines/data/data_card.h"
#include "pipelines/train/train_check.h"
#include "pipelines/train/train_reference.h"
#include "pipelines/train/train_summary.h"

void train_say_result(const char *name, const struct nn_train_result *r)
{
    if (r->epochs_done == 0) {
        nn_log(NN_LOG_INFO, "%s: %s on validation images, %.0f s", name,
               r->best.text, r->seconds);
        return;
    }
    nn_log(NN_LOG_INFO, "%s: best epoch %d of %d, %s, %.0f s, %.0f images/s",
           name, r->best_epoch, r->epochs_done, r->best.text, r->seconds,
           r->images_per_s);
}

/* Trained on ds, or read from a file; then the rounds of mining, if any. */
static enum nn_status make_gate(const struct train *t, struct nn_dataset *ds,
                                const struct nn_run *run, struct model *m,
                                struct nn_train_result *r, struct nn_error *err)
{
    const char *from = t->rounds.gate_from;
    enum nn_status st;

    if (from != NULL) {
        st =
            train_load_gate(from, ds, &t->gate, &m->gate, &m->gate_policy, err);
        if (st) {
            return st;
        }
    } else {
        st = gate_train(ds, &t->gate, run, &m->gate, &m->gate_policy, r, err);
        if (st) {
            return st;
        }
        train_say_result("gate", r);
    }
    if (t->rounds.pool == NULL) {
        return NN_OK;
    }
    return train_run_rounds(ds, &t->gate, &t->rounds, run, &m->gate,
                            &m->gate_policy, err);
}

static enum nn_status train_gate(const struct train *t, struct nn_dataset *ds,
                                 const struct nn_run *run, struct model *m,
                                 json_t **info, struct nn_error *err)
{
    struct nn_train_result r = { 0 };
    enum nn_status st = make_gate(t, ds, run, m, &r, err);
    char *text;

    if (st) {
        return st;
    }
    text = gate_policy_text(&m->gate_policy);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "gate: %s", text);
    nn_mem_free(text);
    nn_json_put(info, "gate_seconds", json_real(r.seconds));
    nn_json_put(info, "gate_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* As many training images as the cascade's two nets see together. */
static int baseline_epochs(const struct train *t, const struct nn_dataset *ds)
{
    double all = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_ALL);
    double positive = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_POSITIVE);
    double shown, species = positive;

    if (t->species_none == SPECIES_NONE_ON) {
        species /= 1 - t->species.none_share;
    }
    shown = t->system == MODEL_SOFTMAX_MAX ? positive : all;
    if (t->epochs > 0 || shown == 0) {
        return t->epochs > 0 ? t->epochs : 1;
    }
    return (
        int)((t->gate.train.epochs * all + t->species.train.epochs * species) /
                 shown +
             0.5);
}

static enum nn_status train_baseline(const struct train *t,
                                     const struct nn_dataset *ds,
                                     const struct nn_run *run, struct model *m,
                                     json_t **info, struct nn_error *err)
{
    struct baseline_options o = { .system = (enum model_system)t->system,
                                  .train = t->gate.train,
                                  .arch = t->gate.arch,
                                  .width = t->gate.width,
                                  .size = t->gate.size,
                                  .tta = t->gate.tta,
                                  .focal = t->loss,
                                  .min_recall = t->min_recall,
                                  .init = t->gate.init };
    struct nn_train_result r = { 0 };
    enum nn_status st;
    char *text;

    m->system = o.system;
    o.train.epochs = baseline_epochs(t, ds);
    st = baseline_train(ds, &o, run, &m->gate, &m->gate_policy, &r, err);
    if (st) {
        return st;
    }
    train_say_result(model_system_name(m->system), &r);
    text = gate_policy_text(&m->gate_policy);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "%s: %s", model_system_name(m->system), text);
    nn_mem_free(text);
    nn_json_put(info, "seconds", json_real(r.seconds));
    nn_json_put(info, "best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* Of model_strong_net() alone. */
static const char *strong_features(const struct train *t, const struct model *m)
{
    return nn_train_feature_dir(m->species != NULL ? &t->species.train
                                                   : &t->gate.train);
}

static enum nn_status train_species(const struct train *t,
                                    struct nn_dataset *ds,
                                    const struct mine_sources *unknown,
                                    const struct nn_run *run, struct model *m,
                                    json_t **info, struct nn_error *err)
{
    struct nn_train_result r = { 0 };
    enum nn_status st;

    if (m->n_classes < 2) {
        nn_log(NN_LOG_INFO,
               "one class only ('%s'): the gate alone decides, no species net",
               m->classes[0]);
        return NN_OK;
    }
    st = train_make_species(t, ds, unknown, run, m, &r, err);
    if (st) {
        return st;
    }
    train_say_result("species", &r);
    nn_log(NN_LOG_INFO,
           "species: right class for %.3f of the validation images of a class, "
           "calibration error %.3f -> %.3f at temperature %.2f; below %.3f the "
           "verdict is unknown",
           m->species_policy.accuracy, m->species_policy.ece_before,
           m->species_policy.ece_after, m->species->temperature,
           m->species_policy.reject_threshold);
    nn_json_put(info, "species_seconds", json_real(r.seconds));
    nn_json_put(info, "species_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* Of a path, what may go into a file that is passed on; NULL stays. */
static const char *file_name(const char *path)
{
    return path != NULL ? nn_path_base(path) : NULL;
}

static enum nn_status train_nets(const struct train *t, struct nn_dataset *ds,
                                 const struct mine_sources *unknown,
                                 const struct nn_run *run, struct model *m,
                                 struct nn_error *err)
{
    enum nn_status st;

    if (t->system != MODEL_CASCADE) {
        return train_baseline(t, ds, run, m, &m->training, err);
    }
    st = train_gate(t, ds, run, m, &m->training, err);
    if (st) {
        return st;
    }
    if (t->subset.only == TRAIN_ONLY_GATE) {
        return train_join_classes(m, err);
    }
    return train_species(t, ds, unknown, run, m, &m->training, err);
}

static uint64_t split_seed(const struct train *t)
{
    return t->split_seed > 0 ? t->split_seed : t->seed;
}

/* The verdict on the model, and the page that shows it. The classes of a gate
 * alone are joined to one and fit no label. */
static enum nn_status say_how_good(const struct train *t, const struct model *m,
                                   const struct nn_dataset *ds,
                                   const struct nn_run *run,
                                   struct nn_error *err)
{
    struct train_summary s;
    enum nn_status st;

    if (t->no_report || t->subset.only != TRAIN_ALL) {
        return NN_OK;
    }
    st = train_summary_init(&s, m, ds, train_kept_features(t), err);
    if (st) {
        goto out;
    }
    /* Photos of no class stand among the negatives by now. */
    if (m->system == MODEL_CASCADE && t->unknown.n == 0) {
        st = gate_curve(m->gate, ds, &t->gate, run, &s.curve, err);
        if (st) {
            goto out;
        }
    }
    train_summary_print(&s, stdout);
    st = train_page_write(&s, t->out, err);
out:
    train_summary_release(&s);
    return st;
}

static enum nn_status save_and_tell(const struct train *t,
                                    const struct model *m,
                                    const struct nn_dataset *ds,
                                    const struct nn_run *run, const char *path,
                                    struct nn_error *err)
{
    enum nn_status st = model_save(m, path, t->half ? NN_F16 : NN_F32, err);

    if (st) {
        return st;
    }
    st = say_how_good(t, m, ds, run, err);
    if (st) {
        return st;
    }
    printf("model: %s\n", path);
    if (!t->no_report && t->subset.only == TRAIN_ALL) {
        printf("page:  %s/report.html\n", t->out);
    }
    printf("try:   bearcascade classify --model %s PHOTO\n"
           "       bearcascade evaluate --model %s %s\n",
           t->out, t->out, ds->path);
    return NN_OK;
}

static enum nn_status train_model(struct train *t, struct nn_dataset *ds,
                                  const struct mine_sources *unknown,
                                  struct train_lessons *lessons,
                                  json_t *options, struct nn_error *err)
{
    const struct nn_run run = { t->out, t->resume, &stop_asked };
    struct model *m = NULL;
    char *path = nn_path_join(t->out, "best.safetensors");
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = model_create(ds, &m, err);
    if (st) {
        goto out;
    }
    m->data = data_card_json(ds);
    m->training = json_pack(
        "{s:o, s:s?, s:s?, s:s*}", "options", cmd_public_options(options),
        "gate_start", file_name(t->gate_init), "species_start",
        file_name(t->species_init), "teacher", file_name(t->teacher));
    nn_json_put(&m->data, "split_seed",
                json_integer((json_int_t)split_seed(t)));
    if (m->data == NULL || m->training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = train_teach(t, ds, lessons, err);
    if (st) {
        goto out;
    }
    st = train_nets(t, ds, unknown, &run, m, err);
    if (st) {
        goto out;
    }
    if (m->training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_seen_init(&m->seen, ds, err); /* with what mining has added */
    if (st) {
        goto out;
    }
    st = nn_seen_add_trained(&m->seen, &lessons->seen, err);
    if (st) {
        goto out;
    }
    if (!t->no_reference) {
        st = train_reference(m, ds, strong_features(t, m), &stop_asked, err);
        if (st) {
            goto out;
        }
    }
    st = save_and_tell(t, m, ds, &run, path, err);
out:
    model_destroy(&m);
    nn_mem_free(path);
    return st;
}

/* What the data set borrows from, and so outlives it. */
struct inputs {
    struct mine_sources given, unknown;
    struct train_lessons lessons;
    struct nn_pool *pool;
};

static void close_inputs(struct inputs *in)
{
    mine_sources_close(&in->given);
    mine_sources_close(&in->unknown);
    train_lessons_release(&in->lessons);
    nn_pool_close(&in->pool);
}

/* The images to train on and, for rounds, the pool to mine. */
static enum nn_status open_data(struct train *t, const char *data,
                                struct nn_dataset **ds, struct inputs *in,
                                struct nn_error *err)
{
    const struct data_options how = data_rows_options(&t->data, split_seed(t));
    enum nn_status st = data_open(data, &how, ds, err);

    if (st) {
        return st;
    }
    st = cmd_write_splits(t->out, *ds, t->resume, err);
    if (st) {
        return st;
    }
    st = nn_dataset_keep_inputs(*ds, 0, err);
    if (st) {
        return st;
    }
    st = nn_negatives_leave_out(*ds, t->leave_out.v, t->leave_out.n, err);
    if (st) {
        return st;
    }
    st = train_take_subset(*ds, &t->subset, err);
    if (st) {
        return st;
    }
    if (t->negatives.n > 0) {
        st = mine_sources_open(t->negatives.v, t->negatives.n, &in->given, err);
        if (st) {
            return st;
        }
        st = nn_negatives_add(*ds, in->given.v, in->given.n, "negatives", err);
        if (st) {
            return st;
        }
    }
    if (t->unknown.n > 0) {
        st = mine_sources_open(t->unknown.v, t->unknown.n, &in->unknown, err);
        if (st) {
            return st;
        }
    }
    if (t->mine_pool.n > 0) {
        st = data_open_pools(t->mine_pool.v, t->mine_pool.n, &in->pool, err);
        if (st) {
            return st;
        }
        t->rounds.pool = in->pool;
        t->rounds.leave_out = &t->leave_out;
    }
    return NN_OK;
}

static enum nn_status take_folder(const struct train *t, int *folder,
                                  struct nn_error *err)
{
    enum nn_status st = nn_folder_take(t->out, folder, err);

    if (st) {
        return st;
    }
    st = cmd_check_out(t->out, t->resume, err); /* now that it is ours */
    if (st) {
        return st;
    }
    cmd_say_resumed(t->out, t->resume);
    return NN_OK;
}

static enum nn_status check_data(const struct train *t, struct nn_dataset *ds,
                                 struct nn_error *err)
{
    const char *asked = t->rung.n > 0           ? "--rung"
                        : t->rounds.species > 0 ? "--species-rounds"
                                                : NULL;

    if (asked != NULL && ds->n_classes < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "%s needs a species net, and '%s' has one class", asked,
                       ds->path);
    }
    return train_check_data(ds, split_seed(t), t->system != MODEL_SOFTMAX_MAX,
                            err);
}

enum nn_status train_run(struct train *t, const struct nn_options *o,
                         const char *data, struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    struct inputs in = { .pool = NULL };
    json_t *options = NULL;
    int folder = -1;
    enum nn_status st = train_choose_nets(t, err);

    if (st) {
        goto out;
    }
    options = cmd_options_json(o, data); /* with the nets that were chosen */
    if (options == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = take_folder(t, &folder, err);
    if (st) {
        goto out;
    }
    train_apply_options(t);
    st = train_choose_start(t, err);
    if (st) {
        goto out;
    }
    st = train_check_extension(t, options, err);
    if (st) {
        goto out;
    }
    st = train_teach_open(t, &in.lessons, err);
    if (st) {
        goto out;
    }
    st = open_data(t, data, &ds, &in, err);
    if (st) {
        goto out;
    }
    st = cmd_write_options(t->out, options, err);
    if (st) {
        goto out;
    }
    st = check_data(t, ds, err);
    data_card_print(ds, stderr);
    data_card_print_names(ds, stderr);
    if (st) {
        goto out;
    }
    st = train_model(t, ds, &in.unknown, &in.lessons, options, err);
out:
    nn_folder_give_back(&folder);
    nn_mem_free(t->init_path);
    nn_mem_free(t->feature_dir);
    nn_mem_free(t->gate_init);
    nn_mem_free(t->species_init);
    nn_dataset_close(&ds);
    close_inputs(&in);
    json_decref(options);
    return st;
}
