/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "readable.h"

#include <errno.h>
#include <stdint.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>

static bool word_is_readable_sig(uintptr_t address)
{
    /* The libc's own wrapper would read the mask itself. */
    enum { NO_SUCH_ACTION = ~0, KERNEL_MASK_BYTES = 8 };
    long result = syscall(SYS_rt_sigprocmask, NO_SUCH_ACTION, address & ~(uintptr_t)7, NULL,
                          KERNEL_MASK_BYTES);
    return !(result < 0 && errno == EFAULT);
}
#else
#include <signal.h>

static bool word_is_readable_sig(uintptr_t address)
{
    enum { NO_SUCH_ACTION = ~0 };
    int result = sigprocmask(NO_SUCH_ACTION, (const sigset_t *)(address & ~(uintptr_t)7), NULL);
    return !(result < 0 && errno == EFAULT);
}
#endif

bool pn_is_readable_sig(const void *start, size_t bytes)
{
    enum { PAGE_BYTES = 4096 };
    uintptr_t first = (uintptr_t)start;
    uintptr_t last = first + bytes - 1;
    /* The kernel takes the first word's address for "no mask". */
    if (first < PAGE_BYTES || last < first || !word_is_readable_sig(first))
        return false;
    return first / PAGE_BYTES == last / PAGE_BYTES || word_is_readable_sig(last);
}
