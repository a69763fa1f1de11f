/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "terminate.h"

#include "wake.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static unsigned terminate_limit_s;
/* SIGTERM has come, and the process is to die of it. */
static _Atomic bool is_due;
/* The process that has a drain: a child takes over its parent's handlers. */
static pid_t watching_pid;

static void set_default_sig(int signo)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    sigaction(signo, &action, NULL);
}

static void on_terminate_sig(int signo)
{
    int saved_errno = errno;
    set_default_sig(signo);
    /* Should the drain not come, for want of the GIL say: death by SIGALRM
     * would show another status, so the alarm's handler is this one too. */
    if (signo == SIGALRM || getpid() != watching_pid) {
        kill(getpid(), SIGTERM);
    } else {
        struct sigaction action;
        memset(&action, 0, sizeof(action));
        action.sa_handler = on_terminate_sig;
        sigaction(SIGALRM, &action, NULL);
        alarm(terminate_limit_s);
        is_due = true;
        pn_wake_post_sig(PN_WAKE_TERMINATE);
    }
    errno = saved_errno;
}

void pn_terminate_watch(unsigned limit_s)
{
    struct sigaction action;
    if (is_due && getpid() == watching_pid)
        return;
    if (sigaction(SIGTERM, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return;
    terminate_limit_s = limit_s;
    watching_pid = getpid();
    is_due = false;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_terminate_sig;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &action, NULL);
}

void pn_terminate_unwatch(void)
{
    struct sigaction action;
    if (sigaction(SIGTERM, NULL, &action) == 0 && action.sa_handler == on_terminate_sig)
        set_default_sig(SIGTERM);
    if (is_due && getpid() == watching_pid)
        pn_terminate_now();
}

void pn_terminate_now(void)
{
    set_default_sig(SIGTERM);
    kill(getpid(), SIGTERM);
}
