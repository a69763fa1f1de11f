/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* SIGTERM at its default action kills a process at once, and what was
 * profiled with it. Where asked, the core stands in for the default action:
 * it wakes the drain, which gets a few seconds to write what there is, and
 * then the process dies of SIGTERM as it would have.
 *
 * The program does not see this: its own handlers take precedence, new
 * programs begin with the default action, and a second SIGTERM kills at once.
 */
#ifndef PN_TERMINATE_H
#define PN_TERMINATE_H

/* Stand in for the default action, if that is what there is. `limit_s` is
 * what the drain gets. */
void pn_terminate_watch(unsigned limit_s);

/* Restore the default action, if we stand in for it: in a child that has no
 * drain, and when what was profiled has been delivered. Dies of a SIGTERM that
 * has come meanwhile. */
void pn_terminate_unwatch(void);

/* Die of SIGTERM. */
void pn_terminate_now(void);

#endif
