/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handler.h"

#include "barrier.h"
#include "c_stack.h"
#include "frames/frames.h"
#include "fuse.h"
#include "handler_time.h"
#include "labels.h"
#include "ring.h"
#include "stray.h"
#include "timer.h"
#include "tls.h"
#include "wake.h"
#include "walk.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static struct {
    _Atomic(PyInterpreterState *) interp; /* NULL: disabled */
    struct sigaction previous;
    _Atomic pid_t main_tid;
} handler;

/* Pass a signal that is not ours to whoever was there before. The default
 * action, death, is what nobody who sends SIGPROF to a profiled program
 * wants. */
static void chain_sig(int signo, siginfo_t *info, void *context)
{
    /* Who was there before may be one who passes signals on to us. */
    static PN_THREAD_LOCAL bool chaining;
    bool is_handler =
        handler.previous.sa_handler != SIG_DFL && handler.previous.sa_handler != SIG_IGN;
    if (chaining || !is_handler)
        return;
    chaining = true;
    if (handler.previous.sa_flags & SA_SIGINFO)
        handler.previous.sa_sigaction(signo, info, context);
    else
        handler.previous.sa_handler(signo);
    chaining = false;
}

/* What the thread runs and which labels it has, into `record`. */
static enum pn_record_kind take_sig(pn_thread *thread, PyInterpreterState *interp,
                                    uintptr_t c_stack_low, pn_record *record)
{
    const PyThreadState *tstate = PyGILState_GetThisThreadState();
    if (tstate == NULL || pn_is_finalizing_sig())
        return PN_KIND_NO_PYTHON;
    /* Code of another interpreter is freed in ways that we cannot follow. */
    if (tstate->interp != interp)
        return PN_KIND_SUBINTERPRETER;
    pn_labels_note_sig(tstate, record);
    uintptr_t c_stack_end = pn_c_stack_end_sig(c_stack_low);
    pn_walk walk = pn_walk_sig(tstate, c_stack_low, c_stack_end, thread->stack);
    if (walk.retried)
        pn_count_sig(&thread->retried, 1);
    switch (walk.result) {
    case PN_WALK_WHOLE:
        record->depth = walk.depth;
        return PN_KIND_STACK;
    case PN_WALK_TRUNCATED:
        record->depth = walk.depth;
        return PN_KIND_TRUNCATED;
    case PN_WALK_TORN:
        pn_count_sig(&thread->torn, 1);
        return PN_KIND_TORN;
    case PN_WALK_NONE:
        break;
    }
    return PN_KIND_NO_PYTHON;
}

/* Who stops the profiler must know when the last handler has ended: a handler
 * says that it is there before it looks whether it is wanted (and the other
 * side looks for handlers after it has said that they are not). Between the
 * two a store must not pass a load. A full barrier here would cost a tenth of
 * the handler, so the other side makes all processors pass one
 * (pn_barrier_all), and here only the compiler is told. It is told of the fuse's mark
 * by the same: a fault comes in the thread's own order. */
static inline void enter_sig(const pn_tick *tick)
{
    pn_fuse_mark_sig(PN_FUSE_SLOTS + tick->thread->index, true);
    atomic_store_explicit(&tick->thread->in_handler[tick->start % PN_STARTS_APART], true,
                          memory_order_relaxed);
    PN_LIGHT_BARRIER();
}

/* Release pairs with acquire in pn_threads_in_handler and in recycling: who sees that a
 * handler has left sees what it has counted and claimed, and may use its slot. */
static inline void leave_sig(const pn_tick *tick)
{
    atomic_store_explicit(&tick->thread->in_handler[tick->start % PN_STARTS_APART], false,
                          memory_order_release);
    pn_fuse_mark_sig(PN_FUSE_SLOTS + tick->thread->index, false);
}

