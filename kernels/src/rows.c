/* Work row by row: the score of each point with its own centroid, and the sums of the points of each centroid. */
#include "kernels.h"

#include <math.h>

#define AHEAD 8 /* chains at once: one alone would wait four cycles for each of its products */

static const float *row_of(const Points *points, int64_t i) {
    return points->x + (points->index ? points->index[i] : i) * points->stride;
}

#if HAVE_X86
__attribute__((target("fma")))
#endif
static void chains(const float *const *x, const float *const *c, int64_t dim, int count, float *scores) {
    float sum[AHEAD] = {0};
    if (count == AHEAD) {
        for (int64_t j = 0; j < dim; j++) {
            for (int i = 0; i < AHEAD; i++) sum[i] = fmaf(x[i][j], c[i][j], sum[i]);
        }
    } else {
        for (int i = 0; i < count; i++) {
            for (int64_t j = 0; j < dim; j++) sum[i] = fmaf(x[i][j], c[i][j], sum[i]);
        }
    }
    for (int i = 0; i < count; i++) scores[i] = sum[i];
}

void own_scores(const Points *points, const float *table, const int32_t *labels, float *scores) {
    const float *x[AHEAD], *c[AHEAD];
    for (int64_t start = 0; start < points->n; start += AHEAD) {
        const int count = points->n - start < AHEAD ? (int)(points->n - start) : AHEAD;
        for (int i = 0; i < count; i++) {
            x[i] = row_of(points, start + i);
            c[i] = table + labels[start + i] * points->dim;
        }
        chains(x, c, points->dim, count, scores + start);
    }
}

void add_rows(const Points *points, const int32_t *labels, double *sums, int64_t width, int64_t first, int64_t last) {
    for (int64_t i = 0; i < points->n; i++) {
        const float *x = row_of(points, i);
        double *sum = sums + labels[i] * width;
        for (int64_t j = first; j < last; j++) sum[j] += x[j];
    }
}
