/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Thread-local variables that a signal handler may touch: the initial-exec
 * model puts them at a fixed distance from the thread pointer, where the
 * default model may allocate on first use. */
#ifndef PN_TLS_H
#define PN_TLS_H

#if defined(__APPLE__)
#define PN_THREAD_LOCAL __thread
#else
#define PN_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

#endif
