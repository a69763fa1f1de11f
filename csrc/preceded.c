/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "preceded.h"

/* A builtin is told only whose method it is, and for pickling that must be the
 * same module as the original's: so each has a C function of its own. */
enum { PRECEDED_MAX = 5 };

static struct {
    PyMethodDef definition;
    PyObject *before, *original;
} preceded[PRECEDED_MAX];

static PyObject *call_preceded(int number, PyObject *args, PyObject *keywords)
{
    PyObject *after = PyObject_Call(preceded[number].before, args, keywords);
    if (after == NULL)
        PyErr_Clear();
    PyObject *result = PyObject_Call(preceded[number].original, args, keywords);
    if (result != NULL && after != NULL && after != Py_None) {
        PyObject *ignored = PyObject_CallObject(after, NULL);
        if (ignored == NULL)
            PyErr_Clear();
        Py_XDECREF(ignored);
    }
    Py_XDECREF(after);
    return result;
}

#define CALL(number)                                                                               \
    static PyObject *call_##number(PyObject *self, PyObject *args, PyObject *keywords)             \
    {                                                                                              \
        (void)self;                                                                                \
        return call_preceded(number, args, keywords);                                              \
    }
CALL(0)
CALL(1)
CALL(2)
CALL(3)
CALL(4)

static const PyCFunctionWithKeywords calls[PRECEDED_MAX] = {call_0, call_1, call_2, call_3, call_4};

PyObject *pn_preceded_new_gil(PyObject *before, PyObject *original)
{
    static int count;
    if (count == PRECEDED_MAX) {
        PyErr_SetString(PyExc_RuntimeError, "no more builtins can be preceded");
        return NULL;
    }
    const PyCFunctionObject *builtin = (const PyCFunctionObject *)original;
    /* Kept as long as the function, which is as long as the process. */
    Py_INCREF(before);
    Py_INCREF(original);
    preceded[count].before = before;
    preceded[count].original = original;
    preceded[count].definition = (PyMethodDef){
        builtin->m_ml->ml_name,
        (PyCFunction)(void (*)(void))calls[count],
        METH_VARARGS | METH_KEYWORDS,
        builtin->m_ml->ml_doc,
    };
    PyObject *function =
        PyCFunction_NewEx(&preceded[count].definition, builtin->m_self, builtin->m_module);
    if (function != NULL)
        count++;
    return function;
}
