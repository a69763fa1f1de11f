/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "timer.h"

#include "clocks.h"
#include "tasks.h"
#include "tls.h"
#include "unseen.h"
#include "wake.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { NS_PER_US = 1000, OWN_THREADS_MAX = 4 };

static struct {
    _Atomic int clock; /* enum pn_clock */
    _Atomic bool armed;
    _Atomic uint64_t period_ns;
    _Atomic uint64_t kernel_tick_ns;
    _Atomic uint32_t starts;
    /* Threads that serve the profiler, 0: free. */
    _Atomic pid_t own_tids[OWN_THREADS_MAX];
    /* CPU that those used that have ended. */
    _Atomic uint64_t ended_own_cpu_ns;
    /* Threads without a timer, of the scan under way and of the last one. */
    _Atomic uint32_t unattached;
    /* In the process engine: CPU of the process that has been given out as
     * weight. */
    _Atomic uint64_t weighed_ns;
    /* In the thread engine: CPU of the process when a scan last began. */
    _Atomic uint64_t scanned_ns;
} timers;

/* Serialises what gives and takes slots and own threads: the hook runs in new
 * threads, the scan in the drain; and the scan clock: who stops the profiler
 * deletes it, the drain sets it. */
static pthread_mutex_t attaching = PTHREAD_MUTEX_INITIALIZER;

/* The calling thread's slot in the process engine. */
static PN_THREAD_LOCAL pn_thread *self;
/* The start that it belongs to: slots change hands between two. */
static PN_THREAD_LOCAL uint32_t self_start;

static bool is_thread_engine_sig(void)
{
    return atomic_load_explicit(&timers.clock, memory_order_relaxed) == PN_CLOCK_THREAD;
}

#ifdef __linux__
#include <sys/syscall.h>

/* struct sigevent calls the target thread by different names in different
 * libcs; the kernel's own layout is the same for all. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* A scan follows each 100 ms of CPU time: a thread that only the scan finds
 * goes unseen for 50 ms on average. Where there are so many threads that a
 * scan costs more than a thousandth of that, they are as far apart as keeps
 * it at a thousandth. */
enum { SCAN_CPU_NS = 100000000, SCAN_COST_SHARE = 1000 };

/* The timer that tells when to scan; its address is its cookie. */
static struct {
    timer_t timer;
    bool has_timer;
    /* How many threads the last scan has met, 0: unknown, and how often it was only
     * looked since. */
    uint32_t tasks, looks;
} scan_clock;

