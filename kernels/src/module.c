/* The Python side: buffers are taken, checked, and handed to the kernels without the interpreter's lock. */
#include <math.h>
#include <string.h>

#include "buffers.h"
#include "kernels.h"
#include "ready.h"
#include "rough.h"

typedef struct {
    const char *name;
    Nearest nearest;
    int width;
} Path;

static const Path PATHS[] = {
#if HAVE_X86
    {"avx512", nearest_avx512, 32},
    {"avx2", nearest_avx2, 16},
#endif
    {NULL, NULL, 0},
};

static int runs_here(const Path *path) {
#if HAVE_X86
    __builtin_cpu_init();
    if (strcmp(path->name, "avx512") == 0) return __builtin_cpu_supports("avx512f");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    (void)path;
    return 0;
#endif
}

static const Path *path_named(const char *name) {
    for (const Path *path = PATHS; path->name; path++) {
        if (strcmp(path->name, name) == 0 && runs_here(path)) return path;
    }
    PyErr_Format(PyExc_ValueError, "there is no path %s on this processor; choose one of paths()", name);
    return NULL;
}

static PyObject *paths(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
    PyObject *found = PyList_New(0);
    for (const Path *path = PATHS; found && path->name; path++) {
        if (!runs_here(path)) continue;
        PyObject *entry = Py_BuildValue("(si)", path->name, path->width);
        if (!entry || PyList_Append(found, entry) < 0) Py_CLEAR(found);
        Py_XDECREF(entry);
    }
    return found;
}

static PyObject *pack(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *table, *panels;
    int width;
    Py_buffer views[2] = {{0}};
    if (!PyArg_ParseTuple(args, "OOi", &table, &panels, &width)) return NULL;
    if (!take_buffer(table, &views[0], "table", "f", 2, 0)) return NULL;
    const int64_t k = views[0].shape[0], dim = views[0].shape[1];
    int ok = width > 0 && take_buffer(panels, &views[1], "panels", "f", 3, 1);
    ok = ok && expect(views[1].shape[0], (k + width - 1) / width, "number of panels");
    ok = ok && expect(views[1].shape[1], dim, "columns of panels") && expect(views[1].shape[2], width, "width of panels");
    if (ok) {
        const float *from = views[0].buf;
        float *to = views[1].buf;
        for (int64_t first = 0; first < k; first += width) {
            for (int64_t j = 0; j < dim; j++) {
                for (int64_t lane = 0; lane < width; lane++) {
                    *to++ = first + lane < k ? from[(first + lane) * dim + j] : NAN;
                }
            }
        }
    }
    release(views, 2);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *nearest(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *x, *index, *panels, *labels, *scores;
    long long k;
    Py_buffer views[5] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "sOOOLOO", &name, &x, &index, &panels, &k, &labels, &scores)) return NULL;
    const Path *path = path_named(name);
    int ok = path && take_points(x, index, views, &points) && take_buffer(panels, &views[2], "panels", "f", 3, 0);
    ok = ok && take_buffer(labels, &views[3], "labels", "i", 1, 1) && take_buffer(scores, &views[4], "scores", "f", 1, 1);
    ok = ok && expect(views[2].shape[0], (k + path->width - 1) / path->width, "number of panels");
    ok = ok && expect(views[2].shape[1], points.dim, "columns of panels");
    ok = ok && expect(views[2].shape[2], path->width, "width of panels");
    ok = ok && expect(views[3].shape[0], points.n, "length of labels");
    ok = ok && expect(views[4].shape[0], points.n, "length of scores");
    if (ok) {
        const Table table = {views[2].buf, k, path->width, points.dim};
        int status;
        Py_BEGIN_ALLOW_THREADS;
        status = path->nearest(&points, &table, views[3].buf, views[4].buf);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
    release(views, 5);
    return ok ? Py_NewRef(Py_None) : NULL;
}

