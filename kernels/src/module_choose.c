/* The Python side of choose.h. */
#include "buffers.h"
#include "choose.h"

#define MOST_CANDIDATES 64

static int take_weighed(PyObject *norms, PyObject *closest, PyObject *weight, Py_buffer *views, int64_t n) {
    int ok = take_buffer(norms, &views[0], "norms", "f", 1, 0) && take_buffer(closest, &views[1], "closest", "f", 1, 1);
    if (ok && weight != Py_None) ok = take_buffer(weight, &views[2], "weight", "f", 1, 0);
    for (int i = 0; ok && i < 3; i++) ok = !views[i].obj || expect(views[i].shape[0], n, "length of norms, closest or weight");
    return ok;
}

static int take_proposals(PyObject *rows, PyObject *bar, PyObject *squared, Py_buffer *views, int64_t n) {
    int ok = take_buffer(rows, &views[0], "rows", "l", 1, 0) && take_buffer(bar, &views[1], "bar", "d", 1, 0);
    ok = ok && take_buffer(squared, &views[2], "squared", "f", 2, 1) && expect(views[2].shape[1], n, "columns of squared");
    ok = ok && expect(views[1].shape[0], views[0].shape[0], "length of bar");
    ok = ok && expect(views[2].shape[0], views[0].shape[0], "rows of squared");
    for (int64_t i = 0; ok && i < views[0].shape[0]; i++) {
        const int64_t row = ((const int64_t *)views[0].buf)[i];
        if (row < 0 || row >= n) {
            PyErr_SetString(PyExc_IndexError, "a proposal is none of the points");
            ok = 0;
        }
    }
    return ok;
}

PyObject *choose_seeds(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *norms, *closest, *weight, *rows, *bar, *squared, *chosen;
    float close;
    long long n_candidates;
    int64_t done = 0;
    Py_buffer views[9] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "OOOOfOOOLO", &x, &norms, &closest, &weight, &close, &rows, &bar, &squared, &n_candidates,
                          &chosen)) {
        return NULL;
    }
    int ok = take_points(x, Py_None, views, &points) && take_weighed(norms, closest, weight, views + 2, points.n);
    ok = ok && take_proposals(rows, bar, squared, views + 5, points.n);
    ok = ok && take_buffer(chosen, &views[8], "chosen", "l", 1, 1);
    if (ok && (n_candidates < 1 || n_candidates > MOST_CANDIDATES || !is_rough_here())) {
        PyErr_SetString(PyExc_ValueError, "expected 1 to 64 candidates, and a processor with products of bytes");
        ok = 0;
    }
#if HAVE_X86
    if (ok) {
        const Weighed weighed = {points.x,     points.n,         points.stride, points.dim - 1, views[2].buf,
                                 views[4].buf, views[3].buf, close};
        const Proposals proposals = {views[5].buf, views[6].buf, views[5].shape[0], views[7].buf};
        Py_BEGIN_ALLOW_THREADS;
        done = choose(&weighed, &proposals, n_candidates, views[8].shape[0], views[8].buf);
        Py_END_ALLOW_THREADS;
    }
#endif
    release(views, 9);
    return ok ? PyLong_FromLongLong(done) : NULL;
}
