/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "interrupt.h"

#include "frames/frames.h"

bool pn_interrupt_is_noted_gil(void)
{
    return *pn_dies_of_interrupt() != 0;
}

void pn_interrupt_note_gil(bool ended_the_program)
{
    *pn_dies_of_interrupt() = ended_the_program;
}
