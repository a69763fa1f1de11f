/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unseen.h"

#include "clocks.h"
#include "timer.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

/* In kernel ticks: what a first tick settles at most, and from where on what
 * remains is taken. */
enum { SETTLE_TICKS = 4, TAKE_TICKS = 3 };
/* From where on it is asked why no tick comes. */
enum { SILENCE_NS = 200 * 1000 * 1000 };

/* Handlers take from `owed_ns` alone, in one step. The rest is reckoned under timer.c's
 * mutex, which also orders what is read of slots, and taken with the GIL, which a stop
 * holds, too. Counters of handlers that run may be read late: the next reckoning has
 * what this one leaves out. */
static struct {
    _Atomic int64_t tick_ns;
    _Atomic int64_t owed_ns;
    _Atomic int64_t rest_ns;
    _Atomic uint32_t deaf_threads;
    /* Given to the marker, and that at the start. */
    _Atomic uint64_t taken_ns;
    uint64_t taken_before_ns;
    /* When profiling began. */
    uint64_t process_ns;
    uint64_t own_ns;
    uint64_t seen_ns;
} unseen;

void pn_unseen_start(uint64_t tick_ns)
{
    atomic_store(&unseen.tick_ns, (int64_t)tick_ns);
    atomic_store(&unseen.owed_ns, 0);
    atomic_store(&unseen.rest_ns, 0);
    atomic_store(&unseen.deaf_threads, 0);
    unseen.taken_before_ns = atomic_load(&unseen.taken_ns);
    unseen.process_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID);
    unseen.own_ns = pn_timer_own_cpu_ns();
    unseen.seen_ns = pn_threads_ended_seen_ns();
}

void pn_unseen_end(const pn_thread *self)
{
    uint64_t used_ns = pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID) - self->counted_from_ns;
    atomic_fetch_add(&unseen.owed_ns, (int64_t)(used_ns - atomic_load(&self->seen_ns)));
}

#ifdef __linux__
static bool blocks_ticks(pid_t tid)
{
    char path[64], line[128];
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
    FILE *status = fopen(path, "re");
    if (status == NULL)
        return false;
    unsigned long long blocked = 0;
    while (fgets(line, sizeof(line), status) != NULL && sscanf(line, "SigBlk: %llx", &blocked) != 1)
        continue;
    fclose(status);
    return blocked >> (SIGPROF - 1) & 1;
}

/* Whether what a thread has used beyond its ticks will never come with one. */
static bool is_silent(const pn_thread *thread, uint64_t beyond_ns, bool at_stop)
{
    uint64_t period_ns = atomic_load(&thread->period_ns);
    if (at_stop)
        return beyond_ns > 2 * (period_ns + (uint64_t)atomic_load(&unseen.tick_ns));
    return beyond_ns > SILENCE_NS + 2 * period_ns && atomic_load(&thread->samples) == 0 &&
           blocks_ticks(thread->tid);
}
#endif

/* What the living threads have used or been given. */
static uint64_t living_ns(bool at_stop)
{
    uint64_t total_ns = 0;
    uint32_t deaf = 0;
#ifdef __linux__
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        const pn_thread *thread = pn_thread_at(i);
        if (atomic_load(&thread->state) != PN_SLOT_LIVE)
            continue;
        uint64_t seen_ns = atomic_load_explicit(&thread->seen_ns, memory_order_relaxed);
        uint64_t used_ns;
        if (!pn_clock_read_sig(pn_clock_of_thread(thread->tid), &used_ns)) {
            total_ns += seen_ns; /* it has just ended, and its slot will say so */
            continue;
        }
        used_ns += (uint64_t)atomic_load_explicit(&thread->settled_ns, memory_order_relaxed) -
                   thread->counted_from_ns;
        bool silent = used_ns > seen_ns && is_silent(thread, used_ns - seen_ns, at_stop);
        total_ns += silent ? seen_ns : used_ns;
        deaf += silent;
    }
#endif
    if (!at_stop)
        atomic_store(&unseen.deaf_threads, deaf);
    return total_ns;
}

void pn_unseen_reckon(bool at_stop)
{
    /* Threads run on while their clocks are read, and this one may have to wait:
     * the truth lies between what the process had used before and after. */
    uint64_t before_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t own_ns = pn_timer_own_cpu_ns();
    uint64_t living = living_ns(at_stop);
    uint64_t after_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t accounted_ns = unseen.process_ns + (own_ns - unseen.own_ns) + living +
                            (pn_threads_ended_seen_ns() - unseen.seen_ns) +
                            (atomic_load(&unseen.taken_ns) - unseen.taken_before_ns) +
                            (uint64_t)atomic_load(&unseen.owed_ns);
    int64_t least_ns = (int64_t)(before_ns - accounted_ns);
    int64_t most_ns = (int64_t)(after_ns - accounted_ns);
    int64_t rest_ns = atomic_load(&unseen.rest_ns);
    if (rest_ns < least_ns)
        atomic_store(&unseen.rest_ns, least_ns);
    else if (rest_ns > most_ns)
        atomic_store(&unseen.rest_ns, most_ns);
}

uint32_t pn_unseen_deaf_threads(void)
{
    return atomic_load(&unseen.deaf_threads);
}

int64_t pn_unseen_settle_sig(pn_thread *thread)
{
    int64_t tick_ns = atomic_load_explicit(&unseen.tick_ns, memory_order_relaxed);
    int64_t owed_ns = atomic_load_explicit(&unseen.owed_ns, memory_order_relaxed);
    int64_t settled_ns = owed_ns;
    if (settled_ns > SETTLE_TICKS * tick_ns)
        settled_ns = SETTLE_TICKS * tick_ns;
    if (settled_ns < -tick_ns / 2)
        settled_ns = -tick_ns / 2;
    /* Another handler that gets in between settles it instead. */
    if (!atomic_compare_exchange_strong(&unseen.owed_ns, &owed_ns, owed_ns - settled_ns))
        return 0;
    atomic_store_explicit(&thread->settled_ns, settled_ns, memory_order_relaxed);
    return settled_ns;
}

uint64_t pn_unseen_take(void)
{
    int64_t rest_ns = atomic_load(&unseen.rest_ns);
    int64_t owed_ns = atomic_load(&unseen.owed_ns);
    int64_t unseen_ns = rest_ns + owed_ns;
    if (unseen_ns < TAKE_TICKS * atomic_load(&unseen.tick_ns))
        return 0;
    atomic_fetch_sub(&unseen.rest_ns, rest_ns);
    atomic_fetch_sub(&unseen.owed_ns, owed_ns);
    atomic_fetch_add(&unseen.taken_ns, (uint64_t)unseen_ns);
    return (uint64_t)unseen_ns;
}

uint64_t pn_unseen_taken_ns(void)
{
    return atomic_load(&unseen.taken_ns);
}
