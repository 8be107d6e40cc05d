/* pipelines/cascade/session.h - the inside of the library's objects, for the
 * program alone: it scores data sets and prints more than the library tells.
 * Not installed, not exported. */
#ifndef PIPELINES_CASCADE_SESSION_H
#define PIPELINES_CASCADE_SESSION_H

#include "pipelines/cascade/bearcascade.h"
#include "pipelines/cascade/cascade.h"

/* Both live as long as the object that they belong to. */
const struct model *bc_model_inside(const struct bc_model *m);
/* To decide by other thresholds; before the first session. */
struct model *bc_model_change(struct bc_model *m);
/* Runs with the threads and the log of whoever calls it. */
struct cascade *bc_session_cascade(struct bc_session *s);

#endif /* PIPELINES_CASCADE_SESSION_H */
