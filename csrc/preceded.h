/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* A builtin that is preceded by a call of ours.
 *
 * Written in C because a wrapper in Python, or in Cython, shows up in the
 * traceback of every error that the builtin raises. */
#ifndef PN_PRECEDED_H
#define PN_PRECEDED_H

#include <Python.h>

/* A new builtin with the name and text of `original` that calls `before` with
 * the same arguments, then `original`, and, unless that has raised, what `before`
 * has returned, if it is not None. What the two raise is ignored. NULL with an
 * exception set on failure. */
PyObject *pn_preceded_new_gil(PyObject *before, PyObject *original);

#endif
