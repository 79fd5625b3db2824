/* Fused nearest-centroid search and the sums of k-means: what module.c hands over, checked.
 *
 * A table holds one centroid a row, d columns; the score of a row of points with it is their inner product, and the
 * lowest score wins, the lowest index at ties. Every product is one chain of fused multiply-adds over the columns in
 * order, so a score has the same bits wherever its row and its centroid stand, on every path and in any thread.
 */
#ifndef CURATION_KERNELS_H
#define CURATION_KERNELS_H

#include <stdint.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

/* Points: row r stands at x + index[r] * stride, or x + r * stride where index is NULL. */
typedef struct {
    const float *x;
    const int64_t *index;
    int64_t n, stride, dim;
} Points;

/* A table cut into panels of `width` centroids, column by column: panel p, column j, lane l is the value of centroid
 * p * width + l. Lanes past the last centroid score NaN, which is lower than nothing. */
typedef struct {
    const float *panels;
    int64_t k, width, dim;
} Table;

/* Each returns 0, or -1 when memory is short. */
typedef int (*Nearest)(const Points *points, const Table *table, int32_t *labels, float *scores);

int nearest_avx512(const Points *points, const Table *table, int32_t *labels, float *scores);
int nearest_avx2(const Points *points, const Table *table, int32_t *labels, float *scores);

/* The score of each point with the centroid of its label. */
void own_scores(const Points *points, const float *table, const int32_t *labels, float *scores);

/* Columns first to last of every point added to the row of its label in sums, (k, width), in the order of the points. */
void add_rows(const Points *points, const int32_t *labels, double *sums, int64_t width, int64_t first, int64_t last);

#endif
