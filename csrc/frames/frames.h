/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Selects the shim of the CPython that the core is compiled for: the only
 * place, with the shims, that tells one minor version from another.
 *
 * A shim gives the type `pn_iframe` and inline accessors, no logic. The
 * `_sig` ones read one frame or thread state of the calling thread and
 * nothing else, so they may be called at any instruction of it:
 *
 *   pn_leaf_sig      innermost frame of a thread state, NULL when there is none
 *   pn_previous_sig  the frame outside a frame, NULL at the end
 *   pn_is_python_sig false for the interpreter's own frames, which have no code
 *   pn_code_sig      address of the frame's code object, not followed
 *   pn_unit_sig      0 or instruction offset in code units + 1, unchecked
 *   pn_is_root_sig   whether a chain may end with this frame
 *
 * 3.11 and 3.12 define PN_WALK_CFRAME and give other accessors for it, see
 * `walk_cframe.h`. PN_HAS_CODE_WATCHER says that PyCode_AddWatcher is there. The `pn_code_*` ones
 * without `_sig` read a live code object under the GIL. `pn_dies_of_interrupt` is
 * the interpreter's note that an interrupt ended the program, pn_has_noted_signal_sig
 * tells of any other.
 */
#ifndef PN_FRAMES_FRAMES_H
#define PN_FRAMES_FRAMES_H

#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lines.h"

#if defined(Py_GIL_DISABLED)
#error "free-threaded CPython is not supported"
#elif PY_VERSION_HEX >> 16 == 0x0309
#include "v3_9.h"
#elif PY_VERSION_HEX >> 16 == 0x030A
#include "v3_10.h"
#elif PY_VERSION_HEX >> 16 == 0x030B
#include "v3_11.h"
#elif PY_VERSION_HEX >> 16 == 0x030C
#include "v3_12.h"
#elif PY_VERSION_HEX >> 16 == 0x030D
#include "v3_13.h"
#elif PY_VERSION_HEX >> 16 == 0x030E
#include "v3_14.h"
#elif PY_VERSION_HEX >> 16 == 0x030F
#include "v3_15.h"
#else
#error "this CPython has no shim in csrc/frames"
#endif

/* Whether the interpreter is at its end: it has begun to free the thread states
 * of other threads, which may still run. */
static inline bool pn_is_finalizing_sig(void)
{
#if PY_VERSION_HEX < 0x030D0000
    return _Py_IsFinalizing();
#else
    return Py_IsFinalizing();
#endif
}

#endif
