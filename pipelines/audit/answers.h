/* pipelines/audit/answers.h - a person's answers, and what follows from them.
 *
 * A file of answers is what the page saves:
 *     {"format": "bearcascade-answers 1", "plan": HASH, "answers": "nnpnu..."}
 * one letter a look, in the order in which the looks were asked for: n none,
 * p positive, 1 to 9 positive and of that class of the model, u not sure. The
 * order follows from the plan and the answers
 * before, so the letters say which photo each belongs to. */
#ifndef PIPELINES_AUDIT_ANSWERS_H
#define PIPELINES_AUDIT_ANSWERS_H

#include "pipelines/audit/plan.h"

struct audit_result {
    struct audit_state state;
    double found_top; /* of the found, by looks from the top */
    double photos_seen;
    char *letters;
    char hash[33];         /* of the letters */
    unsigned char *answer; /* [units] enum audit_answer */
    unsigned char *cls;    /* [units] number of the class, from 1; 0: unnamed */
};
#define AUDIT_RESULT_INIT                                                      \
    {                                                                          \
        .letters = NULL                                                        \
    }

/* Plays the answers of `path` back, with the plan's revisions where they came.
 * "revisions" in the file: how many the page knew. Errors: NN_ERR_FORMAT (no
 * file of answers, of another plan, given without a revision that came before,
 * a letter that is none, more answers than units), NN_ERR_IO, NN_ERR_NOMEM.
 * Release also after an error. */
NN_MUST_CHECK enum nn_status audit_answers_read(const struct audit_plan *plan,
                                                const char *path,
                                                struct audit_result *out,
                                                struct nn_error *err);
void audit_result_release(struct audit_result *r);

#endif /* PIPELINES_AUDIT_ANSWERS_H */
