/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "threads.h"
#include "wake.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { BLOCK = PN_THREADS_PER_BLOCK };

/* Stands in for the interpreter's: names are all that is ever released. */
static int names_released;

void _Py_Dealloc(PyObject *object)
{
    (void)object;
    names_released++;
}

/* Stands in for the ring's: how far records have been claimed. */
static uint64_t ring_head;

uint64_t pn_ring_head(void)
{
    return ring_head;
}

static void reserve(uint32_t spare)
{
    CHECK_EQUAL(pn_threads_reserve(spare), 0);
}

static pn_thread *claim(pid_t tid)
{
    pn_thread *thread = pn_thread_claim_sig(tid);
    CHECK(thread != NULL);
    CHECK_EQUAL(thread->tid, tid);
    CHECK_EQUAL(thread->state, PN_SLOT_LIVE);
    return thread;
}

/* ---- room ---- */

static void nothing_is_mapped_at_first(void)
{
    CHECK_EQUAL(pn_threads_mapped(), 0);
    CHECK(pn_thread_at(0) == NULL);
    CHECK(pn_thread_claim_sig(1) == NULL);
    CHECK(pn_thread_from_pointer_sig(NULL) == NULL);
    reserve(0);
    CHECK_EQUAL(pn_threads_mapped(), 0);
}

static void slots_know_their_index(void)
{
    reserve(BLOCK + 1);
    CHECK_EQUAL(pn_threads_mapped(), 2 * BLOCK);
    for (uint32_t i = 0; i < 2 * BLOCK; i++) {
        CHECK_EQUAL(pn_thread_at(i)->index, i);
        CHECK_EQUAL(pn_thread_at(i)->state, PN_SLOT_FREE);
    }
    CHECK(pn_thread_at(2 * BLOCK) == NULL);
    CHECK(pn_thread_at(UINT32_MAX) == NULL);
}

static void reserve_maps_only_what_is_missing(void)
{
    reserve(1);
    CHECK_EQUAL(pn_threads_mapped(), BLOCK);
    for (int i = 0; i < BLOCK - 2; i++)
        claim(1 + i);
    reserve(2);
    CHECK_EQUAL(pn_threads_mapped(), BLOCK);
    reserve(3);
    CHECK_EQUAL(pn_threads_mapped(), 2 * BLOCK);
    /* A retired slot is not free yet. */
    pn_thread_retire(pn_thread_at(0));
    reserve(BLOCK + 2);
    CHECK_EQUAL(pn_threads_mapped(), 2 * BLOCK);
    reserve(BLOCK + 3);
    CHECK_EQUAL(pn_threads_mapped(), 3 * BLOCK);
}

static void exhaustion_is_an_error(void)
{
    reserve(PN_THREADS_MAX);
    CHECK_EQUAL(pn_threads_mapped(), PN_THREADS_MAX);
    CHECK(pn_thread_at(PN_THREADS_MAX) == NULL);
    CHECK_EQUAL(pn_threads_reserve(PN_THREADS_MAX + 1), ENOSPC);
    for (int i = 0; i < PN_THREADS_MAX; i++)
        CHECK_EQUAL(claim(1 + i)->index, i);
    CHECK(pn_thread_claim_sig(1) == NULL);
    CHECK_EQUAL(pn_threads_reserve(1), ENOSPC);
    pn_thread_retire(pn_thread_at(77));
    CHECK(pn_thread_claim_sig(1) == NULL);
    pn_threads_recycle_gil(0);
    reserve(1);
    CHECK_EQUAL(claim(1)->index, 77);
}

/* ---- pointers ---- */

static void only_pointers_to_slots_are_known(void)
{
    reserve(1);
    char *start = (char *)pn_thread_at(0);
    char *end = start + BLOCK * sizeof(pn_thread);
    CHECK(pn_thread_from_pointer_sig(end) == NULL);
    CHECK(pn_thread_from_pointer_sig(start - sizeof(pn_thread)) == NULL);
    for (uint32_t i = 0; i < BLOCK; i++) {
        pn_thread *thread = pn_thread_at(i);
        CHECK(pn_thread_from_pointer_sig(thread) == thread);
        CHECK(pn_thread_from_pointer_sig((char *)thread + 1) == NULL);
        CHECK(pn_thread_from_pointer_sig((char *)thread - 1) == NULL);
        CHECK(pn_thread_from_pointer_sig(&thread->stack[PN_DEPTH_MAX / 2]) == NULL);
    }
    int foreign = 0;
    CHECK(pn_thread_from_pointer_sig(&foreign) == NULL);
    CHECK(pn_thread_from_pointer_sig(NULL) == NULL);
    CHECK(pn_thread_from_pointer_sig((void *)1) == NULL);
    CHECK(pn_thread_from_pointer_sig((void *)UINTPTR_MAX) == NULL);
}

static void pointers_are_known_in_every_block(void)
{
    reserve(5 * BLOCK);
    for (uint32_t i = 0; i < 5 * BLOCK; i++)
        CHECK(pn_thread_from_pointer_sig(pn_thread_at(i)) == pn_thread_at(i));
}

