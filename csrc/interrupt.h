/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The interpreter notes that a KeyboardInterrupt ended the program, to die of
 * SIGINT itself in the end. It forgets that whenever text is executed, which
 * imports do (for namedtuples, say): who imports at the end keeps the note. */
#ifndef PN_INTERRUPT_H
#define PN_INTERRUPT_H

#include <stdbool.h>

bool pn_interrupt_is_noted_gil(void);
void pn_interrupt_note_gil(bool ended_the_program);

#endif