pid_t pn_own_tid_sig(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static bool is_own(pid_t tid)
{
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        if (atomic_load(&timers.own_tids[i]) == tid)
            return true;
    return false;
}

static uint64_t thread_cpu_ns(pid_t tid)
{
    return pn_clock_ns_sig(pn_clock_of_thread(tid));
}

/* Uniform from 1 to `limit_ns`. */
static uint64_t random_ns(uint64_t limit_ns, pid_t tid)
{
    static _Atomic uint64_t seed;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* splitmix64, Steele, Lea and Flood 2014 */
    uint64_t mix = atomic_fetch_add(&seed, UINT64_C(0x9e3779b97f4a7c15));
    mix += (uint64_t)now.tv_nsec ^ (uint64_t)tid << 32;
    mix = (mix ^ mix >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mix = (mix ^ mix >> 27) * UINT64_C(0x94d049bb133111eb);
    return 1 + (mix ^ mix >> 31) % limit_ns;
}

/* How far apart the kernel looks at CPU clocks: its tick, 1 to 10 ms. */
static uint64_t kernel_tick_ns(void)
{
    enum { SHORTEST_NS = 1000 * NS_PER_US, LONGEST_NS = 10000 * NS_PER_US };
    struct timespec tick = {0};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    uint64_t tick_ns = (uint64_t)tick.tv_sec * PN_NS_PER_S + (uint64_t)tick.tv_nsec;
    if (tick_ns < SHORTEST_NS)
        return SHORTEST_NS;
    return tick_ns < LONGEST_NS ? tick_ns : LONGEST_NS;
}

static int set_timer_sig(timer_t timer, uint64_t first_ns, uint64_t period_ns)
{
    struct itimerspec setting = {
        .it_value = {(time_t)(first_ns / PN_NS_PER_S), (long)(first_ns % PN_NS_PER_S)},
        .it_interval = {(time_t)(period_ns / PN_NS_PER_S), (long)(period_ns % PN_NS_PER_S)},
    };
    return timer_settime(timer, 0, &setting, NULL) == 0 ? 0 : errno;
}

static int create_timer(clockid_t clock, pid_t target, void *cookie, uint64_t first_ns,
                        uint64_t period_ns, timer_t *timer)
{
    struct sigevent event;
    memset(&event, 0, sizeof(event));
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = cookie;
    event.sigev_notify_thread_id = target;
    if (timer_create(clock, &event, timer) != 0)
        return errno;
    int error = set_timer_sig(*timer, first_ns, period_ns);
    if (error != 0)
        timer_delete(*timer);
    return error;
}

/* CPU time that is left to the next tick. 0: the thread has died; the kernel
 * knows it by identity, not by number, and reads its timer as disarmed. */
static uint64_t left_ns_sig(const pn_thread *thread)
{
    struct itimerspec setting;
    if (timer_gettime(thread->timer, &setting) != 0)
        return 0;
    return (uint64_t)setting.it_value.tv_sec * PN_NS_PER_S + (uint64_t)setting.it_value.tv_nsec;
}

/* The first tick of a thread comes when the kernel first looks at it, and weighs
 * one tick of the kernel's.
 *
 * Why. The kernel looks at a thread's clock when its own tick finds the thread
 * running. A timer that expires after the last look is never seen to: a thread
 * loses half a kernel tick (2 ms at 250 Hz) with its life, much of it where
 * threads live for a few milliseconds. Looks come at a fixed distance, so a
 * life of length L meets L ÷ distance of them on average, however short it is.
 * If the first look weighs one distance, and the others what has gone by since
 * it, the sum is n × distance, whose mean is L. That is where lives begin
 * independently of looks; `unseen.h` has the rest.
 *
 * From then on ticks come with a phase of the thread's own. */
static uint64_t first_weight_sig(pn_thread *thread, uint64_t period_ns, uint64_t overrun)
{
    uint64_t weight_ns = thread->first_ns;
    thread->first_ns = 0;
    if (thread->tells_end)
        weight_ns += (uint64_t)pn_unseen_settle_sig(thread);
    /* Between looks that were late more than a distance has gone by. */
    uint64_t tick_ns = atomic_load_explicit(&timers.kernel_tick_ns, memory_order_relaxed);
    if (overrun * period_ns > tick_ns)
        weight_ns += overrun * period_ns - tick_ns;
    set_timer_sig(thread->timer, thread->phase_ns, period_ns);
    return weight_ns;
}

static pn_thread *find_live(pid_t tid)
{
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = pn_thread_at(i);
        if (thread->tid == tid && thread->has_timer && atomic_load(&thread->state) == PN_SLOT_LIVE)
            return thread;
    }
    return NULL;
}

static void delete_timer(pn_thread *thread)
{
    if (thread->has_timer)
        timer_delete(thread->timer);
    thread->has_timer = false;
}

static void retire(pn_thread *thread)
{
    delete_timer(thread);
    pn_thread_retire(thread);
}

static void retire_gone(pn_thread *thread)
{
    delete_timer(thread);
    pn_thread_retire_gone(thread);
}

/* Of the CPU that a thread has used, what nobody has counted: it began since the
 * last scan. Should it be older after all, which a listing of threads can leave
 * out, then this is what it can have used since. */
static uint64_t uncounted_ns(uint64_t used_ns)
{
    uint64_t limit_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID) - atomic_load(&timers.scanned_ns);
    return used_ns < limit_ns ? used_ns : limit_ns;
}

/* Give a thread of this process, which has none, a slot and a timer. The
 * mutex is held. `is_new`: it began after the start. */
static int attach(pid_t tid, bool is_new, pn_thread **attached)
{
    int error = pn_threads_reserve(1);
    if (error != 0)
        return error;
    pn_thread *thread = pn_thread_claim_sig(tid);
    if (thread == NULL)
        return ENOSPC;
    uint64_t period_ns = atomic_load(&timers.period_ns);
    atomic_store(&thread->period_ns, period_ns);
    thread->phase_ns = random_ns(period_ns, tid);
    uint64_t used_ns = thread_cpu_ns(tid);
    uint64_t before_ns = is_new ? uncounted_ns(used_ns) : 0;
    thread->first_ns = atomic_load(&timers.kernel_tick_ns) + before_ns;
    thread->counted_from_ns = used_ns - before_ns;
    /* What the handler reads of the slot is complete before this: see threads.h. */
    error = create_timer(pn_clock_of_thread(tid), tid, pn_timer_cookie(thread), 1, period_ns,
                         &thread->timer);
    thread->has_timer = error == 0;
    if (error != 0)
        pn_thread_release(thread);
    else
        *attached = thread;
    return error;
}

