/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* CPython 3.11: interpreter frames, reached through a "cframe" on the C stack.
 *
 * Each entry into the evaluation loop puts a `_PyCFrame` on the C stack and
 * publishes it in `tstate->cframe` some twenty instructions before its
 * `current_frame` and `previous` are set: in that window both hold what the
 * stack held before. `walk_cframe.h` says how a walk copes.
 *
 * The frames of one entry end with the one whose `is_entry` is set; that
 * one's `previous` is the `current_frame` of the cframe below.
 */
#ifndef PN_FRAMES_V3_11
#define PN_FRAMES_V3_11

#include <Python.h>
#define Py_BUILD_CORE 1
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_pylifecycle.h>
#include <internal/pycore_runtime.h>
#undef Py_BUILD_CORE

typedef _PyInterpreterFrame pn_iframe;

#define PN_WALK_CFRAME 1

/* The last frame of its entry into the evaluation loop. */
static inline bool pn_ends_entry_sig(const pn_iframe *frame)
{
    return frame->is_entry;
}

/* No frames but Python's: nothing of an entry lies on the C stack. */
static inline bool pn_is_shim_sig(const pn_iframe *frame)
{
    (void)frame;
    return false;
}

#define PN_SHIMS_ON_C_STACK 0

/* Whether the interpreter has taken note of a signal and not yet handled it. */
static inline bool pn_has_noted_signal_sig(void)
{
    return _Py_atomic_load_relaxed(&_PyRuntime.ceval.signals_pending) != 0;
}

static inline int *pn_dies_of_interrupt(void)
{
    return &_Py_UnhandledKeyboardInterrupt;
}

#include "cframe.h"

#endif
