/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Wakes the drain: a word of reasons that a signal handler may add to.
 *
 * No descriptor is involved: a program that closes descriptors it does not
 * know would otherwise hand ours to somebody else. */
#ifndef PN_WAKE_H
#define PN_WAKE_H

#include <stdint.h>

enum pn_wake_reason {
    PN_WAKE_DRAIN = 1,     /* there is something to read, or to do, in Python */
    PN_WAKE_SCAN = 2,      /* it is time to look for new threads */
    PN_WAKE_TERMINATE = 4, /* the process was told to end */
    PN_WAKE_SIGNALS = 8,   /* the main thread may have missed a signal (stray.h) */
    PN_WAKE_LEADER = 16,   /* the main thread has ended, the process has not */
};

/* Add a reason. Adding it again before the drain has come costs no system
 * call. */
void pn_wake_post_sig(enum pn_wake_reason reason);

/* Wait until there is a reason, or for `timeout_s`; take and return all
 * reasons. May return 0 early. */
uint32_t pn_wake_wait(double timeout_s);

void pn_wake_reset(void);

#endif
