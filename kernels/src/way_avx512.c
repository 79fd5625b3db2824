/* Searching by panels with AVX-512: float32 chains, products of bytes (VNNI), and what is made of both. */
#include "ways.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>

#define ROWS 12
#define TARGET __attribute__((target("avx512f")))
#define INLINE TARGET static inline __attribute__((always_inline))

TARGET void floats_avx512(const float *x, const float *panel, int64_t dim, float *out, int64_t stride) {
    __m512 sum[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
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
        _mm512_storeu_ps(out + r * stride, sum[r][0]);
        _mm512_storeu_ps(out + r * stride + 16, sum[r][1]);
    }
}

__attribute__((target("avx512f,avx512vnni"))) static void bytes_vnni(const uint32_t *x, const uint32_t *panel, int64_t quads,
                                                                     const Row *rows, int32_t *out) {
    __m512i sum[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = _mm512_set1_epi32(-rows[r].shift);
    for (int64_t q = 0; q < quads; q++) {
        const __m512i left = _mm512_loadu_si512(panel + PANEL * q), right = _mm512_loadu_si512(panel + PANEL * q + 16);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) {
            const __m512i value = _mm512_set1_epi32((int)x[r * quads + q]);
            sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], left, value);
            sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], right, value);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        _mm512_storeu_si512(out + r * PANEL, sum[r][0]);
        _mm512_storeu_si512(out + r * PANEL + 16, sum[r][1]);
    }
}

INLINE __mmask16 mask_of(int64_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

TARGET void measure_avx512(const float *x, int64_t dim, Row *row) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < dim; j += 16) {
        const __m512 value = _mm512_maskz_loadu_ps(mask_of(dim - j), x + j);
        sum = _mm512_fmadd_ps(value, value, sum);
    }
    row->square = _mm512_reduce_add_ps(sum) * (1 + ((float)dim + 32) * U) + TINY;
    row->length = sqrtf(row->square) * (1 + 8 * U);
}

INLINE __m512 beside(const float *x, const float *g, __mmask16 there) {
    return _mm512_add_ps(_mm512_maskz_loadu_ps(there, x), _mm512_maskz_loadu_ps(there, g));
}

TARGET void round_avx512(const float *x, const float *g, int64_t dim, Row *row, uint32_t *quads) {
    __m512 most = _mm512_setzero_ps(), lost = _mm512_setzero_ps(), held = _mm512_setzero_ps();
    __m512i total = _mm512_setzero_si512();
    for (int64_t j = 0; j < dim; j += 16) {
        most = _mm512_max_ps(most, _mm512_abs_ps(beside(x + j, g + j, mask_of(dim - j))));
    }
    const float largest = _mm512_reduce_max_ps(most);
    row->scale = largest > 1e-18f ? largest / 127 : 1;
    const __m512 inverse = _mm512_set1_ps(1 / row->scale);
    for (int64_t j = 0; j < dim; j += 16) {
        const __mmask16 there = mask_of(dim - j);
        const __m512 value = _mm512_mul_ps(beside(x + j, g + j, there), inverse);
        const __m512i whole = _mm512_cvtps_epi32(value);
        const __m512 rest = _mm512_sub_ps(value, _mm512_cvtepi32_ps(whole));
        lost = _mm512_fmadd_ps(rest, rest, lost);
        held = _mm512_fmadd_ps(value, value, held);
        total = _mm512_add_epi32(total, whole);
        _mm512_mask_cvtepi32_storeu_epi8((char *)quads + j, there, whole);
    }
    const float more = 1 + ((float)dim + 32) * U, off = UNITS * sqrtf((float)dim);
    row->loss = row->scale * (sqrtf(_mm512_reduce_add_ps(lost) * more) + off) * (1 + 1e-5f);
    row->away = row->scale * (sqrtf(_mm512_reduce_add_ps(held) * more) + off) * (1 + 1e-5f);
    row->shift = 128 * _mm512_reduce_add_epi32(total);
}

