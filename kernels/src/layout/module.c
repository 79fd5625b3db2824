/* The Python side of the layout: buffers are taken, checked, and handed over without the interpreter's lock. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <math.h>
#include <string.h>

#include "layout.h"

typedef struct {
    const char *name;
    Search search;
    Rounds round;
} Path;

static const Path PATHS[] = {
#if HAVE_X86
    {"avx512", search_avx512, round_avx512},
    {"avx2", search_avx2, round_avx2},
#endif
    {"plain", search_plain, round_plain},
    {NULL, NULL, NULL},
};

static int runs_here(const Path *path) {
#if HAVE_X86
    __builtin_cpu_init();
    if (strcmp(path->name, "avx512") == 0) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (strcmp(path->name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    (void)path;
    return 1;
}

static const Path *path_named(const char *name) {
    for (const Path *path = PATHS; path->name; path++) {
        if (strcmp(path->name, name) == 0 && runs_here(path)) return path;
    }
    PyErr_Format(PyExc_ValueError, "there is no path %s on this processor; choose one of PATHS", name);
    return NULL;
}

/* C-contiguous buffers, one for each letter of the formats: kind, number of dimensions, w where it is written. */
static int take(PyObject **objects, Py_buffer *views, const char *formats) {
    int i = 0;
    for (const char *at = formats; *at; i++) {
        const char kind = at[0];
        const int ndim = at[1] - '0', writable = at[2] == 'w';
        at += writable ? 3 : 2;
        if (PyObject_GetBuffer(objects[i], &views[i], PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
            return 0;
        const char *got = views[i].format ? views[i].format : "B";
        const int same = got[0] == kind || (kind == 'l' && got[0] == 'q' && views[i].itemsize == 8);
        if (!same || got[1] || views[i].ndim != ndim || (kind == 'l' && views[i].itemsize != 8)) {
            PyErr_Format(PyExc_ValueError, "array %d has numbers of format %s and %d dimensions, expected %c and %d", i, got,
                         views[i].ndim, kind, ndim);
            return 0;
        }
    }
    return 1;
}

static void release(Py_buffer *views, int count) {
    for (int i = 0; i < count; i++) {
        if (views[i].obj) PyBuffer_Release(&views[i]);
    }
}

static int expect(int64_t got, int64_t wanted, const char *what) {
    if (got == wanted) return 1;
    PyErr_Format(PyExc_ValueError, "%s is %lld, expected %lld", what, (long long)got, (long long)wanted);
    return 0;
}

static int below(const int32_t *values, int64_t count, int64_t lowest, int64_t end, const char *what) {
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < lowest || values[i] >= end) {
            PyErr_Format(PyExc_IndexError, "%s: %d is none of %lld", what, values[i], (long long)end);
            return 0;
        }
    }
    return 1;
}

