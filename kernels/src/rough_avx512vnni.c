/* Eight-bit products with AVX-512 VNNI: 12 rows x 32 points a step, four columns an instruction. */
#include "rough.h"
#if HAVE_X86
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16
#define ROWS 12
#define L2_BYTES (512 * 1024)
#define TARGET __attribute__((target("avx512f,avx512vnni")))

typedef struct {
    float scale, norm;
    int32_t shift; /* 128 times the sum of the row: what the 128 in the bytes of the points adds */
} Row;

TARGET static void tile(const Rough *rough, int64_t first, const uint32_t *bytes, const Row *rows, float *const *out) {
    const int64_t quads = rough->quads;
    const uint32_t *columns = rough->panels + first * quads;
    __m512i sum[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    for (int64_t q = 0; q < quads; q++) {
        const __m512i left = _mm512_loadu_si512(columns + 32 * q), right = _mm512_loadu_si512(columns + 32 * q + 16);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) {
            const __m512i value = _mm512_set1_epi32((int)bytes[r * quads + q]);
            sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], left, value);
            sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], right, value);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        if (!out[r]) continue;
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            const int64_t at = first + 16 * half, left = rough->n - at;
            if (left <= 0) break;
            const __mmask16 there = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
            const __m512i whole = _mm512_sub_epi32(sum[r][half], _mm512_set1_epi32(rows[r].shift));
            const __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(rough->scale + at), _mm512_set1_ps(2 * rows[r].scale));
            const __m512 norms = _mm512_maskz_loadu_ps(there, rough->norms + at);
            const __m512 both = _mm512_add_ps(norms, _mm512_set1_ps(rows[r].norm));
            const __m512 found = _mm512_sub_ps(both, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(whole)));
            _mm512_mask_storeu_ps(out[r] + at, there, _mm512_max_ps(found, _mm512_setzero_ps()));
        }
    }
}

int distances_avx512vnni(const Rough *rough, const float *x, int64_t stride, int64_t dim, const int64_t *rows,
                         int64_t count, float *out) {
    const int64_t quads = rough->quads, tiles = (count + ROWS - 1) / ROWS;
    uint32_t *bytes = calloc((size_t)(tiles * ROWS * quads), sizeof(uint32_t));
    Row *about = calloc((size_t)(tiles * ROWS), sizeof(Row));
    float **to = calloc((size_t)(tiles * ROWS), sizeof(float *));
    const int enough = bytes && about && to;
    for (int64_t r = 0; enough && r < count; r++) {
        int64_t total;
        about[r].scale = round_quads(x + rows[r] * stride, dim, 0, bytes + r * quads, &total);
        about[r].norm = rough->norms[rows[r]];
        about[r].shift = (int32_t)(128 * total);
        to[r] = out + r * rough->n;
    }
    int64_t points = L2_BYTES / (quads * (int64_t)sizeof(uint32_t)) / ROUGH_WIDTH * ROUGH_WIDTH;
    points = points < ROUGH_WIDTH ? ROUGH_WIDTH : points;
    for (int64_t from = 0; enough && from < rough->n; from += points) {
        for (int64_t t = 0; t < tiles; t++) {
            for (int64_t first = from; first < from + points && first < rough->n; first += ROUGH_WIDTH) {
                tile(rough, first, bytes + t * ROWS * quads, about + t * ROWS, to + t * ROWS);
            }
        }
    }
    free(bytes);
    free(about);
    free(to);
    return enough ? 0 : -1;
}
TARGET static float exactly(const float *a, const float *b, int64_t dim) {
    double sum = 0;
    for (int64_t j = 0; j < dim; j++) {
        const double difference = (double)a[j] - b[j];
        sum += difference * difference;
    }
    return (float)sum;
}

/* Which of LANES distances are close, as a mask. */
TARGET static inline int near(const float *squared, const float *norms, float norm, float close) {
    const __m512 bar = _mm512_mul_ps(_mm512_set1_ps(close), _mm512_add_ps(_mm512_set1_ps(norm), _mm512_loadu_ps(norms)));
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(squared), bar, _CMP_LE_OQ);
}

TARGET double potential(const float *x, int64_t stride, int64_t dim, int64_t n, int64_t row, const float *norms,
                 const float *closest, float close, float *squared) {
    double sums[LANES] = {0}, total = 0;
    const float norm = norms[row], *own = x + row * stride;
    for (int64_t start = 0; start < n; start += LANES) {
        if (start + LANES <= n) {
            for (int hits = near(squared + start, norms + start, norm, close); hits; hits &= hits - 1) {
                const int64_t i = start + __builtin_ctz((unsigned)hits);
                squared[i] = exactly(x + i * stride, own, dim);
            }
            for (int i = 0; i < LANES; i++) {
                const float value = squared[start + i], old = closest[start + i];
                sums[i] += value < old ? value : old;
            }
        } else {
            for (int64_t i = start; i < n; i++) {
                if (squared[i] <= close * (norm + norms[i])) squared[i] = exactly(x + i * stride, own, dim);
                total += squared[i] < closest[i] ? squared[i] : closest[i];
            }
        }
    }
    for (int i = 0; i < LANES; i++) total += sums[i];
    return total;
}
#endif