TARGET int32_t home_avx512(const float *s, int64_t n_panels) {
    const __m512i step = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 best = _mm512_set1_ps(INFINITY);
    __m512i ids = _mm512_setzero_si512();
    for (int64_t p = 0; p < n_panels; p += 16) {
        const __mmask16 lower = _mm512_mask_cmp_ps_mask(mask_of(n_panels - p), _mm512_loadu_ps(s + p), best, _CMP_LT_OQ);
        best = _mm512_mask_loadu_ps(best, lower, s + p);
        ids = _mm512_mask_add_epi32(ids, lower, step, _mm512_set1_epi32((int)p));
    }
    const __mmask16 lowest = _mm512_cmp_ps_mask(best, _mm512_set1_ps(_mm512_reduce_min_ps(best)), _CMP_EQ_OQ);
    return lowest ? _mm512_mask_reduce_min_epi32(lowest, ids) : 0;
}

#define ABOUT(what) _mm512_loadu_ps(panels->about + what * panels->padded + p)

INLINE __m512 slack_of(const Panels *panels, int64_t p, const Row *row) {
    return _mm512_add_ps(_mm512_fmadd_ps(_mm512_set1_ps(row->length), ABOUT(REACH), ABOUT(BASE)), _mm512_set1_ps(row->round));
}

TARGET void reach_avx512(const Panels *panels, const float *s, const Row *row, float *down) {
    for (int64_t p = 0; p < panels->n_panels; p += 16) {
        _mm512_storeu_ps(down + p, _mm512_sub_ps(slack_of(panels, p, row), _mm512_loadu_ps(s + p)));
    }
}

TARGET uint64_t bounds_avx512(const Panels *panels, int64_t first, int64_t count, const Row *row, const float *down) {
    const __m512 zero = _mm512_setzero_ps(), square = _mm512_set1_ps(row->square), bar = _mm512_set1_ps(row->bar);
    uint64_t bits = 0;
    for (int64_t p = first; p < first + count; p += 16) {
        const __m512 less = _mm512_loadu_ps(down + p), slack = slack_of(panels, p, row), radius = ABOUT(RADIUS);
        const __m512 highest = _mm512_fmsub_ps(slack, _mm512_set1_ps(2), less); /* S + slack */
        const __m512 apart = _mm512_fmadd_ps(highest, _mm512_set1_ps(2), _mm512_add_ps(square, ABOUT(EXCESS)));
        const __m512 beyond = _mm512_max_ps(_mm512_sub_ps(_mm512_sqrt_ps(_mm512_max_ps(apart, zero)), radius), zero);
        const __m512 low = _mm512_fnmadd_ps(beyond, radius, _mm512_sub_ps(ABOUT(KAPPA), less));
        const __mmask16 reach = _mm512_cmp_ps_mask(low, bar, _CMP_NGT_UQ);
        bits |= (uint64_t)(row->tame ? reach : 0xffff) << (p - first);
    }
    return count < 64 ? bits & ((1ull << count) - 1) : bits;
}

/* The lower ends of 16 scores, less S. */
INLINE __m512 lower(const int32_t *sums, const float *lanes, const float *biases, const Row *row) {
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums)), _mm512_loadu_ps(lanes + SCALE * PANEL));
    const __m512 least = _mm512_fnmadd_ps(_mm512_set1_ps(row->loss), _mm512_loadu_ps(lanes + NORM * PANEL),
                                          _mm512_loadu_ps(biases));
    return _mm512_fmadd_ps(product, _mm512_set1_ps(row->scale),
                           _mm512_fnmadd_ps(_mm512_set1_ps(row->away), _mm512_loadu_ps(lanes + LOSS * PANEL), least));
}

/* How far upper ends lie above lower ones. */
INLINE __m512 between(const float *lanes, const Row *row) {
    const __m512 loss = _mm512_mul_ps(_mm512_set1_ps(2 * row->loss), _mm512_loadu_ps(lanes + NORM * PANEL));
    return _mm512_fmadd_ps(_mm512_set1_ps(2 * row->away), _mm512_loadu_ps(lanes + LOSS * PANEL), loss);
}

