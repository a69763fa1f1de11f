/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "threads.h"

#include "ring.h"
#include "wake.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

/* Published with release once a block is ready, never taken back. */
static struct {
    _Alignas(64) _Atomic uint32_t count;
    pn_thread *_Atomic at[PN_THREAD_BLOCKS];
} blocks;

/* Weight of ticks in threads without a slot; written by many handlers. */
static _Atomic uint64_t slotless_ns;

/* Since the last recycling; where so many have ended it is time for another. */
enum { RETIRED_WAKE = 512 };
static _Atomic uint32_t retired;

/* How far a retired slot's records reach is not known yet. */
#define NOT_KNOWN UINT64_MAX

/* Counters of recycled slots; owned by the drain. */
static pn_thread_totals recycled;

uint32_t pn_threads_mapped(void)
{
    return atomic_load_explicit(&blocks.count, memory_order_acquire) * PN_THREADS_PER_BLOCK;
}

static pn_thread *slot_at_sig(uint32_t index)
{
    pn_thread *block =
        atomic_load_explicit(&blocks.at[index / PN_THREADS_PER_BLOCK], memory_order_acquire);
    return &block[index % PN_THREADS_PER_BLOCK];
}

pn_thread *pn_thread_at(uint32_t index)
{
    return index < pn_threads_mapped() ? slot_at_sig(index) : NULL;
}

