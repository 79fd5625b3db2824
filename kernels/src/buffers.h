/* Buffers of numpy arrays, taken and checked; all set an exception and return 0 where something does not fit. */
#ifndef CURATION_BUFFERS_H
#define CURATION_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "kernels.h"

/* A C-contiguous buffer of one kind of number and ndim dimensions. */
int take_buffer(PyObject *object, Py_buffer *view, const char *name, const char *format, int ndim, int writable);

void release(Py_buffer *views, int count);

/* Whether this processor has products of bytes (AVX-512 VNNI). */
int is_rough_here(void);

int expect(int64_t got, int64_t wanted, const char *what);

/* The points of a call: x (n, d) float32, and which rows of it, or None. Takes two views. */
int take_points(PyObject *x, PyObject *index, Py_buffer *views, Points *points);

/* Seeds among those that were proposed (module_choose.c). */
PyObject *choose_seeds(PyObject *self, PyObject *args);

/* Searching by panels (module_search.c). */
PyObject *ways(PyObject *self, PyObject *nothing);
PyObject *places(PyObject *self, PyObject *args);
PyObject *order(PyObject *self, PyObject *args);
PyObject *fill(PyObject *self, PyObject *args);
PyObject *search_panels(PyObject *self, PyObject *args);

#endif