static int attach_self(bool is_new, pn_thread **thread)
{
    pid_t tid = pn_own_tid_sig();
    *thread = find_live(tid);
    if (*thread != NULL && left_ns_sig(*thread) == 0) {
        retire_gone(*thread); /* of an earlier thread with the same id */
        *thread = NULL;
    }
    return *thread != NULL ? 0 : attach(tid, is_new, thread);
}

/* Threads that attached themselves are retired when they end: waiting for the
 * scan would let a program that starts thousands of them use up slots and
 * kernel timers. */
static pthread_key_t at_thread_end;
static bool has_end_key;

static void retire_at_end(void *slot)
{
    /* Counted here: the slot may be another thread's by now. */
    static PN_THREAD_LOCAL int rounds;
    pn_thread *thread = slot;
    /* Other destructors may run for long, and a scan would find a new thread:
     * this one goes in the last round of them. */
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(at_thread_end, thread) == 0)
        return;
    pthread_mutex_lock(&attaching);
    if (thread->tid == pn_own_tid_sig() && thread->has_timer) {
        delete_timer(thread);
        pn_unseen_end(thread);
        retire(thread);
    }
    pthread_mutex_unlock(&attaching);
    if (pn_own_tid_sig() == getpid())
        pn_wake_post_sig(PN_WAKE_LEADER);
}

static void make_end_key(void)
{
    has_end_key = pthread_key_create(&at_thread_end, retire_at_end) == 0;
}

/* Have the calling thread tell its end. */
static void tell_end(pn_thread *self_thread)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_end_key);
    if (has_end_key)
        self_thread->tells_end = pthread_setspecific(at_thread_end, self_thread) == 0;
}

static pn_thread *attach_to_timer(void)
{
    pn_thread *thread = NULL;
    int error = 0;
    pthread_mutex_lock(&attaching);
    if (atomic_load(&timers.armed) && !is_own(pn_own_tid_sig()))
        error = attach_self(true, &thread);
    pthread_mutex_unlock(&attaching);
    if (thread != NULL)
        tell_end(thread);
    if (error != 0)
        pn_wake_post_sig(PN_WAKE_SCAN); /* which makes room, or counts who is left out */
    return thread;
}

/* By who counts; each has one of its own. */
static PN_THREAD_LOCAL uint32_t counted;

static void count_thread(pid_t tid)
{
    (void)tid;
    counted++;
}

static void count_other(pid_t tid)
{
    /* The main thread is listed after its end. */
    if (tid != getpid() && !is_own(tid))
        counted++;
}

uint32_t pn_timer_count_threads(void)
{
    counted = 0;
    return pn_tasks_each(count_thread) == 0 ? counted : 0;
}

bool pn_timer_is_alone(void)
{
    counted = 0;
    return pn_tasks_each(count_other) == 0 && counted == 0;
}

static void visit(pid_t tid, bool is_new)
{
    counted++;
    if (is_own(tid) || find_live(tid) != NULL)
        return;
    pn_thread *thread;
    int error = attach(tid, is_new, &thread);
    /* EINVAL: the thread has ended since it was listed. */
    if (error != 0 && error != EINVAL)
        atomic_fetch_add(&timers.unattached, 1);
}

static void visit_old(pid_t tid)
{
    visit(tid, false);
}

static void visit_new(pid_t tid)
{
    visit(tid, true);
}

static int scan_threads(void (*visit_one)(pid_t tid))
{
    int error = 0;
    uint64_t began_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID);
    pthread_mutex_lock(&attaching);
    atomic_store(&timers.unattached, 0);
    scan_clock.looks = 0;
    scan_clock.tasks = 0;
    if (atomic_load(&timers.armed)) {
        for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
            pn_thread *thread = pn_thread_at(i);
            if (thread->has_timer && left_ns_sig(thread) == 0)
                retire_gone(thread);
        }
        uint32_t tasks = pn_tasks_count();
        counted = 0;
        error = pn_tasks_each(visit_one);
        if (counted == tasks)
            scan_clock.tasks = tasks;
        pn_unseen_reckon(false);
    }
    if (error == 0)
        atomic_store(&timers.scanned_ns, began_ns);
    pthread_mutex_unlock(&attaching);
    return error;
}

