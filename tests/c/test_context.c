/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* How a handler finds a variable's value in tries made up here, of all kinds of
 * nodes: random ones against the list that they were made from, and malformed ones.
 * context.c is included: its node types are not to be had otherwise. */
#include "check.h"

#include "../../csrc/context.c" /* NOLINT */

#include <stdlib.h>
#include <string.h>

/* ---- what context.c takes from Python ---- */

int PyContextVar_Get(PyObject *variable, PyObject *fallback, PyObject **value)
{
    (void)variable, (void)fallback, (void)value;
    abort();
}

PyObject *PyContextVar_Set(PyObject *variable, PyObject *value)
{
    (void)variable, (void)value;
    abort();
}

PyObject *PyContextVar_New(const char *name, PyObject *fallback)
{
    (void)name, (void)fallback;
    abort();
}

PyObject *PyContext_New(void)
{
    abort();
}

int PyContext_Enter(PyObject *context)
{
    (void)context;
    abort();
}

int PyContext_Exit(PyObject *context)
{
    (void)context;
    abort();
}

Py_hash_t PyObject_Hash(PyObject *object)
{
    (void)object;
    abort();
}

PyThreadState *PyThreadState_Get(void)
{
    abort();
}

void _Py_Dealloc(PyObject *object)
{
    (void)object;
    abort();
}

PyObject _Py_NoneStruct;
/* The headers' assertions look at these. */
PyTypeObject PyLong_Type, PyBool_Type;

/* ---- tries ---- */

static PyTypeObject bitmap_type, array_type, equals_type;

/* For the nodes of one trie. */
static _Alignas(16) char memory[1 << 20];
static size_t memory_used;

static void *allocate(size_t bytes)
{
    void *taken = memory + memory_used;
    memory_used += (bytes + 15) & ~(size_t)15;
    CHECK(memory_used <= sizeof(memory));
    return taken;
}

static void forget_nodes(void)
{
    memset(memory, 0, memory_used);
    memory_used = 0;
}

typedef struct {
    PyObject *variable, *value;
    uint32_t hash;
} entry;

static PyObject *node_of(entry *entries, uint32_t count, int level, uint64_t *random);

/* Put into `some` those that have the place in a level, and say how many. */
static uint32_t take_place(const entry *entries, uint32_t count, int level, uint32_t place,
                           entry *some)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        if ((entries[i].hash >> (level * LEVEL_BITS) & LEVEL_MASK) == place)
            some[found++] = entries[i];
    return found;
}

static PyObject *array_of(entry *entries, uint32_t count, int level, uint64_t *random)
{
    array_node *node = allocate(sizeof(*node));
    Py_SET_TYPE((PyObject *)node, &array_type);
    for (uint32_t place = 0; place < 32; place++) {
        entry *some = calloc(count, sizeof(*some));
        uint32_t found = take_place(entries, count, level, place, some);
        if (found > 0)
            node->children[place] = node_of(some, found, level + 1, random);
        free(some);
    }
    return (PyObject *)node;
}

static PyObject *bitmap_of(entry *entries, uint32_t count, int level, uint64_t *random)
{
    bitmap_node *node = allocate(sizeof(*node) + 64 * sizeof(PyObject *));
    Py_SET_TYPE((PyObject *)node, &bitmap_type);
    Py_ssize_t items = 0;
    for (uint32_t place = 0; place < 32; place++) {
        entry *some = calloc(count, sizeof(*some));
        uint32_t found = take_place(entries, count, level, place, some);
        if (found > 0) {
            node->bitmap |= UINT32_C(1) << place;
            node->items[items] = found == 1 ? some[0].variable : NULL;
            node->items[items + 1] =
                found == 1 ? some[0].value : node_of(some, found, level + 1, random);
            items += 2;
        }
        free(some);
    }
    Py_SET_SIZE((PyVarObject *)node, items);
    return (PyObject *)node;
}

static PyObject *equals_of(entry *entries, uint32_t count)
{
    equals_node *node = allocate(sizeof(*node) + 2 * count * sizeof(PyObject *));
    Py_SET_TYPE((PyObject *)node, &equals_type);
    Py_SET_SIZE((PyVarObject *)node, 2 * (Py_ssize_t)count);
    node->hash = (int32_t)entries[0].hash;
    for (uint32_t i = 0; i < count; i++) {
        node->items[2 * i] = entries[i].variable;
        node->items[2 * i + 1] = entries[i].value;
    }
    return (PyObject *)node;
}