/* Labels of the points, each below k. */
static int take_labels(PyObject *labels, Py_buffer *view, int64_t n, int64_t k) {
    if (!take_buffer(labels, view, "labels", "i", 1, 0) || !expect(view->shape[0], n, "length of labels")) return 0;
    const int32_t *label = view->buf;
    for (int64_t i = 0; i < n; i++) {
        if (label[i] < 0 || label[i] >= k) {
            PyErr_Format(PyExc_IndexError, "label %d is none of %lld", label[i], (long long)k);
            return 0;
        }
    }
    return 1;
}

static PyObject *own(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *index, *table, *labels, *scores;
    Py_buffer views[5] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "OOOOO", &x, &index, &table, &labels, &scores)) return NULL;
    int ok = take_points(x, index, views, &points) && take_buffer(table, &views[2], "table", "f", 2, 0);
    ok = ok && expect(views[2].shape[1], points.dim, "columns of table");
    ok = ok && take_labels(labels, &views[3], points.n, views[2].shape[0]);
    ok = ok && take_buffer(scores, &views[4], "scores", "f", 1, 1) && expect(views[4].shape[0], points.n, "length of scores");
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        own_scores(&points, views[2].buf, views[3].buf, views[4].buf);
        Py_END_ALLOW_THREADS;
    }
    release(views, 5);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *add(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *index, *labels, *sums;
    long long first, last;
    Py_buffer views[4] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "OOOOLL", &x, &index, &labels, &sums, &first, &last)) return NULL;
    int ok = take_points(x, index, views, &points) && take_buffer(sums, &views[3], "sums", "d", 2, 1);
    ok = ok && take_labels(labels, &views[2], points.n, views[3].shape[0]);
    if (ok && !(0 <= first && first <= last && last <= points.dim && last <= views[3].shape[1])) {
        PyErr_SetString(PyExc_ValueError, "the columns are not those of x and sums");
        ok = 0;
    }
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        add_rows(&points, views[2].buf, views[3].buf, views[3].shape[1], first, last);
        Py_END_ALLOW_THREADS;
    }
    release(views, 4);
    return ok ? Py_NewRef(Py_None) : NULL;
}

int is_rough_here(void) {
#if HAVE_X86
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
#else
    return 0;
#endif
}

static PyObject *can_be_rough(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
    return PyBool_FromLong(is_rough_here());
}

/* Panels (p, quads, 32) uint32 and scale (32 p,) float32 for n points of dim columns. */
static int take_rough(PyObject *panels, PyObject *scale, Py_buffer *views, int64_t n, int64_t dim, int writable) {
    const int64_t count = (n + ROUGH_WIDTH - 1) / ROUGH_WIDTH;
    int ok = take_buffer(panels, &views[0], "panels", "I", 3, writable) && take_buffer(scale, &views[1], "scale", "f", 1, writable);
    ok = ok && expect(views[0].shape[0], count, "number of panels") && expect(views[0].shape[1], (dim + 3) / 4, "quads");
    return ok && expect(views[0].shape[2], ROUGH_WIDTH, "width of panels") &&
           expect(views[1].shape[0], count * ROUGH_WIDTH, "length of scale");
}

