/* report_from_json OUT COMPARISON SWEEP IMAGES - report.html from files;
 * "-" stands for a part that is not there. For report_page.py. */
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "pipelines/report/report.h"

int main(int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    json_t *part[3] = { NULL, NULL, NULL };
    enum nn_status st = NN_OK;

    if (argc != 5) {
        fputs("usage: report_from_json OUT COMPARISON SWEEP IMAGES\n", stderr);
        return 2;
    }
    for (int i = 0; !st && i < 3; i++) {
        if (strcmp(argv[i + 2], "-") != 0) {
            st = nn_json_read(argv[i + 2], (size_t)1 << 30, &part[i], &err);
        }
    }
    if (!st) {
        st = report_write(argv[1], part[0], part[1], part[2], &err);
    }
    for (int i = 0; i < 3; i++) {
        json_decref(part[i]);
    }
    if (st) {
        fprintf(stderr, "%s\n", err.text);
    }
    return st ? 1 : 0;
}
