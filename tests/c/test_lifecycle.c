/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Starts and stops without an interpreter: threads begin, burn CPU and end,
 * ticks come from timers and from the threads themselves, a drain reads and
 * scans. What is replaced is the walk, which signs what it writes, and what is
 * behind the ring: the stand-in for the drain checks signatures and sums up. */
#include "check.h"
#include "drain.h"
#include "frames/frames.h"
#include "profiler.h"
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#ifdef CHECK_UNDER_TSAN
enum { ROUNDS = 25 };
#else
enum { ROUNDS = 60 };
#endif
enum { PERIOD_NS = 2000000, ROUND_MS = 60, CHURNERS = 2, RESIDENTS = 2 };

static uint64_t mixed(void)
{
    static _Atomic uint64_t state = 1;
    return mix(atomic_fetch_add(&state, 1));
}

static void pause_ns(long ns)
{
    struct timespec pause = {.tv_nsec = ns};
    nanosleep(&pause, NULL);
}

/* ---- stand-ins for the interpreter ---- */

static pthread_mutex_t gil = PTHREAD_MUTEX_INITIALIZER;

static void lock_gil(void)
{
    pthread_mutex_lock(&gil);
}

static void unlock_gil(void)
{
    pthread_mutex_unlock(&gil);
}

/* An address to compare with. */
static uint64_t interpreter;
static PyThreadState thread_state;
_PyRuntimeState _PyRuntime; /* no signal is noted */

PyThreadState *PyThreadState_Get(void)
{
    return &thread_state;
}

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

static PyObject name;

void _Py_Dealloc(PyObject *object)
{
    (void)object;
    CHECK(!"the name outlives its threads");
}

/* ---- in place of the walk ---- */

/* What the handler is delayed by now and then, as by another thread that gets
 * the processor. */
enum { LONGEST_DELAY_NS = 300000 };

static uint64_t signature(uint64_t count)
{
    return (uint64_t)pn_own_tid_sig() << 32 | (uint32_t)count;
}

/* A handler that comes to a halt: where it writes its stack, or where the ring
 * copies that, which is made to fault. */
enum stall { NO_STALL, STALL_WALK, STALL_SPIN, STALL_PUSH };
static _Thread_local enum stall stall;
static _Atomic bool stalled, released;

enum { PAGE = 4096 };

static void *page_in(uint64_t *stack)
{
    return (void *)(((uintptr_t)stack + PAGE - 1) / PAGE * PAGE);
}

static void *closed_page;

static void wait_for(_Atomic bool *flag)
{
    while (!atomic_load(flag))
        pause_ns(1000000);
}

static void stay(void)
{
    atomic_store(&stalled, true);
    wait_for(&released);
}

/* As `stay`, where a thread must not be found to be cancelled. */
static void spin(void)
{
    atomic_store(&stalled, true);
    while (!atomic_load(&released))
        sched_yield();
}

#ifndef CHECK_UNDER_TSAN /* it has all signals blocked while it runs a handler */
static void on_fault(int signo)
{
    (void)signo;
    stay();
    mprotect(closed_page, PAGE, PROT_READ | PROT_WRITE);
}
#endif

/* An address in the outermost C frame, 0: not known, or on another stack. */
static _Thread_local uintptr_t outer_frame;

