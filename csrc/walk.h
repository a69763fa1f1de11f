/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The walk: from a thread state to the words of its stack.
 *
 * Signal zone. It runs in the thread that it walks, which stands still
 * meanwhile, so nothing that it follows changes under it. It reads frames
 * and, on 3.11 and 3.12, cframes, data-stack chunk headers and generator
 * headers of that thread; it never follows a code object's address.
 *
 * Which loops there are and what bounds them: frames by LINKS_MAX, cframes by
 * CFRAMES_MAX, chunks by the frames (each step goes to an older chunk, and
 * there are at most CHUNKS_MAX).
 */
#ifndef PN_WALK_H
#define PN_WALK_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "stack_word.h"

enum pn_walk_result {
    PN_WALK_WHOLE = 0,
    PN_WALK_TRUNCATED, /* deeper than PN_DEPTH_MAX: the leaf side is there */
    PN_WALK_TORN,      /* no chain that can be believed */
    PN_WALK_NONE,      /* no Python frame */
};

typedef struct {
    enum pn_walk_result result;
    bool retried; /* the innermost entry into the interpreter was left out */
    uint32_t depth;
} pn_walk;

/* Walk the calling thread, whose thread state is `tstate`.
 *
 * `stack` has room for PN_DEPTH_MAX words. The C stack of the thread is live
 * from `c_stack_low` (any address below the interrupted frame) to
 * `c_stack_end`; only 3.11 and 3.12 look at that. */
pn_walk pn_walk_sig(const PyThreadState *tstate, uintptr_t c_stack_low, uintptr_t c_stack_end,
                    uint64_t *stack);

#endif
