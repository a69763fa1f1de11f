/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* CPython 3.12: as 3.11, but each entry into the evaluation loop ends with a
 * shim frame on the C stack (owner `FRAME_OWNED_BY_CSTACK`, its code a
 * placeholder); the shim's `previous` is the `current_frame` of the cframe
 * below. A frame whose `__init__` is called has a second kind of shim between
 * the two, with a code object of its own: it is recognised when it is named.
 */
#ifndef PN_FRAMES_V3_12
#define PN_FRAMES_V3_12

#include <Python.h>
#define Py_BUILD_CORE 1
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
/* A macro for those outside, a function for those inside. */
#undef _PyGC_FINALIZED
#include <internal/pycore_runtime.h>
#undef Py_BUILD_CORE

typedef _PyInterpreterFrame pn_iframe;

#define PN_WALK_CFRAME 1

static inline bool pn_is_shim_sig(const pn_iframe *frame)
{
    return frame->owner == FRAME_OWNED_BY_CSTACK;
}

/* The last frame of its entry into the evaluation loop. */
static inline bool pn_ends_entry_sig(const pn_iframe *frame)
{
    return pn_is_shim_sig(frame);
}

#define PN_SHIMS_ON_C_STACK 1

/* Whether the interpreter has taken note of a signal and not yet handled it. */
static inline bool pn_has_noted_signal_sig(void)
{
    return _Py_atomic_load_relaxed(&_PyRuntime.signals.is_tripped) != 0;
}

static inline int *pn_dies_of_interrupt(void)
{
    return &_PyRuntime.signals.unhandled_keyboard_interrupt;
}

#define PN_HAS_CODE_WATCHER 1

#include "cframe.h"

#endif
