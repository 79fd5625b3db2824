/* Buffers of numpy arrays, taken and checked. */
#include "buffers.h"

#include <string.h>

/* A C-contiguous buffer of one kind of number; ndim 0 stands for any. */
int take_buffer(PyObject *object, Py_buffer *view, const char *name, const char *format, int ndim, int writable) {
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0) return 0;
    const char *got = view->format ? view->format : "B";
    if (strcmp(got, format) != 0 && !(strcmp(format, "l") == 0 && strcmp(got, "q") == 0 && sizeof(long) == 8)) {
        PyErr_Format(PyExc_ValueError, "%s has numbers of format %s, expected %s", name, got, format);
    } else if (view->ndim != ndim) {
        PyErr_Format(PyExc_ValueError, "%s has %d dimensions, expected %d", name, view->ndim, ndim);
    } else {
        return 1;
    }
    PyBuffer_Release(view);
    return 0;
}

void release(Py_buffer *views, int count) {
    for (int i = 0; i < count; i++) {
        if (views[i].obj) PyBuffer_Release(&views[i]);
    }
}

/* The points of a call: x (n, d) float32, and which rows of it, or None. */
int take_points(PyObject *x, PyObject *index, Py_buffer *views, Points *points) {
    if (!take_buffer(x, &views[0], "x", "f", 2, 0)) return 0;
    const int64_t rows = views[0].shape[0];
    *points = (Points){views[0].buf, NULL, rows, views[0].shape[1], views[0].shape[1]};
    if (index == Py_None) return 1;
    if (!take_buffer(index, &views[1], "rows", "l", 1, 0)) return 0;
    points->index = views[1].buf;
    points->n = views[1].shape[0];
    for (int64_t i = 0; i < points->n; i++) {
        if (points->index[i] < 0 || points->index[i] >= rows) {
            PyErr_Format(PyExc_IndexError, "row %lld is none of %lld", (long long)points->index[i], (long long)rows);
            return 0;
        }
    }
    return 1;
}

int expect(int64_t got, int64_t wanted, const char *what) {
    if (got == wanted) return 1;
    PyErr_Format(PyExc_ValueError, "%s is %lld, expected %lld", what, (long long)got, (long long)wanted);
    return 0;
}
