/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The walk of versions whose frames form one chain that is whole at every
 * instruction (3.9, 3.10, 3.13 and later). Part of walk.c. */
#ifndef PN_WALK_CHAIN_H
#define PN_WALK_CHAIN_H

pn_walk pn_walk_sig(const PyThreadState *tstate, uintptr_t c_stack_low, uintptr_t c_stack_end,
                    uint64_t *stack)
{
    (void)c_stack_low;
    (void)c_stack_end;
    uint32_t depth = 0;
    const pn_iframe *last = NULL;
    const pn_iframe *frame = pn_leaf_sig(tstate);
    for (int links = 0; frame != NULL; links++) {
        if (links == LINKS_MAX)
            return (pn_walk){PN_WALK_TRUNCATED, false, depth};
        if (!pn_is_address_sig((uintptr_t)frame))
            return (pn_walk){PN_WALK_TORN, false, depth};
        if (pn_is_python_sig(frame)) {
            if (depth == PN_DEPTH_MAX)
                return (pn_walk){PN_WALK_TRUNCATED, false, depth};
            uintptr_t code = pn_code_sig(frame);
            if (!pn_is_address_sig(code))
                return (pn_walk){PN_WALK_TORN, false, depth};
            stack[depth++] = pn_word_pack_sig(code, pn_unit_sig(frame, code));
        }
        last = frame;
        frame = pn_previous_sig(frame);
    }
    if (last != NULL && !pn_is_root_sig(tstate, last))
        return (pn_walk){PN_WALK_TORN, false, depth};
    return (pn_walk){depth > 0 ? PN_WALK_WHOLE : PN_WALK_NONE, false, depth};
}

#endif
