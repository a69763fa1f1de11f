/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What the shims of CPython 3.11 and 3.12 have in common. */
#ifndef PN_FRAMES_CFRAME
#define PN_FRAMES_CFRAME

static inline uintptr_t pn_code_sig(const pn_iframe *frame)
{
    return (uintptr_t)frame->f_code;
}

/* 0 before the first instruction, else the code unit of the last one + 1. */
static inline int64_t pn_unit_sig(const pn_iframe *frame, uintptr_t code)
{
    uintptr_t start = code + offsetof(PyCodeObject, co_code_adaptive);
    return (intptr_t)((uintptr_t)frame->prev_instr - start) / (int64_t)sizeof(_Py_CODEUNIT) + 1;
}

#include "names_v3_11.h"

#endif