/* A stack of one word over and over, which nobody else writes. */
pn_walk pn_walk_sig(const PyThreadState *tstate, uintptr_t c_stack_low, uintptr_t c_stack_end,
                    uint64_t *stack)
{
    static _Thread_local uint64_t count;
    (void)tstate, (void)c_stack_low;
    if (outer_frame != 0)
        CHECK(c_stack_end > outer_frame);
    uint64_t chance = mixed();
    uint32_t depth = 1 + (uint32_t)(chance % (chance & 0x1000 ? PN_DEPTH_MAX : 40));
    uint64_t word = signature(++count);
    enum stall stalls = stall;
    stall = NO_STALL;
    if (stalls != NO_STALL)
        depth = PN_DEPTH_MAX;
    for (uint32_t i = 0; i < depth; i++) {
        stack[i] = word;
        if (i == depth / 2 && chance >> 32 & 1 && (chance >> 33) % 64 == 0)
            pause_ns((long)((chance >> 40) % LONGEST_DELAY_NS));
        if (i == depth / 2 && stalls == STALL_WALK)
            stay();
        if (i == depth / 2 && stalls == STALL_SPIN)
            spin();
    }
    if (stalls == STALL_PUSH) {
        closed_page = page_in(stack);
        mprotect(closed_page, PAGE, PROT_NONE);
    }
    return (pn_walk){.result = PN_WALK_WHOLE, .depth = depth};
}

/* ---- what ThreadSanitizer does not know (linked with --wrap) ---- */

#ifdef CHECK_UNDER_TSAN
#include <sanitizer/tsan_interface.h>

/* The kernel orders what was written before a timer was set before the signals
 * of that timer: it passes both through the timer's lock. */
enum { TIMERS = 1 << 16 };
static char timer_locks[TIMERS];

static void *lock_of_timer(uintptr_t timer)
{
    return &timer_locks[timer % TIMERS];
}

int __real_timer_settime(timer_t timer, int flags, const struct itimerspec *setting,
                         struct itimerspec *former);
int __wrap_timer_settime(timer_t timer, int flags, const struct itimerspec *setting,
                         struct itimerspec *former);

int __wrap_timer_settime(timer_t timer, int flags, const struct itimerspec *setting,
                         struct itimerspec *former)
{
    __tsan_release(lock_of_timer((uintptr_t)timer));
    return __real_timer_settime(timer, flags, setting, former);
}

/* It takes leave of a thread in the last round of destructors, where timer.c
 * wants to be last as well: here that one has to act in the first. */
static _Thread_local bool leaving;

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    if (leaving && pn_thread_from_pointer_sig(value) != NULL)
        return ENOMEM;
    return __real_pthread_setspecific(key, value);
}
#endif

#ifdef __linux__
/* The few instructions between a tick and the handler's announcement that it is
 * there may last, too: over a stop and another start. */
static _Atomic bool tick_may_last = true;

pn_tick __real_pn_timer_tick_sig(const siginfo_t *info);
pn_tick __wrap_pn_timer_tick_sig(const siginfo_t *info);

pn_tick __wrap_pn_timer_tick_sig(const siginfo_t *info)
{
#ifdef CHECK_UNDER_TSAN
    if (info->si_code == SI_TIMER)
        __tsan_acquire(lock_of_timer((uintptr_t)info->si_timerid));
#endif
    pn_tick tick = __real_pn_timer_tick_sig(info);
    uint64_t chance = mixed();
    if (tick.kind == PN_TICK_SAMPLE && atomic_load(&tick_may_last) && chance % 256 == 0)
        pause_ns((long)((chance >> 8) % 30000000));
    return tick;
}
#endif

/* ---- in place of what is behind the ring ---- */

static uint64_t popped_ns, popped_records;

bool pn_drain_gil(pn_window *window)
{
    static uint64_t words[PN_DEPTH_MAX];
    pn_record record;
    (void)window;
    for (int burst = 0; burst < 100; burst++) {
        if (!pn_ring_pop(&record, words)) {
            pn_threads_recycle_gil(pn_ring_tail());
            return false;
        }
        popped_ns += record.weight_ns;
        popped_records++;
        CHECK(record.weight_ns > 0);
        CHECK_EQUAL(record.kind, PN_KIND_STACK);
        CHECK_EQUAL(pn_thread_at(record.thread)->tid, words[0] >> 32);
        for (uint32_t i = 1; i < record.depth; i++)
            CHECK_EQUAL(words[i], words[0]);
    }
    return true;
}

const pn_drain_totals *pn_drain_totals_gil(void)
{
    static const pn_drain_totals none;
    return &none;
}

