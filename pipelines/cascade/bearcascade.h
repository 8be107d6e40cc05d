/* bearcascade.h - libbearcascade: which of a model's classes an image shows,
 * or none of them.
 *
 *     struct bc_model *model = NULL;
 *     struct bc_session *session = NULL;
 *     struct bc_result r;
 *     char why[BC_TEXT_SIZE];
 *
 *     if (bc_model_open("bears.safetensors", &model, why, sizeof why) ||
 *         bc_session_create(model, NULL, &session, why, sizeof why)) {
 *         fprintf(stderr, "%s\n", why);
 *     } else if (bc_classify_file(session, "photo.jpg", &r, NULL, 0)) {
 *         fprintf(stderr, "photo.jpg: %s\n", r.reason);
 *     } else {
 *         printf("%s %.3f\n", bc_result_label(model, &r), r.p_positive);
 *     }
 *     bc_session_destroy(&session);
 *     bc_model_destroy(&model);
 *
 * Build: cc x.c $(pkg-config --cflags --libs bearcascade)
 *
 * A model is a file that `bearcascade train` wrote: a gate, which says whether
 * an image shows any of the classes (a positive) or none, and a species net,
 * which says which class a positive is. Answers are those of `bearcascade
 * classify`, by the same code. They are bit-equal for any number of threads and
 * of images computed together.
 *
 * Ownership. Objects are opened or created through a pointer to a pointer,
 * which is NULL on failure, and destroyed through the same: the pointer is NULL
 * afterwards, and destroying NULL does nothing. Whatever is handed in (paths,
 * bytes, pixels, options) is the caller's and not looked at after the call.
 *
 * Threads. A model never changes: any number of threads may use one. A session
 * is for one thread at a time; a call that meets another under way in the same
 * session is refused. Threads and log are settings of a session, nothing is set
 * for the process: sessions do not disturb each other. With `threads` above 1
 * each thread that classifies keeps a team of OpenMP threads until it ends, so
 * N such threads can occupy N * threads CPUs; a server with a thread for each
 * request does best with threads = 1. OpenMP does not survive fork(): a child
 * whose parent has classified with several threads must use sessions with
 * threads = 1, or start another program.
 *
 * Errors. A function that can fail returns enum bc_status, 0 for success, and
 * one line for a person: open and create into why[why_size] (cut to fit; why
 * may be NULL), classify into bc_result.reason. NULL where an object or a
 * result must be, is BC_ERR_ARGUMENT, never a crash. The library writes to
 * neither stdout nor stderr, installs no signal handler and never exits.
 *
 * ABI. Programs go on running with a later library of the same soversion
 * (libbearcascade.so.N). Within it functions and enum values may be added,
 * bc_options may grow at its end (struct_size says what the caller knows), and
 * the reserved fields may get a meaning whose 0 is what is done today. Anything
 * else raises N. Before version 1.0 a minor version may raise it. */
#ifndef BEARCASCADE_H
#define BEARCASCADE_H

#include <stddef.h>

#define BC_VERSION_MAJOR 0
#define BC_VERSION_MINOR 1
#define BC_VERSION_PATCH 0

#if defined(__GNUC__)
#define BC_API __attribute__((visibility("default")))
#else
#define BC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": of the library that runs, which may be later than this header. */
BC_API const char *bc_version(void);

enum bc_status {
    BC_OK = 0,
    BC_ERR_ARGUMENT = -1,    /* the call is wrong: the reason says how */
    BC_ERR_MEMORY = -2,      /* out of memory; the objects stay usable */
    BC_ERR_IO = -3,          /* a file cannot be opened or read */
    BC_ERR_FORMAT = -4,      /* damaged, cut off, or not what it claims to be */
    BC_ERR_UNSUPPORTED = -5, /* sound, but more than this library does: an
                                animation, too many pixels, an unknown option */
    BC_ERR_NUMBER = -6,      /* the model gives NaN or infinity */
};
/* "ok", "invalid argument", ...; "unknown status" for other numbers. */
BC_API const char *bc_status_name(int status);

