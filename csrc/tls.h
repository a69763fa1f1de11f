/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Thread-local variables that a signal handler may touch.
 *
 * In glibc the default model may allocate on first use; the initial-exec model
 * puts them at a fixed distance from the thread pointer, in the little room that
 * glibc keeps for libraries that are loaded later. musl keeps no such room and
 * refuses to load a library of that model; nor does it need it: every thread is
 * given the variables of a library when that is loaded, and of all libraries
 * when it begins. */
#ifndef PN_TLS_H
#define PN_TLS_H

#include <limits.h> /* tells whose libc it is */

#if defined(__GLIBC__)
#define PN_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
#define PN_THREAD_LOCAL __thread
#endif

#endif
