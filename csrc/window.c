/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "window.h"

#include <stdlib.h>

/* 2 M nodes and 1 M samples take about 100 MB. */
enum {
    NODES_MAX = 1 << 21,
    SAMPLES_MAX = 1 << 20,
    FUNCTIONS_LARGE = 1 << 17,
    LABEL_SETS_LARGE = 1 << 16
};

static const char *const marker_names[PN_MARKER_COUNT] = {
    [PN_MARKER_TRUNCATED] = "[truncated]",        [PN_MARKER_TORN] = "[torn stack]",
    [PN_MARKER_NO_PYTHON] = "[no Python code]",   [PN_MARKER_SUBINTERPRETER] = "[subinterpreter]",
    [PN_MARKER_UNRESOLVED] = "[unresolved code]", [PN_MARKER_TABLE_FULL] = "[stack table full]",
};

const char *pn_marker_name(uint32_t marker)
{
    return marker < PN_MARKER_COUNT ? marker_names[marker] : NULL;
}

/* Make room for one more item. */
static bool grow(void *items, uint32_t count, uint32_t *capacity, size_t item_bytes,
                 uint32_t first_capacity)
{
    if (count < *capacity)
        return true;
    uint32_t grown = *capacity ? *capacity * 2 : first_capacity;
    void **array = items;
    void *memory = realloc(*array, grown * item_bytes);
    if (memory == NULL)
        return false;
    *array = memory;
    *capacity = grown;
    return true;
}