/* Room for every reason, and more than most need. */
#define BC_TEXT_SIZE 512

/* --- models --- */

struct bc_model;

/* path: a model file, or the folder of a training run (its best.safetensors).
 * Errors: BC_ERR_ARGUMENT, BC_ERR_IO, BC_ERR_FORMAT (no model, damaged, its
 * parts do not fit together), BC_ERR_UNSUPPORTED, BC_ERR_MEMORY. */
BC_API int bc_model_open(const char *path, struct bc_model **model, char *why,
                         size_t why_size);
/* The same from the bytes of a model file; they are copied. */
BC_API int bc_model_open_memory(const void *bytes, size_t size,
                                struct bc_model **model, char *why,
                                size_t why_size);
/* Sessions keep what they need of it: the order of destruction is free. */
BC_API void bc_model_destroy(struct bc_model **model);

/* Classes are numbered from 0, in the order of training (by name). */
BC_API size_t bc_model_class_count(const struct bc_model *model);
/* Name of a class, the model's own; NULL when there is no such class. */
BC_API const char *bc_model_class(const struct bc_model *model, size_t index);
/* An image is a positive when p_positive >= threshold; of a model whose species
 * net may say none, this holds for the score of both stages. */
BC_API double bc_model_threshold(const struct bc_model *model);
/* A positive is unknown when no class has p >= reject threshold; 0 where the
 * model has no such rule (one class, or a single net). */
BC_API double bc_model_reject_threshold(const struct bc_model *model);

/* --- sessions --- */

enum bc_log_level { BC_LOG_DEBUG, BC_LOG_INFO, BC_LOG_WARN, BC_LOG_ERROR };
/* One line without a newline, control characters replaced. Called from any
 * thread while a call of the session is under way, one call at a time; it may
 * use other sessions, not this one. */
typedef void bc_log_fn(void *ctx, int level, const char *text);

struct bc_options {
    size_t struct_size; /* sizeof(struct bc_options) */
    int threads;        /* for decoding and computing, 1 to 1024; 0: as many as
                           the process may run on (affinity, cgroup quota) */
    int max_batch;      /* images computed together, 1 to 1024; 0: 1. Some
                           dozens are fastest where many images come at once;
                           memory grows with them */
    int all_stages;     /* 1: class probabilities for rejected images too */
    int log_level;      /* least level that is passed on */
    bc_log_fn *log;     /* images without an answer (warning), settings (debug);
                           NULL: nobody listens */
    void *log_ctx;
};
#define BC_OPTIONS_INIT                                                        \
    {                                                                          \
        sizeof(struct bc_options), 0, 0, 0, 0, NULL, NULL                      \
    }

struct bc_session;

/* options: NULL for the defaults, else begun with BC_OPTIONS_INIT. Takes the
 * memory for max_batch images. Errors: BC_ERR_ARGUMENT (an option out of its
 * range), BC_ERR_UNSUPPORTED (an option set that this library does not know),
 * BC_ERR_MEMORY. */
BC_API int bc_session_create(struct bc_model *model,
                             const struct bc_options *options,
                             struct bc_session **session, char *why,
                             size_t why_size);
/* Not while a call of the session is under way. */
BC_API void bc_session_destroy(struct bc_session **session);

/* --- answers --- */

enum bc_verdict {
    BC_NO_VERDICT = 0, /* no answer: see status and reason */
    BC_NONE,           /* none of the classes: said by the gate, or by a species
                          net that may say it (stage 2) */
    BC_CLASS,          /* the class class_index */
    BC_UNKNOWN,        /* a positive, but like no class */
};
/* "", "none", "class", "unknown"; "" for other numbers. */
BC_API const char *bc_verdict_name(int verdict);

