/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wake.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Who takes a reason sees all that was done before it was added: each side changes the
 * word in one step, with acquire and release. */
static _Atomic uint32_t reasons;

void pn_wake_reset(void)
{
    atomic_store(&reasons, 0);
}

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void pn_wake_post_sig(enum pn_wake_reason reason)
{
    if (atomic_fetch_or(&reasons, (uint32_t)reason) == 0)
        syscall(SYS_futex, &reasons, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

uint32_t pn_wake_wait(double timeout_s)
{
    uint32_t taken = atomic_exchange(&reasons, 0);
    if (taken != 0)
        return taken;
    struct timespec timeout = {.tv_sec = (time_t)timeout_s};
    timeout.tv_nsec = (long)((timeout_s - (double)timeout.tv_sec) * 1e9);
    syscall(SYS_futex, &reasons, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0);
    return atomic_exchange(&reasons, 0);
}
#else
#include <dispatch/dispatch.h>

/* Counts up to one: a post is skipped while a reason is set. */
static dispatch_semaphore_t semaphore;

__attribute__((constructor)) static void create_semaphore(void)
{
    semaphore = dispatch_semaphore_create(0);
}

void pn_wake_post_sig(enum pn_wake_reason reason)
{
    if (atomic_fetch_or(&reasons, (uint32_t)reason) == 0)
        dispatch_semaphore_signal(semaphore);
}

uint32_t pn_wake_wait(double timeout_s)
{
    dispatch_time_t until = dispatch_time(DISPATCH_TIME_NOW, (int64_t)(timeout_s * 1e9));
    dispatch_semaphore_wait(semaphore, until);
    return atomic_exchange(&reasons, 0);
}
#endif
