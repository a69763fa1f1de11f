/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Stray signals: sent to the process, and taken by a thread only because a tick
 * came.
 *
 * The kernel wakes the main thread for a signal to the process (SIGINT, SIGTERM,
 * SIGALRM). Until that thread has a processor, any other that takes a signal takes
 * this one along, and so does one that a tick has interrupted. The interpreter
 * then only notes it: the main thread's wait is not interrupted, and the
 * program's handler does not run before something else wakes it. Without ticks
 * that next to never happens; with them, on busy processors, to one signal in
 * twenty.
 *
 * So handlers outside the main thread look whether a signal is pending, which goes
 * next, or has been noted, which went before. The drain, told of it, waits a moment
 * for the main thread to run Python, and else nudges it: a tick of no weight
 * that, unlike others, interrupts what is waited for.
 */
#ifndef PN_STRAY_H
#define PN_STRAY_H

#include <signal.h>
#include <stdbool.h>

/* In the handler of a thread other than the main one, which blocked `blocked` when
 * it was interrupted: wake the drain if a signal may have gone astray. */
void pn_stray_look_sig(const sigset_t *blocked);

/* Interrupt what the main thread waits for. */
void pn_stray_nudge(void);

/* Whether a signal is such a nudge; notes that it has come. */
bool pn_stray_is_nudge_sig(const siginfo_t *info);

#endif
