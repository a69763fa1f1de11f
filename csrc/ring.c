/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring.h"

#include "stack_word.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64 };

#define COMPLETE (UINT64_C(1) << 63)
enum { KIND_SHIFT = 16, THREAD_BITS = 16 };
#define DEPTH_MASK UINT64_C(0xffff)

_Static_assert(PN_DEPTH_MAX <= DEPTH_MASK, "a depth fits its bits in the header");
_Static_assert((PN_RING_WORDS & (PN_RING_WORDS - 1)) == 0, "positions are masked");

static struct {
    /* written by handlers */
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    /* written by the reader */
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    /* set once by pn_ring_open; headers are read and written atomically, and
     * order the rest */
    _Alignas(CACHE_LINE) uint64_t *words;
} ring;

static uint64_t *word_at(uint64_t position)
{
    return &ring.words[position & (PN_RING_WORDS - 1)];
}

/* How many of `count` words from `position` on come before the end. */
static uint64_t unwrapped(uint64_t position, uint64_t count)
{
    uint64_t left = PN_RING_WORDS - (position & (PN_RING_WORDS - 1));
    return count < left ? count : left;
}

static void copy_in(uint64_t position, const uint64_t *words, uint64_t count)
{
    uint64_t first = unwrapped(position, count);
    memcpy(word_at(position), words, first * sizeof(*words));
    if (first < count)
        memcpy(ring.words, words + first, (count - first) * sizeof(*words));
}

static void copy_out(uint64_t position, uint64_t *words, uint64_t count)
{
    uint64_t first = unwrapped(position, count);
    memcpy(words, word_at(position), first * sizeof(*words));
    memcpy(words + first, ring.words, (count - first) * sizeof(*words));
}

static void clear(uint64_t position, uint64_t count)
{
    uint64_t first = unwrapped(position, count);
    memset(word_at(position), 0, first * sizeof(uint64_t));
    memset(ring.words, 0, (count - first) * sizeof(uint64_t));
}

int pn_ring_open(void)
{
    if (ring.words != NULL)
        return 0;
    void *memory = mmap(NULL, PN_RING_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    ring.words = memory;
    return 0;
}

void pn_ring_reset(void)
{
    uint64_t head = atomic_load(&ring.head);
    uint64_t tail = atomic_load(&ring.tail);
    clear(tail, head - tail);
    atomic_store(&ring.tail, head);
}

enum pn_push pn_ring_push_sig(const pn_record *record, const uint64_t *stack)
{
    uint64_t length = PN_RECORD_HEADER_WORDS + record->depth;
    uint64_t head = atomic_load_explicit(&ring.head, memory_order_relaxed);
    uint64_t tail;
    for (int tries = 0;; tries++) {
        if (tries == PN_RING_TRIES)
            return PN_PUSH_CONTENDED;
        tail = atomic_load_explicit(&ring.tail, memory_order_acquire);
        /* A head read long ago may lie behind the tail: then the exchange
         * below fails and brings a newer one. */
        if (head >= tail && head + length - tail > PN_RING_WORDS)
            return PN_PUSH_FULL;
        if (atomic_compare_exchange_weak_explicit(&ring.head, &head, head + length,
                                                  memory_order_relaxed, memory_order_relaxed))
            break;
    }
    *word_at(head + 1) = record->weight_ns;
    *word_at(head + 2) = (uint64_t)record->of_context << THREAD_BITS | record->thread;
    *word_at(head + 3) = record->of_thread;
    copy_in(head + PN_RECORD_HEADER_WORDS, stack, record->depth);
    uint64_t header = COMPLETE | (uint64_t)record->kind << KIND_SHIFT | record->depth;
    __atomic_store_n(word_at(head), header, __ATOMIC_RELEASE);

    uint64_t filled = head + length - tail;
    return filled >= PN_RING_WAKE_WORDS ? PN_PUSHED_WAKE : PN_PUSHED;
}

bool pn_ring_pop(pn_record *record, uint64_t *stack)
{
    uint64_t tail = atomic_load_explicit(&ring.tail, memory_order_relaxed);
    uint64_t header = __atomic_load_n(word_at(tail), __ATOMIC_ACQUIRE);
    if (header == 0)
        return false;
    record->position = tail;
    record->kind = (enum pn_record_kind)(header >> KIND_SHIFT & 0xff);
    record->depth = (uint32_t)(header & DEPTH_MASK);
    record->weight_ns = *word_at(tail + 1);
    uint64_t who = *word_at(tail + 2);
    record->thread = (uint32_t)(who & ((1 << THREAD_BITS) - 1));
    record->of_context = (uintptr_t)(who >> THREAD_BITS);
    record->of_thread = (uintptr_t)*word_at(tail + 3);
    copy_out(tail + PN_RECORD_HEADER_WORDS, stack, record->depth);
    uint64_t length = PN_RECORD_HEADER_WORDS + record->depth;
    clear(tail, length);
    atomic_store_explicit(&ring.tail, tail + length, memory_order_release);
    return true;
}

uint64_t pn_ring_head(void)
{
    return atomic_load_explicit(&ring.head, memory_order_relaxed);
}

uint64_t pn_ring_tail(void)
{
    return atomic_load_explicit(&ring.tail, memory_order_relaxed);
}
