/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Timers: who is interrupted, and when.
 *
 * Two engines. PN_CLOCK_THREAD: one POSIX timer per thread on that thread's
 * CPU clock, delivered to that thread; the kernel counts the expiries that it
 * could not deliver apart (overruns), so the sum of weights is exact at any
 * rate. PN_CLOCK_PROCESS: setitimer(ITIMER_PROF), one timer for all, where the
 * other cannot be had: it does not count the expiries that it loses between two
 * kernel ticks, so a tick's weight is the process's CPU time since the last one;
 * its choice of thread is off by up to 14 %, and unless disarmed it survives
 * execve and kills the new program.
 *
 * CPU clocks stand still while a thread sleeps, so neither engine interrupts
 * a blocking system call.
 *
 * New threads. The thread engine must find them: `pn_timer_attach_self_gil` is
 * called by a hook on thread start; `pn_timer_scan` finds the others by their
 * task directory. A further timer, on the CPU clock of the whole process and
 * delivered to the drain's thread, tells when to scan: every so much
 * CPU time, and never while the program sleeps. In the process engine a thread
 * attaches itself when it is first interrupted.
 */
#ifndef PN_TIMER_H
#define PN_TIMER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "threads.h"

enum pn_clock { PN_CLOCK_THREAD = 0, PN_CLOCK_PROCESS };

/* What a signal turns out to be. */
typedef struct {
    enum {
        PN_TICK_FOREIGN = 0, /* not ours */
        PN_TICK_STALE,       /* of a timer that is gone */
        PN_TICK_SCAN,        /* time to look for new threads */
        PN_TICK_SAMPLE,
    } kind;
    uint32_t start;      /* that it belongs to, see pn_timer_starts_sig */
    pn_thread *thread;   /* NULL: no slot is left for this one */
    enum pn_clock clock; /* the engine that it comes from */
} pn_tick;

/* A new start: from now on ticks of the timers of earlier ones are stale. The
 * handler is enabled after this. */
void pn_timer_prepare(enum pn_clock clock, uint64_t period_ns);

/* Arm the timers that were prepared. The handler must be enabled. Returns 0, or
 * an errno: then nothing is armed. */
int pn_timer_start(void);

/* Sample with another period from now on: each thread changes over at its next
 * tick, and no CPU time goes uncounted. */
void pn_timer_set_period(uint64_t period_ns);

/* Disarm and delete all timers. A tick may still be under way. */
void pn_timer_stop(void);

/* In the child of a fork: the timers are gone already, forget them. */
void pn_timer_reset(void);

/* Say that the calling thread serves the profiler: it is not sampled and takes
 * no signals. Of the drain's, which is told when to scan, there is one. At
 * most OWN_THREADS_MAX threads are enlisted at once. */
void pn_timer_enlist_self(bool is_drain);
/* It is about to end. */
void pn_timer_discharge_self(bool is_drain);

/* CPU time of enlisted threads, in this process. */
uint64_t pn_timer_own_cpu_ns(void);

/* Sample the calling thread, called `name` (or NULL), from now on, if it is
 * not yet sampled. */
void pn_timer_attach_self_gil(PyObject *name);

/* Attach threads that are new, retire those that are gone; put the itimer
 * back should something have disarmed it. Unless `whole`, a cheap look may tell that
 * there is nothing to do. */
void pn_timer_scan(bool whole);

/* Disarm the itimer before another program takes this one's place. */
void pn_timer_before_exec(void);

/* How many threads the process has; 0 if that can't be found out. */
uint32_t pn_timer_count_threads(void);

/* Whether no thread is left but those that serve the profiler. A process ends when
 * its last thread does, so they must not be the last. */
bool pn_timer_is_alone(void);

pn_tick pn_timer_tick_sig(const siginfo_t *info);

/* The number of the start that was prepared last. Who reads a number sees what was
 * prepared for it, or later. */
uint32_t pn_timer_starts_sig(void);

/* What a tick to sample weighs: CPU nanoseconds, 0 if there is nothing to
 * sample after all. */
uint64_t pn_timer_weigh_sig(const pn_tick *tick, const siginfo_t *info, uint64_t *overrun);

/* The value that a thread's timer sends along. */
void *pn_timer_cookie(pn_thread *thread);

/* The calling thread's id. */
pid_t pn_own_tid_sig(void);

/* Threads that could not be given a timer at the last scan. */
uint32_t pn_timer_unattached(void);

#endif
