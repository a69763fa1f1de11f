/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What a tick costs: sends signals to the calling thread, each as its CPU
 * timer would. Compiled and loaded by handler.py; called with the GIL held. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = signo;
    info.si_code = SI_TIMER;
    info.si_value.sival_ptr = cookie;
    long pid = getpid(), tid = syscall(SYS_gettid);
    double start = now_ns();
    for (int i = 0; i < count; i++)
        syscall(SYS_rt_tgsigqueueinfo, pid, tid, signo, &info);
    return (now_ns() - start) / count;
}

/* A profiling tick, all in all. */
double tick_ns(uintptr_t cookie, int count)
{
    return send_ns(SIGPROF, (void *)cookie, count);
}

/* The same with a handler that does nothing. */
double empty_tick_ns(int count)
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

double getppid_ns(int count)
{
    double start = now_ns();
    for (int i = 0; i < count; i++)
        syscall(SYS_getppid);
    return (now_ns() - start) / count;
}
