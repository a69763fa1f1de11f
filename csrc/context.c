/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "context.h"

#include <stdint.h>

/* A level of the trie takes 5 bits of a hash of 32; a node of it has a place for
 * each value of these, or only for those that occur, as the bits in `bitmap`
 * say. Below the last level are nodes of variables whose hashes are equal. */
enum { LEVEL_BITS = 5, LEVEL_MASK = 31, LEVELS_MAX = 8, EQUALS_MAX = 64 };

typedef struct {
    PyObject_VAR_HEAD uint32_t bitmap;
    PyObject *items[]; /* key and value, or NULL and a node, by occurring place */
} bitmap_node;

typedef struct {
    PyObject_HEAD PyObject *children[1 << LEVEL_BITS];
} array_node;

typedef struct {
    PyObject_VAR_HEAD int32_t hash;
    PyObject *items[]; /* key and value */
} equals_node;

typedef struct {
    PyObject_HEAD PyObject *root;
} trie;

typedef struct {
    PyObject_HEAD PyObject *previous;
    trie *variables;
} context_object;

static struct {
    PyObject *variable;
    uint32_t hash;
    PyTypeObject *bitmap_type, *array_type;
} known;

static PyObject *value_among_equals_sig(const PyObject *node)
{
    const equals_node *equals = (const equals_node *)node;
    Py_ssize_t count = Py_SIZE(equals);
    for (Py_ssize_t i = 0; i + 1 < count && i < 2 * EQUALS_MAX; i += 2)
        if (equals->items[i] == known.variable)
            return equals->items[i + 1];
    return NULL;
}

PyObject *pn_context_value_sig(const PyThreadState *tstate)
{
    const context_object *context = (const context_object *)tstate->context;
    if (context == NULL || context->variables == NULL || known.array_type == NULL)
        return NULL;
    const PyObject *node = context->variables->root;
    uint32_t hash = known.hash;
    for (int level = 0; level < LEVELS_MAX && node != NULL; level++, hash >>= LEVEL_BITS) {
        if (Py_TYPE(node) == known.array_type) {
            node = ((const array_node *)node)->children[hash & LEVEL_MASK];
            continue;
        }
        if (Py_TYPE(node) != known.bitmap_type)
            return value_among_equals_sig(node);
        const bitmap_node *bitmap = (const bitmap_node *)node;
        uint32_t bit = UINT32_C(1) << (hash & LEVEL_MASK);
        if (!(bitmap->bitmap & bit))
            return NULL;
        int place = 2 * __builtin_popcount(bitmap->bitmap & (bit - 1));
        if (bitmap->items[place] != NULL)
            return bitmap->items[place] == known.variable ? bitmap->items[place + 1] : NULL;
        node = bitmap->items[place + 1];
    }
    return NULL;
}

/* A context of one variable has a root of the one type; with more than half the
 * places of a level in use it has one of the other. */
static int fill(const context_object *context)
{
    enum { ENOUGH = 1000 };
    for (int i = 0; i < ENOUGH && known.array_type == NULL; i++) {
        PyObject *variable = PyContextVar_New("pyroscope_native.scratch", NULL);
        PyObject *token = variable != NULL ? PyContextVar_Set(variable, Py_None) : NULL;
        Py_XDECREF(variable);
        Py_XDECREF(token);
        if (token == NULL)
            return -1;
        PyTypeObject *type = Py_TYPE(context->variables->root);
        if (i == 0)
            known.bitmap_type = type;
        else if (type != known.bitmap_type)
            known.array_type = type;
    }
    return 0;
}

static int learn_types(void)
{
    PyObject *context = PyContext_New();
    if (context == NULL)
        return -1;
    int failed = PyContext_Enter(context);
    if (failed == 0) {
        failed = fill((const context_object *)context);
        failed |= PyContext_Exit(context);
    }
    Py_DECREF(context);
    return failed ? -1 : 0;
}

int pn_context_open_gil(void)
{
    if (known.variable != NULL)
        return 0;
    PyObject *variable = PyContextVar_New("pyroscope_native.labels", NULL);
    if (variable == NULL)
        return -1;
    uint64_t hash = (uint64_t)PyObject_Hash(variable);
    if (learn_types() != 0) {
        Py_DECREF(variable);
        return -1;
    }
    /* As the trie folds hashes; -1 stands for an error there. */
    known.hash = (uint32_t)hash ^ (uint32_t)(hash >> 32);
    if (known.hash == UINT32_MAX)
        known.hash--;
    known.variable = variable;
    return 0;
}

PyObject *pn_context_get_gil(void)
{
    PyObject *value = NULL;
    if (known.variable != NULL)
        PyContextVar_Get(known.variable, NULL, &value);
    return value;
}

int pn_context_set_gil(PyObject *value)
{
    PyObject *token = PyContextVar_Set(known.variable, value);
    Py_XDECREF(token);
    return token != NULL ? 0 : -1;
}

static bool is_read_right(void)
{
    PyObject *value = pn_context_get_gil();
    bool is_right = value == pn_context_value_sig(PyThreadState_Get());
    Py_XDECREF(value);
    return is_right;
}

bool pn_context_check_gil(void)
{
    return is_read_right() && pn_context_set_gil(Py_None) == 0 && is_read_right();
}
