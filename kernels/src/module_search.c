/* The Python side of searching by panels. */
#include <string.h>

#include "buffers.h"
#include "panels.h"
#include "ways.h"

typedef struct {
    const Way *way;
    int in_bytes, for_tests;
} Choice;

static const Choice CHOICES[] = {
#if HAVE_X86
    {&WAY_AMX, 1, 0},
    {&WAY_VNNI, 1, 0},
    {&WAY_AVX512, 0, 0},
    {&WAY_AVX2, 0, 0},
    {&WAY_PLAIN, 1, 1},
    {&WAY_AMX_EMULATED, 1, 1},
#endif
    {NULL, 0, 0},
};

static int runs_here(const Choice *choice) {
#if HAVE_X86
    __builtin_cpu_init();
    if (choice->way == &WAY_AMX) return has_amx() && __builtin_cpu_supports("avx512f");
    if (choice->way == &WAY_VNNI) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
    if (choice->way == &WAY_AVX512) return __builtin_cpu_supports("avx512f");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    (void)choice;
    return 0;
#endif
}

static const Choice *choice_named(const char *name) {
    for (const Choice *choice = CHOICES; choice->way; choice++) {
        if (strcmp(choice->way->name, name) == 0 && runs_here(choice)) return choice;
    }
    PyErr_Format(PyExc_ValueError, "there is no way %s on this processor; choose one of ways()", name);
    return NULL;
}

PyObject *ways(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
    PyObject *found = PyList_New(0);
    for (const Choice *choice = CHOICES; found && choice->way; choice++) {
        if (!runs_here(choice)) continue;
        PyObject *entry = Py_BuildValue("(sii)", choice->way->name, choice->in_bytes, choice->for_tests);
        if (!entry || PyList_Append(found, entry) < 0) Py_CLEAR(found);
        Py_XDECREF(entry);
    }
    return found;
}

static int64_t panels_of(int64_t k) { return (k + PANEL - 1) / PANEL; }
static int64_t padded_of(int64_t k) { return (panels_of(k) + PANEL - 1) / PANEL * PANEL; }

PyObject *places(PyObject *self, PyObject *args) {
    (void)self;
    long long count;
    if (!PyArg_ParseTuple(args, "L", &count) || !expect(count > 0, 1, "whether there are panels")) return NULL;
    return PyLong_FromLongLong((count + step_of(count) - 1) / step_of(count));
}

