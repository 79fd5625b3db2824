/* Distances of points to their own centroids by differences, free of cancellation. */
#include "ready.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#if HAVE_X86
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

#define LANES 16 /* sums side by side, added in order at the end: the same bits whatever the width of a vector */

WIDE static float gap(const float *x, const float *c, int64_t dim) {
    float sums[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= dim; j += LANES) {
        for (int i = 0; i < LANES; i++) {
            const float difference = x[j + i] - c[j + i];
            sums[i] += difference * difference;
        }
    }
    for (; j < dim; j++) {
        const float difference = x[j] - c[j];
        sums[0] += difference * difference;
    }
    float total = 0;
    for (int i = 0; i < LANES; i++) total += sums[i];
    return total;
}

static int is_matrix(const Py_buffer *view, const char *format, int ndim) {
    return view->ndim == ndim && view->format && strcmp(view->format, format) == 0;
}

/* Whether sizes fit and all labels are rows of centred. */
static int fits(const Py_buffer *x, const Py_buffer *centred, const Py_buffer *labels, const Py_buffer *out) {
    if (!is_matrix(x, "f", 2) || !is_matrix(centred, "f", 2) || !is_matrix(labels, "i", 1) || !is_matrix(out, "f", 1)) {
        return 0;
    }
    if (x->shape[1] != centred->shape[1] + 1 || labels->shape[0] != x->shape[0] || out->shape[0] != x->shape[0]) return 0;
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        const int32_t label = ((const int32_t *)labels->buf)[i];
        if (label < 0 || label >= centred->shape[0]) return 0;
    }
    return 1;
}

PyObject *own_gaps(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *objects[4], *answer = NULL;
    double scale;
    Py_buffer views[4] = {{0}};
    if (!PyArg_ParseTuple(args, "OOOdO", &objects[0], &objects[1], &objects[2], &scale, &objects[3])) return NULL;
    int ok = 1;
    for (int i = 0; ok && i < 4; i++) {
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (i == 3 ? PyBUF_WRITABLE : 0);
        ok = PyObject_GetBuffer(objects[i], &views[i], flags) == 0;
    }
    if (ok && !fits(&views[0], &views[1], &views[2], &views[3])) {
        PyErr_SetString(PyExc_ValueError, "expected x (n, d + 1) and centred (k, d) float32, labels (n,) int32 below k, "
                                          "and out (n,) float32");
        ok = 0;
    }
    if (ok) {
        const int64_t n = views[0].shape[0], dim = views[1].shape[1];
        const float *x = views[0].buf, *centred = views[1].buf;
        const int32_t *labels = views[2].buf;
        float *out = views[3].buf;
        Py_BEGIN_ALLOW_THREADS;
        for (int64_t i = 0; i < n; i++) {
            out[i] = (float)(sqrtf(gap(x + i * (dim + 1), centred + labels[i] * dim, dim)) * scale);
        }
        Py_END_ALLOW_THREADS;
        answer = Py_NewRef(Py_None);
    }
    for (int i = 0; i < 4; i++) {
        if (views[i].obj) PyBuffer_Release(&views[i]);
    }
    return answer;
}
