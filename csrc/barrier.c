/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "barrier.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* linux/membarrier.h, which old systems do not have */
enum { PRIVATE_EXPEDITED = 1 << 3, REGISTER_PRIVATE_EXPEDITED = 1 << 4 };

void pn_barrier_all(void)
{
#ifdef SYS_membarrier
    if (syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0) == 0 &&
        syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0) == 0)
        return;
#endif
    /* Before Linux 4.14: store buffers are written out within microseconds. */
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}
#else
void pn_barrier_all(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}
#endif
