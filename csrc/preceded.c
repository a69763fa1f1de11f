/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "preceded.h"

#include <stdlib.h>

static PyObject *call_preceded(PyObject *pair, PyObject *args, PyObject *keywords)
{
    PyObject *result = PyObject_Call(PyTuple_GET_ITEM(pair, 0), args, keywords);
    if (result == NULL)
        PyErr_Clear();
    Py_XDECREF(result);
    return PyObject_Call(PyTuple_GET_ITEM(pair, 1), args, keywords);
}

PyObject *pn_preceded_new_gil(PyObject *before, PyObject *original)
{
    PyObject *name = PyObject_GetAttrString(original, "__name__");
    if (name == NULL)
        return NULL;
    const char *text = PyUnicode_AsUTF8(name);
    const char *doc = ((PyCFunctionObject *)original)->m_ml->ml_doc;
    /* Lives as long as the function, which is as long as the process. */
    PyMethodDef *definition = calloc(1, sizeof(*definition));
    PyObject *pair = PyTuple_Pack(2, before, original);
    PyObject *function = NULL;
    if (text != NULL && definition != NULL && pair != NULL) {
        *definition = (PyMethodDef){text, (PyCFunction)(void (*)(void))call_preceded,
                                    METH_VARARGS | METH_KEYWORDS, doc};
        function = PyCFunction_New(definition, pair);
    }
    if (function == NULL) {
        free(definition);
        Py_DECREF(name); /* else kept, as the definition points into it */
    }
    Py_XDECREF(pair);
    return function;
}
