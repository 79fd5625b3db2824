/* Rounding to bfloat16 and the margins that it asks for. */
#include "screen.h"

#include <math.h>
#include <string.h>

static uint32_t half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16; /* to nearest, ties to even; points are finite and scaled */
}

static float whole(uint32_t bits) {
    const uint32_t shifted = bits << 16;
    float value;
    memcpy(&value, &shifted, sizeof value);
    return value;
}

void round_pairs(const float *row, int64_t dim, uint32_t *pairs, double *loss, double *length) {
    float lost = 0, held = 0;
    double lost_sum = 0, held_sum = 0;
    for (int64_t j = 0; j < dim; j += 2) {
        const float second = j + 1 < dim ? row[j + 1] : 0;
        const uint32_t low = half(row[j]), high = half(second);
        const float a = row[j] - whole(low), b = second - whole(high);
        pairs[j / 2] = low | high << 16;
        lost += a * a + b * b;
        held += row[j] * row[j] + second * second;
        if (j % 128 == 126) { /* short float32 sums, so that their own rounding stays below the slack of round_up */
            lost_sum += lost, held_sum += held;
            lost = held = 0;
        }
    }
    *loss = sqrt(lost_sum + lost);
    *length = sqrt(held_sum + held);
}

#define FLUSHED 1e-30f /* more than all products below the smallest normal number that are taken as 0 */

static float round_up(double value) { return (float)(value * (1 + 1e-5)); }

void pack_screen(const float *table, int64_t k, int64_t dim, uint32_t *panels, float *bias, float *margins) {
    const int64_t pairs = (dim + 1) / 2, padded = (k + SCREEN_WIDTH - 1) / SCREEN_WIDTH * SCREEN_WIDTH;
    const double sums = (2 * dim + 8) * 0x1p-24; /* of the chain here and of the float32 path, each at most dim + 4 long */
    float *norm = margins, *slack = margins + padded, *fixed = margins + 2 * padded;
    uint32_t row[pairs + 1]; /* never of no length */
    for (int64_t c = 0; c < padded; c++) {
        double loss = 0, length = 0;
        const float *from = table + c * (dim + 1);
        if (c < k) {
            round_pairs(from, dim, row, &loss, &length);
        } else {
            memset(row, 0, sizeof row);
        }
        bias[c] = c < k ? from[dim] : INFINITY;
        norm[c] = round_up(length);
        slack[c] = round_up(1.01 * (loss + sums * length)); /* |x^| is at most 1.01 |x| */
        fixed[c] = c < k ? round_up(1.01 * sums * fabs((double)from[dim])) + FLUSHED : 0;
        uint32_t *to = panels + c / SCREEN_WIDTH * SCREEN_WIDTH * pairs + c % SCREEN_WIDTH;
        for (int64_t j = 0; j < pairs; j++) to[j * SCREEN_WIDTH] = row[j];
    }
}
