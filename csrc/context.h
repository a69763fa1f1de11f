/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The context variable that labels are in, and how a handler reads it.
 *
 * Python's contexts give exactly what labels need: a task, a callback or a
 * copied context has the value of where it was made, and changes stay inside.
 * So there is one ContextVar, and what it holds is up to labels.h.
 *
 * ContextVar.get() may not be called in a handler: it writes a cache. A handler
 * instead looks the variable up where the interpreter keeps all of them: thread
 * state → context → hash array mapped trie (CPython's Python/hamt.c describes
 * the trie; its layout is the same from 3.7 to 3.15). Tries are never changed,
 * only replaced, by a store to the context; so in its own thread a handler
 * finds a whole one at any instruction.
 */
#ifndef PN_CONTEXT_H
#define PN_CONTEXT_H

#include <Python.h>

#include <stdbool.h>

/* Make the variable, and learn the types of the trie's nodes, once for the life
 * of the process. Returns 0, or -1 with a Python exception set. */
int pn_context_open_gil(void);

/* What the variable holds in the current context: borrowed from it, NULL where
 * it was never set. `tstate` is the calling thread's. */
PyObject *pn_context_value_sig(const PyThreadState *tstate);

/* The same, through the C API: a new reference, or NULL with or without an
 * exception. */
PyObject *pn_context_get_gil(void);

/* Whether a handler finds what is there, before and after the variable is set in
 * the current context: to None, which stays. False with or without an exception
 * set. */
bool pn_context_check_gil(void);

/* Set it in the current context. Returns 0, or -1 with an exception set. */
int pn_context_set_gil(PyObject *value);

#endif
