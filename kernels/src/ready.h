/* Vectors made ready for products: centred and scaled in float64, rounded to float32, a one behind each. */
#ifndef CURATION_READY_H
#define CURATION_READY_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

/* ready(raw, shift, scale, out) -> whether raw, (n, d), holds numbers of a kind that is known here: float16, float32 or
 * float64. shift: (d,) float64. out: (n, d + 1) float32. */
PyObject *make_ready(PyObject *self, PyObject *args);

/* gaps(x, centred, labels, scale, out): scale times the distance of each row of x, (n, d + 1) float32, from the row of
 * centred, (k, d) float32, that its label, (n,) int32, names; out: (n,) float32. */
PyObject *own_gaps(PyObject *self, PyObject *args);

#endif
