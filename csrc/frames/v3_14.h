/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* CPython 3.14: as 3.13, with a tagged reference to the code object and two
 * kinds of shim: the interpreter's and the C stack's, either of which may end
 * the chain.
 */
#ifndef PN_FRAMES_V3_14
#define PN_FRAMES_V3_14

#include <Python.h>
#define Py_BUILD_CORE 1
#include <internal/pycore_interpframe_structs.h>
#include <internal/pycore_runtime.h>
#undef Py_BUILD_CORE

typedef struct _PyInterpreterFrame pn_iframe;

static inline const pn_iframe *pn_leaf_sig(const PyThreadState *tstate)
{
    return tstate->current_frame;
}

static inline const pn_iframe *pn_previous_sig(const pn_iframe *frame)
{
    return frame->previous;
}

static inline bool pn_is_python_sig(const pn_iframe *frame)
{
    return frame->owner < FRAME_OWNED_BY_INTERPRETER;
}

static inline uintptr_t pn_code_sig(const pn_iframe *frame)
{
    return frame->f_executable.bits & ~(uintptr_t)3;
}

/* The code unit of the current instruction, + 1. */
static inline int64_t pn_unit_sig(const pn_iframe *frame, uintptr_t code)
{
    uintptr_t start = code + offsetof(PyCodeObject, co_code_adaptive);
    return (intptr_t)((uintptr_t)frame->instr_ptr - start) / (int64_t)sizeof(_Py_CODEUNIT) + 1;
}

static inline bool pn_is_root_sig(const PyThreadState *tstate, const pn_iframe *last)
{
    (void)tstate;
    return last->owner >= FRAME_OWNED_BY_INTERPRETER;
}

/* Whether the interpreter has taken note of a signal and not yet handled it. */
static inline bool pn_has_noted_signal_sig(void)
{
    return __atomic_load_n(&_PyRuntime.signals.is_tripped, __ATOMIC_RELAXED) != 0;
}

static inline int *pn_dies_of_interrupt(void)
{
    return &_PyRuntime.signals.unhandled_keyboard_interrupt;
}

#define PN_HAS_CODE_WATCHER 1

#include "names_v3_11.h"

#endif
