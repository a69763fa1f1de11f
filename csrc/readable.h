/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Whether memory can be read, asked of the kernel instead of a fault.
 *
 * A signal mask given to sigprocmask with an action that does not exist: the
 * kernel copies the mask in before it looks at the action, so EFAULT means
 * that the address cannot be read, and EINVAL that it can. Nothing changes
 * either way, and neither a descriptor nor a right is needed. */
#ifndef PN_READABLE_H
#define PN_READABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether `bytes` from `start` on, at most a page, can be read. */
bool pn_is_readable_sig(const void *start, size_t bytes);

#endif
