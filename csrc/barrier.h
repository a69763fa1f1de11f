/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* An uneven pair of memory barriers: next to nothing on the side that runs
 * often, a system call on the side that runs once. */
#ifndef PN_BARRIER_H
#define PN_BARRIER_H

#include <stdatomic.h>

#ifdef __linux__
#define PN_LIGHT_BARRIER() atomic_signal_fence(memory_order_seq_cst)
#else
#define PN_LIGHT_BARRIER() atomic_thread_fence(memory_order_seq_cst)
#endif

/* After this, every thread of the process has passed a full barrier since it
 * was called. */
void pn_barrier_all(void);

#endif
