/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "walk.h"

#include "frames/frames.h"

/* Python frames recorded, as many shim frames again, and some to see the end. */
enum { LINKS_MAX = 2 * PN_DEPTH_MAX + 64 };

#ifdef PN_WALK_CFRAME
#include "walk_cframe.h"
#else
#include "walk_chain.h"
#endif