void pn_drain_begin_gil(void)
{
}

pn_window *pn_window_new(void)
{
    static pn_window window;
    return &window;
}

void pn_window_free_gil(pn_window *window)
{
    (void)window;
}

bool pn_window_is_large(const pn_window *window)
{
    (void)window;
    return false;
}

int pn_labels_open_gil(void)
{
    return 0;
}

void pn_labels_track_gil(bool on)
{
    (void)on;
}

void pn_labels_forget_gil(void)
{
}

void pn_labels_note_sig(const PyThreadState *tstate, pn_record *record)
{
    (void)tstate;
    record->of_context = record->of_thread = 0;
}

int pn_codes_install_gil(void)
{
    return 0;
}

void pn_codes_track_gil(bool on)
{
    (void)on;
}

void pn_codes_forget_gil(void)
{
}

/* ---- threads that are profiled ---- */

static _Atomic bool ended;
static enum pn_clock clock_in_use;

#ifdef __linux__
/* The calling thread's slot, if it has one with a timer now. Reads what the
 * core's own threads may write; what comes of it is checked by the caller. */
__attribute__((no_sanitize("thread"))) static pn_thread *own_slot(pid_t tid)
{
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = pn_thread_at(i);
        if (atomic_load(&thread->state) == PN_SLOT_LIVE && thread->tid == tid && thread->has_timer)
            return thread;
    }
    return NULL;
}

/* Tick, as the thread's timer or the itimer does. */
__attribute__((no_sanitize("thread"))) static void tick(void)
{
    pid_t tid = pn_own_tid_sig();
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGPROF;
    if (clock_in_use == PN_CLOCK_THREAD) {
        pn_thread *thread = own_slot(tid);
        if (thread == NULL)
            return;
        info.si_code = SI_TIMER;
        info.si_value.sival_ptr = pn_timer_cookie(thread);
        info.si_timerid = (int)(intptr_t)thread->timer;
        info.si_overrun = (int)(mixed() % 3);
        /* Is it still, so that the cookie is of the start that it belongs to? */
        if (own_slot(tid) != thread)
            return;
    } else {
        info.si_code = SI_KERNEL;
    }
    CHECK_EQUAL(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGPROF, &info), 0);
}
#else
static void tick(void)
{
}
#endif

static void burn(int turns)
{
    static _Thread_local volatile uint64_t sum;
    char text[64] = "";
    while (turns-- > 0) {
        for (int i = 0; i < 2000; i++)
            sum += mix(sum);
        /* ThreadSanitizer hands on signals in functions that it knows. */
        sum += strnlen(text, sizeof(text));
        tick();
    }
}

/* ThreadSanitizer crashes where a signal finds a thread that it does not know
 * yet, or not any more: there threads begin and end with SIGPROF blocked. */
static void let_ticks_come(bool come)
{
#ifdef CHECK_UNDER_TSAN
    sigset_t ticks;
    sigemptyset(&ticks);
    sigaddset(&ticks, SIGPROF);
    pthread_sigmask(come ? SIG_UNBLOCK : SIG_BLOCK, &ticks, NULL);
    leaving = !come;
#else
    (void)come;
#endif
}

static void begin(pthread_t *thread, void *(*work)(void *))
{
    let_ticks_come(false);
    CHECK_EQUAL(pthread_create(thread, NULL, work, NULL), 0);
    let_ticks_come(true);
}

static void attach(void)
{
    lock_gil();
    pn_profiler_attach_thread_gil(mixed() % 2 ? &name : NULL);
    unlock_gil();
}

static void *live_briefly(void *argument)
{
    let_ticks_come(true);
    if (mixed() % 4 != 0) /* others are found by the scan, or not at all */
        attach();
    burn((int)(mixed() % 20));
    let_ticks_come(false);
    return argument;
}