/* ---- life of a slot ---- */

static void retired_slots_wait_for_the_reader(void)
{
    reserve(1);
    pn_thread *early = claim(10), *late = claim(11);
    pn_thread_retire(early);
    CHECK_EQUAL(early->state, PN_SLOT_RETIRED);
    ring_head = 100;
    pn_threads_recycle_gil(99);
    pn_thread_retire(late);
    ring_head = 200;
    pn_threads_recycle_gil(99);
    CHECK_EQUAL(early->state, PN_SLOT_RETIRED);
    CHECK_EQUAL(early->tid, 10);
    CHECK(claim(12) != early);
    pn_threads_recycle_gil(100);
    CHECK_EQUAL(early->state, PN_SLOT_FREE);
    CHECK_EQUAL(late->state, PN_SLOT_RETIRED);
    CHECK(claim(13) == early);
    pn_threads_recycle_gil(200);
    CHECK_EQUAL(late->state, PN_SLOT_FREE);
    CHECK_EQUAL(early->state, PN_SLOT_LIVE);
}

static void slots_are_kept_while_their_handlers_run(void)
{
    reserve(1);
    pn_thread *slow = claim(10), *gone = claim(11);
    atomic_store(&slow->in_handler[1], true);
    atomic_store(&gone->in_handler[1], true);
    pn_thread_retire(slow);
    pn_thread_retire_gone(gone);
    pn_threads_recycle_gil(0);
    CHECK_EQUAL(slow->state, PN_SLOT_RETIRED);
    CHECK_EQUAL(gone->state, PN_SLOT_FREE);
    /* Before it left it has claimed a record, which is yet to be read. */
    ring_head = 5;
    atomic_store(&slow->in_handler[1], false);
    pn_threads_recycle_gil(0);
    CHECK_EQUAL(slow->state, PN_SLOT_RETIRED);
    pn_threads_recycle_gil(5);
    CHECK_EQUAL(slow->state, PN_SLOT_FREE);
}

/* Different numbers in all that a thread leaves behind. */
static void use(pn_thread *thread, PyObject *name)
{
    pn_count_sig(&thread->seen_ns, 1);
    pn_count_sig(&thread->samples, 20);
    pn_count_sig(&thread->overruns, 300);
    pn_count_sig(&thread->torn, 4000);
    pn_count_sig(&thread->retried, 50000);
    pn_count_sig(&thread->drop_ns[PN_DROP_RING_FULL], 600000);
    pn_count_sig(&thread->drop_ns[PN_DROP_RING_CONTENDED], 7000000);
    pn_count_sig(&thread->drop_ns[PN_DROP_NO_SLOT], 80000000);
    thread->phase_ns = 1;
    thread->first_ns = 1;
    thread->has_timer = true;
    thread->window_entry = 1;
    thread->name = name;
}

static void check_unused(const pn_thread *thread)
{
    CHECK_EQUAL(thread->state, PN_SLOT_FREE);
    CHECK_EQUAL(thread->seen_ns, 0);
    CHECK_EQUAL(thread->samples, 0);
    CHECK_EQUAL(thread->overruns, 0);
    CHECK_EQUAL(thread->torn, 0);
    CHECK_EQUAL(thread->retried, 0);
    for (int i = 0; i < PN_DROP_COUNT; i++)
        CHECK_EQUAL(thread->drop_ns[i], 0);
    for (int i = 0; i < PN_STARTS_APART; i++)
        CHECK(!thread->in_handler[i]);
    CHECK_EQUAL(thread->tid, 0);
    CHECK_EQUAL(thread->first_ns, 0);
    CHECK(!thread->has_timer);
    CHECK_EQUAL(thread->window_entry, 0);
    CHECK(thread->name == NULL);
}

/* That so many threads were in use. */
static void check_totals(uint64_t uses)
{
    pn_thread_totals totals = pn_threads_totals();
    CHECK_EQUAL(totals.seen_ns, uses);
    CHECK_EQUAL(totals.samples, uses * 20);
    CHECK_EQUAL(totals.overruns, uses * 300);
    CHECK_EQUAL(totals.torn, uses * 4000);
    CHECK_EQUAL(totals.retried, uses * 50000);
    CHECK_EQUAL(totals.drop_ns[PN_DROP_RING_FULL], uses * 600000);
    CHECK_EQUAL(totals.drop_ns[PN_DROP_RING_CONTENDED], uses * 7000000);
    CHECK_EQUAL(totals.drop_ns[PN_DROP_NO_SLOT], uses * 80000000);
}

static PyObject new_name(void)
{
    PyObject name;
    memset(&name, 0, sizeof(name));
    name.ob_refcnt = 1;
    return name;
}