static int map_block(void)
{
    uint32_t count = atomic_load(&blocks.count);
    if (count == PN_THREAD_BLOCKS)
        return ENOSPC;
    void *memory = mmap(NULL, sizeof(pn_thread) * PN_THREADS_PER_BLOCK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    pn_thread *block = memory;
    for (uint32_t i = 0; i < PN_THREADS_PER_BLOCK; i++)
        block[i].index = count * PN_THREADS_PER_BLOCK + i;
    atomic_store_explicit(&blocks.at[count], block, memory_order_release);
    atomic_store_explicit(&blocks.count, count + 1, memory_order_release);
    return 0;
}

int pn_threads_reserve(uint32_t spare)
{
    uint32_t free_slots = 0;
    for (uint32_t i = 0; i < pn_threads_mapped() && free_slots < spare; i++)
        free_slots +=
            atomic_load_explicit(&slot_at_sig(i)->state, memory_order_relaxed) == PN_SLOT_FREE;
    while (free_slots < spare) {
        int error = map_block();
        if (error != 0)
            return error;
        free_slots += PN_THREADS_PER_BLOCK;
    }
    return 0;
}

pn_thread *pn_thread_claim_sig(pid_t tid)
{
    uint32_t count =
        atomic_load_explicit(&blocks.count, memory_order_acquire) * PN_THREADS_PER_BLOCK;
    for (uint32_t i = 0; i < count; i++) {
        pn_thread *thread = slot_at_sig(i);
        int expected = PN_SLOT_FREE;
        if (atomic_load_explicit(&thread->state, memory_order_relaxed) == PN_SLOT_FREE &&
            atomic_compare_exchange_strong_explicit(&thread->state, &expected, PN_SLOT_LIVE,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            thread->tid = tid;
            return thread;
        }
    }
    return NULL;
}

pn_thread *pn_thread_from_pointer_sig(const void *pointer)
{
    uint32_t count = atomic_load_explicit(&blocks.count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        pn_thread *block = atomic_load_explicit(&blocks.at[i], memory_order_relaxed);
        uintptr_t offset = (uintptr_t)pointer - (uintptr_t)block;
        if (offset < sizeof(pn_thread) * PN_THREADS_PER_BLOCK)
            return offset % sizeof(pn_thread) == 0 ? block + offset / sizeof(pn_thread) : NULL;
    }
    return NULL;
}

/* Acquire: see leave_sig in handler.c. */
static uint32_t count_handlers(const pn_thread *thread)
{
    uint32_t count = 0;
    for (int i = 0; i < PN_STARTS_APART; i++)
        count += atomic_load_explicit(&thread->in_handler[i], memory_order_acquire);
    return count;
}

static void clear_handlers(pn_thread *thread)
{
    for (int i = 0; i < PN_STARTS_APART; i++)
        atomic_store_explicit(&thread->in_handler[i], false, memory_order_relaxed);
}

void pn_thread_retire(pn_thread *thread)
{
    thread->claimed_until = NOT_KNOWN;
    atomic_store_explicit(&thread->state, PN_SLOT_RETIRED, memory_order_release);
    if (atomic_fetch_add_explicit(&retired, 1, memory_order_relaxed) + 1 == RETIRED_WAKE)
        pn_wake_post_sig(PN_WAKE_DRAIN);
}

void pn_thread_retire_gone(pn_thread *thread)
{
    clear_handlers(thread);
    pn_thread_retire(thread);
}

void pn_thread_release(pn_thread *thread)
{
    thread->tid = 0;
    atomic_store_explicit(&thread->state, PN_SLOT_FREE, memory_order_release);
}

static void add_counters(pn_thread_totals *totals, const pn_thread *thread)
{
    totals->seen_ns += atomic_load_explicit(&thread->seen_ns, memory_order_relaxed);
    totals->samples += atomic_load_explicit(&thread->samples, memory_order_relaxed);
    totals->overruns += atomic_load_explicit(&thread->overruns, memory_order_relaxed);
    totals->torn += atomic_load_explicit(&thread->torn, memory_order_relaxed);
    totals->retried += atomic_load_explicit(&thread->retried, memory_order_relaxed);
    for (int i = 0; i < PN_DROP_COUNT; i++)
        totals->drop_ns[i] += atomic_load_explicit(&thread->drop_ns[i], memory_order_relaxed);
}

/* Add a slot's counters to the totals and make it as good as new. */
static void recycle_gil(pn_thread *thread)
{
    add_counters(&recycled, thread);
    atomic_store_explicit(&thread->seen_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->samples, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->overruns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->torn, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->retried, 0, memory_order_relaxed);
    for (int i = 0; i < PN_DROP_COUNT; i++)
        atomic_store_explicit(&thread->drop_ns[i], 0, memory_order_relaxed);
    atomic_store_explicit(&thread->settled_ns, 0, memory_order_relaxed);
    thread->first_ns = 0;
    thread->counted_from_ns = 0;
    thread->tid = 0;
    thread->has_timer = thread->tells_end = false;
    thread->window_entry = 0;
    Py_CLEAR(thread->name);
    atomic_store_explicit(&thread->state, PN_SLOT_FREE, memory_order_release);
}

/* Whether a record from `ring_tail` on may name a retired slot. A handler that a stop
 * has not waited for may claim one until it leaves, so the head is read after that.
 * Acquire pairs with the release in leave_sig (handler.c): the head is then not older
 * than the handler's claim. */
static bool is_named(pn_thread *thread, uint64_t ring_tail)
{
    if (count_handlers(thread) > 0)
        return true;
    if (thread->claimed_until == NOT_KNOWN)
        thread->claimed_until = pn_ring_head();
    return thread->claimed_until > ring_tail;
}

void pn_threads_recycle_gil(uint64_t ring_tail)
{
    atomic_store_explicit(&retired, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = slot_at_sig(i);
        if (atomic_load_explicit(&thread->state, memory_order_acquire) == PN_SLOT_RETIRED &&
            !is_named(thread, ring_tail))
            recycle_gil(thread);
    }
}

void pn_threads_reset_gil(void)
{
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        clear_handlers(slot_at_sig(i)); /* a late one may meet a free slot */
        if (atomic_load(&slot_at_sig(i)->state) != PN_SLOT_FREE)
            recycle_gil(slot_at_sig(i));
    }
}

pn_thread_totals pn_threads_totals(void)
{
    pn_thread_totals totals = recycled;
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        add_counters(&totals, slot_at_sig(i));
    uint64_t lost_ns = atomic_load_explicit(&slotless_ns, memory_order_relaxed);
    totals.seen_ns += lost_ns;
    totals.drop_ns[PN_DROP_NO_SLOT] += lost_ns;
    return totals;
}

uint64_t pn_threads_ended_seen_ns(void)
{
    uint64_t total_ns = recycled.seen_ns;
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        if (atomic_load_explicit(&slot_at_sig(i)->state, memory_order_acquire) == PN_SLOT_RETIRED)
            total_ns += atomic_load_explicit(&slot_at_sig(i)->seen_ns, memory_order_relaxed);
    return total_ns;
}

void pn_threads_count_slotless_sig(uint64_t weight_ns)
{
    atomic_fetch_add_explicit(&slotless_ns, weight_ns, memory_order_relaxed);
}

uint32_t pn_threads_in_handler(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        count += count_handlers(slot_at_sig(i));
    return count;
}
