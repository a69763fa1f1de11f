/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* How long handlers take: wall time of one in HANDLER_TIME_EVERY, since a clock
 * costs as much as a few frames. Times are counted in buckets, four to an
 * octave, so a quantile is right within a fifth. */
#ifndef PN_HANDLER_TIME_H
#define PN_HANDLER_TIME_H

#include <stdint.h>

enum { PN_HANDLER_TIME_EVERY = 8 };

/* Forget all times. No handler may run. */
void pn_handler_time_reset(void);

/* At the beginning of the handler of a thread's sample number `sample`; the
 * result is for the end. */
uint64_t pn_handler_time_begin_sig(uint64_t sample);
void pn_handler_time_end_sig(uint64_t began_ns);

/* The time that `share` of the handlers keep within; 0 if there were none. */
uint64_t pn_handler_time_quantile_ns(double share);
uint64_t pn_handler_time_longest_ns(void);

#endif
