/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuse.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* Mapped once, at an address that stays: what is behind it changes. Shared by
 * slots that are a page apart, of which there are few. */
static _Atomic uint8_t *marks;
enum { MARKS = PN_FUSE_BYTES - PN_FUSE_TEXT_BYTES };

int pn_fuse_open(void)
{
    if (marks != NULL)
        return 0;
    void *memory =
        mmap(NULL, PN_FUSE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    marks = (_Atomic uint8_t *)memory + PN_FUSE_TEXT_BYTES;
    return 0;
}

#ifdef __linux__
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

static _Atomic bool armed;

static char *page(void)
{
    return (char *)marks - PN_FUSE_TEXT_BYTES;
}

int pn_fuse_arm(int descriptor)
{
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0)
        return errno;
    if (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC)
        return ENOTSUP;
    /* Now, and not at the first store, where want of room is a SIGBUS. */
    int error = posix_fallocate(descriptor, 0, PN_FUSE_BYTES);
    if (error != 0)
        return error;
    void *memory =
        mmap(page(), PN_FUSE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0);
    if (memory == MAP_FAILED)
        return errno;
    atomic_store(&armed, true);
    return 0;
}

void pn_fuse_disarm(void)
{
    if (atomic_exchange(&armed, false))
        mmap(page(), PN_FUSE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0);
}
#else
int pn_fuse_arm(int descriptor)
{
    (void)descriptor;
    return ENOTSUP;
}

void pn_fuse_disarm(void)
{
}
#endif

/* Relaxed: who reads the mark comes after the thread's death, to which the kernel has
 * brought all that it had stored before the fault, and nothing from after. The compiler
 * does not move what it does not know across a call. */
void pn_fuse_mark_sig(uint32_t index, bool inside)
{
    atomic_store_explicit(&marks[index % MARKS], inside, memory_order_relaxed);
}
