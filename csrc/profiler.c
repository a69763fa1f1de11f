/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "profiler.h"

#include "barrier.h"
#include "c_stack.h"
#include "drain.h"
#include "fuse.h"
#include "handler.h"
#include "handler_time.h"
#include "ring.h"
#include "stray.h"
#include "terminate.h"
#include "threads.h"
#include "unseen.h"
#include "wake.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static struct {
    pn_window *window; /* open */
} profiler;

/* A fork may come from C, past Python's hooks. The child has no timers and
 * no drain; let it not have a handler that believes otherwise. */
static void disable_in_child(void)
{
    pn_handler_disable();
    pn_timer_reset();
    pn_terminate_unwatch();
    pn_fuse_disarm();
}

static int prepare_once(void)
{
    static bool prepared;
    if (prepared)
        return 0;
    int error = pn_ring_open();
    if (error == 0)
        error = pn_fuse_open();
    if (error == 0)
        error = pthread_atfork(NULL, NULL, disable_in_child);
    prepared = error == 0;
    return error;
}

static void track_gil(bool on)
{
    pn_codes_track_gil(on);
    pn_labels_track_gil(on);
}

int pn_profiler_start_gil(enum pn_clock clock, uint64_t period_ns)
{
    int error = prepare_once();
    if (error != 0)
        return error;
    if (pn_codes_install_gil() != 0 || pn_labels_open_gil() != 0)
        return -1;
    if (profiler.window == NULL)
        profiler.window = pn_window_new();
    if (profiler.window == NULL)
        return ENOMEM;
    pn_drain_begin_gil();
    pn_handler_time_reset();
    track_gil(true);
    /* The handler first, the timers last: at SIGPROF's default action a tick
     * kills. */
    error = pn_handler_install();
    if (error != 0)
        return error;
    pn_timer_prepare(clock, period_ns);
    pn_handler_enable(PyThreadState_Get()->interp);
    error = pn_timer_start();
    if (error != 0) {
        /* Some timers may have ticked. */
        pn_profiler_stop_gil();
        while (pn_drain_gil(profiler.window))
            ;
        track_gil(false);
    }
    return error;
}

int pn_profiler_arm_fuse(int descriptor)
{
    return pn_fuse_arm(descriptor);
}

void pn_profiler_disarm_fuse(void)
{
    pn_fuse_disarm();
}

void pn_profiler_set_period(uint64_t period_ns)
{
    pn_timer_set_period(period_ns);
}

/* Of a tenth of a millisecond each, and more where there is no processor to be had:
 * the GIL is held meanwhile. */
enum { STOP_TRIES = 10000 };

void pn_profiler_stop_gil(void)
{
    /* First of all the handlers: what they have counted is what was seen. */
    pn_handler_disable();
    pn_barrier_all();
    /* A handler takes microseconds, unless its thread is not running. One that
     * is waited for in vain keeps its slot and its place in the ring. */
    for (int tries = 0; tries < STOP_TRIES && pn_threads_in_handler() > 0; tries++) {
        struct timespec pause = {.tv_nsec = 100000};
        nanosleep(&pause, NULL);
    }
    pn_timer_stop();
}

void pn_profiler_enlist_thread(bool is_drain)
{
    pn_timer_enlist_self(is_drain);
}