/* Whether the threads are those that the last scan has met, as far as can be told at a
 * third of its price: there are as many, and of those whose end nobody tells none has
 * ended. One that has come for another, and has no timer of its own, is met by the scan
 * that follows LOOKS_MAX looks all the same. The mutex is held. */
static bool looks_the_same(void)
{
    enum { LOOKS_MAX = 9 };
    if (scan_clock.tasks == 0 || scan_clock.looks == LOOKS_MAX ||
        pn_tasks_count() != scan_clock.tasks)
        return false;
    scan_clock.looks++;
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = pn_thread_at(i);
        if (thread->has_timer && !thread->tells_end && left_ns_sig(thread) == 0)
            return false;
    }
    return true;
}

static void retire_all(void)
{
    pthread_mutex_lock(&attaching);
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = pn_thread_at(i);
        if (atomic_load(&thread->state) == PN_SLOT_LIVE)
            retire(thread);
    }
    pthread_mutex_unlock(&attaching);
}

static int start_thread_timers(void)
{
    atomic_store(&timers.kernel_tick_ns, kernel_tick_ns());
    pn_unseen_start(atomic_load(&timers.kernel_tick_ns));
    pthread_mutex_lock(&attaching);
    pn_thread *thread;
    int error = attach_self(false, &thread);
    pthread_mutex_unlock(&attaching);
    if (error == 0)
        tell_end(thread);
    if (error == 0)
        error = scan_threads(visit_old);
    if (error == 0 && atomic_load(&timers.unattached) > 0)
        error = EAGAIN;
    return error;
}

/* A scan may have come before the thread was enlisted. */
static void detach(pid_t tid)
{
    pthread_mutex_lock(&attaching);
    pn_thread *thread = find_live(tid);
    if (thread != NULL)
        retire(thread);
    pthread_mutex_unlock(&attaching);
}

static void start_scan_clock(pid_t drain_tid)
{
    pthread_mutex_lock(&attaching);
    if (!scan_clock.has_timer)
        scan_clock.has_timer = create_timer(CLOCK_PROCESS_CPUTIME_ID, drain_tid, &scan_clock,
                                            SCAN_CPU_NS, 0, &scan_clock.timer) == 0;
    if (!scan_clock.has_timer)
        atomic_fetch_add(&timers.unattached, 1);
    pthread_mutex_unlock(&attaching);
}

static void look_or_scan(bool whole)
{
    uint64_t before_ns = pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID);
    pthread_mutex_lock(&attaching);
    bool same = !whole && looks_the_same();
    pthread_mutex_unlock(&attaching);
    if (!same)
        scan_threads(visit_new);
    uint64_t pause_ns = (pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID) - before_ns) * SCAN_COST_SHARE;
    pthread_mutex_lock(&attaching);
    if (scan_clock.has_timer)
        set_timer_sig(scan_clock.timer, pause_ns > SCAN_CPU_NS ? pause_ns : SCAN_CPU_NS, 0);
    pthread_mutex_unlock(&attaching);
}

/* In the process engine nothing but this notices that a thread has ended. */
static bool thread_is_gone(pid_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;
}

static void stop_scan_clock(void)
{
    pthread_mutex_lock(&attaching);
    if (scan_clock.has_timer)
        timer_delete(scan_clock.timer);
    scan_clock.has_timer = false;
    pthread_mutex_unlock(&attaching);
}

static void forget_scan_clock(void)
{
    scan_clock.has_timer = false;
}

/* Slots change hands between two starts, and a signal that was blocked meanwhile
 * may be of the former: a cookie is the slot's address, which is a multiple of
 * 64, and the lowest bits of the start's number. */
enum { COOKIE_STARTS = _Alignof(pn_thread) };

void *pn_timer_cookie(pn_thread *thread)
{
    return (char *)thread + pn_timer_starts_sig() % COOKIE_STARTS;
}

