/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The signal handler: the signal zone begins here.
 *
 * Rules of the zone. Its files are handler.c, walk.c with its headers, ring.c,
 * readable.c, the frames/ shims, and the functions ending in _sig elsewhere.
 * That code runs in an interrupted thread at any instruction, with or without
 * the GIL, possibly inside malloc, the loader, or another signal handler. It
 *
 *   - allocates nothing, locks nothing, waits for nothing;
 *   - calls of the C API only PyGILState_GetThisThreadState, which reads a
 *     thread-specific value, and Py_IsFinalizing, which reads a flag;
 *   - reads the frames and the context of its own thread only, and writes its own
 *     slot, the ring, and of Python objects the mark in a label set;
 *   - bounds every loop by a constant, and counts what it cannot record;
 *   - leaves errno as it was;
 *   - uses less than 1 KB of stack, the stack of the interrupted thread: an
 *     alternate stack would be whatever size somebody else gave it.
 *
 * `make check-zone` holds the list of the symbols that the zone may import.
 */
#ifndef PN_HANDLER_H
#define PN_HANDLER_H

#include <Python.h>

#include <stdbool.h>

/* Install the handler, remembering whom it replaces. Who ends profiling leaves it
 * there: a late tick at the default action would kill the process. Repeated calls
 * reinstall it. Returns 0, or an errno. */
int pn_handler_install(void);

/* Give the signal back to whom it was taken from, if we still have it: for those who
 * know that no tick is on its way. */
void pn_handler_remove(void);

/* Let ticks become samples, or not. `interp` is the interpreter whose code is
 * walked. */
void pn_handler_enable(PyInterpreterState *interp);
void pn_handler_disable(void);
bool pn_handler_is_enabled(void);

/* Whether SIGPROF still comes to us. */
bool pn_handler_is_installed(void);

#endif