static uint32_t mix(uint64_t value)
{
    value = (value ^ value >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(value >> 32);
}

static uint32_t hash_node(uint32_t parent, uint64_t word)
{
    return mix(word * 31 + parent);
}

static uint32_t hash_sample(uint32_t node, uint32_t thread, uint32_t labels)
{
    return mix(((uint64_t)node << 32 | thread) + (uint64_t)labels * 0x9e3779b1);
}

static bool grow_node_table(pn_window *window)
{
    uint32_t capacity = window->node_table_capacity ? window->node_table_capacity * 2 : 4096;
    uint32_t *table = calloc(capacity, sizeof(*table));
    if (table == NULL)
        return false;
    for (uint32_t node = 1; node < window->node_count; node++) {
        uint32_t at = hash_node(window->nodes[node].parent, window->nodes[node].word);
        while (table[at &= capacity - 1] != 0)
            at++;
        table[at] = node;
    }
    free(window->node_table);
    window->node_table = table;
    window->node_table_capacity = capacity;
    return true;
}

static bool grow_sample_table(pn_window *window)
{
    uint32_t capacity = window->sample_table_capacity ? window->sample_table_capacity * 2 : 1024;
    uint32_t *table = calloc(capacity, sizeof(*table));
    if (table == NULL)
        return false;
    for (uint32_t i = 0; i < window->sample_count; i++) {
        const pn_sample *sample = &window->samples[i];
        uint32_t at = hash_sample(sample->node, sample->thread, sample->labels);
        while (table[at &= capacity - 1] != 0)
            at++;
        table[at] = i + 1;
    }
    free(window->sample_table);
    window->sample_table = table;
    window->sample_table_capacity = capacity;
    return true;
}

bool pn_window_is_large(const pn_window *window)
{
    return window->node_count >= NODES_MAX / 2 || window->sample_count >= SAMPLES_MAX / 2 ||
           window->functions.count >= FUNCTIONS_LARGE ||
           (window->label_sets != NULL && PyList_GET_SIZE(window->label_sets) >= LABEL_SETS_LARGE);
}

pn_window *pn_window_new(void)
{
    pn_window *window = calloc(1, sizeof(*window));
    if (window == NULL)
        return NULL;
    if (!grow(&window->nodes, 0, &window->node_capacity, sizeof(pn_node), 2048) ||
        !grow_node_table(window) || !grow_sample_table(window)) {
        pn_window_free_gil(window);
        return NULL;
    }
    window->node_count = 1; /* the root */
    pn_window_node(window, PN_ROOT_NODE, pn_marker_word(PN_MARKER_TABLE_FULL));
    return window;
}

void pn_window_free_gil(pn_window *window)
{
    for (uint32_t i = 0; i < window->functions.count; i++)
        pn_function_release_gil(&window->functions.items[i]);
    for (uint32_t i = 0; i < window->thread_count; i++)
        Py_CLEAR(window->threads[i].name);
    Py_CLEAR(window->label_sets);
    Py_CLEAR(window->label_numbers);
    free(window->functions.items);
    free(window->nodes);
    free(window->node_table);
    free(window->samples);
    free(window->sample_table);
    free(window->threads);
    free(window);
}

uint32_t pn_window_node(pn_window *window, uint32_t parent, uint64_t word)
{
    enum { TABLE_FULL_NODE = 1 }; /* the first that pn_window_new makes */
    uint32_t hash = hash_node(parent, word);
    uint32_t at = hash;
    uint32_t node;
    while ((node = window->node_table[at &= window->node_table_capacity - 1]) != 0) {
        if (window->nodes[node].word == word && window->nodes[node].parent == parent)
            return node;
        at++;
    }
    if (window->node_count == NODES_MAX ||
        !grow(&window->nodes, window->node_count, &window->node_capacity, sizeof(pn_node), 0))
        return TABLE_FULL_NODE;
    if (window->node_count * 2 >= window->node_table_capacity) {
        if (!grow_node_table(window))
            return TABLE_FULL_NODE;
        at = hash;
        while (window->node_table[at &= window->node_table_capacity - 1] != 0)
            at++;
    }
    node = window->node_count++;
    window->nodes[node] = (pn_node){word, parent};
    window->node_table[at] = node;
    return node;
}

bool pn_window_add(pn_window *window, uint32_t node, uint32_t thread, uint32_t labels,
                   uint64_t weight_ns)
{
    uint32_t hash = hash_sample(node, thread, labels);
    uint32_t at = hash;
    uint32_t found;
    while ((found = window->sample_table[at &= window->sample_table_capacity - 1]) != 0) {
        pn_sample *sample = &window->samples[found - 1];
        if (sample->node == node && sample->thread == thread && sample->labels == labels) {
            sample->weight_ns += weight_ns;
            window->weight_ns += weight_ns;
            return true;
        }
        at++;
    }
    if (window->sample_count == SAMPLES_MAX ||
        !grow(&window->samples, window->sample_count, &window->sample_capacity, sizeof(pn_sample),
              512))
        return false;
    if (window->sample_count * 2 >= window->sample_table_capacity) {
        if (!grow_sample_table(window))
            return false;
        at = hash;
        while (window->sample_table[at &= window->sample_table_capacity - 1] != 0)
            at++;
    }
    window->samples[window->sample_count++] = (pn_sample){weight_ns, node, thread, labels};
    window->sample_table[at] = window->sample_count;
    window->weight_ns += weight_ns;
    return true;
}

uint32_t pn_window_thread_new_gil(pn_window *window, pid_t tid, PyObject *name)
{
    if (!grow(&window->threads, window->thread_count, &window->thread_capacity,
              sizeof(pn_window_thread), 16))
        return UINT32_MAX;
    window->threads[window->thread_count] = (pn_window_thread){name, tid};
    Py_XINCREF(name);
    return window->thread_count++;
}

uint32_t pn_window_labels_gil(pn_window *window, PyObject *flat)
{
    if (PyTuple_GET_SIZE(flat) == 0)
        return PN_NO_LABELS;
    if (window->label_sets == NULL)
        window->label_sets = PyList_New(0);
    if (window->label_numbers == NULL)
        window->label_numbers = PyDict_New();
    if (window->label_sets == NULL || window->label_numbers == NULL)
        return PN_NO_LABELS;
    PyObject *known = PyDict_GetItemWithError(window->label_numbers, flat);
    if (known != NULL)
        return (uint32_t)PyLong_AsUnsignedLong(known);
    if (PyErr_Occurred() || PyList_Append(window->label_sets, flat) != 0)
        return PN_NO_LABELS;
    Py_ssize_t number = PyList_GET_SIZE(window->label_sets);
    PyObject *boxed = PyLong_FromSsize_t(number);
    /* One that could not be noted here is met anew, and gets another number. */
    if (boxed != NULL)
        PyDict_SetItem(window->label_numbers, flat, boxed);
    Py_XDECREF(boxed);
    return (uint32_t)number;
}
