/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Unseen CPU: what threads that have ended used beyond the weight of their
 * ticks.
 *
 * The kernel looks at CPU clocks when it ticks. Many a thread ends between two
 * looks, all the more where the kernel switches threads as it ticks; one that a
 * library makes may end before it is found. The kernel's count of the process
 * has them all. There are two parts.
 *
 * Owed: of threads that were sampled from their beginning and have told their
 * end. First ticks of later such threads settle it, a little each, since they
 * stand for short lives in general.
 *
 * The rest, reckoned anew at each scan, so that an error made once is mended
 * by the next:
 *
 *   rest = process − profiler's own − owed
 *        − Σ weight of the ended threads' ticks
 *        − Σ over living threads (clock − where counting began + settled)
 *
 * of which those that block SIGPROF have used nothing that counts.
 *
 * It, and what is too much for first ticks, is taken when a window is cut, and
 * shown under a marker. So the sum stays with the kernel's count. In the thread
 * engine only: the other weighs by the process's clock anyway.
 */
#ifndef PN_UNSEEN_H
#define PN_UNSEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "threads.h"

/* Begin with nothing unseen. `tick_ns`: the kernel's. */
void pn_unseen_start(uint64_t tick_ns);

/* The calling thread ends: its timer is gone, its slot is not yet retired. */
void pn_unseen_end(const pn_thread *self);

/* Reckon the rest, slots being neither claimed nor retired meanwhile. `at_stop`: no
 * tick will come any more, and what threads have used since their last is unseen where
 * it is more than ticks can leave. */
void pn_unseen_reckon(bool at_stop);

/* Living threads that have never had a tick because they block SIGPROF: what they use
 * is unseen. */
uint32_t pn_unseen_deaf_threads(void);

/* What a thread's first tick weighs more, or less; less than by half a kernel
 * tick. Noted in the slot. */
int64_t pn_unseen_settle_sig(pn_thread *thread);

/* Take what is unseen, if it is more than noise. */
uint64_t pn_unseen_take(void);

/* All that was taken, since the library was loaded. */
uint64_t pn_unseen_taken_ns(void);

#endif
