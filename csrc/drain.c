/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "drain.h"

#include "clocks.h"
#include "fuse.h"
#include "labels.h"
#include "ring.h"
#include "threads.h"

/* About 200 µs of work. */
enum { BURST_FRAMES = 20000, FRAMES_PER_RECORD = 10 /* what a record costs besides */ };

static pn_drain_totals totals;

static uint32_t marker_node(pn_window *window, enum pn_marker marker)
{
    return pn_window_node(window, PN_ROOT_NODE, pn_marker_word(marker));
}

static uint32_t marked_node(pn_window *window, enum pn_marker marker, const pn_record *record)
{
    totals.marked_ns[marker] += record->weight_ns;
    return marker_node(window, marker);
}

/* Follow a stack, leaf first in `words`, from the root down the tree. */
static uint32_t stack_node(pn_window *window, const pn_record *record, const uint64_t *words)
{
    bool unresolved = false;
    uint32_t node = PN_ROOT_NODE;
    if (record->kind == PN_KIND_TRUNCATED)
        node = marked_node(window, PN_MARKER_TRUNCATED, record);
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
        totals.marked_ns[PN_MARKER_UNRESOLVED] += record->weight_ns;
    return node != PN_ROOT_NODE ? node : marked_node(window, PN_MARKER_NO_PYTHON, record);
}

static uint32_t record_node(pn_window *window, const pn_record *record, const uint64_t *words)
{
    switch (record->kind) {
    case PN_KIND_STACK:
    case PN_KIND_TRUNCATED:
        return stack_node(window, record, words);
    case PN_KIND_TORN:
        return marked_node(window, PN_MARKER_TORN, record);
    case PN_KIND_SUBINTERPRETER:
        return marked_node(window, PN_MARKER_SUBINTERPRETER, record);
    case PN_KIND_NO_PYTHON:
        break;
    }
    return marked_node(window, PN_MARKER_NO_PYTHON, record);
}

/* The thread's number in this window. Slots keep it until the window is cut. */
static uint32_t thread_entry(pn_window *window, uint32_t slot)
{
    pn_thread *thread = pn_thread_at(slot);
    if (thread->window_entry == 0)
        thread->window_entry = pn_window_thread_new_gil(window, thread->tid, thread->name) + 1;
    return thread->window_entry - 1;
}

/* The labels' number in this window. */
static uint32_t labels_entry(pn_window *window, const pn_record *record)
{
    if (record->of_context == 0 && record->of_thread == 0)
        return PN_NO_LABELS;
    if (!pn_labels_are_known_gil(record)) {
        totals.unlabelled_ns += record->weight_ns;
        return PN_NO_LABELS;
    }
    uint32_t number = pn_labels_number_gil(record);
    if (number != PN_NO_LABELS)
        return number;
    pn_labels_found found = pn_labels_find_gil(record);
    if (found.flat != NULL) {
        number = pn_window_labels_gil(window, found.flat);
        Py_DECREF(found.flat);
    }
    if (!found.is_whole || PyErr_Occurred()) {
        PyErr_Clear();
        totals.unlabelled_ns += record->weight_ns;
    } else if (found.is_lasting) {
        pn_labels_keep_number_gil(record, number, found.epoch);
    }
    return number;
}

static bool move_burst(pn_window *window)
{
    static uint64_t words[PN_DEPTH_MAX];
    pn_record record;
    uint32_t table_full = marker_node(window, PN_MARKER_TABLE_FULL);
    for (uint32_t frames = 0; frames < BURST_FRAMES; frames += record.depth + FRAMES_PER_RECORD) {
        if (!pn_ring_pop(&record, words)) {
            pn_codes_bury_gil(pn_ring_tail());
            pn_labels_bury_gil(pn_ring_tail());
            pn_threads_recycle_gil(pn_ring_tail());
            return false;
        }
        uint32_t thread = thread_entry(window, record.thread);
        uint32_t node = record_node(window, &record, words);
        if (node == table_full)
            totals.marked_ns[PN_MARKER_TABLE_FULL] += record.weight_ns;
        uint32_t number = labels_entry(window, &record);
        if (thread == UINT32_MAX || !pn_window_add(window, node, thread, number, record.weight_ns))
            totals.lost_ns += record.weight_ns;
    }
    return true;
}

bool pn_drain_gil(pn_window *window)
{
    uint64_t filled = pn_ring_head() - pn_ring_tail();
    if (filled > totals.ring_peak_words)
        totals.ring_peak_words = filled;
    uint64_t began_ns = pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID);
    pn_fuse_mark_sig(PN_FUSE_DRAIN, true);
    bool more = move_burst(window);
    pn_fuse_mark_sig(PN_FUSE_DRAIN, false);
    uint64_t time_ns = pn_clock_ns_sig(CLOCK_THREAD_CPUTIME_ID) - began_ns;
    totals.busy_ns += time_ns;
    if (time_ns > totals.longest_ns)
        totals.longest_ns = time_ns;
    return more;
}

const pn_drain_totals *pn_drain_totals_gil(void)
{
    return &totals;
}

void pn_drain_begin_gil(void)
{
    totals.longest_ns = totals.ring_peak_words = 0;
}
