/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Thread slots: what the core knows of each thread that it samples.
 *
 * A slot is memory that outlives its thread: handlers may still run in a
 * thread whose slot is being retired, so slots are reused, never freed.
 *
 * Life of a slot: FREE ─claim─► LIVE ─retire─► RETIRED ─recycle─► FREE.
 * Retired slots keep their identity until the drain has read every record
 * that may name them.
 */
#ifndef PN_THREADS_H
#define PN_THREADS_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "stack_word.h"

enum pn_slot_state { PN_SLOT_FREE = 0, PN_SLOT_LIVE, PN_SLOT_RETIRED };

/* Why a sample, or its stack, was lost: each counts CPU nanoseconds. Torn
 * stacks are in the profile under a marker; the others are added to it when
 * a window is cut. */
enum pn_drop {
    PN_DROP_RING_FULL = 0,
    PN_DROP_RING_CONTENDED,
    PN_DROP_NO_SLOT, /* more threads than slots */
    PN_DROP_COUNT,
};

/* A handler whose tick is of an earlier start says so apart from those of the slot's
 * next owner: else it would say for them that they have left. Eight are enough: once it has
 * entered its slot is kept, so it would have to hang in the few instructions before that,
 * while eight starts pass. */
enum { PN_STARTS_APART = 8 };

typedef struct {
    /* One cache line: all that a tick usually touches besides the stack. */
    _Alignas(64) _Atomic int state;
    uint32_t index;             /* constant */
    _Atomic uint64_t period_ns; /* written by timer.c before the timer is armed */
    /* Written by the thread's own handler only. */
    _Atomic uint64_t seen_ns;
    _Atomic uint64_t samples;
    _Atomic uint64_t overruns;
    uint64_t first_ns; /* weight of the first tick, 0: it has come; set with the period */
    _Atomic bool in_handler[PN_STARTS_APART]; /* by the start of the tick */

    /* The same, less often. */
    _Alignas(64) _Atomic uint64_t torn;
    _Atomic uint64_t retried;
    _Atomic uint64_t drop_ns[PN_DROP_COUNT];
    _Atomic int64_t settled_ns; /* of unseen CPU, with the first tick */

    /* Set when the slot is claimed, then constant. Read by others too, who may
     * hold a slot for theirs that has changed hands. */
    _Atomic pid_t tid;

    /* Owned by timer.c, in ordinary context. */
#ifdef __linux__ /* macOS has no such type */
    timer_t timer;
#endif
    _Atomic bool has_timer;
    _Atomic bool tells_end;   /* set by the thread itself, without the mutex */
    uint64_t phase_ns;        /* from the first tick to the second */
    uint64_t counted_from_ns; /* CPU that it had used where its weights begin */

    /* Owned by the drain. */
    _Atomic uint64_t claimed_until; /* of a retired slot; a stop may meet a scan */
    uint32_t window_entry;          /* the thread's number in the open window, + 1 */

    /* Under the GIL: what the thread was called when it began, or NULL. */
    PyObject *name;

    /* Written by the thread's own handler only. */
    _Alignas(64) uint64_t stack[PN_DEPTH_MAX];
} pn_thread;

/* Who may read what, and by which order:
 *
 * - Fields that `claim` and timer.c set reach the thread's handler with its timer: both
 *   timer_settime and the delivery of the signal pass through a lock in the kernel.
 * - Counters are relaxed. Sums of them are exact where their handlers have been seen to
 *   leave (in_handler, acquire); meanwhile they are what was true of late.
 * - A slot changes hands by `state`: FREE is stored with release, and taken with
 *   acquire, so the new owner comes after all that recycling has done.
 * - Threads find each other's slots under timer.c's mutex, the drain under the GIL.
 */

/* Slots are mapped in blocks: a block's pages are touched when used. */
enum { PN_THREADS_PER_BLOCK = 32, PN_THREAD_BLOCKS = 256 };
#define PN_THREADS_MAX (PN_THREADS_PER_BLOCK * PN_THREAD_BLOCKS)

/* Map blocks until at least `spare` slots are free. Returns 0, or an errno;
 * ENOSPC when PN_THREADS_MAX is reached. */
int pn_threads_reserve(uint32_t spare);

/* A FREE slot made LIVE for the thread `tid`, counters zero; NULL when there
 * is none. */
pn_thread *pn_thread_claim_sig(pid_t tid);

/* The slot that a pointer carried by a timer means, or NULL. */
pn_thread *pn_thread_from_pointer_sig(const void *pointer);

/* Make a LIVE slot RETIRED. Wakes the drain when many are. */
void pn_thread_retire(pn_thread *thread);

/* The same where the thread is gone, and in no handler whatever its slot says. */
void pn_thread_retire_gone(pn_thread *thread);

/* Give back a LIVE slot that no handler has ever seen. */
void pn_thread_release(pn_thread *thread);

/* Free the retired slots that no record from `ring_tail` on names, after adding
 * their counters to the totals. One whose handler still runs, which a stop has not
 * waited for, is kept. */
void pn_threads_recycle_gil(uint64_t ring_tail);

/* After a fork: forget all threads, keep the totals. */
void pn_threads_reset_gil(void);

/* Slot number `index`, whatever its state; NULL past the mapped ones. */
pn_thread *pn_thread_at(uint32_t index);
uint32_t pn_threads_mapped(void);

typedef struct {
    uint64_t seen_ns;
    uint64_t samples;
    uint64_t overruns;
    uint64_t torn;
    uint64_t retried;
    uint64_t drop_ns[PN_DROP_COUNT];
} pn_thread_totals;

/* Sums over all threads, dead ones included, since the library was loaded. */
pn_thread_totals pn_threads_totals(void);

/* Weight seen by threads that have ended. For the drain. */
uint64_t pn_threads_ended_seen_ns(void);

/* Count a tick in a thread that has no slot. */
void pn_threads_count_slotless_sig(uint64_t weight_ns);

/* Handlers that are running right now. */
uint32_t pn_threads_in_handler(void);

/* Add to a counter that only the calling thread writes. */
static inline void pn_count_sig(_Atomic uint64_t *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

#endif
