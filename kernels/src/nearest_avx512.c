/* 12 points x 32 centroids a step: 24 sums in registers, two loads and twelve broadcasts for 24 multiply-adds. */
#include "kernels.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAREST nearest_avx512
#define LANES 16
#define ROWS 12
#define TILE tile_avx512

__attribute__((target("avx512f"))) static void tile_avx512(const float *x, const float *panel, int64_t dim,
                                                            int32_t first, float *best, int32_t *ids) {
    __m512 sum[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int64_t j = 0; j < dim; j++) {
        const __m512 left = _mm512_loadu_ps(panel + 32 * j), right = _mm512_loadu_ps(panel + 32 * j + 16);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) {
            const __m512 value = _mm512_set1_ps(x[r * dim + j]);
            sum[r][0] = _mm512_fmadd_ps(value, left, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ps(value, right, sum[r][1]);
        }
    }
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i left_ids = _mm512_add_epi32(lanes, _mm512_set1_epi32(first));
    const __m512i right_ids = _mm512_add_epi32(left_ids, _mm512_set1_epi32(16));
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        __m512 low = _mm512_load_ps(best + 16 * r);
        __m512i id = _mm512_load_si512(ids + 16 * r);
        __mmask16 lower = _mm512_cmp_ps_mask(sum[r][0], low, _CMP_LT_OQ);
        low = _mm512_mask_mov_ps(low, lower, sum[r][0]);
        id = _mm512_mask_mov_epi32(id, lower, left_ids);
        lower = _mm512_cmp_ps_mask(sum[r][1], low, _CMP_LT_OQ);
        _mm512_store_ps(best + 16 * r, _mm512_mask_mov_ps(low, lower, sum[r][1]));
        _mm512_store_si512(ids + 16 * r, _mm512_mask_mov_epi32(id, lower, right_ids));
    }
}

#include "nearest.inc"
#endif
