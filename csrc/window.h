/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* A window: the weights of one span of time, folded.
 *
 * Stacks are kept as a tree: a node is a stack word (with a function's number
 * for the code address) below another node, so stacks that begin alike share
 * their beginning. A sample is a weight for a node, a thread and a label set.
 * Owned by the drain; all of it under the GIL.
 */
#ifndef PN_WINDOW_H
#define PN_WINDOW_H

#include "codes.h"
#include "stack_word.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Functions that are not code: they say in the profile what could not be. The
 * numbers of real functions follow theirs. */
enum pn_marker {
    PN_MARKER_TRUNCATED = 0,  /* root of a stack deeper than PN_DEPTH_MAX */
    PN_MARKER_TORN,           /* no stack could be believed */
    PN_MARKER_NO_PYTHON,      /* a thread without Python code */
    PN_MARKER_SUBINTERPRETER, /* code of another interpreter */
    PN_MARKER_UNRESOLVED,     /* a frame whose code object is not known */
    PN_MARKER_TABLE_FULL,     /* stacks that the window had no room for */
    PN_MARKER_COUNT,
};

const char *pn_marker_name(uint32_t marker);

enum { PN_ROOT_NODE = 0, PN_NO_LABELS = 0 };

typedef struct {
    uint64_t word;
    uint32_t parent;
} pn_node;

typedef struct {
    uint64_t weight_ns;
    uint32_t node;
    uint32_t thread; /* number of a pn_window_thread */
    uint32_t labels; /* PN_NO_LABELS, or 1 + an index into the window's label_sets */
} pn_sample;

typedef struct {
    PyObject *name; /* str, or NULL until somebody knows */
    pid_t tid;
} pn_window_thread;

typedef struct {
    pn_functions functions;
    pn_node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *node_table; /* open addressing, 0: free */
    uint32_t node_table_capacity;
    pn_sample *samples;
    uint32_t sample_count, sample_capacity;
    uint32_t *sample_table; /* sample number + 1, 0: free */
    uint32_t sample_table_capacity;
    pn_window_thread *threads;
    uint32_t thread_count, thread_capacity;
    PyObject *label_sets;    /* list of tuples of names and values in turn; NULL: empty */
    PyObject *label_numbers; /* dict from each to its number */
    uint64_t weight_ns;      /* of all samples */
} pn_window;

/* An empty window, or NULL without memory. */
pn_window *pn_window_new(void);
void pn_window_free_gil(pn_window *window);

/* Whether it should be cut before it has no room for more. */
bool pn_window_is_large(const pn_window *window);

/* The node of `word` below `parent`. Falls back to the node of
 * PN_MARKER_TABLE_FULL where there is no room. */
uint32_t pn_window_node(pn_window *window, uint32_t parent, uint64_t word);

/* Add weight. False without memory: the weight was not added. */
bool pn_window_add(pn_window *window, uint32_t node, uint32_t thread, uint32_t labels,
                   uint64_t weight_ns);

/* The number of a new thread entry, or UINT32_MAX without memory. */
uint32_t pn_window_thread_new_gil(pn_window *window, pid_t tid, PyObject *name);

/* The number of a set of labels, a tuple as in `label_sets`. PN_NO_LABELS if it is
 * empty, or, with a Python exception set, without memory. */
uint32_t pn_window_labels_gil(pn_window *window, PyObject *flat);

static inline uint64_t pn_marker_word(enum pn_marker marker)
{
    return (uint64_t)marker << PN_UNIT_BITS;
}

#endif
