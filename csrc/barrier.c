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
    /* Before Linux 4.14, or where a sandbox forbids it. No architecture promises it, but
     * on processors that there are a store waits for microseconds to be seen, and a load
     * is made microseconds at most before its turn; a thread that is stopped between the
     * two passes the kernel's barrier for that. So a handler's store that is not seen
     * after this pause comes from a handler whose load comes after the caller's store. */
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}
#else
void pn_barrier_all(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}
#endif
