/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "drain.h"

#include "ring.h"
#include "threads.h"

/* About 200 µs of work. */
enum { BURST_FRAMES = 20000, FRAMES_PER_RECORD = 10 /* what a record costs besides */ };

static uint64_t lost_ns;

static uint32_t marker_node(pn_window *window, enum pn_marker marker)
{
    return pn_window_node(window, PN_ROOT_NODE, pn_marker_word(marker));
}

/* Follow a stack, leaf first in `words`, from the root down the tree. */
static uint32_t stack_node(pn_window *window, const pn_record *record, const uint64_t *words)
{
    bool unresolved = false;
    uint32_t node = PN_ROOT_NODE;
    if (record->kind == PN_KIND_TRUNCATED)
        node = marker_node(window, PN_MARKER_TRUNCATED);
    for (uint32_t i = record->depth; i-- > 0;) {
        uint32_t number = PN_MARKER_UNRESOLVED;
        uint32_t unit = pn_word_unit(words[i]);
        switch (pn_codes_resolve_gil(pn_word_code(words[i]), unit, record->position,
                                     &window->functions, &number)) {
        case PN_CODE_FUNCTION:
            node = pn_window_node(window, node,
                                  (uint64_t)(number + PN_MARKER_COUNT) << PN_UNIT_BITS | unit);
            break;
        case PN_CODE_UNRESOLVED:
            unresolved = true;
            node = pn_window_node(window, node, pn_marker_word(PN_MARKER_UNRESOLVED));
            break;
        case PN_CODE_INTERPRETER:
            break;
        }
    }
    if (unresolved)
        window->unresolved_ns += record->weight_ns;
    return node != PN_ROOT_NODE ? node : marker_node(window, PN_MARKER_NO_PYTHON);
}

static uint32_t record_node(pn_window *window, const pn_record *record, const uint64_t *words)
{
    switch (record->kind) {
    case PN_KIND_STACK:
    case PN_KIND_TRUNCATED:
        return stack_node(window, record, words);
    case PN_KIND_TORN:
        return marker_node(window, PN_MARKER_TORN);
    case PN_KIND_SUBINTERPRETER:
        return marker_node(window, PN_MARKER_SUBINTERPRETER);
    case PN_KIND_NO_PYTHON:
        break;
    }
    return marker_node(window, PN_MARKER_NO_PYTHON);
}

/* The thread's number in this window. Slots keep it until the window is cut. */
static uint32_t thread_entry(pn_window *window, uint32_t slot)
{
    pn_thread *thread = pn_thread_at(slot);
    if (thread->window_entry == 0)
        thread->window_entry = pn_window_thread_new_gil(window, thread->tid, thread->name) + 1;
    return thread->window_entry - 1;
}

bool pn_drain_gil(pn_window *window)
{
    static uint64_t words[PN_DEPTH_MAX];
    pn_record record;
    uint32_t table_full = marker_node(window, PN_MARKER_TABLE_FULL);
    for (uint32_t frames = 0; frames < BURST_FRAMES; frames += record.depth + FRAMES_PER_RECORD) {
        if (!pn_ring_pop(&record, words)) {
            pn_codes_bury_gil(pn_ring_tail());
            pn_threads_recycle_gil(pn_ring_tail());
            return false;
        }
        uint32_t thread = thread_entry(window, record.thread);
        uint32_t node = record_node(window, &record, words);
        if (node == table_full)
            window->table_full_ns += record.weight_ns;
        if (thread == UINT32_MAX ||
            !pn_window_add(window, node, thread, record.labels, record.weight_ns))
            lost_ns += record.weight_ns;
    }
    return true;
}

uint64_t pn_drain_lost_ns(void)
{
    return lost_ns;
}