static pn_tick thread_tick_sig(const siginfo_t *info, uint32_t start)
{
    uintptr_t cookie = (uintptr_t)info->si_value.sival_ptr;
    if (info->si_code != SI_TIMER)
        return (pn_tick){PN_TICK_FOREIGN, start, NULL, PN_CLOCK_THREAD};
    if (cookie == (uintptr_t)&scan_clock)
        return (pn_tick){PN_TICK_SCAN, start, NULL, PN_CLOCK_THREAD};
    uintptr_t bits = cookie % COOKIE_STARTS;
    pn_thread *thread = pn_thread_from_pointer_sig((const void *)(cookie - bits));
    if (thread == NULL)
        return (pn_tick){PN_TICK_FOREIGN, start, NULL, PN_CLOCK_THREAD};
    if (bits != start % COOKIE_STARTS)
        return (pn_tick){PN_TICK_STALE, start, NULL, PN_CLOCK_THREAD};
    return (pn_tick){PN_TICK_SAMPLE, start, thread, PN_CLOCK_THREAD};
}

/* Go over to a period of `period_ns`. The weight of what the thread has used since
 * the tick: the next one is a whole period away. */
static uint64_t change_period_sig(pn_thread *thread, uint64_t former_ns, uint64_t period_ns)
{
    uint64_t until_next_ns = left_ns_sig(thread);
    atomic_store_explicit(&thread->period_ns, period_ns, memory_order_relaxed);
    set_timer_sig(thread->timer, period_ns, period_ns);
    return until_next_ns < former_ns ? former_ns - until_next_ns : 0;
}

static uint64_t thread_weight_sig(pn_thread *thread, const siginfo_t *info, uint64_t *overrun)
{
    if (atomic_load_explicit(&thread->state, memory_order_relaxed) != PN_SLOT_LIVE)
        return 0;
    *overrun = info->si_overrun > 0 ? (uint64_t)info->si_overrun : 0;
    uint64_t period_ns = atomic_load_explicit(&thread->period_ns, memory_order_relaxed);
    if (thread->first_ns != 0)
        return first_weight_sig(thread, period_ns, *overrun);
    uint64_t weight_ns = (*overrun + 1) * period_ns;
    uint64_t wanted_ns = atomic_load_explicit(&timers.period_ns, memory_order_relaxed);
    if (wanted_ns != period_ns)
        weight_ns += change_period_sig(thread, period_ns, wanted_ns);
    return weight_ns;
}

static bool is_itimer_sig(const siginfo_t *info)
{
    return info->si_code == SI_KERNEL;
}
#else
pid_t pn_own_tid_sig(void)
{
    uint64_t id = 0;
    pthread_threadid_np(NULL, &id);
    return (pid_t)id;
}

static uint64_t thread_cpu_ns(pid_t tid)
{
    (void)tid; /* no clock of another thread */
    return 0;
}

static void look_or_scan(bool whole)
{
    (void)whole;
}

static bool thread_is_gone(pid_t tid)
{
    (void)tid;
    return false;
}

static void retire_all(void)
{
    for (uint32_t i = 0; i < pn_threads_mapped(); i++)
        if (atomic_load(&pn_thread_at(i)->state) == PN_SLOT_LIVE)
            pn_thread_retire(pn_thread_at(i));
}

static int start_thread_timers(void)
{
    return ENOSYS;
}

static void detach(pid_t tid)
{
    (void)tid;
}

static void start_scan_clock(pid_t drain_tid)
{
    (void)drain_tid;
}

static void stop_scan_clock(void)
{
}

static void forget_scan_clock(void)
{
}

static pn_thread *attach_to_timer(void)
{
    return NULL;
}

uint32_t pn_timer_count_threads(void)
{
    return 0;
}

bool pn_timer_is_alone(void)
{
    return false;
}

void *pn_timer_cookie(pn_thread *thread)
{
    return thread;
}

static pn_tick thread_tick_sig(const siginfo_t *info, uint32_t start)
{
    (void)info;
    return (pn_tick){PN_TICK_FOREIGN, start, NULL, PN_CLOCK_THREAD};
}

static uint64_t thread_weight_sig(pn_thread *thread, const siginfo_t *info, uint64_t *overrun)
{
    (void)thread, (void)info, (void)overrun;
    return 0;
}

static bool is_itimer_sig(const siginfo_t *info)
{
    return info->si_pid == 0;
}
#endif

