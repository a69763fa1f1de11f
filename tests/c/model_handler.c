/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Handlers, a stop, a drain and the next start under the model checker: two slots, a
 * stop that waits once. What is replaced is the kernel, and the walk,
 * which signs what it writes. */
#include "weak_memory.h"

#include <errno.h>
#include <stdatomic.h>

/* Each thread has one of its own. */
static int errors[1 + MODEL_THREADS];
#undef errno
#define errno (errors[model_self()])

#define clock_gettime model_clock_gettime
#define nanosleep model_nanosleep
#define pthread_mutex_lock model_mutex_lock
#define pthread_mutex_unlock model_mutex_unlock
#define setitimer model_setitimer
#define syscall model_syscall
#define timer_create model_timer_create
#define timer_delete model_timer_delete
#define timer_gettime model_timer_gettime
#define timer_settime model_timer_settime

/* As they would be linked. What nothing here calls is left out by the linker. */
#include "ring.c"
#include "threads.c"
#include "barrier.c"
#include "timer.c"
#include "handler.c"
#include "profiler.c"

/* ---- the kernel ---- */

enum { TIDS = 3, PERIOD_NS = 137000, TICKS_MAX = 8 };

/* Timers by the thread that they are for: the cookie of one that is set, else 0. The
 * kernel carries what was written before a timer is set to its signal's handler: both
 * pass through a lock. */
static _Atomic uintptr_t set_timers[TIDS];
static uintptr_t cookies[TIDS];
static _Atomic bool mutex_is_held;

int model_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){0};
    return 0;
}

int model_nanosleep(const struct timespec *pause, struct timespec *rest)
{
    (void)pause, (void)rest;
    model_wait();
    return 0;
}

int model_mutex_lock(pthread_mutex_t *mutex)
{
    (void)mutex;
    while (atomic_exchange_explicit(&mutex_is_held, true, memory_order_acquire))
        model_wait();
    return 0;
}

int model_mutex_unlock(pthread_mutex_t *mutex)
{
    (void)mutex;
    atomic_store_explicit(&mutex_is_held, false, memory_order_release);
    return 0;
}

/* Threads have the numbers that the model gives them. */
long model_syscall(long number, ...)
{
    if (number == SYS_membarrier)
        model_membarrier();
    return number == SYS_gettid ? (long)model_self() : 0;
}

int model_timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    (void)clock;
    uintptr_t tid = (uintptr_t)event->sigev_notify_thread_id;
    cookies[tid] = (uintptr_t)event->sigev_value.sival_ptr;
    *timer = (timer_t)tid;
    return 0;
}

int model_timer_settime(timer_t timer, int flags, const struct itimerspec *restrict setting,
                        struct itimerspec *restrict former)
{
    (void)flags, (void)setting, (void)former;
    MODEL_CHECK(timer != NULL);
    atomic_store_explicit(&set_timers[(uintptr_t)timer], cookies[(uintptr_t)timer],
                          memory_order_release);
    return 0;
}

int model_timer_gettime(timer_t timer, struct itimerspec *setting)
{
    (void)timer;
    *setting = (struct itimerspec){.it_value.tv_nsec = 1};
    return 0;
}

int model_timer_delete(timer_t timer)
{
    atomic_store_explicit(&set_timers[(uintptr_t)timer], 0, memory_order_relaxed);
    return 0;
}

int model_setitimer(int which, const struct itimerval *restrict setting,
                    struct itimerval *restrict former)
{
    (void)which, (void)setting, (void)former;
    return 0;
}

/* A tick of the calling thread's timer, if it is set. It may be under way for long. */
static void tick(void)
{
    uintptr_t cookie = atomic_load_explicit(&set_timers[model_self()], memory_order_acquire);
    if (cookie == 0)
        return;
    siginfo_t info = {.si_code = SI_TIMER};
    info.si_value.sival_ptr = (void *)cookie;
    ucontext_t context;
    on_signal_sig(SIGPROF, &info, &context);
}

/* One that the itimer has sent before the other engine starts, whose number it must not
 * have been taken for. */
static void tick_of_process(void)
{
    siginfo_t info = {.si_code = SI_KERNEL};
    ucontext_t context;
    on_signal_sig(SIGPROF, &info, &context);
    MODEL_CHECK(self_start <= 1);
}

/* ---- the interpreter, and files that have no part in this ---- */

static uint64_t interpreter; /* an address to compare with */
static PyThreadState thread_state = {.interp = (void *)&interpreter};

PyThreadState *PyGILState_GetThisThreadState(void)
{
    return &thread_state;
}

#if PY_VERSION_HEX < 0x030D0000
int _Py_IsFinalizing(void)
#else
int Py_IsFinalizing(void)
#endif
{
    return false;
}

void _Py_Dealloc(PyObject *object)
{
    (void)object;
}

/* The first word of a stack is who has written it. */
pn_walk pn_walk_sig(const PyThreadState *tstate, uintptr_t c_stack_low, uintptr_t c_stack_end,
                    uint64_t *stack)
{
    (void)tstate, (void)c_stack_low, (void)c_stack_end;
    stack[0] = model_self();
    return (pn_walk){.result = PN_WALK_WHOLE, .depth = 1};
}

