/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What the pyconfig.h of a CPython for glibc on x86_64, found next on the include path, says
 * that is not so with musl, and that headers of CPython make layouts of. glibc on aarch64
 * needs nothing like it: `wheels/roots/same.py` holds the core as compiled with Debian's own
 * pyconfig.h for arm64, and that of a musl build, against it. */
#include_next <pyconfig.h>

/* The trampoline's part of _PyRuntime is there for glibc only. */
#undef PY_HAVE_PERF_TRAMPOLINE
