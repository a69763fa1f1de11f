/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Ticks whose instructions callgrind counts. Compiled and loaded by native.py; called
 * with the GIL held. */
#define _GNU_SOURCE
#include "tick.h"

#include <poll.h>
#include <stdint.h>
#include <valgrind/callgrind.h>

static struct sigaction ours;

/* Callgrind counts from a call on, and a signal's delivery is none. */
static void call_ours(int signo, siginfo_t *info, void *context)
{
    ours.sa_sigaction(signo, info, context);
}

void counted_ticks(uintptr_t cookie, int count)
{
    tick sent = tick_to_here(SIGPROF, (void *)cookie);
    sigaction(SIGPROF, NULL, &ours);
    struct sigaction calling = ours;
    calling.sa_sigaction = call_ours;
    sigaction(SIGPROF, &calling, NULL);
    for (int i = 0; i < count; i++) {
        tick_send(&sent);
        poll(NULL, 0, 0); /* valgrind delivers signals when a system call may wait */
    }
    sigaction(SIGPROF, &ours, NULL);
}

/* Have callgrind write down what it has counted since it last did. */
void write_counts(const char *name)
{
    CALLGRIND_DUMP_STATS_AT(name);
}
