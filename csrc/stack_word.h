/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* A frame in one word: where it is in which code object.
 *
 *   bits 63..19  address of the code object, which is 8-aligned and below 2^48
 *   bits 18..0   0 before the first instruction, else its code unit + 1
 *
 * Functions of more than half a million code units (1 MB of bytecode) have
 * the instructions beyond reported as the last one that fits. The same shape
 * serves after naming, with a function's number for the address.
 */
#ifndef PN_STACK_WORD_H
#define PN_STACK_WORD_H

#include <stdbool.h>
#include <stdint.h>

/* A stack is at most so many words. Pyroscope stores stacks of up to 1000. */
enum { PN_DEPTH_MAX = 1024 };

enum { PN_UNIT_BITS = 19 };
#define PN_UNIT_MAX ((UINT64_C(1) << PN_UNIT_BITS) - 1)

/* Could be the address of an object: not in the first page, 8-aligned and in
 * the half of a 48-bit address space that belongs to programs. One comparison:
 * turned right by three bits, what is not aligned becomes huge. */
static inline bool pn_is_address_sig(uintptr_t value)
{
    uint64_t turned = (uint64_t)value >> 3 | (uint64_t)value << 61;
    return turned - (4096 >> 3) < (UINT64_C(1) << 45) - (4096 >> 3);
}

static inline uint64_t pn_unit_clamp_sig(int64_t unit)
{
    if (__builtin_expect((uint64_t)unit <= PN_UNIT_MAX, 1))
        return (uint64_t)unit;
    return unit < 0 ? 0 : PN_UNIT_MAX;
}

/* `code` satisfies pn_is_address_sig. */
static inline uint64_t pn_word_pack_sig(uintptr_t code, int64_t unit)
{
    return (uint64_t)code << (PN_UNIT_BITS - 3) | pn_unit_clamp_sig(unit);
}

static inline uintptr_t pn_word_code(uint64_t word)
{
    return (uintptr_t)(word >> PN_UNIT_BITS << 3);
}

static inline uint32_t pn_word_unit(uint64_t word)
{
    return (uint32_t)(word & PN_UNIT_MAX);
}

#endif
