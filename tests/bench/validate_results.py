#!/usr/bin/env python3
r"""Files of results through the validator of PyPI's package megadetector.

    python3 -m venv v; v/bin/pip install --no-deps megadetector
    v/bin/pip install numpy opencv-python-headless tqdm jsonpickle pytest \
        requests pillow
    v/bin/python tests/bench/validate_results.py FILE [FOLDER]

FOLDER: its photos must exist below it. Prints errors and warnings; the exit
status is 1 where there is one.
"""
import sys

from megadetector.postprocessing.validate_batch_results import (
    ValidateBatchResultsOptions, validate_batch_results)


def main(path, folder=None):
    options = ValidateBatchResultsOptions()
    options.check_image_existence = folder is not None
    options.relative_path_base = folder
    r = validate_batch_results(path, options)["validation_results"]
    for kind in ("errors", "warnings"):
        for text in r[kind]:
            print("%s: %s" % (kind, text.encode("utf-8", "backslashreplace")
                              .decode()))
    print("%d errors, %d warnings" % (len(r["errors"]), len(r["warnings"])))
    return int(bool(r["errors"] or r["warnings"]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
