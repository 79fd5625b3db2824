/* Rounding to eight bits. */
#include "rough.h"

#include <math.h>
#include <string.h>

float round_quads(const float *row, int64_t dim, int offset, uint32_t *quads, int64_t *total) {
    float largest = 0;
    for (int64_t j = 0; j < dim; j++) largest = fmaxf(largest, fabsf(row[j]));
    const float scale = largest > 0 ? largest / 127 : 1, inverse = 1 / scale;
    int64_t sum = 0;
    for (int64_t j = 0; j < dim; j += 4) {
        uint32_t quad = 0;
        for (int64_t i = j; i < j + 4; i++) {
            const int value = i < dim ? (int)rintf(row[i] * inverse) : 0;
            quad |= (uint32_t)((value + offset) & 0xff) << (8 * (i - j));
            sum += value;
        }
        quads[j / 4] = quad;
    }
    *total = sum;
    return scale;
}

void pack_rough(const Points *points, uint32_t *panels, float *scale) {
    const int64_t dim = points->dim - 1, quads = (dim + 3) / 4;
    const int64_t padded = (points->n + ROUGH_WIDTH - 1) / ROUGH_WIDTH * ROUGH_WIDTH;
    uint32_t row[quads + 1];
    int64_t total;
    for (int64_t i = 0; i < padded; i++) {
        uint32_t *to = panels + i / ROUGH_WIDTH * ROUGH_WIDTH * quads + i % ROUGH_WIDTH;
        if (i < points->n) {
            scale[i] = round_quads(points->x + i * points->stride, dim, 128, row, &total);
        } else {
            scale[i] = 0;
            memset(row, 0, sizeof row);
        }
        for (int64_t q = 0; q < quads; q++) to[q * ROUGH_WIDTH] = row[q];
    }
}