TARGET void open_avx512(const Panels *panels, int64_t panel, const int32_t *sums, Row *row, float up) {
    const float *lanes = panels->lanes + panel * PANEL * LANES_EACH, *biases = row->biases + panel * PANEL;
    __m512 upper = _mm512_set1_ps(INFINITY);
    for (int half = 0; half < PANEL; half += 16) {
        const __m512 low = lower(sums + half, lanes + half, biases + half, row);
        upper = _mm512_min_ps(_mm512_add_ps(between(lanes + half, row), low), upper);
    }
    const float least = _mm512_reduce_min_ps(upper) + up;
    if (least < row->bar) row->bar = least;
}

/* Lanes of one point whose lower ends do not lie above its bar, one after the other. */
TARGET static __attribute__((noinline)) void hits(uint32_t found, const Panels *panels, int64_t panel, const int32_t *sums,
                                                  float down, Row *row, List *list) {
    const float *lanes = panels->lanes + panel * PANEL * LANES_EACH, up = up_of(panels, panel, row, down);
    const float *biases = row->biases + panel * PANEL;
    float low[PANEL], high[PANEL];
    for (int half = 0; half < PANEL; half += 16) {
        const __m512 ends = lower(sums + half, lanes + half, biases + half, row);
        _mm512_storeu_ps(low + half, _mm512_sub_ps(ends, _mm512_set1_ps(down)));
        _mm512_storeu_ps(high + half, _mm512_add_ps(_mm512_add_ps(between(lanes + half, row), ends), _mm512_set1_ps(up)));
    }
    for (; found; found &= found - 1) {
        const int lane = __builtin_ctz(found);
        if (!(low[lane] > row->bar)) keep(row, list, (int32_t)(panel * PANEL) + lane, low[lane], high[lane]);
    }
}

TARGET void judge_avx512(const Panels *panels, int64_t panel, const int32_t *sums, int rows, const float *down, Row *row,
                         List *lists) {
    const float *lanes = panels->lanes + panel * PANEL * LANES_EACH;
    for (int r = 0; r < rows; r++) {
        const float less = down[r * panels->padded + panel], *biases = row[r].biases + panel * PANEL;
        const __m512 bar = _mm512_set1_ps(row[r].bar + less);
        const __mmask16 left = _mm512_cmp_ps_mask(lower(sums + r * PANEL, lanes, biases, row + r), bar, _CMP_NGT_UQ);
        const __mmask16 right = _mm512_cmp_ps_mask(lower(sums + r * PANEL + 16, lanes + 16, biases + 16, row + r), bar, _CMP_NGT_UQ);
        if (__builtin_expect(!_mm512_kortestz(left, right), 0)) {
            hits((uint32_t)left | (uint32_t)right << 16, panels, panel, sums + r * PANEL, less, row + r, lists + r);
        }
    }
}

TARGET void open_floats_avx512(const float *scores, Row *row) {
    __m512 least = _mm512_min_ps(_mm512_loadu_ps(scores), _mm512_set1_ps(row->bar)); /* the second where one is NaN */
    least = _mm512_min_ps(_mm512_loadu_ps(scores + 16), least);
    row->bar = _mm512_reduce_min_ps(least);
}

TARGET void judge_floats_avx512(const float *scores, int rows, const int32_t *ids, Row *row) {
    for (int r = 0; r < rows; r++) {
        const __m512 bar = _mm512_set1_ps(row[r].bar);
        uint32_t found = (uint32_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + r * PANEL), bar, _CMP_LE_OQ) |
                         (uint32_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + r * PANEL + 16), bar, _CMP_LE_OQ) << 16;
        for (; found; found &= found - 1) {
            const int lane = __builtin_ctz(found);
            hold(row + r, scores[r * PANEL + lane], ids[lane]);
        }
    }
}

const Way WAY_AVX512 = {"avx512", ROWS, 0, floats_avx512, NULL, measure_avx512, NULL, home_avx512, reach_avx512, bounds_avx512,
                        NULL, NULL, open_floats_avx512, judge_floats_avx512, NULL, NULL};
const Way WAY_VNNI = {"avx512+vnni", ROWS, 128, floats_avx512, bytes_vnni, measure_avx512, round_avx512, home_avx512,
                      reach_avx512, bounds_avx512, open_avx512, judge_avx512, open_floats_avx512, judge_floats_avx512, NULL, NULL};
#endif
