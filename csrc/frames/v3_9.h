/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* CPython 3.9: a chain of frame objects.
 *
 * `tstate->frame` is the innermost one, `f_back` leads outwards, NULL ends
 * it. The interpreter links a frame before it runs and unlinks it before it
 * lets go of it, so the chain is whole at every instruction. There are no
 * frames that are not Python's.
 */
#ifndef PN_FRAMES_V3_9
#define PN_FRAMES_V3_9

#include <Python.h>
#include <frameobject.h>
#define Py_BUILD_CORE 1
#include <internal/pycore_pylifecycle.h>
#include <internal/pycore_runtime.h>
#undef Py_BUILD_CORE

typedef PyFrameObject pn_iframe;

static inline const pn_iframe *pn_leaf_sig(const PyThreadState *tstate)
{
    return tstate->frame;
}

static inline const pn_iframe *pn_previous_sig(const pn_iframe *frame)
{
    return frame->f_back;
}

static inline bool pn_is_python_sig(const pn_iframe *frame)
{
    (void)frame;
    return true;
}

static inline uintptr_t pn_code_sig(const pn_iframe *frame)
{
    return (uintptr_t)frame->f_code;
}

/* 0 before the first instruction, else the instruction's code unit + 1. */
static inline int64_t pn_unit_sig(const pn_iframe *frame, uintptr_t code)
{
    (void)code;
    return frame->f_lasti < 0 ? 0 : frame->f_lasti / 2 + 1; /* a byte offset */
}

static inline bool pn_is_root_sig(const PyThreadState *tstate, const pn_iframe *last)
{
    (void)tstate;
    (void)last;
    return true;
}

#define PN_LINE_FORMAT PN_LINES_LNOTAB

static inline PyObject *pn_code_line_table(const PyCodeObject *code)
{
    return code->co_lnotab;
}

/* The qualified name is not kept in the code object. */
static inline PyObject *pn_code_qualname(const PyCodeObject *code)
{
    return code->co_name;
}

static inline int64_t pn_code_units(const PyCodeObject *code)
{
    return PyBytes_GET_SIZE(code->co_code) / (int64_t)sizeof(uint16_t);
}

/* Whether the interpreter has taken note of a signal and not yet handled it. */
static inline bool pn_has_noted_signal_sig(void)
{
    return _Py_atomic_load_relaxed(&_PyRuntime.ceval.signals_pending) != 0;
}

static inline int *pn_dies_of_interrupt(void)
{
    return &_Py_UnhandledKeyboardInterrupt;
}

#endif
