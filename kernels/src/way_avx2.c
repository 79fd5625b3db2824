/* Searching by panels without AVX-512: float32 chains on AVX2, and in plain C what is made of them. The products of bytes
 * in plain C are for tests: with them the screen can be held against float32 on any processor. */
#include "ways.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define ROWS 12
#define TARGET __attribute__((target("avx2,fma")))

/* 6 points x 16 centroids: 12 sums in registers. */
TARGET static void corner(const float *x, const float *panel, int64_t dim, float *out, int64_t stride) {
    __m256 sum[6][2];
#pragma GCC unroll 6
    for (int r = 0; r < 6; r++) sum[r][0] = sum[r][1] = _mm256_setzero_ps();
    for (int64_t j = 0; j < dim; j++) {
        const __m256 left = _mm256_loadu_ps(panel + PANEL * j), right = _mm256_loadu_ps(panel + PANEL * j + 8);
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) {
            const __m256 value = _mm256_broadcast_ss(x + r * dim + j);
            sum[r][0] = _mm256_fmadd_ps(value, left, sum[r][0]);
            sum[r][1] = _mm256_fmadd_ps(value, right, sum[r][1]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < 6; r++) {
        _mm256_storeu_ps(out + r * stride, sum[r][0]);
        _mm256_storeu_ps(out + r * stride + 8, sum[r][1]);
    }
}

void floats_avx2(const float *x, const float *panel, int64_t dim, float *out, int64_t stride) {
    for (int half = 0; half < PANEL; half += 16) {
        for (int r = 0; r < ROWS; r += 6) corner(x + r * dim, panel + half, dim, out + r * stride + half, stride);
    }
}

TARGET void measure_plain(const float *x, int64_t dim, Row *row) {
    float sums[16] = {0}, sum = 0;
    int64_t j = 0;
    for (; j + 16 <= dim; j += 16) {
        for (int lane = 0; lane < 16; lane++) sums[lane] += x[j + lane] * x[j + lane];
    }
    for (; j < dim; j++) sum += x[j] * x[j];
    for (int lane = 0; lane < 16; lane++) sum += sums[lane];
    row->square = sum * (1 + ((float)dim + 32) * U) + TINY;
    row->length = sqrtf(row->square) * (1 + 8 * U);
}

TARGET int32_t home_plain(const float *s, int64_t n_panels) {
    int32_t found = 0;
    float low = INFINITY;
    for (int64_t p = 0; p < n_panels; p++) {
        if (s[p] < low) low = s[p], found = (int32_t)p;
    }
    return found;
}

TARGET void reach_plain(const Panels *panels, const float *s, const Row *row, float *down) {
    const float *reach = panels->about + REACH * panels->padded, *base = panels->about + BASE * panels->padded;
    for (int64_t p = 0; p < panels->n_panels; p++) down[p] = row->length * reach[p] + base[p] + row->round - s[p];
}

TARGET uint64_t bounds_plain(const Panels *panels, int64_t first, int64_t count, const Row *row, const float *down) {
    const int64_t padded = panels->padded;
    float low[GROUP];
    uint64_t bits = 0;
    for (int64_t i = 0; i < count; i++) {
        const float *about = panels->about + first + i, less = down[first + i];
        const float slack = row->length * about[REACH * padded] + about[BASE * padded] + row->round;
        const float apart = row->square + about[EXCESS * padded] + 2 * (2 * slack - less);
        const float radius = about[RADIUS * padded], beyond = sqrtf(apart > 0 ? apart : 0) - radius;
        low[i] = about[KAPPA * padded] - less - (beyond > 0 ? beyond : 0) * radius;
    }
    for (int64_t i = 0; i < count; i++) bits |= (uint64_t)(!(low[i] > row->bar) || !row->tame) << i;
    return bits;
}

TARGET void open_floats_avx2(const float *scores, Row *row) {
    float low[8];
    __m256 least = _mm256_set1_ps(row->bar);
    for (int lane = 0; lane < PANEL; lane += 8) least = _mm256_min_ps(_mm256_loadu_ps(scores + lane), least);
    _mm256_storeu_ps(low, least); /* a score that is NaN was passed over: the second one is taken then */
    for (int lane = 0; lane < 8; lane++) row->bar = low[lane] < row->bar ? low[lane] : row->bar;
}

TARGET void judge_floats_avx2(const float *scores, int rows, const int32_t *ids, Row *row) {
    for (int r = 0; r < rows; r++) {
        const __m256 bar = _mm256_set1_ps(row[r].bar);
        uint32_t found = 0;
#pragma GCC unroll 4
        for (int lane = 0; lane < PANEL; lane += 8) {
            const __m256 reach = _mm256_cmp_ps(_mm256_loadu_ps(scores + r * PANEL + lane), bar, _CMP_LE_OQ);
            found |= (uint32_t)_mm256_movemask_ps(reach) << lane;
        }
        for (; found; found &= found - 1) {
            const int lane = __builtin_ctz(found);
            hold(row + r, scores[r * PANEL + lane], ids[lane]);
        }
    }
}

static void bytes_plain(const uint32_t *x, const uint32_t *panel, int64_t quads, const Row *rows, int32_t *out) {
    for (int r = 0; r < ROWS; r++) {
        for (int lane = 0; lane < PANEL; lane++) {
            int32_t sum = -rows[r].shift;
            for (int64_t q = 0; q < quads; q++) {
                int8_t a[4];
                uint8_t b[4];
                memcpy(a, x + r * quads + q, 4);
                memcpy(b, panel + q * PANEL + lane, 4);
                for (int i = 0; i < 4; i++) sum += a[i] * b[i];
            }
            out[r * PANEL + lane] = sum;
        }
    }
}

/* See round_avx512. */
void round_plain(const float *x, const float *g, int64_t dim, Row *row, uint32_t *quads) {
    float largest = 0, lost = 0, held = 0;
    int32_t total = 0;
    for (int64_t j = 0; j < dim; j++) largest = fmaxf(largest, fabsf(x[j] + g[j]));
    row->scale = largest > 1e-18f ? largest / 127 : 1;
    const float inverse = 1 / row->scale;
    for (int64_t j = 0; j < dim; j++) {
        const float value = (x[j] + g[j]) * inverse, whole = rintf(value);
        lost += (value - whole) * (value - whole);
        held += value * value;
        total += (int32_t)whole;
        ((int8_t *)quads)[j] = (int8_t)whole;
    }
    const float more = 1 + ((float)dim + 32) * U, off = UNITS * sqrtf((float)dim);
    row->loss = row->scale * (sqrtf(lost * more) + off) * (1 + 1e-5f);
    row->away = row->scale * (sqrtf(held * more) + off) * (1 + 1e-5f);
    row->shift = 128 * total;
}

static float lower(int32_t sum, const float *lane, float bias, const Row *row, float *margin) {
    *margin = row->loss * lane[NORM * PANEL] + row->away * lane[LOSS * PANEL];
    return (float)sum * lane[SCALE * PANEL] * row->scale + (bias - *margin);
}

void open_plain(const Panels *panels, int64_t panel, const int32_t *sums, Row *row, float up) {
    const float *lanes = panels->lanes + panel * PANEL * LANES_EACH, *biases = row->biases + panel * PANEL;
    for (int lane = 0; lane < PANEL; lane++) {
        float margin;
        const float low = lower(sums[lane], lanes + lane, biases[lane], row, &margin), upper = low + 2 * margin + up;
        if (upper < row->bar) row->bar = upper;
    }
}

void judge_plain(const Panels *panels, int64_t panel, const int32_t *sums, int rows, const float *down, Row *row,
                        List *lists) {
    const float *lanes = panels->lanes + panel * PANEL * LANES_EACH;
    for (int r = 0; r < rows; r++) {
        const float *biases = row[r].biases + panel * PANEL;
        const float less = down[r * panels->padded + panel], up = up_of(panels, panel, row + r, less);
        for (int lane = 0; lane < PANEL; lane++) {
            float margin;
            const float low = lower(sums[r * PANEL + lane], lanes + lane, biases[lane], row + r, &margin);
            if (low > row[r].bar + less) continue;
            keep(row + r, lists + r, (int32_t)(panel * PANEL) + lane, low - less, low + 2 * margin + up);
        }
    }
}

const Way WAY_AVX2 = {"avx2", ROWS, 0, floats_avx2, NULL, measure_plain, NULL, home_plain, reach_plain, bounds_plain,
                      NULL, NULL, open_floats_avx2, judge_floats_avx2, NULL, NULL};
const Way WAY_PLAIN = {"avx2+plain", ROWS, 128, floats_avx2, bytes_plain, measure_plain, round_plain, home_plain, reach_plain, bounds_plain,
                       open_plain, judge_plain, open_floats_avx2, judge_floats_avx2, NULL, NULL};
#endif
