/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handler_time.h"

#include "clocks.h"

#include <stdatomic.h>

/* Two bits below the highest make a bucket of an octave. */
enum { OCTAVE_BITS = 2, OCTAVE = 1 << OCTAVE_BITS, BUCKETS = 40 * OCTAVE, TRIES = 8 };

/* Counted by handlers, read at any time: nothing is ordered by these. */
static struct {
    _Atomic uint64_t counts[BUCKETS];
    _Atomic uint64_t longest_ns;
} times;

static uint32_t bucket_sig(uint64_t time_ns)
{
    if (time_ns < OCTAVE)
        return (uint32_t)time_ns;
    uint32_t highest = 63u - (uint32_t)__builtin_clzll(time_ns);
    uint32_t bucket =
        (highest - OCTAVE_BITS) * OCTAVE + (uint32_t)(time_ns >> (highest - OCTAVE_BITS));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The first time above a bucket's. */
static uint64_t bucket_end_ns(uint32_t bucket)
{
    if (bucket < OCTAVE)
        return bucket + 1;
    uint32_t octave = bucket / OCTAVE - 1;
    return (uint64_t)(bucket % OCTAVE + OCTAVE + 1) << octave;
}

void pn_handler_time_reset(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        atomic_store(&times.counts[i], 0);
    atomic_store(&times.longest_ns, 0);
}

uint64_t pn_handler_time_begin_sig(uint64_t sample)
{
    return sample % PN_HANDLER_TIME_EVERY == 0 ? pn_clock_ns_sig(CLOCK_MONOTONIC) : 0;
}

void pn_handler_time_end_sig(uint64_t began_ns)
{
    if (began_ns == 0)
        return;
    uint64_t time_ns = pn_clock_ns_sig(CLOCK_MONOTONIC) - began_ns;
    atomic_fetch_add_explicit(&times.counts[bucket_sig(time_ns)], 1, memory_order_relaxed);
    uint64_t longest_ns = atomic_load_explicit(&times.longest_ns, memory_order_relaxed);
    for (int tries = 0; tries < TRIES && time_ns > longest_ns; tries++)
        if (atomic_compare_exchange_weak_explicit(&times.longest_ns, &longest_ns, time_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
            break;
}

static uint64_t count_all(void)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < BUCKETS; i++)
        count += atomic_load(&times.counts[i]);
    return count;
}

uint64_t pn_handler_time_quantile_ns(double share)
{
    uint64_t count = count_all(), below = 0;
    uint64_t longest_ns = atomic_load(&times.longest_ns);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        below += atomic_load(&times.counts[i]);
        if (below > 0 && (double)below >= share * (double)count) {
            uint64_t end_ns = bucket_end_ns(i);
            return end_ns < longest_ns ? end_ns : longest_ns;
        }
    }
    return 0;
}

uint64_t pn_handler_time_longest_ns(void)
{
    return atomic_load(&times.longest_ns);
}
