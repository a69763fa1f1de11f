/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Threads of the profiler's own, unknown to the interpreter's thread modules.
 * They begin with all signals blocked. */
#ifndef PN_OWN_THREAD_H
#define PN_OWN_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* Returns 0, or an errno. */
int pn_own_thread_start(pthread_t *thread, void *(*work)(void *), void *argument);

/* The kernel's id of a thread, while it runs; 0 where that can't be told. */
pid_t pn_own_thread_tid(pthread_t thread);

/* Wait until the thread has gone, and forget it. False when the time is up: it is
 * still there. A thread that can be joined may still be listed by the kernel, and
 * make a program that forks one of several threads; where its `tid` is not 0, that
 * is waited for too. */
bool pn_own_thread_join(pthread_t thread, pid_t tid, double timeout_s);

/* Nobody will wait for it. */
void pn_own_thread_leave(pthread_t thread);

/* The calling thread, one of the profiler's own, has the GIL from now on. */
void pn_own_thread_begin_turn_gil(void);

/* Whether it has had the GIL for so long that it is the program's turn. False in
 * threads of the program's. */
bool pn_own_thread_turn_is_over_gil(void);

/* Leave the GIL to others, who need some time to take it. To be called without it. */
void pn_own_thread_pause(void);

#endif