static PyObject *done(int ok, Py_buffer *views, int count) {
    release(views, count);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *paths(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
    PyObject *found = PyList_New(0);
    for (const Path *path = PATHS; found && path->name; path++) {
        if (!runs_here(path)) continue;
        PyObject *entry = PyUnicode_FromString(path->name);
        if (!entry || PyList_Append(found, entry) < 0) Py_CLEAR(found);
        Py_XDECREF(entry);
    }
    return found;
}

static PyObject *quick(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
#ifdef FP_FAST_FMAF
    return PyBool_FromLong(1);
#else
    return PyBool_FromLong(runs_here(&PATHS[0]) && strcmp(PATHS[0].name, "plain") != 0
#if HAVE_X86
                           || runs_here(&PATHS[1])
#endif
    );
#endif
}

static PyObject *pack(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *o[5];
    long long first, last;
    float scale;
    Py_buffer v[5] = {{0}}; /* x, shift, ids, panels, bias */
    if (!PyArg_ParseTuple(args, "OOfOOOLL", &o[0], &o[1], &scale, &o[2], &o[3], &o[4], &first, &last)) return NULL;
    int ok = take(o, v, "f2f1i1f3wf1w");
    const int64_t n = ok ? v[0].shape[0] : 0, dim = ok ? v[0].shape[1] : 0, slots = ok ? v[2].shape[0] : 0;
    ok = ok && expect(v[1].shape[0], dim, "length of shift") && expect(v[3].shape[0] * PANEL, slots, "lanes of panels");
    ok = ok && expect(v[3].shape[1], dim, "columns of panels") && expect(v[3].shape[2], PANEL, "width of panels");
    ok = ok && expect(v[4].shape[0], slots, "length of bias") && below(v[2].buf, slots, -1, n, "ids");
    if (ok && !(0 <= first && first <= last && last * PANEL <= slots)) {
        PyErr_SetString(PyExc_IndexError, "there are no such panels");
        ok = 0;
    }
    if (ok) {
        const float *x = v[0].buf, *shift = v[1].buf;
        const int32_t *ids = v[2].buf;
        float *panels = v[3].buf, *bias = v[4].buf;
        Py_BEGIN_ALLOW_THREADS;
        for (int64_t slot = first * PANEL; slot < last * PANEL; slot++) {
            float *lane = panels + slot / PANEL * PANEL * dim + slot % PANEL;
            double length = 0;
            for (int64_t j = 0; j < dim; j++) {
                const float value = ids[slot] < 0 ? 0.0f : (x[ids[slot] * dim + j] - shift[j]) * scale;
                lane[PANEL * j] = value;
                length += (double)value * value;
            }
            bias[slot] = ids[slot] < 0 ? INFINITY : (float)length;
        }
        Py_END_ALLOW_THREADS;
    }
    return done(ok, v, 5);
}

static PyObject *search(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *o[11];
    float scale;
    Py_buffer v[11] = {{0}}; /* x, shift, rows, self, panels, bias, ids, first, probes, found, score */
    if (!PyArg_ParseTuple(args, "sOOfOOOOOOOOO", &name, &o[0], &o[1], &scale, &o[2], &o[3], &o[4], &o[5], &o[6], &o[7], &o[8],
                          &o[9], &o[10]))
        return NULL;
    const Path *path = path_named(name);
    int ok = path && take(o, v, "f2f1l1i1f3f1i1l1i2i2wf2w");
    const int64_t dim = ok ? v[0].shape[1] : 0, m = ok ? v[2].shape[0] : 0, slots = ok ? v[6].shape[0] : 0;
    const int64_t cells = ok ? v[7].shape[0] - 1 : 0;
    ok = ok && expect(v[1].shape[0], dim, "length of shift") && expect(v[3].shape[0], m, "length of self");
    ok = ok && expect(v[4].shape[1], dim, "columns of panels") && expect(v[4].shape[2], PANEL, "width of panels");
    ok = ok && expect(v[4].shape[0] * PANEL, slots, "lanes of panels") && expect(v[5].shape[0], slots, "length of bias");
    ok = ok && expect(v[8].shape[0], m, "rows of probes") && expect(v[9].shape[0], m, "rows of found");
    ok = ok && expect(v[10].shape[0], m, "rows of score") && expect(v[10].shape[1], v[9].shape[1], "columns of score");
    ok = ok && expect(cells >= 0 && v[9].shape[1] > 0, 1, "whether there are cells and places") &&
         below(v[8].buf, m * v[8].shape[1], -1, cells, "probes");
    const int64_t *rows = ok ? v[2].buf : NULL, *first = ok ? v[7].buf : NULL;
    for (int64_t i = 0; ok && i < m; i++) ok = expect(rows[i] >= 0 && rows[i] < v[0].shape[0], 1, "whether a row is there");
    for (int64_t c = 0; ok && c < cells; c++) ok = expect(first[c] >= 0 && first[c] <= first[c + 1], 1, "whether cells ascend");
    ok = ok && expect(first[cells] <= v[4].shape[0], 1, "whether cells end within the panels");
    if (ok) {
        const Cells made = {v[4].buf, v[5].buf, v[6].buf, first, dim, cells};
        const Queries queries = {v[0].buf, v[1].buf, scale, rows, v[3].buf, v[8].buf, m, v[8].shape[1], v[9].shape[1],
                                 v[9].buf, v[10].buf};
        int status;
        Py_BEGIN_ALLOW_THREADS;
        status = path->search(&made, &queries);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
    return done(ok, v, 11);
}

static PyObject *measure(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *o[4];
    float scale;
    long long start, end;
    Py_buffer v[4] = {{0}}; /* x, rows, found, distance */
    if (!PyArg_ParseTuple(args, "OOfOOLL", &o[0], &o[1], &scale, &o[2], &o[3], &start, &end)) return NULL;
    int ok = take(o, v, "f2l1i2wf2w");
    const int64_t n = ok ? v[1].shape[0] : 0, k = ok ? v[2].shape[1] : 0, *rows = ok ? v[1].buf : NULL;
    ok = ok && expect(v[2].shape[0], n, "rows of found") && expect(v[3].shape[0], n, "rows of distance");
    ok = ok && expect(v[3].shape[1], k, "columns of distance");
    ok = ok && expect(0 <= start && start <= end && end <= n, 1, "whether the rows are there");
    ok = ok && below((int32_t *)v[2].buf + start * k, (end - start) * k, -1, n, "found");
    for (int64_t i = 0; ok && i < n; i++) ok = expect(rows[i] >= 0 && rows[i] < v[0].shape[0], 1, "whether a row is there");
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        true_distances(v[0].buf, rows, scale, v[0].shape[1], start, end, k, v[2].buf, v[3].buf);
        Py_END_ALLOW_THREADS;
    }
    return done(ok, v, 4);
}

static PyObject *weigh(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *o[3];
    long long start, end;
    Py_buffer v[3] = {{0}}; /* neighbour, distance, weight */
    if (!PyArg_ParseTuple(args, "OOOLL", &o[0], &o[1], &o[2], &start, &end)) return NULL;
    int ok = take(o, v, "i2f2f2w");
    const int64_t n = ok ? v[0].shape[0] : 0, k = ok ? v[0].shape[1] : 0;
    for (int i = 1; ok && i < 3; i++) ok = expect(v[i].shape[0], n, "rows") && expect(v[i].shape[1], k, "columns");
    ok = ok && expect(0 <= start && start <= end && end <= n, 1, "whether the rows are there");
    ok = ok && expect(0 < k && k <= MOST_NEIGHBOURS, 1, "whether there are 1 to 256 neighbours");
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        fuzzy_weights(v[0].buf, v[1].buf, start, end, k, v[2].buf);
        Py_END_ALLOW_THREADS;
    }
    return done(ok, v, 3);
}

