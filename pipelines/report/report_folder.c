#include "pipelines/report/report_folder.h"

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/report/report.h"

enum { COMPARISON, SWEEP, IMAGES, PARTS };

static json_t *load(const char *dir, const char *name)
{
    char *path = nn_path_join(dir, name);
    json_error_t why;
    json_t *j = NULL;

    if (path != NULL && nn_file_exists(path)) {
        j = json_load_file(path, 0, &why);
        if (j == NULL) {
            nn_log(NN_LOG_WARN,
                   "'%s' is damaged and left out of the report: %s (line %d)",
                   path, why.text, why.line);
        }
    }
    nn_mem_free(path);
    return j;
}

enum nn_status report_folder(const char *dir, struct nn_error *err)
{
    static const char *const names[PARTS] = { "comparison.json", "sweep.json",
                                              "images.json" };
    char *path = nn_path_join(dir, "report.html");
    json_t *part[PARTS];
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    for (int i = 0; i < PARTS; i++) {
        part[i] = load(dir, names[i]);
    }
    st = report_write(path, part[COMPARISON], part[SWEEP], part[IMAGES], err);
    if (st) {
        goto out;
    }
    nn_log(NN_LOG_INFO, "the report is %s", path);
out:
    for (int i = 0; i < PARTS; i++) {
        json_decref(part[i]);
    }
    nn_mem_free(path);
    return st;
}
