/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The process's threads, as the kernel lists them. On Linux only. */
#ifndef PN_TASKS_H
#define PN_TASKS_H

#include <stdint.h>
#include <sys/types.h>

/* Call `visit` with the id of each. A main thread that has ended is listed, too.
 * Returns 0, or an errno. */
int pn_tasks_each(void (*visit)(pid_t tid));

/* How many there are, at a tenth of the price of a list; 0 if that can't be told. */
uint32_t pn_tasks_count(void);

#endif
