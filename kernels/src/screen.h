/* Screening in bfloat16: most points need only half-precision products to know their nearest centroid for certain.
 *
 * With x^ and c^ the rounded rows, |x.c - x^.c^| <= |x - x^| |c| + |x^| |c - c^| (Cauchy-Schwarz), to which the
 * rounding of both chains of float32 sums is added. So each score has an interval that holds what the float32 path
 * finds. A point is decided when the upper end of its lowest score lies below the lower ends of all others; the rest
 * is left to the float32 path.
 */
#ifndef CURATION_SCREEN_H
#define CURATION_SCREEN_H

#include <stdint.h>

#include "kernels.h"

#define SCREEN_WIDTH 32

/* k centroids in panels of 32: pair j of panel p, lane l holds columns 2j and 2j + 1 of centroid 32 p + l. The margin of
 * centroid c at a point is loss * norm[c] + length * slack[c] + fixed[c]; loss = |x - x^| and length = |x| of the point. */
typedef struct {
    const uint32_t *panels;
    const float *bias, *norm, *slack, *fixed;
    int64_t k, pairs;
} Screen;

/* The first dim columns of a row as pairs of bfloat16, the length of what that lost, and the length of the row. */
void round_pairs(const float *row, int64_t dim, uint32_t *pairs, double *loss, double *length);

/* Fill panels, bias and margins (norm, slack, fixed, one behind the other) from a (k, dim + 1) table whose last column is
 * the bias. */
void pack_screen(const float *table, int64_t k, int64_t dim, uint32_t *panels, float *bias, float *margins);

/* Points have a last column of ones. Fills labels, -1 for undecided points, and the upper ends of the lowest scores.
 * Each of the two returns 0, or -1 when memory is short. */
int screen_avx512bf16(const Points *points, const Screen *screen, int32_t *labels, float *upper);

/* Labels of undecided points: the float32 scores of those centroids alone that lie below the upper ends. -1 is left
 * where these are too many to list. table: (k, dim) float32. */
int settle_avx512bf16(const Points *points, const Screen *screen, const float *upper, const float *table,
                      int32_t *labels);

#endif
