/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What a thread has to wait for when it wants the GIL. Compiled and loaded by native.py;
 * called with the GIL held. */
#define _GNU_SOURCE
#include <time.h>

/* Of the interpreter, into which this is loaded. */
extern void *PyEval_SaveThread(void);
extern void PyEval_RestoreThread(void *state);

static double clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* CPU time of the process's other threads. */
static double others_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Let go of the GIL for 50 µs, and want it back: CPU time that others use until it is. */
double wait_for_gil(void)
{
    static const struct timespec pause = {.tv_nsec = 50000};
    void *state = PyEval_SaveThread();
    nanosleep(&pause, NULL);
    double began_ns = others_ns(), began_wall_ns = clock_ns(CLOCK_MONOTONIC);
    PyEval_RestoreThread(state);
    double wall_ns = clock_ns(CLOCK_MONOTONIC) - began_wall_ns, used_ns = others_ns() - began_ns;
    return used_ns < wall_ns ? used_ns : wall_ns;
}
