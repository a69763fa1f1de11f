/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The drain: moves records from the ring into a window. */
#ifndef PN_DRAIN_H
#define PN_DRAIN_H

#include "window.h"

/* Read records until the ring is empty or a burst's worth of frames is read,
 * so that the GIL is not held for long. True if there may be more. */
bool pn_drain_gil(pn_window *window);

/* Weight read from the ring that the window had no memory for, since the
 * library was loaded. */
uint64_t pn_drain_lost_ns(void);

#endif
