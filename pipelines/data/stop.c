#include "pipelines/data/stop.h"

#include <stddef.h>

volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    stop_asked = 1;
    signal(number, SIG_DFL);
}

void stop_catch_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction before;

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        /* What nohup ignores stays so; SIGINT does not: a shell without job
         * control has it ignored by all that it starts with &. */
        if (signals[i] != SIGHUP || (sigaction(SIGHUP, NULL, &before) == 0 &&
                                     before.sa_handler != SIG_IGN)) {
            sigaction(signals[i], &sa, NULL);
        }
    }
}
