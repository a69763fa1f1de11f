/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Clocks in nanoseconds. CPU clocks of the process, of the calling thread, and, on
 * Linux, of any thread of the process cost a system call, half a microsecond. */
#ifndef PN_CLOCKS_H
#define PN_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define PN_NS_PER_S UINT64_C(1000000000)

static inline bool pn_clock_read_sig(clockid_t clock, uint64_t *now_ns)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return false;
    *now_ns = (uint64_t)now.tv_sec * PN_NS_PER_S + (uint64_t)now.tv_nsec;
    return true;
}

static inline uint64_t pn_clock_ns_sig(clockid_t clock)
{
    uint64_t now_ns = 0;
    pn_clock_read_sig(clock, &now_ns);
    return now_ns;
}

#ifdef __linux__
/* The kernel's number for the CPU clock of a thread of this process, given
 * its id: the id inverted, 4 for "of a thread", 2 for scheduled time. Reading
 * the clock of a thread that has ended fails. */
static inline clockid_t pn_clock_of_thread(pid_t tid)
{
    return (clockid_t)(~(unsigned)tid << 3 | 6u);
}
#endif

#endif
