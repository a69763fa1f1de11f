/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "wake.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* Waiting for ever: a wake-up that gets lost ends the test by its limit. */
static const double FOREVER_S = 1e6;

static uint32_t wait_for_reasons(void)
{
    uint32_t reasons;
    do
        reasons = pn_wake_wait(FOREVER_S);
    while (reasons == 0);
    return reasons;
}

static void reasons_accumulate(void)
{
    pn_wake_post_sig(PN_WAKE_SCAN);
    pn_wake_post_sig(PN_WAKE_DRAIN);
    pn_wake_post_sig(PN_WAKE_SCAN);
    CHECK_EQUAL(pn_wake_wait(FOREVER_S), PN_WAKE_SCAN | PN_WAKE_DRAIN);
}

static void reasons_are_taken_once(void)
{
    pn_wake_post_sig(PN_WAKE_DRAIN);
    CHECK_EQUAL(pn_wake_wait(FOREVER_S), PN_WAKE_DRAIN);
    CHECK_EQUAL(pn_wake_wait(0), 0);
    pn_wake_post_sig(PN_WAKE_TERMINATE);
    CHECK_EQUAL(pn_wake_wait(0), PN_WAKE_TERMINATE);
    CHECK_EQUAL(pn_wake_wait(0.001), 0);
}

static void reset_forgets_reasons(void)
{
    pn_wake_post_sig(PN_WAKE_DRAIN);
    pn_wake_reset();
    CHECK_EQUAL(pn_wake_wait(0), 0);
    pn_wake_post_sig(PN_WAKE_DRAIN);
    CHECK_EQUAL(pn_wake_wait(FOREVER_S), PN_WAKE_DRAIN);
}

/* ---- another thread posts ---- */

enum { ROUNDS = 20000 };

/* Written before each post, read after it was waited for. */
static int message;
static _Atomic int taken;

static void *post_rounds(void *argument)
{
    for (int i = 1; i <= ROUNDS; i++) {
        message = i;
        pn_wake_post_sig(PN_WAKE_DRAIN);
        while (atomic_load(&taken) < i)
            sched_yield();
    }
    return argument;
}

static void posts_wake_the_waiter(void)
{
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, post_rounds, NULL), 0);
    for (int i = 1; i <= ROUNDS; i++) {
        CHECK_EQUAL(wait_for_reasons(), PN_WAKE_DRAIN);
        CHECK_EQUAL(message, i);
        atomic_store(&taken, i);
    }
    pthread_join(thread, NULL);
}

/* ---- a signal handler posts ---- */

#ifndef CHECK_UNDER_TSAN /* it holds signals back until the thread calls something it knows */

static void on_signal(int signo)
{
    (void)signo;
    pn_wake_post_sig(PN_WAKE_TERMINATE);
}

static pthread_t waiter;

static void *signal_rounds(void *argument)
{
    for (int i = 1; i <= ROUNDS; i++) {
        pthread_kill(waiter, SIGUSR1);
        while (atomic_load(&taken) < i)
            sched_yield();
    }
    return argument;
}

/* The handler runs in the waiting thread, at any instruction of its wait. */
static void posts_from_a_handler_are_not_lost(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    waiter = pthread_self();
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, signal_rounds, NULL), 0);
    for (int i = 1; i <= ROUNDS; i++) {
        CHECK_EQUAL(wait_for_reasons(), PN_WAKE_TERMINATE);
        atomic_store(&taken, i);
    }
    pthread_join(thread, NULL);
}
#endif

static const check_test tests[] = {
    TEST(reasons_accumulate),
    TEST(reasons_are_taken_once),
    TEST(reset_forgets_reasons),
    TEST(posts_wake_the_waiter),
#ifndef CHECK_UNDER_TSAN
    TEST(posts_from_a_handler_are_not_lost),
#endif
};

CHECK_MAIN(tests)
