/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "own_thread.h"

#include "clocks.h"
#include "tls.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

int pn_own_thread_start(pthread_t *thread, void *(*work)(void *), void *argument)
{
    /* The mask is inherited: no signal may find the thread before it could
     * block them itself. */
    enum { STACK_BYTES_MIN = 1 << 20 }; /* TLS and imports want more than musl gives */
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    size_t stack_bytes = 0;
    if (pthread_attr_getstacksize(&attributes, &stack_bytes) == 0 && stack_bytes < STACK_BYTES_MIN)
        pthread_attr_setstacksize(&attributes, STACK_BYTES_MIN);
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(thread, &attributes, work, argument);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

#ifdef __linux__
#include <sys/syscall.h>

pid_t pn_own_thread_tid(pthread_t thread)
{
    /* The id is what the kernel has made of it: see clocks.h. */
    clockid_t clock;
    return pthread_getcpuclockid(thread, &clock) == 0 ? ~(clock >> 3) : 0;
}

static void wait_until_unlisted(pid_t tid)
{
    /* It takes microseconds; 50 ms are for one that must wait for a processor. */
    struct timespec pause = {.tv_nsec = 50000};
    for (int tries = 0; tries < 1000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; tries++)
        nanosleep(&pause, NULL);
}

bool pn_own_thread_join(pthread_t thread, pid_t tid, double timeout_s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    double seconds = (double)until.tv_nsec / 1e9 + timeout_s;
    until.tv_sec += (time_t)seconds;
    until.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        return false;
    if (tid > 0)
        wait_until_unlisted(tid);
    return true;
}
#else
pid_t pn_own_thread_tid(pthread_t thread)
{
    (void)thread;
    return 0;
}

bool pn_own_thread_join(pthread_t thread, pid_t tid, double timeout_s)
{
    (void)tid;
    (void)timeout_s; /* there is no join that waits so long and no longer */
    return pthread_join(thread, NULL) == 0;
}
#endif

void pn_own_thread_leave(pthread_t thread)
{
    pthread_detach(thread);
}

/* A thread that waits for the GIL asks for it after 5 ms (sys.getswitchinterval());
 * a request that waits so long has lost more than a profile is worth. */
enum { TURN_NS = 200 * 1000, PAUSE_NS = 50 * 1000 };

/* When the turn began; 0 in threads of the program's. */
static PN_THREAD_LOCAL uint64_t turn_began_ns;

void pn_own_thread_begin_turn_gil(void)
{
    turn_began_ns = pn_clock_ns_sig(CLOCK_MONOTONIC);
}

bool pn_own_thread_turn_is_over_gil(void)
{
    return turn_began_ns != 0 && pn_clock_ns_sig(CLOCK_MONOTONIC) - turn_began_ns > TURN_NS;
}

void pn_own_thread_pause(void)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    nanosleep(&pause, NULL);
}
