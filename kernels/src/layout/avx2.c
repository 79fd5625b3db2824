/* 6 rows x 16 candidates a step, for processors without AVX-512. */
#include "layout.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH __attribute__((target("avx2,fma")))
#define SEARCH search_avx2
#define ROUND round_avx2
#define ROWS 6
#define TILE tile_avx2
#define HALVES
#include "lanes.inc"
#include "each.inc"

INLINE uint32_t at_most(const float *sums, float most) {
    const __m256 limit = _mm256_set1_ps(most);
    uint32_t found = 0;
    for (int part = 0; part < 4; part++) {
        const __m256 low = _mm256_cmp_ps(_mm256_load_ps(sums + 8 * part), limit, _CMP_LE_OQ);
        found |= (uint32_t)_mm256_movemask_ps(low) << 8 * part;
    }
    return found;
}

PATH static void tile_avx2(const float *x, const float *panels, const float *bias, int64_t dim, float *sums) {
    for (int half = 0; half < PANEL; half += 16) {
        const float *panel = panels + half;
        __m256 sum[ROWS][2];
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) sum[r][0] = _mm256_loadu_ps(bias + half), sum[r][1] = _mm256_loadu_ps(bias + half + 8);
        for (int64_t j = 0; j < dim; j++) {
            const __m256 left = _mm256_loadu_ps(panel + PANEL * j), right = _mm256_loadu_ps(panel + PANEL * j + 8);
#pragma GCC unroll 6
            for (int r = 0; r < ROWS; r++) {
                const __m256 value = _mm256_broadcast_ss(x + r * dim + j);
                sum[r][0] = _mm256_fmadd_ps(value, left, sum[r][0]);
                sum[r][1] = _mm256_fmadd_ps(value, right, sum[r][1]);
            }
        }
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
            _mm256_store_ps(sums + PANEL * r + half, sum[r][0]);
            _mm256_store_ps(sums + PANEL * r + half + 8, sum[r][1]);
        }
    }
}

#include "search.inc"
#include "round.inc"
#endif
