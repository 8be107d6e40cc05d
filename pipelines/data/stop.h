/* pipelines/data/stop.h - a wish to stop, heard between two images. */
#ifndef PIPELINES_DATA_STOP_H
#define PIPELINES_DATA_STOP_H

#include <signal.h>

/* Set by SIGINT, SIGTERM and SIGHUP after stop_catch_signals(). A second signal
 * ends the program at once. SIGHUP stays ignored where it was (nohup). */
extern volatile sig_atomic_t stop_asked;
void stop_catch_signals(void);

#endif /* PIPELINES_DATA_STOP_H */