static PyObject *join(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *o[6];
    Py_buffer v[6] = {{0}}; /* neighbour, weight, first, other, joined, total */
    int64_t count = -1;
    if (!PyArg_ParseTuple(args, "OOOOOO", &o[0], &o[1], &o[2], &o[3], &o[4], &o[5])) return NULL;
    int ok = take(o, v, "i2f2l1wi1wf1wf1w");
    const int64_t n = ok ? v[0].shape[0] : 0, k = ok ? v[0].shape[1] : 0;
    ok = ok && expect(v[1].shape[0], n, "rows of weight") && expect(v[1].shape[1], k, "columns of weight");
    ok = ok && expect(v[2].shape[0], n + 1, "length of first") && expect(v[5].shape[0], n, "length of total");
    ok = ok && expect(v[3].shape[0], 2 * n * k + 16, "length of other") && expect(v[4].shape[0], 2 * n * k + 16, "length of joined");
    ok = ok && below(v[0].buf, n * k, 0, n, "neighbour");
    if (ok) {
        Py_BEGIN_ALLOW_THREADS;
        count = symmetric(v[0].buf, v[1].buf, n, k, v[2].buf, v[3].buf, v[4].buf, v[5].buf);
        Py_END_ALLOW_THREADS;
        if (count < 0) ok = PyErr_NoMemory() != NULL;
    }
    release(v, 6);
    return ok ? PyLong_FromLongLong(count) : NULL;
}

static PyObject *turn(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *o[6];
    long long start, end;
    unsigned long long chance;
    float a, b, step, push;
    Py_buffer v[6] = {{0}}; /* from, to, first, other, weight, total */
    if (!PyArg_ParseTuple(args, "sOOOOOOLLKffff", &name, &o[0], &o[1], &o[2], &o[3], &o[4], &o[5], &start, &end, &chance, &a,
                          &b, &step, &push))
        return NULL;
    const Path *path = path_named(name);
    int ok = path && take(o, v, "f2f2wl1i1f1f1");
    const int64_t n = ok ? v[0].shape[0] : 0;
    for (int i = 0; ok && i < 2; i++) ok = expect(v[i].shape[0], n, "number of places") && expect(v[i].shape[1], 2, "columns");
    ok = ok && expect(v[2].shape[0], n + 1, "length of first") && expect(v[5].shape[0], n, "length of total");
    ok = ok && expect(v[3].shape[0], v[4].shape[0], "length of other");
    ok = ok && expect(0 <= start && start <= end && end <= n && start % POOL_BLOCK == 0, 1, "whether a round may be cut so");
    ok = ok && expect(((int64_t *)v[2].buf)[n] + 16 <= v[3].shape[0], 1, "whether there is room behind the edges");
    if (ok) {
        const Round round = {v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, v[5].buf, n, start, end, chance, a, b, step,
                             push};
        Py_BEGIN_ALLOW_THREADS;
        path->round(&round);
        Py_END_ALLOW_THREADS;
    }
    return done(ok, v, 6);
}

static PyMethodDef METHODS[] = {
    {"paths", paths, METH_NOARGS, "paths() -> names that run on this processor, best first."},
    {"quick", quick, METH_NOARGS, "quick() -> whether the best of them is worth it."},
    {"pack", pack, METH_VARARGS, "pack(x, shift, scale, ids, panels, bias, first, last): fill the panels first to last."},
    {"search", search, METH_VARARGS, "search(path, x, shift, scale, rows, self, panels, bias, ids, first, probes, found, score)."},
    {"measure", measure, METH_VARARGS, "measure(x, rows, scale, found, distance, start, end): true distances, neighbours in their order."},
    {"weigh", weigh, METH_VARARGS, "weigh(neighbour, distance, weight, start, end): fuzzy weights of some rows."},
    {"join", join, METH_VARARGS, "join(neighbour, weight, first, other, joined, total) -> edges of the union."},
    {"turn", turn, METH_VARARGS, "turn(path, from, to, first, other, weight, total, start, end, chance, a, b, step, push): one round."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_layout", NULL, 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__layout(void) { return PyModule_Create(&MODULE); }