static void totals_survive_recycling(void)
{
    PyObject name = new_name();
    reserve(1);
    check_totals(0);
    pn_thread *thread = claim(1);
    use(thread, &name);
    use(claim(2), NULL);
    check_totals(2);
    pn_thread_retire(thread);
    check_totals(2);
    CHECK_EQUAL(names_released, 0);
    pn_threads_recycle_gil(0);
    CHECK_EQUAL(names_released, 1);
    check_unused(thread);
    check_totals(2);
    CHECK(claim(3) == thread);
    use(thread, NULL);
    check_totals(3);
}

static void reset_frees_all_and_keeps_the_totals(void)
{
    PyObject live_name = new_name(), retired_name = new_name();
    reserve(3);
    pn_thread *live = claim(1), *retired = claim(2);
    use(live, &live_name);
    use(retired, &retired_name);
    atomic_store(&live->in_handler[1], true);
    atomic_store(&retired->in_handler[1], true);
    pn_thread_retire(retired);
    pn_threads_reset_gil();
    check_unused(live);
    check_unused(retired);
    CHECK_EQUAL(names_released, 2);
    check_totals(2);
    pn_threads_reset_gil();
    check_totals(2);
}

/* A late handler may have met the slot of a thread that is gone. Who forks has left it
 * behind. */
static void after_a_reset_no_handler_runs(void)
{
    reserve(1);
    atomic_store(&pn_thread_at(3)->in_handler[1], true);
    pn_threads_reset_gil();
    CHECK_EQUAL(pn_threads_in_handler(), 0);
}

static void released_slots_are_free_at_once(void)
{
    reserve(1);
    pn_thread *thread = claim(1);
    pn_thread_release(thread);
    check_unused(thread);
    CHECK(claim(2) == thread);
}

/* In threads.c. */
enum { RETIRED_WAKE = 512 };

static void many_retired_slots_wake_the_drain(void)
{
    reserve(2 * RETIRED_WAKE);
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < RETIRED_WAKE; i++)
            pn_thread_retire(claim(i));
        CHECK_EQUAL(pn_wake_wait(0), 0);
        pn_thread_retire(claim(RETIRED_WAKE));
        CHECK_EQUAL(pn_wake_wait(0), PN_WAKE_DRAIN);
        pn_threads_recycle_gil(0);
    }
}

static void slotless_weight_is_seen_and_dropped(void)
{
    pn_threads_count_slotless_sig(5);
    pn_threads_count_slotless_sig(6);
    CHECK_EQUAL(pn_threads_totals().seen_ns, 11);
    CHECK_EQUAL(pn_threads_totals().drop_ns[PN_DROP_NO_SLOT], 11);
}

static void running_handlers_are_counted(void)
{
    reserve(2 * BLOCK);
    CHECK_EQUAL(pn_threads_in_handler(), 0);
    atomic_store(&pn_thread_at(3)->in_handler[0], true);
    atomic_store(&pn_thread_at(2 * BLOCK - 1)->in_handler[1], true);
    CHECK_EQUAL(pn_threads_in_handler(), 2);
}

/* ---- two threads ---- */

enum { SLOTS = 4 * BLOCK, ROUNDS = 2000 };

static _Atomic int round_begun, round_ended;
static _Atomic uint32_t claims[SLOTS];

/* No more threads than there are processors: they are to claim at once. */
static void wait_until(_Atomic int *counter, int value)
{
    for (int spins = 0; atomic_load(counter) < value; spins++)
        if (spins > 10000)
            sched_yield();
}

static void claim_all(void)
{
    pn_thread *thread;
    while ((thread = pn_thread_claim_sig(1)) != NULL)
        atomic_fetch_add(&claims[thread->index], 1);
}

static void *claim_in_rounds(void *argument)
{
    for (int round = 1; round <= ROUNDS; round++) {
        wait_until(&round_begun, round);
        claim_all();
        atomic_store(&round_ended, round);
    }
    return argument;
}

static void concurrent_claims_share_no_slot(void)
{
    pthread_t other;
    reserve(SLOTS);
    CHECK_EQUAL(pthread_create(&other, NULL, claim_in_rounds, NULL), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        atomic_store(&round_begun, round);
        claim_all();
        wait_until(&round_ended, round);
        for (int i = 0; i < SLOTS; i++)
            CHECK_EQUAL(claims[i], round);
        pn_threads_reset_gil();
    }
    pthread_join(other, NULL);
}

static const check_test tests[] = {
    TEST(nothing_is_mapped_at_first),           TEST(slots_know_their_index),
    TEST(reserve_maps_only_what_is_missing),    TEST(exhaustion_is_an_error),
    TEST(only_pointers_to_slots_are_known),     TEST(pointers_are_known_in_every_block),
    TEST(retired_slots_wait_for_the_reader),    TEST(totals_survive_recycling),
    TEST(reset_frees_all_and_keeps_the_totals), TEST(released_slots_are_free_at_once),
    TEST(many_retired_slots_wake_the_drain),    TEST(slotless_weight_is_seen_and_dropped),
    TEST(running_handlers_are_counted),         TEST(slots_are_kept_while_their_handlers_run),
    TEST(after_a_reset_no_handler_runs),        TEST(concurrent_claims_share_no_slot),
};

CHECK_MAIN(tests)