PyObject *order(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *table, *rows;
    Py_buffer views[2] = {{0}};
    if (!PyArg_ParseTuple(args, "OO", &table, &rows)) return NULL;
    int ok = take_buffer(table, &views[0], "table", "f", 2, 0) && take_buffer(rows, &views[1], "order", "i", 1, 1);
    ok = ok && expect(views[1].shape[0], views[0].shape[0], "length of order");
    if (ok) {
        int status;
        Py_BEGIN_ALLOW_THREADS;
        status = order_rows(views[0].buf, views[0].shape[0], views[0].shape[1] - 1, views[1].buf);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
    release(views, 2);
    return ok ? Py_NewRef(Py_None) : NULL;
}

enum { IDS, FLOATS, MEANS, ABOUT, LANES, PLACES, BIASES, BYTES, ARRAYS };

/* The arrays of panels of k centroids, dim columns with the last; those from lanes on may all be None. */
static int take_panels(PyObject **objects, Py_buffer *views, int64_t k, int64_t dim, int writable) {
    const int64_t count = panels_of(k), padded = padded_of(k);
    int ok = expect(k > 0, 1, "whether there are centroids") && take_buffer(objects[IDS], &views[IDS], "ids", "i", 1, 0);
    ok = ok && expect(views[IDS].shape[0], count * PANEL, "length of ids");
    for (int64_t i = 0; ok && i < k; i++) {
        const int32_t id = ((const int32_t *)views[IDS].buf)[i];
        if (id >= 0 && id < k) continue;
        PyErr_Format(PyExc_IndexError, "row %d is none of %lld", id, (long long)k);
        ok = 0;
    }
    static const char *const names[] = {"ids", "floats", "means", "about", "lanes", "places", "biases", "bytes"};
    static const int dims[] = {1, 3, 3, 2, 3, 2, 2, 3};
    for (int i = FLOATS; ok && i < ARRAYS; i++) {
        if (i >= LANES && objects[i] == Py_None) continue;
        ok = take_buffer(objects[i], &views[i], names[i], i == BYTES ? "I" : "f", dims[i], writable);
        const int64_t places = (count + step_of(count) - 1) / step_of(count);
        const int64_t lengths[] = {0, count, padded / PANEL, ABOUTS, count, (places + 11) / 12 * 12, places, count};
        ok = ok && expect(views[i].shape[0], lengths[i], names[i]);
        const int64_t widths[] = {0, dim, dim, padded, LANES_EACH, dim, count * PANEL, 0};
        if (ok && widths[i]) ok = expect(views[i].shape[1], widths[i], names[i]);
        if (ok && dims[i] == 3) ok = expect(views[i].shape[2], PANEL, "width of panels");
    }
    for (int i = LANES; ok && i < BYTES; i++) ok = expect(views[i].obj != NULL, views[BYTES].obj != NULL, names[i]);
    if (ok && views[BYTES].obj && views[BYTES].shape[1] * 4 < dim - 1) {
        ok = expect(views[BYTES].shape[1], (dim + 2) / 4, "quads");
    }
    return ok;
}

/* fill(way, table, (ids, floats, means, about, lanes, places, biases, bytes)) */
PyObject *fill(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *table, *made[ARRAYS];
    Py_buffer views[1 + ARRAYS] = {{0}};
    float sizes[2] = {0};
    int tame = 0, status = 0;
    if (!PyArg_ParseTuple(args, "sO(OOOOOOOO)", &name, &table, &made[0], &made[1], &made[2], &made[3], &made[4], &made[5],
                          &made[6], &made[7])) return NULL;
    const Choice *choice = choice_named(name);
    int ok = choice && take_buffer(table, &views[ARRAYS], "table", "f", 2, 0);
    ok = ok && expect(views[ARRAYS].shape[1] > 0, 1, "columns of table");
    ok = ok && take_panels(made, views, views[ARRAYS].shape[0], views[ARRAYS].shape[1], 1);
    if (ok) {
        Filled into = {views[FLOATS].buf, views[MEANS].buf, views[ABOUT].buf, views[LANES].buf, views[PLACES].buf,
                       views[BIASES].buf, sizes, views[BYTES].buf, choice->way->offset};
        const int64_t k = views[ARRAYS].shape[0], dim = views[ARRAYS].shape[1] - 1;
        const int64_t quads = views[BYTES].obj ? views[BYTES].shape[1] : 0;
        Py_BEGIN_ALLOW_THREADS;
        tame = fill_panels(views[ARRAYS].buf, k, dim, views[IDS].buf, quads, &into);
        if (tame && into.bytes) status = fill_places(k, dim, choice->way->floats, &into);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
    release(views, 1 + ARRAYS);
    return ok ? Py_BuildValue("(iff)", tame, sizes[0], sizes[1]) : NULL;
}

enum { BAR = ARRAYS + 2, TABLE, LABELS, SCORES, ALL };

PyObject *search_panels(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *x, *index, *bar, *table, *made[ARRAYS], *labels, *scores;
    Py_buffer views[ALL] = {{0}};
    Points points;
    Panels t = {0};
    Counts counts = {0};
    if (!PyArg_ParseTuple(args, "sOOO(OOOOOOOOOff)OO", &name, &x, &index, &bar, &table, &made[0], &made[1], &made[2],
                          &made[3], &made[4], &made[5], &made[6], &made[7], &t.longest, &t.highest, &labels, &scores)) return NULL;
    const Choice *choice = choice_named(name);
    int ok = choice && take_points(x, index, views + ARRAYS, &points);
    ok = ok && take_buffer(table, &views[TABLE], "table", "f", 2, 0);
    ok = ok && expect(views[TABLE].shape[1], points.dim, "columns of table");
    ok = ok && take_panels(made, views, views[TABLE].shape[0], points.dim, 0);
    ok = ok && take_buffer(labels, &views[LABELS], "labels", "i", 1, 1);
    ok = ok && take_buffer(scores, &views[SCORES], "scores", "f", 1, 1);
    ok = ok && expect(views[LABELS].shape[0], points.n, "length of labels");
    ok = ok && expect(views[SCORES].shape[0], points.n, "length of scores");
    if (ok && bar != Py_None) {
        ok = take_buffer(bar, &views[BAR], "bar", "f", 1, 0) && expect(views[BAR].shape[0], points.n, "length of bar");
    }
    if (ok && choice->in_bytes) ok = expect(views[BYTES].obj != NULL, 1, "panels in bytes");
    if (ok && choice->in_bytes && choice->way->begin) {
        ok = expect(views[BYTES].shape[1] % QUADS_EACH, 0, "quads that a tile leaves over");
    }
    if (ok) {
        t.k = views[TABLE].shape[0], t.dim = points.dim, t.n_panels = panels_of(t.k), t.padded = padded_of(t.k);
        t.quads = views[BYTES].obj ? views[BYTES].shape[1] : 0;
        t.table = views[TABLE].buf, t.floats = views[FLOATS].buf, t.means = views[MEANS].buf, t.about = views[ABOUT].buf;
        t.step = step_of(t.n_panels), t.places = views[PLACES].buf, t.biases = views[BIASES].buf;
        t.lanes = views[LANES].buf, t.ids = views[IDS].buf, t.bytes = views[BYTES].buf;
        int status;
        Py_BEGIN_ALLOW_THREADS;
        status = search(&t, choice->way, choice->in_bytes, &points, views[BAR].buf, views[LABELS].buf, views[SCORES].buf,
                        &counts);
        Py_END_ALLOW_THREADS;
        if (status < 0) ok = PyErr_NoMemory() != NULL;
    }
    release(views, ALL);
    return ok ? Py_BuildValue("(LLLL)", (long long)counts.pairs, (long long)counts.looked, (long long)counts.settled,
                              (long long)counts.left) : NULL;
}