uintptr_t pn_c_stack_end_sig(uintptr_t low)
{
    return low;
}

void pn_labels_note_sig(const PyThreadState *tstate, pn_record *record)
{
    (void)tstate, (void)record;
}

void pn_fuse_mark_sig(uint32_t index, bool inside)
{
    (void)index, (void)inside;
}

uint64_t pn_handler_time_begin_sig(uint64_t sample)
{
    (void)sample;
    return 0;
}

void pn_handler_time_end_sig(uint64_t began_ns)
{
    (void)began_ns;
}

bool pn_stray_is_nudge_sig(const siginfo_t *info)
{
    (void)info;
    return false;
}

void pn_stray_look_sig(const sigset_t *blocked)
{
    (void)blocked;
}

void pn_wake_post_sig(enum pn_wake_reason reason)
{
    (void)reason;
}

void pn_unseen_reckon(bool at_stop)
{
    (void)at_stop;
}

int64_t pn_unseen_settle_sig(pn_thread *thread)
{
    (void)thread;
    return 0;
}

void pn_unseen_end(const pn_thread *thread)
{
    (void)thread;
}

uint32_t pn_tasks_count(void)
{
    return 0;
}

int pn_tasks_each(void (*visit_one)(pid_t tid))
{
    (void)visit_one;
    return 0;
}

/* ---- the program ---- */

static uint64_t popped_ns;

static void drain(void)
{
    uint64_t stack[PN_DEPTH_MAX / 8];
    pn_record record;
    while (pn_ring_pop(&record, stack)) {
        MODEL_CHECK(record.kind == PN_KIND_STACK && record.depth == 1);
        MODEL_CHECK((uint64_t)pn_thread_at(record.thread)->tid == stack[0]);
        popped_ns += record.weight_ns;
    }
    pn_threads_recycle_gil(pn_ring_tail());
}

static void check_all_is_there(void)
{
    MODEL_CHECK(popped_ns == pn_threads_totals().seen_ns);
}

static void attach_thread(pid_t tid)
{
    pn_thread *attached;
    MODEL_CHECK(attach(tid, false, &attached) == 0);
}

static void start_with(pid_t tid)
{
    pn_timer_prepare(PN_CLOCK_THREAD, PERIOD_NS);
    pn_handler_enable(thread_state.interp);
    atomic_store(&timers.armed, true);
    attach_thread(tid);
}

static void started(void)
{
    start_with(1);
}

static void started_for_process(void)
{
    pn_timer_prepare(PN_CLOCK_PROCESS, PERIOD_NS);
    pn_handler_enable(thread_state.interp);
    atomic_store(&timers.armed, true);
}

static void stop(void)
{
    pn_profiler_stop_gil();
}

/* Whether the stop has not given up: then nothing goes on that it did not wait for. */
static void stop_and_drain(void)
{
    stop();
    bool is_quiet = pn_threads_in_handler() == 0;
    drain();
    if (is_quiet)
        check_all_is_there();
}

static void stop_and_start(void)
{
    stop_and_drain();
    start_with(2);
    drain();
}

static void tick_twice(void)
{
    tick();
    tick();
}

static void drain_the_rest(void)
{
    stop();
    drain();
    check_all_is_there();
    drain();
    /* No slot is lost. */
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        MODEL_CHECK(atomic_load(&pn_thread_at(i)->state) == PN_SLOT_FREE);
}

static const model_scenario scenarios[] = {
    {"a stop", started, {tick, stop_and_drain}, drain_the_rest, 2, 0},
    {"the other engine's start",
     started_for_process,
     {tick_of_process, stop_and_start},
     drain_the_rest,
     2,
     0},
    {"a stop, and another's start", started, {tick, tick, stop_and_start}, drain_the_rest, 1, 0},
    {"ticks, a stop, a start",
     started,
     {tick_twice, tick, stop_and_start},
     drain_the_rest,
     -1,
     3000},
};

int main(void)
{
    MODEL_CHECK(pn_ring_open() == 0 && map_block() == 0);
    model_keep(&ring, sizeof(ring), "ring");
    model_keep(ring.words, PN_RING_WORDS * sizeof(uint64_t), "words");
    model_keep(&blocks, sizeof(blocks), "blocks");
    model_keep(blocks.at[0], PN_THREADS_PER_BLOCK * sizeof(pn_thread), "slots");
    model_keep(&retired, sizeof(retired), "retired");
    model_keep(&recycled, sizeof(recycled), "recycled");
    model_keep(&timers, sizeof(timers), "timers");
    model_keep(&self, sizeof(self), "self");
    model_keep(&self_start, sizeof(self_start), "self_start");
    model_keep(&scan_clock, sizeof(scan_clock), "scan_clock");
    model_keep(&handler, sizeof(handler), "handler");
    model_keep(set_timers, sizeof(set_timers), "set_timers");
    model_keep(cookies, sizeof(cookies), "cookies");
    model_keep(&mutex_is_held, sizeof(mutex_is_held), "mutex");
    model_keep(&popped_ns, sizeof(popped_ns), "popped_ns");
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
        model_explore(&scenarios[i]);
    return 0;
}
