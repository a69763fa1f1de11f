/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What a tick costs. Compiled and loaded by native.py; called with the GIL held. */
#define _GNU_SOURCE
#include "tick.h"

#include <stdint.h>
#include <time.h>

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void empty(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
}

static double send_ns(int signo, void *cookie, int count)
{
    tick sent = tick_to_here(signo, cookie);
    double start = now_ns();
    for (int i = 0; i < count; i++)
        tick_send(&sent);
    return (now_ns() - start) / count;
}

/* A profiling tick, all in all. */
double tick_ns(uintptr_t cookie, int count)
{
    return send_ns(SIGPROF, (void *)cookie, count);
}

/* The same with a handler that does nothing. */
static double empty_tick_ns(int count)
{
    struct sigaction action, previous;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = empty;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR2, &action, &previous);
    double cost = send_ns(SIGUSR2, NULL, count);
    sigaction(SIGUSR2, &previous, NULL);
    return cost;
}

/* Of a tick, what is the handler's. */
double handler_ns(uintptr_t cookie, int count)
{
    return tick_ns(cookie, count) - empty_tick_ns(count);
}

double getppid_ns(int count)
{
    double start = now_ns();
    for (int i = 0; i < count; i++)
        syscall(SYS_getppid);
    return (now_ns() - start) / count;
}