static void *churn(void *argument)
{
    let_ticks_come(true);
    while (!atomic_load(&ended)) {
        pthread_t thread;
        begin(&thread, live_briefly);
        burn((int)(mixed() % 5));
        pthread_join(thread, NULL);
    }
    let_ticks_come(false);
    return argument;
}

static void *reside(void *argument)
{
    let_ticks_come(true);
    while (!atomic_load(&ended)) {
        if (mixed() % 16 == 0)
            attach();
        burn(5);
        pause_ns((long)(mixed() % 200000));
    }
    let_ticks_come(false);
    return argument;
}

/* ---- the drain's thread ---- */

static _Atomic bool drain_ended;

static void drain(void)
{
    lock_gil();
    while (pn_profiler_drain_gil()) {
        unlock_gil();
        lock_gil();
    }
    unlock_gil();
}

static void *run_drain(void *argument)
{
    lock_gil();
    pn_profiler_enlist_thread(true);
    unlock_gil();
    while (!atomic_load(&drain_ended)) {
        pn_profiler_wait((double)(mixed() % 20) / 1e3);
        if (mixed() % 2)
            drain();
    }
    lock_gil();
    let_ticks_come(false);
    pn_profiler_discharge_thread(true);
    unlock_gil();
    return argument;
}

/* ---- lives ---- */

static void check_weight(void)
{
    lock_gil();
    pn_counters counters = pn_profiler_counters_gil();
    CHECK_EQUAL(counters.seen_ns, popped_ns + counters.ring_full_ns + counters.ring_contended_ns +
                                      counters.no_slot_ns);
    unlock_gil();
}

static void start(void)
{
    lock_gil();
    CHECK_EQUAL(pn_profiler_start_gil(clock_in_use, PERIOD_NS), 0);
    unlock_gil();
}

/* How long a stop waits at least before it gives up on a handler. */
enum { PATIENCE_MS = 1000 };
static bool stop_gave_up;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void stop(void)
{
    lock_gil();
    double began_ms = now_ms();
    pn_profiler_stop_gil();
    stop_gave_up = now_ms() - began_ms >= PATIENCE_MS && pn_threads_in_handler() > 0;
    unlock_gil();
}

static void live_unchecked(void)
{
    pthread_t thread;
    start();
    atomic_store(&drain_ended, false);
    begin(&thread, run_drain);
    burn((int)(mixed() % 20));
    pause_ns((long)(mixed() % (ROUND_MS * UINT64_C(1000000))));
    stop();
    if (mixed() % 2)
        drain();
    atomic_store(&drain_ended, true);
    pn_profiler_wake();
    pthread_join(thread, NULL);
    drain();
}

static void live(void)
{
    live_unchecked();
    if (stop_gave_up) { /* on one that has had no processor: what it has counted comes yet */
        while (pn_threads_in_handler() > 0)
            pause_ns(1000000);
        drain();
    }
    check_weight();
}

static void prepare(enum pn_clock clock)
{
    name.ob_refcnt = 1 << 20;
    thread_state.interp = (PyInterpreterState *)(void *)&interpreter;
    clock_in_use = clock;
}

static void live_with(enum pn_clock clock)
{
    pthread_t threads[CHURNERS + RESIDENTS];
    prepare(clock);
    live(); /* which installs the handler */
    for (int i = 0; i < CHURNERS + RESIDENTS; i++)
        begin(&threads[i], i < CHURNERS ? churn : reside);
    for (int i = 0; i < ROUNDS; i++)
        live();
    atomic_store(&ended, true);
    for (int i = 0; i < CHURNERS + RESIDENTS; i++)
        pthread_join(threads[i], NULL);
    drain();
    check_weight();
    CHECK(popped_records > ROUNDS);
}

#ifdef __linux__
static void weight_is_kept_by_the_thread_clock(void)
{
    live_with(PN_CLOCK_THREAD);
}
#endif

static void weight_is_kept_by_the_process_clock(void)
{
    live_with(PN_CLOCK_PROCESS);
}

static enum stall stall_of_resident;

