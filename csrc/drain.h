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

typedef struct {
    uint64_t marked_ns[PN_MARKER_COUNT]; /* weight of samples under each marker */
    uint64_t lost_ns;                    /* weight that the window had no memory for */
    uint64_t unlabelled_ns;              /* weight whose labels are not all known */
    uint64_t busy_ns;                    /* CPU time in pn_drain_gil */
    uint64_t longest_ns;                 /* of it, in one call: a burst */
    uint64_t ring_peak_words;            /* the most that was found in the ring */
} pn_drain_totals;

/* Sums since the library was loaded; peaks since pn_drain_begin_gil. */
const pn_drain_totals *pn_drain_totals_gil(void);

/* Forget peaks. */
void pn_drain_begin_gil(void);

#endif