/* Slots kept free for threads that attach themselves in the handler, where
 * nothing can be mapped. */
enum { SPARE_SLOTS = PN_THREADS_PER_BLOCK / 2 };

/* Ticks are a little closer together than was asked for. A program that does the
 * same thing every 10 ms is then met in each 137th part of it in turn, and not
 * always in the same; weights are what the timers really count. */
static uint64_t off_beat_ns(uint64_t period_ns)
{
    return period_ns - period_ns / 137;
}

static int set_itimer(uint64_t period_ns)
{
    uint64_t period_us = (period_ns + NS_PER_US - 1) / NS_PER_US;
    struct timeval period = {.tv_sec = (time_t)(period_us / 1000000),
                             .tv_usec = (suseconds_t)(period_us % 1000000)};
    struct itimerval setting = {.it_interval = period, .it_value = period};
    return setitimer(ITIMER_PROF, &setting, NULL) == 0 ? 0 : errno;
}

static pn_thread *slot_of_self_sig(uint32_t start)
{
    if (self == NULL || self_start != start) {
        self = pn_thread_claim_sig(pn_own_tid_sig());
        self_start = start;
    }
    return self;
}

/* CPU of the process since the tick before, which may be another thread's. An
 * itimer does not count the expiries that it could not deliver, so the clock
 * itself is read: half a microsecond for a system call, at most as often as the
 * kernel ticks. */
static uint64_t weight_since_last_sig(void)
{
    uint64_t now_ns = pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t weighed_ns = atomic_load(&timers.weighed_ns);
    /* Another handler gets in between at most once for each CPU; what this one
     * then leaves, the next tick takes. */
    enum { TRIES = 16 };
    for (int tries = 0; tries < TRIES && now_ns > weighed_ns; tries++)
        if (atomic_compare_exchange_weak(&timers.weighed_ns, &weighed_ns, now_ns))
            return now_ns - weighed_ns;
    return 0;
}

/* As the handler does when a tick comes; none may come in between. */
static pn_thread *claim_self(void)
{
    sigset_t profiling, former;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &profiling, &former);
    pn_thread *thread = slot_of_self_sig(pn_timer_starts_sig());
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return thread;
}

void pn_timer_prepare(enum pn_clock clock, uint64_t period_ns)
{
    atomic_store(&timers.clock, (int)clock);
    atomic_store(&timers.period_ns, off_beat_ns(period_ns));
    atomic_store(&timers.weighed_ns, pn_clock_ns_sig(CLOCK_PROCESS_CPUTIME_ID));
    /* Last, and with release: a late tick of the former start must not take this one's
     * number and the former engine. */
    atomic_fetch_add_explicit(&timers.starts, 1, memory_order_release);
}

int pn_timer_start(void)
{
    atomic_store(&timers.armed, true);
    int error;
    if (atomic_load(&timers.clock) == PN_CLOCK_THREAD) {
        error = start_thread_timers();
    } else {
        error = pn_threads_reserve(SPARE_SLOTS);
        if (error == 0)
            error = set_itimer(atomic_load(&timers.period_ns));
    }
    if (error != 0)
        pn_timer_stop();
    return error;
}

void pn_timer_set_period(uint64_t period_ns)
{
    period_ns = off_beat_ns(period_ns);
    atomic_store(&timers.period_ns, period_ns);
    if (atomic_load(&timers.armed) && atomic_load(&timers.clock) == PN_CLOCK_PROCESS)
        set_itimer(period_ns);
}

void pn_timer_stop(void)
{
    if (atomic_exchange(&timers.armed, false) && is_thread_engine_sig()) {
        pthread_mutex_lock(&attaching);
        pn_unseen_reckon(true);
        pthread_mutex_unlock(&attaching);
    }
    stop_scan_clock();
    if (atomic_load(&timers.clock) == PN_CLOCK_PROCESS)
        set_itimer(0);
    retire_all();
}

void pn_timer_reset(void)
{
    atomic_store(&timers.armed, false);
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        atomic_store(&timers.own_tids[i], 0);
    atomic_store(&timers.ended_own_cpu_ns, 0);
    attaching = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    forget_scan_clock();
    self = NULL;
}

static void enlist(pid_t tid)
{
    for (int i = 0; i < OWN_THREADS_MAX; i++) {
        pid_t expected = 0;
        if (atomic_compare_exchange_strong(&timers.own_tids[i], &expected, tid))
            return;
    }
}