static void *reside_and_stall(void *argument)
{
    stall = stall_of_resident;
    return reside(argument);
}

/* A stop does not wait for ever. What the handler then still writes must not
 * meet what comes later. */
static void live_with_a_stall(enum pn_clock clock, enum stall where)
{
    pthread_t resident;
    prepare(clock);
    live();
    start();
    stall_of_resident = where;
    begin(&resident, reside_and_stall);
    wait_for(&stalled);
    stop();
    drain();
    live_unchecked();
    atomic_store(&released, true);
    for (int i = 0; i < 10; i++)
        live();
    atomic_store(&ended, true);
    pthread_join(resident, NULL);
    drain();
    check_weight();
}

#ifdef __linux__
static void a_walk_may_outlast_a_stop(void)
{
    live_with_a_stall(PN_CLOCK_THREAD, STALL_WALK);
}
#endif

static void a_walk_may_outlast_a_stop_of_the_process_clock(void)
{
    live_with_a_stall(PN_CLOCK_PROCESS, STALL_WALK);
}

#ifndef CHECK_UNDER_TSAN
static void live_with_a_stalled_push(enum pn_clock clock)
{
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    live_with_a_stall(clock, STALL_PUSH);
}

#ifdef __linux__
static void a_push_may_outlast_a_stop(void)
{
    live_with_a_stalled_push(PN_CLOCK_THREAD);
}
#endif

static void a_push_may_outlast_a_stop_of_the_process_clock(void)
{
    live_with_a_stalled_push(PN_CLOCK_PROCESS);
}
#endif

#if defined(__linux__) && !defined(CHECK_UNDER_TSAN) /* it runs handlers later, elsewhere */
/* Below all other stacks, as memory of a heap is. */
static char fake_heap[1 << 18];

static void burn_elsewhere(int signo)
{
    (void)signo;
    burn(5);
}

static void the_first_tick_may_be_on_another_stack(void)
{
    stack_t other = {.ss_sp = fake_heap, .ss_size = sizeof(fake_heap)};
    struct sigaction action = {.sa_handler = burn_elsewhere, .sa_flags = SA_ONSTACK};
    CHECK_EQUAL(sigaltstack(&other, NULL), 0);
    sigaction(SIGUSR1, &action, NULL);
    prepare(PN_CLOCK_THREAD);
    start();
    raise(SIGUSR1);
    outer_frame = (uintptr_t)__builtin_frame_address(0);
    burn(20);
    stop();
    drain();
    check_weight();
    CHECK(popped_records > 10);
}

static void *burn_until_cancelled(void *argument)
{
    attach();
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    stall = STALL_SPIN;
    while (argument == NULL)
        burn(1);
    return argument;
}

static void a_thread_is_not_cancelled_in_its_handler(void)
{
    pthread_t thread;
    void *result;
    prepare(PN_CLOCK_THREAD);
    start();
    begin(&thread, burn_until_cancelled);
    wait_for(&stalled);
    pthread_cancel(thread);
    pause_ns(1000000);
    atomic_store(&released, true);
    pthread_join(thread, &result);
    CHECK(result == PTHREAD_CANCELED);
    stop();
    drain();
    check_weight();
    CHECK_EQUAL(pn_threads_in_handler(), 0);
}
#endif

static const check_test tests[] = {
#ifdef __linux__
    TEST(weight_is_kept_by_the_thread_clock),
    TEST(a_walk_may_outlast_a_stop),
#endif
    TEST(weight_is_kept_by_the_process_clock),
    TEST(a_walk_may_outlast_a_stop_of_the_process_clock),
#ifndef CHECK_UNDER_TSAN
#ifdef __linux__
    TEST(a_push_may_outlast_a_stop),
    TEST(the_first_tick_may_be_on_another_stack),
    TEST(a_thread_is_not_cancelled_in_its_handler),
#endif
    TEST(a_push_may_outlast_a_stop_of_the_process_clock),
#endif
};

CHECK_MAIN(tests)