static PyObject *pack_for_rough(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *panels, *scale;
    Py_buffer views[4] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "OOO", &x, &panels, &scale)) return NULL;
    const int ok = take_points(x, Py_None, views, &points) && take_rough(panels, scale, views + 2, points.n, points.dim - 1, 1);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        pack_rough(&points, views[2].buf, views[3].buf);
        Py_END_ALLOW_THREADS;
    }
    release(views, 4);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *distances(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *rows, *panels, *scale, *norms, *out;
    Py_buffer views[6] = {{0}};
    Points points;
    if (!PyArg_ParseTuple(args, "OOOOOO", &x, &rows, &panels, &scale, &norms, &out)) return NULL;
    int ok = take_points(x, rows, views, &points) && points.index;
    const int64_t n = ok ? views[0].shape[0] : 0;
    ok = ok && take_rough(panels, scale, views + 2, n, points.dim - 1, 0);
    ok = ok && take_buffer(norms, &views[4], "norms", "f", 1, 0) && expect(views[4].shape[0], n, "length of norms");
    ok = ok && take_buffer(out, &views[5], "out", "f", 2, 1) && expect(views[5].shape[0], points.n, "rows of out");
    ok = ok && expect(views[5].shape[1], n, "columns of out");
    if (ok && !is_rough_here()) {
        PyErr_SetString(PyExc_ValueError, "this processor has no products of bytes");
        ok = 0;
    }
#if HAVE_X86
    if (ok) {
        const Rough rough = {views[2].buf, views[3].buf, views[4].buf, n, views[2].shape[1]};
        int status;
        Py_BEGIN_ALLOW_THREADS;
        status = distances_avx512vnni(&rough, points.x, points.stride, points.dim - 1, points.index, points.n, views[5].buf);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
#endif
    release(views, 6);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *potential_of(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *norms, *closest, *squared;
    long long row;
    float close;
    Py_buffer views[5] = {{0}};
    Points points;
    double found = 0;
    if (!PyArg_ParseTuple(args, "OLOOfO", &x, &row, &norms, &closest, &close, &squared)) return NULL;
    int ok = take_points(x, Py_None, views, &points) && take_buffer(norms, &views[2], "norms", "f", 1, 0);
    ok = ok && take_buffer(closest, &views[3], "closest", "f", 1, 0) && take_buffer(squared, &views[4], "squared", "f", 1, 1);
    for (int i = 2; ok && i < 5; i++) ok = expect(views[i].shape[0], points.n, "length of norms, closest or squared");
    if (ok && (row < 0 || row >= points.n)) {
        PyErr_SetString(PyExc_IndexError, "the row is none of the points");
        ok = 0;
    }
    if (ok && !is_rough_here()) {
        PyErr_SetString(PyExc_ValueError, "this processor has no products of bytes");
        ok = 0;
    }
#if HAVE_X86
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        found = potential(points.x, points.stride, points.dim - 1, points.n, row, views[2].buf, views[3].buf, close,
                          views[4].buf);
        Py_END_ALLOW_THREADS;
    }
#endif
    release(views, 5);
    return ok ? PyFloat_FromDouble(found) : NULL;
}

static PyMethodDef METHODS[] = {
    {"paths", paths, METH_NOARGS, "paths() -> [(name, width)] that run on this processor, best first."},
    {"pack", pack, METH_VARARGS, "pack(table, panels, width): cut a (k, d) table into panels of width centroids."},
    {"nearest", nearest, METH_VARARGS, "nearest(path, x, rows, panels, k, labels, scores): fill labels and scores."},
    {"ways", ways, METH_NOARGS, "ways() -> [(name, in bytes, for tests only)] that run on this processor, fastest first."},
    {"places", places, METH_VARARGS, "places(n_panels) -> how many places points are rounded near."},
    {"order", order, METH_VARARGS, "order(table, order): put neighbours side by side."},
    {"fill", fill, METH_VARARGS, "fill(way, table, panels) -> (tame, longest, highest); see panels.h."},
    {"search", search_panels, METH_VARARGS, "search(way, x, rows, bar, panels, labels, scores) -> counts; see panels.h."},
    {"own", own, METH_VARARGS, "own(x, rows, table, labels, scores): the score of every point with its own centroid."},
    {"add", add, METH_VARARGS, "add(x, rows, labels, sums, first, last): add columns first to last to float64 sums."},
    {"can_be_rough", can_be_rough, METH_NOARGS, "can_be_rough() -> whether this processor has products of bytes."},
    {"pack_for_rough", pack_for_rough, METH_VARARGS, "pack_for_rough(x, panels, scale): round all points to bytes."},
    {"distances", distances, METH_VARARGS, "distances(x, rows, panels, scale, norms, out): rough squared distances."},
    {"ready", make_ready, METH_VARARGS, "ready(raw, shift, scale, out) -> whether raw was of a known kind; see ready.h."},
    {"gaps", own_gaps, METH_VARARGS, "gaps(x, centred, labels, scale, out): distances to own centroids; see ready.h."},
    {"choose", choose_seeds, METH_VARARGS,
     "choose(x, norms, closest, weight, close, rows, bar, squared, n_candidates, chosen) -> how many; see choose.h."},
    {"potential", potential_of, METH_VARARGS, "potential(x, row, norms, closest, close, squared) -> sum; see rough.h."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&MODULE); }
