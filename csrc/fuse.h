/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The fuse: marks that outlive the process, saying whether it was in code of the
 * profiler's that can crash.
 *
 * A page of memory is replaced by one of a small file; what is stored there is
 * still in the file when the process is dead. Its beginning is text, which
 * Python writes and reads (pyroscope_native/fuse.py); then comes a byte for the
 * drain, and one for each thread slot, 1 while it is in the handler. The file
 * must be in memory, on a tmpfs: a store to any other may wait for a disk.
 *
 * Without a file the page is ordinary memory, so the handler does the same.
 */
#ifndef PN_FUSE_H
#define PN_FUSE_H

#include <stdbool.h>
#include <stdint.h>

enum { PN_FUSE_BYTES = 4096, PN_FUSE_TEXT_BYTES = 1024, PN_FUSE_DRAIN = 0, PN_FUSE_SLOTS = 1 };

/* Have a page. Returns 0, or an errno. */
int pn_fuse_open(void);

/* Put the marks into the file `descriptor`, which may be closed then. Returns 0, or
 * an errno; ENOTSUP for a file that is not in memory. */
int pn_fuse_arm(int descriptor);

/* Take them out of it: at the end, and in the child of a fork. */
void pn_fuse_disarm(void);

/* Set or clear mark number `index`. */
void pn_fuse_mark_sig(uint32_t index, bool inside);

#endif
