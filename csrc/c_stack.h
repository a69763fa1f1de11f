/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Where the calling thread's C stack ends. */
#ifndef PN_C_STACK_H
#define PN_C_STACK_H

#include <stdint.h>

/* Remember where the main thread's stack ends. Comes before the other, in any thread. */
void pn_c_stack_init(void);

/* The first address past the calling thread's C stack, or one that lies
 * between its outermost C frame and that. `low` is an address in the stack that
 * it is on now: not for good, since a thread may be on another one meanwhile. */
uintptr_t pn_c_stack_end_sig(uintptr_t low);

#endif
