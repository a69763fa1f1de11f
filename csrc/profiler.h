/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The core, as its one user sees it: the only header that Cython reads.
 *
 * One profiler per process. Calls come from one thread at a time, with the
 * GIL, unless they say otherwise.
 *
 * Order of a life: start; then, in the drain's thread, enlist, and in turns
 * wait (without the GIL) and drain; cut from time to time; stop; drain and cut
 * for the last time.
 */
#ifndef PN_PROFILER_H
#define PN_PROFILER_H

#include <Python.h>

#include "codes.h"
#include "labels.h"
#include "terminate.h"
#include "threads.h"
#include "timer.h"
#include "wake.h"
#include "walk.h"
#include "window.h"

/* Install the handler, arm the timers. Returns 0, an errno, or -1 with a
 * Python exception set. */
int pn_profiler_start_gil(enum pn_clock clock, uint64_t period_ns);

/* After the start: keep marks in the file `descriptor` of where the profiler is
 * (fuse.h), or no longer. Returns 0, or an errno. */
int pn_profiler_arm_fuse(int descriptor);
void pn_profiler_disarm_fuse(void);

/* Sample with another period from now on. */
void pn_profiler_set_period(uint64_t period_ns);

/* Disarm, and wait until no handler is running, a second at most: then every
 * weight that was seen is in the ring, in a window or counted as dropped. Ticks
 * that come late do nothing. */
void pn_profiler_stop_gil(void);

/* The calling thread serves the profiler, as its drain or otherwise, or ceases
 * to do so. */
void pn_profiler_enlist_thread(bool is_drain);
void pn_profiler_discharge_thread(bool is_drain);

/* Wait for something to do. Without the GIL. Looks for new threads in
 * passing. Returns the reasons (pn_wake_reason) to come back, 0 for the
 * timeout. */
uint32_t pn_profiler_wait(double timeout_s);
void pn_profiler_wake(void);

/* Whether only threads that serve the profiler are left; after PN_WAKE_LEADER. */
bool pn_profiler_is_alone(void);

/* Interrupt what the main thread waits for (stray.h). Without the GIL. */
void pn_profiler_nudge_main(void);

/* Sample the calling thread from now on. `name`, a str or NULL, is what it is
 * called. Comes from any thread. */
void pn_profiler_attach_thread_gil(PyObject *name);

/* Move what the ring holds into the open window; true if there may be more. */
bool pn_profiler_drain_gil(void);

/* Take the open window and open another. NULL without memory. The caller
 * frees it. */
pn_window *pn_profiler_cut_gil(void);

/* CPU nanoseconds that no tick has seen and none will: part of the window that
 * was just cut (unseen.h). */
uint64_t pn_profiler_take_unseen_gil(void);

bool pn_profiler_window_is_large_gil(void);

/* Walk the calling thread as the handler would. */
pn_walk pn_profiler_walk_self_gil(uint64_t *stack);

/* Whether SIGPROF still comes to us. */
bool pn_profiler_has_signal(void);

/* After a stop, when no tick is on its way to any thread: give SIGPROF back. */
void pn_profiler_return_signal(void);

/* Before another program takes this one's place. */
void pn_profiler_before_exec(void);

/* In the child of a fork: as never started. Samples of the parent are gone. */
void pn_profiler_reset_after_fork_gil(void);

typedef struct {
    uint64_t seen_ns;  /* all ticks that came to a handler */
    uint64_t samples;  /* handlers that ran for one */
    uint64_t overruns; /* expiries that a later tick carried */
    uint64_t torn;     /* stacks that could not be believed */
    uint64_t retried;  /* stacks without their innermost entry */
    uint64_t ring_full_ns;
    uint64_t ring_contended_ns;
    uint64_t no_slot_ns;
    uint64_t window_lost_ns; /* no memory to fold it */
    uint64_t unlabelled_ns;  /* its labels are not all known */
    uint64_t truncated_ns, torn_ns, no_python_ns, subinterpreter_ns, unresolved_ns, table_full_ns;
    uint64_t unseen_ns;  /* taken by pn_profiler_take_unseen_gil, not in seen_ns */
    uint64_t own_cpu_ns; /* used by threads that serve the profiler */
    uint64_t drain_ns;   /* of it, to move samples from the ring */
    uint32_t unattached; /* threads without a timer */
    uint32_t deaf;       /* threads that block SIGPROF */
    /* Since the last start. */
    uint64_t drain_longest_ns;
    double ring_peak; /* share of the ring that was in use */
    uint64_t handler_p50_ns, handler_p99_ns, handler_longest_ns;
} pn_counters;

/* Sums since the library was loaded, where nothing else is said. */
pn_counters pn_profiler_counters_gil(void);

#endif
