/*
 * signals.c - a first SIGINT or SIGTERM asks for a stop (the step is finished, a checkpoint saved, exit status 0); a second one ends
 * the program at once with 128 + its number. The flag (the signal's number) is the program's one piece of global state: a handler can reach nothing else.
 */
#include "config.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile int stop;

static void on_signal(int number)
{
    if (stop) _exit(128 + number);
    stop = number;
    static const char text[] = "\nstopping after this step; once more to stop at once\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
}

const volatile int *cli_stop_flag(void)
{
    return &stop;
}

void cli_catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}