void pn_profiler_discharge_thread(bool is_drain)
{
    pn_timer_discharge_self(is_drain);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint32_t pn_profiler_wait(double timeout_s)
{
    double until_s = now_s() + timeout_s;
    for (;;) {
        double left_s = until_s - now_s();
        uint32_t reasons = pn_wake_wait(left_s > 0 ? left_s : 0);
        if (reasons & PN_WAKE_SCAN)
            pn_timer_scan(false);
        reasons &= ~(uint32_t)PN_WAKE_SCAN;
        if (reasons != 0)
            return reasons;
        if (left_s <= 0) {
            pn_timer_scan(true);
            return 0;
        }
    }
}

void pn_profiler_wake(void)
{
    pn_wake_post_sig(PN_WAKE_DRAIN);
}

bool pn_profiler_is_alone(void)
{
    return pn_timer_is_alone();
}

void pn_profiler_nudge_main(void)
{
    if (pn_handler_is_installed())
        pn_stray_nudge();
}

void pn_profiler_attach_thread_gil(PyObject *name)
{
    pn_timer_attach_self_gil(name);
}

bool pn_profiler_drain_gil(void)
{
    return profiler.window != NULL && pn_drain_gil(profiler.window);
}

pn_window *pn_profiler_cut_gil(void)
{
    pn_window *fresh = pn_window_new();
    pn_window *cut = profiler.window;
    if (fresh == NULL || cut == NULL)
        return NULL;
    profiler.window = fresh;
    pn_codes_forget_gil();
    pn_labels_forget_gil();
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        pn_thread_at(i)->window_entry = 0;
    if (!pn_handler_is_enabled())
        track_gil(false);
    return cut;
}

uint64_t pn_profiler_take_unseen_gil(void)
{
    return pn_unseen_take();
}

bool pn_profiler_window_is_large_gil(void)
{
    return profiler.window != NULL && pn_window_is_large(profiler.window);
}

pn_walk pn_profiler_walk_self_gil(uint64_t *stack)
{
    pn_c_stack_init();
    uintptr_t low = (uintptr_t)__builtin_frame_address(0);
    return pn_walk_sig(PyThreadState_Get(), low, pn_c_stack_end_sig(low), stack);
}

void pn_profiler_return_signal(void)
{
    if (!pn_handler_is_enabled())
        pn_handler_remove();
}

bool pn_profiler_has_signal(void)
{
    return pn_handler_is_installed();
}

void pn_profiler_before_exec(void)
{
    pn_timer_before_exec();
}

void pn_profiler_reset_after_fork_gil(void)
{
    disable_in_child();
    pn_wake_reset();
    pn_ring_reset();
    pn_threads_reset_gil();
    track_gil(false);
    pn_window *window = profiler.window;
    profiler.window = NULL;
    if (window != NULL)
        pn_window_free_gil(window);
}

pn_counters pn_profiler_counters_gil(void)
{
    pn_thread_totals threads = pn_threads_totals();
    const pn_drain_totals *drained = pn_drain_totals_gil();
    return (pn_counters){
        .seen_ns = threads.seen_ns,
        .samples = threads.samples,
        .overruns = threads.overruns,
        .torn = threads.torn,
        .retried = threads.retried,
        .ring_full_ns = threads.drop_ns[PN_DROP_RING_FULL],
        .ring_contended_ns = threads.drop_ns[PN_DROP_RING_CONTENDED],
        .no_slot_ns = threads.drop_ns[PN_DROP_NO_SLOT],
        .window_lost_ns = drained->lost_ns,
        .unlabelled_ns = drained->unlabelled_ns,
        .truncated_ns = drained->marked_ns[PN_MARKER_TRUNCATED],
        .torn_ns = drained->marked_ns[PN_MARKER_TORN],
        .no_python_ns = drained->marked_ns[PN_MARKER_NO_PYTHON],
        .subinterpreter_ns = drained->marked_ns[PN_MARKER_SUBINTERPRETER],
        .unresolved_ns = drained->marked_ns[PN_MARKER_UNRESOLVED],
        .table_full_ns = drained->marked_ns[PN_MARKER_TABLE_FULL],
        .unseen_ns = pn_unseen_taken_ns(),
        .own_cpu_ns = pn_timer_own_cpu_ns(),
        .drain_ns = drained->busy_ns,
        .unattached = pn_timer_unattached(),
        .deaf = pn_unseen_deaf_threads(),
        .drain_longest_ns = drained->longest_ns,
        .ring_peak = (double)drained->ring_peak_words / (double)PN_RING_WORDS,
        .handler_p50_ns = pn_handler_time_quantile_ns(0.5),
        .handler_p99_ns = pn_handler_time_quantile_ns(0.99),
        .handler_longest_ns = pn_handler_time_longest_ns(),
    };
}
