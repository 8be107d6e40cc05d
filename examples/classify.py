#!/usr/bin/env python3
"""Says what photos show, with libbearcascade and nothing but ctypes.

usage: classify.py MODEL PHOTO...    (BEARCASCADE_LIBRARY names the library
where the system does not find it)
"""
import ctypes
import os
import sys
from ctypes import byref, c_char, c_char_p, c_double, c_int, c_size_t, c_void_p

TEXT_SIZE = 512
BC_OK = 0


class Result(ctypes.Structure):  # struct bc_result
    _fields_ = [
        ("status", c_int),
        ("verdict", c_int),
        ("class_index", c_int),
        ("stage", c_int),
        ("p_positive", c_double),
        ("p_class", c_double),
        ("reserved", c_double * 4),
        ("reason", c_char * TEXT_SIZE),
    ]


class Options(ctypes.Structure):  # struct bc_options
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int),
        ("max_batch", c_int),
        ("all_stages", c_int),
        ("log_level", c_int),
        ("log", c_void_p),
        ("log_ctx", c_void_p),
    ]


def load_library():
    lib = ctypes.CDLL(os.environ.get("BEARCASCADE_LIBRARY",
                                     "libbearcascade.so.0"))
    lib.bc_model_class.restype = c_char_p
    lib.bc_model_class.argtypes = [c_void_p, c_size_t]
    lib.bc_model_class_count.restype = c_size_t
    lib.bc_model_class_count.argtypes = [c_void_p]
    lib.bc_result_label.restype = c_char_p
    lib.bc_result_label.argtypes = [c_void_p, c_void_p]
    lib.bc_session_create.argtypes = [c_void_p, c_void_p, c_void_p, c_char_p,
                                      c_size_t]
    lib.bc_classify_bytes.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p,
                                      c_void_p, c_size_t]
    return lib


class Classifier:
    """A model and a session; use one object from one thread."""

    def __init__(self, path):
        self.lib = load_library()
        self.model, self.session = c_void_p(), c_void_p()
        why = ctypes.create_string_buffer(TEXT_SIZE)
        options = Options(struct_size=ctypes.sizeof(Options), all_stages=1)
        if self.lib.bc_model_open(os.fsencode(path), byref(self.model), why,
                                  TEXT_SIZE) \
                or self.lib.bc_session_create(self.model, byref(options),
                                              byref(self.session), why,
                                              TEXT_SIZE):
            self.close()
            raise ValueError(why.value.decode(errors="replace"))
        n = self.lib.bc_model_class_count(self.model)
        self.classes = [self.lib.bc_model_class(self.model, i).decode()
                        for i in range(n)]

    def __call__(self, data):
        """(verdict, p of any class, {class: p}) of an image file."""
        r, p = Result(), (c_double * len(self.classes))()
        if self.lib.bc_classify_bytes(self.session, data, len(data), byref(r),
                                      p, len(p)) != BC_OK:
            raise ValueError(r.reason.decode(errors="replace"))
        verdict = self.lib.bc_result_label(self.model, byref(r)).decode()
        return verdict, r.p_positive, dict(zip(self.classes, p))

    def close(self):
        self.lib.bc_session_destroy(byref(self.session))
        self.lib.bc_model_destroy(byref(self.model))


def main(argv):
    if len(argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        classify = Classifier(argv[1])
    except (OSError, ValueError) as e:
        print(f"classify.py: {e}", file=sys.stderr)
        return 1
    failed = 0
    for path in argv[2:]:
        try:
            with open(path, "rb") as f:
                verdict, p_positive, p = classify(f.read())
        except (OSError, ValueError) as e:
            print(f"{path}: {e}")
            failed = 1
            continue
        print(path, verdict, f"{p_positive:.6f}",
              *(f"{k} {v:.6f}" for k, v in p.items()), sep="\t")
    classify.close()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv))
