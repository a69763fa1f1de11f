/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Signals to the calling thread, each as its CPU timer would send it. */
#ifndef BENCHMARKS_TICK_H
#define BENCHMARKS_TICK_H

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    siginfo_t info;
    long pid, tid;
} tick;

static inline tick tick_to_here(int signo, void *cookie)
{
    tick made;
    memset(&made, 0, sizeof(made));
    made.info.si_signo = signo;
    made.info.si_code = SI_TIMER;
    made.info.si_value.sival_ptr = cookie;
    made.pid = getpid();
    made.tid = syscall(SYS_gettid);
    return made;
}

static inline void tick_send(const tick *sent)
{
    syscall(SYS_rt_tgsigqueueinfo, sent->pid, sent->tid, sent->info.si_signo, &sent->info);
}

#endif