static PyObject *node_of(entry *entries, uint32_t count, int level, uint64_t *random)
{
    bool are_equal = count > 1;
    for (uint32_t i = 1; i < count; i++)
        are_equal &= entries[i].hash == entries[0].hash;
    if (are_equal)
        return equals_of(entries, count);
    /* Children are nodes always, and there are levels for so many. */
    if (count > 1 && level < LEVELS_MAX - 2 && random_below(random, 2))
        return array_of(entries, count, level, random);
    return bitmap_of(entries, count, level, random);
}

static PyObject *value_in(PyObject *root)
{
    trie variables = {.root = root};
    context_object context = {.variables = &variables};
    PyThreadState tstate;
    memset(&tstate, 0, sizeof(tstate));
    tstate.context = (PyObject *)&context;
    return pn_context_value_sig(&tstate);
}

/* Few bits that differ make deep tries, and equal hashes. */
static uint32_t random_hash(uint64_t *random)
{
    static const uint32_t masks[] = {UINT32_MAX, 0xc0000001, 0x00108421, 0xf, 0x80000000};
    return (uint32_t)random_below(random, UINT64_C(1) << 32) &
           masks[random_below(random, COUNT_OF(masks))];
}

static void random_tries(void)
{
    uint64_t random = 1;
    for (int i = 0; i < 10000; i++) {
        static PyObject variables[EQUALS_MAX], values[EQUALS_MAX];
        entry entries[EQUALS_MAX];
        uint32_t count = 1 + (uint32_t)random_below(&random, COUNT_OF(entries));
        for (uint32_t j = 0; j < count; j++)
            entries[j] = (entry){&variables[j], &values[j], random_hash(&random)};
        PyObject *root = node_of(entries, count, 0, &random);
        uint32_t wanted = (uint32_t)random_below(&random, count);
        known.variable = entries[wanted].variable;
        known.hash = entries[wanted].hash;
        CHECK(value_in(root) == entries[wanted].value);
        /* One that is not there, whose hash may be. */
        PyObject other;
        known.variable = &other;
        CHECK(value_in(root) == NULL);
        known.hash = random_hash(&random);
        CHECK(value_in(root) == NULL);
        forget_nodes();
    }
}

static void nothing_there(void)
{
    PyThreadState tstate;
    memset(&tstate, 0, sizeof(tstate));
    CHECK(pn_context_value_sig(&tstate) == NULL);
    context_object context = {.variables = NULL};
    tstate.context = (PyObject *)&context;
    CHECK(pn_context_value_sig(&tstate) == NULL);
    CHECK(value_in(NULL) == NULL);
    bitmap_node empty = {.bitmap = 0};
    Py_SET_TYPE((PyObject *)&empty, &bitmap_type);
    CHECK(value_in((PyObject *)&empty) == NULL);
}

/* Nodes that lead back to themselves, and one of equals that says it is huge. */
static void malformed_tries_are_bounded(void)
{
    PyObject variable;
    known.variable = &variable;
    known.hash = 0;
    array_node *array = allocate(sizeof(*array));
    Py_SET_TYPE((PyObject *)array, &array_type);
    for (size_t i = 0; i < COUNT_OF(array->children); i++)
        array->children[i] = (PyObject *)array;
    CHECK(value_in((PyObject *)array) == NULL);

    bitmap_node *bitmap = allocate(sizeof(*bitmap) + 64 * sizeof(PyObject *));
    Py_SET_TYPE((PyObject *)bitmap, &bitmap_type);
    bitmap->bitmap = UINT32_MAX;
    for (int i = 0; i < 64; i += 2)
        bitmap->items[i + 1] = (PyObject *)bitmap;
    CHECK(value_in((PyObject *)bitmap) == NULL);

    entry entries[EQUALS_MAX] = {{NULL, NULL, 0}};
    PyObject *equals = equals_of(entries, EQUALS_MAX);
    Py_SET_SIZE((PyVarObject *)equals, PY_SSIZE_T_MAX);
    CHECK(value_in(equals) == NULL);
    Py_SET_SIZE((PyVarObject *)equals, -2);
    CHECK(value_in(equals) == NULL);
}

static const check_test tests[] = {
    TEST(nothing_there),
    TEST(random_tries),
    TEST(malformed_tries_are_bounded),
};

int main(void)
{
    known.bitmap_type = &bitmap_type;
    known.array_type = &array_type;
    return check_run(tests, COUNT_OF(tests));
}
