/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The ring: carries samples from signal handlers to the drain. Transport only.
 *
 * Who calls. pn_ring_push_sig: any number of signal handlers at once, each in
 * its own thread, at any instruction. pn_ring_pop: one reader at a time, in
 * ordinary context. pn_ring_reset: when neither can run (child of a fork).
 *
 * Layout. A power of two of 64-bit words, allocated once. A record is
 *
 *   word 0   header: bit 63 set once the record is complete; kind; depth
 *   word 1   weight, CPU nanoseconds
 *   word 2   thread slot (16 bits), address of the context's label set (48)
 *   word 3   address of the thread's label set
 *   word 4…  depth stack words, leaf first (stack_word.h)
 *
 * and wraps at the end word by word. `head` and `tail` count words since the
 * start and never wrap in practice (2^64 words), so they also tell the order of
 * records and other events.
 *
 * A writer claims its words by moving `head` on with compare-and-swap, fills
 * them, and stores the header last, with release. The reader looks at the
 * header at `tail` with acquire: zero means claimed but not complete, and the
 * reader stops there. Having copied a record it writes zeros over all of it
 * and only then moves `tail`, with release; a writer reads `tail` with acquire
 * before it claims. So whatever word becomes a header next is zero until its
 * writer completes it, on machines with weak memory order too:
 *
 *   reader: zero words ─release tail─►  writer: acquire tail ─► claim, fill
 *   writer: fill ─release header─►  reader: acquire header ─► copy
 *
 * The claim itself orders nothing, so the compare-and-swap is relaxed, and so is the
 * load of `head` before it: of two writers with one position only one can succeed, and
 * a head that is too old makes the exchange fail. Words pass from a writer to the next
 * by way of the reader only. A tail that is too old makes the ring look fuller.
 *
 * Positions tell the order of records and other events because `head` only grows, and
 * who asks for it comes after the handlers that matter to him by other means: they ran
 * in his own thread, or before the GIL was handed to him, or he has seen them leave
 * (in_handler, threads.h).
 *
 * tests/c/model_ring.c runs this under C11's memory model, in all orders, with and
 * without each of these.
 *
 * Full. A writer that finds no room claims nothing and says so; its caller
 * counts the weight as lost. Nobody waits: the claim loop repeats only when
 * another writer has succeeded, and gives up after PN_RING_TRIES of those.
 *
 * A writer that is preempted between claim and completion keeps the reader at
 * its record until it goes on; writers go on as long as there is room. That
 * is why the reader is woken at a fraction of the ring, not when it is full.
 *
 * Why not simpler: one buffer per thread needs no compare-and-swap, but costs
 * memory by thread, or loses deep stacks; a lock per stripe makes the reader
 * shut writers out while it copies.
 */
#ifndef PN_RING_H
#define PN_RING_H

#include <stdbool.h>
#include <stdint.h>

/* 1 MiB: 3800 stacks of 30 frames, 38 s of one thread at 100 Hz; 125 stacks
 * of 1000 frames. */
#define PN_RING_WORDS (UINT64_C(1) << 17)
/* The reader is woken once this much is in the ring: a deep recursion at the
 * kernel's tick (250 Hz × 1028 words) then leaves 380 ms to come and read. */
#define PN_RING_WAKE_WORDS (PN_RING_WORDS / 4)

enum { PN_RING_TRIES = 64, PN_RECORD_HEADER_WORDS = 4 };

enum pn_record_kind {
    PN_KIND_STACK = 0,      /* whole */
    PN_KIND_TRUNCATED,      /* the leaf side of a deeper stack */
    PN_KIND_TORN,           /* no walk was accepted: no frames */
    PN_KIND_NO_PYTHON,      /* the thread runs no Python code: no frames */
    PN_KIND_SUBINTERPRETER, /* another interpreter's code: no frames */
};

typedef struct {
    enum pn_record_kind kind;
    uint32_t depth;
    uint64_t weight_ns;
    uint32_t thread;
    uintptr_t of_context; /* label sets (labels.h), or 0 */
    uintptr_t of_thread;
    uint64_t position; /* of its header, set by pn_ring_pop */
} pn_record;

/* What a push did. */
enum pn_push {
    PN_PUSHED = 0,
    PN_PUSHED_WAKE, /* and the ring is full enough for the reader to come */
    PN_PUSH_FULL,
    PN_PUSH_CONTENDED,
};

/* Allocate the ring. Returns 0, or an errno. */
int pn_ring_open(void);
void pn_ring_reset(void);

enum pn_push pn_ring_push_sig(const pn_record *record, const uint64_t *stack);

/* Take the oldest complete record: its frames go to `stack`, which has room
 * for PN_DEPTH_MAX words. False when there is none. */
bool pn_ring_pop(pn_record *record, uint64_t *stack);

/* How far the writers have claimed, and the reader read, in words. They order nothing. */
uint64_t pn_ring_head(void);
uint64_t pn_ring_tail(void);

#endif
