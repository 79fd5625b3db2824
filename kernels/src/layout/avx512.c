/* 12 rows x 32 candidates a step with AVX-512, and sixteen pulls of a point at once. */
#include "layout.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH __attribute__((target("avx512f,avx512dq")))
#define SEARCH search_avx512
#define ROUND round_avx512
#define ROWS 12
#define TILE tile_avx512
#define lower16(a, b) ((f16)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define higher16(a, b) ((f16)_mm512_max_ps((__m512)(a), (__m512)(b)))
#include "lanes.inc"

INLINE void gather(const float *places, const int32_t *at, f16 *x, f16 *y) {
    const __m512i rows = _mm512_loadu_si512(at);
    *x = (f16)_mm512_i32gather_ps(rows, places, 8);
    *y = (f16)_mm512_i32gather_ps(rows, places + 1, 8);
}

INLINE uint32_t at_most(const float *sums, float most) {
    const __m512 limit = _mm512_set1_ps(most);
    const uint32_t left = _mm512_cmp_ps_mask(_mm512_load_ps(sums), limit, _CMP_LE_OQ);
    return left | (uint32_t)_mm512_cmp_ps_mask(_mm512_load_ps(sums + 16), limit, _CMP_LE_OQ) << 16;
}

PATH static void tile_avx512(const float *x, const float *panel, const float *bias, int64_t dim, float *sums) {
    __m512 sum[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = _mm512_loadu_ps(bias), sum[r][1] = _mm512_loadu_ps(bias + 16);
    for (int64_t j = 0; j < dim; j++) {
        const __m512 left = _mm512_loadu_ps(panel + PANEL * j), right = _mm512_loadu_ps(panel + PANEL * j + 16);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) {
            const __m512 value = _mm512_set1_ps(x[r * dim + j]);
            sum[r][0] = _mm512_fmadd_ps(value, left, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ps(value, right, sum[r][1]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        _mm512_store_ps(sums + PANEL * r, sum[r][0]);
        _mm512_store_ps(sums + PANEL * r + 16, sum[r][1]);
    }
}

#include "search.inc"
#include "round.inc"
#endif
