/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "c_stack.h"

#ifdef __linux__
#include <sys/auxv.h>

static uintptr_t main_end;

void pn_c_stack_init(void)
{
    /* The kernel puts these bytes above the first C frame. */
    main_end = (uintptr_t)getauxval(AT_RANDOM);
}

uintptr_t pn_c_stack_end_sig(uintptr_t low)
{
    uintptr_t thread_pointer;
#if defined(__x86_64__)
    __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(thread_pointer));
#else
#error "no thread pointer known for this machine"
#endif
    /* The control block of a thread, at the thread pointer or (aarch64) right below it,
     * is at the top of its stack, in glibc and musl alike; the main thread's lies
     * elsewhere, as does musl's for a stack that the program has brought along: that end
     * is too far out. Which of the two stacks this is does not follow from the thread's
     * id: the main thread of a forked child goes on with the stack that forked. So it is
     * the nearer of the two ends above. */
    if (low < thread_pointer && (thread_pointer < main_end || main_end < low))
        return thread_pointer;
    return main_end;
}
#else
#include <pthread.h>

void pn_c_stack_init(void)
{
}

uintptr_t pn_c_stack_end_sig(uintptr_t low)
{
    (void)low;
    return (uintptr_t)pthread_get_stackaddr_np(pthread_self());
}
#endif