void pn_timer_enlist_self(bool is_drain)
{
    /* The program's signals are for its own threads: taking one here would
     * leave a main thread asleep that waits to be interrupted. Of ours the
     * drain takes the scan clock's; in the process engine it has to stay out
     * of the kernel's choice. */
    sigset_t blocked;
    sigfillset(&blocked);
    bool hears_scan_clock = is_drain && atomic_load(&timers.clock) == PN_CLOCK_THREAD;
    if (hears_scan_clock)
        sigdelset(&blocked, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    pid_t tid = pn_own_tid_sig();
    enlist(tid);
    detach(tid);
    if (hears_scan_clock)
        start_scan_clock(tid);
}

void pn_timer_discharge_self(bool is_drain)
{
    if (is_drain)
        stop_scan_clock();
    pid_t tid = pn_own_tid_sig();
    pthread_mutex_lock(&attaching);
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        if (atomic_load(&timers.own_tids[i]) == tid)
            atomic_store(&timers.own_tids[i], 0);
    atomic_fetch_add(&timers.ended_own_cpu_ns, pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID));
    pthread_mutex_unlock(&attaching);
}

uint64_t pn_timer_own_cpu_ns(void)
{
    uint64_t total_ns = atomic_load(&timers.ended_own_cpu_ns);
    for (int i = 0; i < OWN_THREADS_MAX; i++) {
        pid_t tid = atomic_load(&timers.own_tids[i]);
        if (tid != 0)
            total_ns += thread_cpu_ns(tid);
    }
    return total_ns;
}

void pn_timer_scan(bool whole)
{
    if (atomic_load(&timers.clock) == PN_CLOCK_THREAD) {
        look_or_scan(whole);
        return;
    }
    for (uint32_t i = 0; i < pn_threads_mapped(); i++) {
        pn_thread *thread = pn_thread_at(i);
        if (atomic_load(&thread->state) == PN_SLOT_LIVE && thread->tid != 0 &&
            thread_is_gone(thread->tid))
            pn_thread_retire_gone(thread);
    }
    atomic_store(&timers.unattached, pn_threads_reserve(SPARE_SLOTS) != 0);
    struct itimerval setting;
    if (!atomic_load(&timers.armed) || getitimer(ITIMER_PROF, &setting) != 0 ||
        setting.it_value.tv_sec != 0 || setting.it_value.tv_usec != 0)
        return;
    set_itimer(atomic_load(&timers.period_ns));
    if (!atomic_load(&timers.armed))
        set_itimer(0); /* stopped meanwhile */
}

void pn_timer_before_exec(void)
{
    if (atomic_load(&timers.armed) && atomic_load(&timers.clock) == PN_CLOCK_PROCESS)
        set_itimer(0);
}

void pn_timer_attach_self_gil(PyObject *name)
{
    if (!atomic_load(&timers.armed))
        return;
    pn_thread *thread;
    if (atomic_load(&timers.clock) == PN_CLOCK_THREAD)
        thread = attach_to_timer();
    else
        thread = claim_self();
    /* Only this thread and the drain, which waits for the GIL, know the slot. */
    if (thread != NULL && name != NULL) {
        Py_INCREF(name);
        Py_XSETREF(thread->name, name);
    }
}

uint32_t pn_timer_unattached(void)
{
    return atomic_load(&timers.unattached);
}

uint32_t pn_timer_starts_sig(void)
{
    return atomic_load_explicit(&timers.starts, memory_order_acquire);
}

pn_tick pn_timer_tick_sig(const siginfo_t *info)
{
    uint32_t start = pn_timer_starts_sig();
    if (is_thread_engine_sig())
        return thread_tick_sig(info, start);
    if (!is_itimer_sig(info))
        return (pn_tick){PN_TICK_FOREIGN, start, NULL, PN_CLOCK_PROCESS};
    return (pn_tick){PN_TICK_SAMPLE, start, slot_of_self_sig(start), PN_CLOCK_PROCESS};
}

uint64_t pn_timer_weigh_sig(const pn_tick *tick, const siginfo_t *info, uint64_t *overrun)
{
    *overrun = 0;
    return tick->clock == PN_CLOCK_THREAD ? thread_weight_sig(tick->thread, info, overrun)
                                          : weight_since_last_sig();
}
