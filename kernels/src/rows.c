/* Work row by row: the score of each point with its own centroid, and the sums of the points of each centroid. */
#include "kernels.h"

#include <math.h>
#if HAVE_X86
#include <immintrin.h>
#endif

#define AHEAD 16 /* chains at once: one alone would wait four cycles for each of its products */

static const float *row_of(const Points *points, int64_t i) {
    return points->x + (points->index ? points->index[i] : i) * points->stride;
}

#if HAVE_X86
#define TARGET __attribute__((target("avx2,fma")))

/* Columns j to j + 3 of eight rows, turned: four vectors of a column each. */
TARGET static inline __attribute__((always_inline)) void turn(const float *const *rows, int64_t j, __m256 columns[4]) {
    __m256 both[4]; /* of rows i and i + 4 */
    for (int i = 0; i < 4; i++) {
        both[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows[i] + j)), _mm_loadu_ps(rows[i + 4] + j), 1);
    }
    const __m256 a = _mm256_unpacklo_ps(both[0], both[1]), b = _mm256_unpackhi_ps(both[0], both[1]);
    const __m256 c = _mm256_unpacklo_ps(both[2], both[3]), d = _mm256_unpackhi_ps(both[2], both[3]);
    columns[0] = _mm256_shuffle_ps(a, c, 0x44), columns[1] = _mm256_shuffle_ps(a, c, 0xee);
    columns[2] = _mm256_shuffle_ps(b, d, 0x44), columns[3] = _mm256_shuffle_ps(b, d, 0xee);
}

/* Sixteen chains, a lane each; the columns past the last whole four one chain after the other. */
TARGET static void chains(const float *const *x, const float *const *c, int64_t dim, float *scores) {
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    int64_t j = 0;
    for (; j + 4 <= dim; j += 4) {
        __m256 a[2][4], b[2][4];
        turn(x, j, a[0]), turn(c, j, b[0]);
        turn(x + 8, j, a[1]), turn(c + 8, j, b[1]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            sum[0] = _mm256_fmadd_ps(a[0][i], b[0][i], sum[0]);
            sum[1] = _mm256_fmadd_ps(a[1][i], b[1][i], sum[1]);
        }
    }
    _mm256_storeu_ps(scores, sum[0]);
    _mm256_storeu_ps(scores + 8, sum[1]);
    for (; j < dim; j++) {
        for (int i = 0; i < AHEAD; i++) scores[i] = fmaf(x[i][j], c[i][j], scores[i]);
    }
}
#else
static void chains(const float *const *x, const float *const *c, int64_t dim, float *scores) {
    for (int i = 0; i < AHEAD; i++) scores[i] = 0;
    for (int64_t j = 0; j < dim; j++) {
        for (int i = 0; i < AHEAD; i++) scores[i] = fmaf(x[i][j], c[i][j], scores[i]);
    }
}
#endif

void own_scores(const Points *points, const float *table, const int32_t *labels, float *scores) {
    const float *x[AHEAD], *c[AHEAD];
    for (int64_t start = 0; start < points->n; start += AHEAD) {
        const int64_t count = points->n - start < AHEAD ? points->n - start : AHEAD;
        float found[AHEAD];
        for (int64_t i = 0; i < AHEAD; i++) { /* the last one again where there are fewer */
            const int64_t at = start + (i < count ? i : count - 1);
            x[i] = row_of(points, at);
            c[i] = table + labels[at] * points->dim;
        }
        chains(x, c, points->dim, found);
        for (int64_t i = 0; i < count; i++) scores[start + i] = found[i];
    }
}

void add_rows(const Points *points, const int32_t *labels, double *sums, int64_t width, int64_t first, int64_t last) {
    for (int64_t i = 0; i < points->n; i++) {
        const float *x = row_of(points, i);
        double *sum = sums + labels[i] * width;
        for (int64_t j = first; j < last; j++) sum[j] += x[j];
    }
}
