/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Names and lines in a code object, CPython 3.11 and later (PEP 657). */
#ifndef PN_FRAMES_NAMES_V3_11
#define PN_FRAMES_NAMES_V3_11

#define PN_LINE_FORMAT PN_LINES_PEP657

static inline PyObject *pn_code_line_table(const PyCodeObject *code)
{
    return code->co_linetable;
}

static inline PyObject *pn_code_qualname(const PyCodeObject *code)
{
    return code->co_qualname;
}

static inline int64_t pn_code_units(const PyCodeObject *code)
{
    return Py_SIZE(code);
}

#endif