struct bc_result {
    int status;        /* BC_OK, or an enum bc_status: why there is no answer */
    int verdict;       /* enum bc_verdict */
    int class_index;   /* most likely class, or -1 where the class was not asked
                          for: images that the gate rejects, without
                          all_stages */
    int stage;         /* what decided: 1 the gate, 2 the species net or the one
                          net of a model without a gate; 0: no answer */
    double p_positive; /* whether the image shows any class, 0 to 1: the gate's
                          probability; where the species net may say none, the
                          probability by the net that had the last word, of an
                          image that the gate rejects scaled to lie below the
                          threshold. Images can be ranked by it */
    double p_class; /* of class_index, given a positive; 0 where that is -1 */
    double reserved[4];        /* 0 */
    char reason[BC_TEXT_SIZE]; /* one line, "" with BC_OK */
};
/* What `classify` prints: the class of a BC_CLASS, else bc_verdict_name().
 * Never NULL; the text lives as long as the model. */
BC_API const char *bc_result_label(const struct bc_model *model,
                                   const struct bc_result *result);

/* Each of these answers for one image and returns result->status. result is
 * filled in every case. probabilities: NULL with n_classes 0, or room for one
 * number a class, n_classes = bc_model_class_count(): given that the image is a
 * positive; all 0 where class_index is -1.
 * Errors: BC_ERR_ARGUMENT, BC_ERR_IO, BC_ERR_FORMAT ("truncated JPEG data"),
 * BC_ERR_UNSUPPORTED, BC_ERR_NUMBER, BC_ERR_MEMORY. */

/* Pixels in rows from the top, three bytes each: red, green, blue (sRGB).
 * stride: bytes from row to row, at least 3 * width; 0: 3 * width. Sides from 1
 * to 65,535, at most 100 million pixels. Pixels of a large JPEG that somebody
 * else decoded give probabilities that differ in late digits from those of the
 * file, which is decoded at the scale that is needed. */
BC_API int bc_classify_rgb(struct bc_session *session, const unsigned char *rgb,
                           int width, int height, size_t stride,
                           struct bc_result *result, double *probabilities,
                           size_t n_classes);
/* An image file in memory, told apart by content: JPEG, PNG, WebP or BMP; GIF,
 * TIFF, AVIF and HEIC where the library was built with theirs. EXIF orientation
 * is applied, transparency laid over white. */
BC_API int bc_classify_bytes(struct bc_session *session, const void *bytes,
                             size_t size, struct bc_result *result,
                             double *probabilities, size_t n_classes);
/* The same from a regular file of at most 256 MiB. */
BC_API int bc_classify_file(struct bc_session *session, const char *path,
                            struct bc_result *result, double *probabilities,
                            size_t n_classes);

enum bc_image_kind {
    BC_IMAGE_RGB = 1, /* data: pixels; width, height, stride */
    BC_IMAGE_BYTES,   /* data: a file's bytes; size */
    BC_IMAGE_FILE,    /* data: a path, ended by a zero byte */
};
/* An image of any kind; the fields of the other kinds are 0. */
struct bc_image {
    int kind; /* enum bc_image_kind */
    int width, height;
    int reserved_int; /* 0 */
    const void *data;
    size_t size;
    size_t stride;
    size_t reserved[3]; /* 0 */
};

/* Answers for n images of any kinds, max_batch at a time, results[i] and row i
 * of probabilities [n,n_classes] (or NULL, 0) for images[i]. Returns BC_OK when
 * all were looked at: results[i].status tells those without an answer. Else the
 * call failed as a whole, and every result that was not reached says why:
 * BC_ERR_ARGUMENT (session, images, results or n_classes), BC_ERR_MEMORY. */
BC_API int bc_classify_batch(struct bc_session *session,
                             const struct bc_image *images, size_t n,
                             struct bc_result *results, double *probabilities,
                             size_t n_classes);

#ifdef __cplusplus
}
#endif

#endif /* BEARCASCADE_H */
