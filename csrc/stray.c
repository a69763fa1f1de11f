/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stray.h"

#include "frames/frames.h"
#include "wake.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Signals 1 to 31, as bits 0 to 30 of a set on the little-endian machines that there
 * are: those that Python programs handle. Real-time signals are queued, and not for
 * the first that comes. */
typedef uint32_t signal_bits;

static signal_bits bits_sig(const sigset_t *signals)
{
    signal_bits bits;
    memcpy(&bits, signals, sizeof(bits));
    return bits & ~(UINT32_C(1) << (SIGPROF - 1)) & INT32_MAX;
}

static bool has_pending_sig(const sigset_t *blocked)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (bits_sig(&pending) & ~bits_sig(blocked)) != 0;
}

void pn_stray_look_sig(const sigset_t *blocked)
{
    if (pn_has_noted_signal_sig() || has_pending_sig(blocked))
        pn_wake_post_sig(PN_WAKE_SIGNALS);
}

#ifdef __linux__
#include <sys/syscall.h>

/* Its address is the cookie of nudges. */
static _Atomic bool has_come;

bool pn_stray_is_nudge_sig(const siginfo_t *info)
{
    if (info->si_code != SI_QUEUE || info->si_value.sival_ptr != &has_come)
        return false;
    atomic_store(&has_come, true);
    return true;
}

/* Whether SIGPROF is to restart what it interrupts, as it does but for nudges. */
static void restart_calls(bool restart)
{
    struct sigaction action;
    sigaction(SIGPROF, NULL, &action);
    action.sa_flags = restart ? action.sa_flags | SA_RESTART : action.sa_flags & ~SA_RESTART;
    sigaction(SIGPROF, &action, NULL);
}

void pn_stray_nudge(void)
{
    /* A main thread that does not take it in this time has no processor, and is
     * not waiting. */
    enum { TRIES = 100, PAUSE_NS = 100000 };
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGPROF;
    info.si_code = SI_QUEUE;
    info.si_value.sival_ptr = &has_come;
    pid_t pid = getpid();
    info.si_pid = pid;
    info.si_uid = getuid();
    atomic_store(&has_come, false);
    /* A tick interrupts no call meanwhile: CPU clocks stand still in one. */
    restart_calls(false);
    if (syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGPROF, &info) == 0)
        for (int tries = 0; tries < TRIES && !atomic_load(&has_come); tries++)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    restart_calls(true);
}
#else
bool pn_stray_is_nudge_sig(const siginfo_t *info)
{
    (void)info;
    return false;
}

void pn_stray_nudge(void)
{
}
#endif
