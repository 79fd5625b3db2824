/* Distances from eight-bit products: rough ones for all pairs, exact ones for the few that lie close together.
 *
 * Seeding weighs many candidates by the sums of distances from them, which hardly change when each is off by a part in
 * a thousand. Rows are rounded to whole numbers from -127 to 127 times a scale of their own; products of those are
 * whole numbers, the same on any machine.
 */
#ifndef CURATION_ROUGH_H
#define CURATION_ROUGH_H

#include <stdint.h>

#include "kernels.h"

#define ROUGH_WIDTH 32

/* n points in panels of 32: quad q of panel p, lane l holds columns 4q to 4q + 3 of point 32 p + l, each plus 128 in a
 * byte. scale: of every point, zeros behind the last. norms: squared lengths. */
typedef struct {
    const uint32_t *panels;
    const float *scale, *norms;
    int64_t n, quads;
} Rough;

/* The first dim columns of a row as bytes, four to a word; returns the scale. offset is added to each. */
float round_quads(const float *row, int64_t dim, int offset, uint32_t *quads, int64_t *total);

void pack_rough(const Points *points, uint32_t *panels, float *scale);

/* Squared distances of the points of rough to `rows` of x into out, (count, n). Returns 0, or -1 without memory. */
int distances_avx512vnni(const Rough *rough, const float *x, int64_t stride, int64_t dim, const int64_t *rows,
                         int64_t count, float *out);

/* Replace what is close in the squared distances of all points to one row by exact values; returns the sum over the
 * points of the smaller one of it and closest. close: the share of both norms below which a distance is close. */
double potential(const float *x, int64_t stride, int64_t dim, int64_t n, int64_t row, const float *norms,
                 const float *closest, float close, float *squared);

#endif