static void sample_sig(const pn_tick *tick, const siginfo_t *info, PyInterpreterState *interp,
                       uintptr_t c_stack_low)
{
    pn_thread *thread = tick->thread;
    uint64_t overrun;
    uint64_t weight_ns = pn_timer_weigh_sig(tick, info, &overrun);
    if (weight_ns == 0)
        return;
    pn_count_sig(&thread->seen_ns, weight_ns);
    pn_count_sig(&thread->samples, 1);
    if (overrun > 0)
        pn_count_sig(&thread->overruns, overrun);
    pn_record record = {
        .weight_ns = weight_ns,
        .thread = thread->index,
    };
    record.kind = take_sig(thread, interp, c_stack_low, &record);
    switch (pn_ring_push_sig(&record, thread->stack)) {
    case PN_PUSHED:
        break;
    case PN_PUSHED_WAKE:
        pn_wake_post_sig(PN_WAKE_DRAIN);
        break;
    case PN_PUSH_FULL:
        pn_count_sig(&thread->drop_ns[PN_DROP_RING_FULL], weight_ns);
        pn_wake_post_sig(PN_WAKE_DRAIN);
        break;
    case PN_PUSH_CONTENDED:
        pn_count_sig(&thread->drop_ns[PN_DROP_RING_CONTENDED], weight_ns);
        break;
    }
}

static void on_signal_sig(int signo, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    pn_tick tick = pn_timer_tick_sig(info);
    if (tick.kind == PN_TICK_FOREIGN) {
        if (!pn_stray_is_nudge_sig(info))
            chain_sig(signo, info, context);
    } else if (tick.kind == PN_TICK_SCAN) {
        pn_wake_post_sig(PN_WAKE_SCAN);
    } else if (tick.kind == PN_TICK_SAMPLE && tick.thread == NULL) {
        uint64_t overrun;
        if (pn_handler_is_enabled())
            pn_threads_count_slotless_sig(pn_timer_weigh_sig(&tick, info, &overrun));
    } else if (tick.kind == PN_TICK_SAMPLE) {
        uint64_t began_ns = pn_handler_time_begin_sig(
            atomic_load_explicit(&tick.thread->samples, memory_order_relaxed));
        enter_sig(&tick);
        /* Between the tick and the entry there may have been a stop, and a start
         * that has given the slot to another thread. Acquire pairs with the store in
         * pn_handler_enable: that start is prepared before, so its number is seen. */
        PyInterpreterState *interp = atomic_load_explicit(&handler.interp, memory_order_acquire);
        /* The signal frame, where the context is, lies just below the
         * interrupted C frame. */
        if (interp != NULL && tick.start == pn_timer_starts_sig())
            sample_sig(&tick, info, interp, (uintptr_t)context);
        if (tick.thread->tid != atomic_load_explicit(&handler.main_tid, memory_order_relaxed))
            pn_stray_look_sig(&((const ucontext_t *)context)->uc_sigmask);
        pn_handler_time_end_sig(began_ns);
        leave_sig(&tick);
    }
    errno = saved_errno;
}

int pn_handler_install(void)
{
    if (pn_handler_is_installed())
        return 0;
    pn_c_stack_init();
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_signal_sig;
    /* No SA_ONSTACK: see the rules of the zone. */
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    /* sigfillset leaves out the C library's own signals, and a cancellation that comes
     * at any time would take the thread out of the handler for good. */
    memset(&action.sa_mask, 0xff, sizeof(action.sa_mask));
    /* A fault with its signal blocked is death without a word. */
    sigdelset(&action.sa_mask, SIGSEGV);
    sigdelset(&action.sa_mask, SIGBUS);
    /* The call below writes this when a signal may already have come. */
    sigaction(SIGPROF, NULL, &handler.previous);
    return sigaction(SIGPROF, &action, &handler.previous) == 0 ? 0 : errno;
}

void pn_handler_remove(void)
{
    if (pn_handler_is_installed())
        sigaction(SIGPROF, &handler.previous, NULL);
}

bool pn_handler_is_installed(void)
{
    struct sigaction current;
    return sigaction(SIGPROF, NULL, &current) == 0 && (current.sa_flags & SA_SIGINFO) &&
           current.sa_sigaction == on_signal_sig;
}

void pn_handler_enable(PyInterpreterState *interp)
{
    atomic_store(&handler.main_tid, getpid());
    atomic_store(&handler.interp, interp);
}

void pn_handler_disable(void)
{
    atomic_store(&handler.interp, NULL);
}

bool pn_handler_is_enabled(void)
{
    return atomic_load(&handler.interp) != NULL;
}
