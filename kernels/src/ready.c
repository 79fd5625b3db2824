/* Vectors made ready for products. Every value takes one subtraction, one product with a power of two, one rounding, so
 * the bits are those of numpy. */
#include "ready.h"

#include <stdint.h>
#include <string.h>

#include "kernels.h"

#if HAVE_X86
#include <immintrin.h>
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

WIDE static void from_float(const float *row, const double *shift, double factor, int64_t dim, float *out) {
    for (int64_t j = 0; j < dim; j++) out[j] = (float)(((double)row[j] - shift[j]) * factor);
}

WIDE static void from_double(const double *row, const double *shift, double factor, int64_t dim, float *out) {
    for (int64_t j = 0; j < dim; j++) out[j] = (float)((row[j] - shift[j]) * factor);
}

/* A half-precision number: its bits moved to where float32 has them; numbers below the smallest normal one by a product. */
static inline __attribute__((always_inline)) float whole(uint16_t half) {
    union {
        uint32_t bits;
        float value;
    } normal, tiny, found;
    const uint32_t rest = half & 0x7fff;
    normal.bits = (rest << 13) + (rest >= 0x7c00 ? 224u << 23 : 112u << 23);
    tiny.value = (float)(int32_t)rest * 0x1p-24f;
    found.bits = (rest < 0x400 ? tiny.bits : normal.bits) | (uint32_t)(half & 0x8000) << 16;
    return found.value;
}

WIDE static void from_half(const uint16_t *row, const double *shift, double factor, int64_t dim, float *out) {
    for (int64_t j = 0; j < dim; j++) out[j] = (float)(((double)whole(row[j]) - shift[j]) * factor);
}

#if HAVE_X86
/* The same 16 at a time. */
__attribute__((target("avx512f"))) static void from_half_avx512(const uint16_t *row, const double *shift, double factor,
                                                                int64_t dim, float *out) {
    const __m512d by = _mm512_set1_pd(factor);
    int64_t j = 0;
    for (; j + 16 <= dim; j += 16) {
        const __m512 value = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(row + j)));
        const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(value));
        const __m512d high = _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(value), 1)));
        const __m512d first = _mm512_mul_pd(_mm512_sub_pd(low, _mm512_loadu_pd(shift + j)), by);
        const __m512d second = _mm512_mul_pd(_mm512_sub_pd(high, _mm512_loadu_pd(shift + j + 8)), by);
        _mm256_storeu_ps(out + j, _mm512_cvtpd_ps(first));
        _mm256_storeu_ps(out + j + 8, _mm512_cvtpd_ps(second));
    }
    from_half(row + j, shift + j, factor, dim - j, out + j);
}
#endif

static void halves(const uint16_t *row, const double *shift, double factor, int64_t dim, float *out) {
#if HAVE_X86
    if (__builtin_cpu_supports("avx512f")) {
        from_half_avx512(row, shift, factor, dim, out);
        return;
    }
#endif
    from_half(row, shift, factor, dim, out);
}

static void all_rows(const Py_buffer *raw, char kind, const double *shift, double factor, float *out) {
    const int64_t n = raw->shape[0], dim = raw->shape[1];
    for (int64_t r = 0; r < n; r++) {
        float *to = out + r * (dim + 1);
        if (kind == 'f') from_float((const float *)raw->buf + r * dim, shift, factor, dim, to);
        if (kind == 'd') from_double((const double *)raw->buf + r * dim, shift, factor, dim, to);
        if (kind == 'e') halves((const uint16_t *)raw->buf + r * dim, shift, factor, dim, to);
        to[dim] = 1;
    }
}

/* The kind of number of a C-contiguous matrix: e, f or d; 0 for any other, and for numbers of the other byte order. */
static char kind_of(const Py_buffer *view) {
    const char *format = view->format ? view->format : "B";
    const int known = view->ndim == 2 && format[0] != 0 && format[1] == 0 && strchr("efd", format[0]) != NULL;
    return known ? format[0] : 0;
}

static int is_of(const Py_buffer *view, const char *format, int ndim) {
    return view->ndim == ndim && view->format && strcmp(view->format, format) == 0;
}

PyObject *make_ready(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *raw, *shift, *out, *answer = NULL;
    double scale;
    Py_buffer from = {0}, centre = {0}, to = {0};
    if (!PyArg_ParseTuple(args, "OOdO", &raw, &shift, &scale, &out)) return NULL;
    if (PyObject_GetBuffer(raw, &from, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        PyErr_Clear(); /* rows that do not lie behind each other: left to the caller */
        return Py_NewRef(Py_False);
    }
    if (PyObject_GetBuffer(shift, &centre, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0 &&
        PyObject_GetBuffer(out, &to, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE) == 0) {
        const char kind = kind_of(&from);
        if (!kind) {
            answer = Py_NewRef(Py_False);
        } else if (!is_of(&centre, "d", 1) || centre.shape[0] != from.shape[1] || !is_of(&to, "f", 2) ||
                   to.shape[0] != from.shape[0] || to.shape[1] != from.shape[1] + 1) {
            PyErr_SetString(PyExc_ValueError, "shift is not (d,) float64, or out not (n, d + 1) float32");
        } else {
            Py_BEGIN_ALLOW_THREADS;
            all_rows(&from, kind, centre.buf, 1 / scale, to.buf);
            Py_END_ALLOW_THREADS;
            answer = Py_NewRef(Py_True);
        }
    }
    if (to.obj) PyBuffer_Release(&to);
    if (centre.obj) PyBuffer_Release(&centre);
    PyBuffer_Release(&from);
    return answer;
}
