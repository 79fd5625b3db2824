/* Screening with the dot products of AVX-512 BF16: 12 points x 32 centroids a step. */
#include "screen.h"
#if HAVE_X86
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 12
#define BLOCK (20 * ROWS)
#define L2_BYTES (512 * 1024)
#define TARGET __attribute__((target("avx512f,avx512bf16,fma")))

/* Of every lane of a point: the lowest score, its centroid, and the two lowest lower ends. */
typedef struct {
    float best[16], low[16], next[16];
    int32_t id[16];
} Lanes;

/* The centroids that a point may belong to, ascending; more than MOST are not listed. */
#define MOST 48
typedef struct {
    int64_t count;
    int32_t id[MOST];
} Candidates;

/* Rows of a block in pairs, and what goes with them. */
typedef struct {
    uint32_t *pairs;
    float *loss, *length;
} Rounded;

typedef struct {
    __m512 best, low, next;
    __m512i id;
} Held;

TARGET static inline __attribute__((always_inline)) Held judge(Held held, __m512 score, __m512 lower, __m512i id) {
    const __mmask16 wins = _mm512_cmp_ps_mask(score, held.best, _CMP_LT_OQ);
    held.best = _mm512_mask_mov_ps(held.best, wins, score);
    held.id = _mm512_mask_mov_epi32(held.id, wins, id);
    held.next = _mm512_min_ps(held.next, _mm512_max_ps(held.low, lower));
    held.low = _mm512_min_ps(held.low, lower);
    return held;
}

#define INLINE TARGET static inline __attribute__((always_inline))

INLINE void products(const uint32_t *x, const Screen *screen, int64_t first, __m512 sum[ROWS][2]) {
    const int64_t pairs = screen->pairs;
    const uint32_t *columns = screen->panels + first * pairs;
    const __m512 bias[2] = {_mm512_loadu_ps(screen->bias + first), _mm512_loadu_ps(screen->bias + first + 16)};
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) sum[r][0] = bias[0], sum[r][1] = bias[1];
    for (int64_t j = 0; j < pairs; j++) {
        const __m512bh left = (__m512bh)_mm512_loadu_si512(columns + 32 * j);
        const __m512bh right = (__m512bh)_mm512_loadu_si512(columns + 32 * j + 16);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) {
            const __m512bh value = (__m512bh)_mm512_set1_epi32((int)x[r * pairs + j]);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], value, left);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], value, right);
        }
    }
}

/* The lower ends of 16 scores of a point. */
INLINE __m512 lower_ends(__m512 score, const Screen *screen, int64_t at, __m512 loss, __m512 length) {
    __m512 lower = _mm512_sub_ps(score, _mm512_loadu_ps(screen->fixed + at));
    lower = _mm512_fnmadd_ps(loss, _mm512_loadu_ps(screen->norm + at), lower);
    return _mm512_fnmadd_ps(length, _mm512_loadu_ps(screen->slack + at), lower);
}

TARGET static void tile(const Rounded *rows, int64_t row, const Screen *screen, int64_t first, Lanes *lanes) {
    __m512 sum[ROWS][2];
    products(rows->pairs + row * screen->pairs, screen, first, sum);
    const __m512i step = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        const __m512 loss = _mm512_set1_ps(rows->loss[row + r]), length = _mm512_set1_ps(rows->length[row + r]);
        Lanes *lane = lanes + row + r;
        Held held = {_mm512_loadu_ps(lane->best), _mm512_loadu_ps(lane->low), _mm512_loadu_ps(lane->next),
                     _mm512_loadu_si512(lane->id)};
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            const int64_t at = first + 16 * half;
            const __m512 lower = lower_ends(sum[r][half], screen, at, loss, length);
            held = judge(held, sum[r][half], lower, _mm512_add_epi32(step, _mm512_set1_epi32((int)at)));
        }
        _mm512_storeu_ps(lane->best, held.best);
        _mm512_storeu_ps(lane->low, held.low);
        _mm512_storeu_ps(lane->next, held.next);
        _mm512_storeu_si512(lane->id, held.id);
    }
}

/* Note the centroids that a point may belong to: those whose lower end does not lie above the point's upper end. */
TARGET static void tile_of_candidates(const Rounded *rows, int64_t row, const Screen *screen, int64_t first,
                                      const float *upper, Candidates *found) {
    __m512 sum[ROWS][2];
    products(rows->pairs + row * screen->pairs, screen, first, sum);
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
        const __m512 loss = _mm512_set1_ps(rows->loss[row + r]), length = _mm512_set1_ps(rows->length[row + r]);
        const __m512 bar = _mm512_set1_ps(upper[row + r]);
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            const int64_t at = first + 16 * half;
            const __m512 lower = lower_ends(sum[r][half], screen, at, loss, length);
            __mmask16 hits = _mm512_cmp_ps_mask(lower, bar, _CMP_LE_OQ);
            for (Candidates *one = found + row + r; hits; hits &= (__mmask16)(hits - 1)) {
                if (one->count < MOST) one->id[one->count] = (int32_t)at + __builtin_ctz(hits);
                one->count++;
            }
        }
    }
}

/* The centroid of the lowest score where its upper end lies below every other lower end, else -1; and that end. */
TARGET static int32_t decide(const Lanes *lanes, const Screen *screen, float loss, float length, float *upper) {
    int winner = 0;
    for (int lane = 1; lane < 16; lane++) {
        if (lanes->best[lane] < lanes->best[winner]) winner = lane;
    }
    int32_t id = lanes->id[winner];
    *upper = INFINITY;
    if (id == INT32_MAX) return -1;
    const float score = lanes->best[winner], norm = screen->norm[id], slack = screen->slack[id], fixed = screen->fixed[id];
    *upper = nextafterf((float)(score + ((double)loss * norm + (double)length * slack + fixed)), INFINITY);
    const float lower = fmaf(-length, slack, fmaf(-loss, norm, score - fixed)); /* the bits that tile() found */
    for (int lane = 0; lane < 16; lane++) {
        const int is_own = lane == winner && lanes->low[lane] == lower;
        if ((is_own ? lanes->next[lane] : lanes->low[lane]) <= *upper) id = -1;
    }
    return id;
}

/* The lowest float32 score among the candidates of a point, the first at ties; -1 where they are too many to list. */
static int32_t settled(const Points *points, int64_t i, const Candidates *found, const float *table) {
    float scores[MOST];
    if (found->count < 1 || found->count > MOST) return -1;
    int64_t rows[MOST];
    for (int64_t c = 0; c < found->count; c++) rows[c] = points->index ? points->index[i] : i;
    const Points same = {points->x, rows, found->count, points->stride, points->dim};
    own_scores(&same, table, found->id, scores);
    int64_t best = 0;
    for (int64_t c = 1; c < found->count; c++) {
        if (scores[c] < scores[best]) best = c;
    }
    return found->id[best];
}

static int take(Rounded *rows, int64_t pairs) {
    *rows = (Rounded){malloc((size_t)(BLOCK * pairs) * sizeof(uint32_t)), malloc(BLOCK * sizeof(float)),
                      malloc(BLOCK * sizeof(float))};
    return rows->pairs && rows->loss && rows->length;
}

static void drop(Rounded *rows) {
    free(rows->pairs);
    free(rows->loss);
    free(rows->length);
}

/* Round the points of a block, zeros behind the last. */
static void fill(Rounded *rows, const Points *points, int64_t start, int64_t count, int64_t pairs) {
    memset(rows->pairs + count * pairs, 0, (size_t)((BLOCK - count) * pairs) * sizeof(uint32_t));
    for (int64_t r = 0; r < BLOCK; r++) rows->loss[r] = rows->length[r] = 0;
    for (int64_t r = 0; r < count; r++) {
        const int64_t row = points->index ? points->index[start + r] : start + r;
        double loss, length;
        round_pairs(points->x + row * points->stride, points->dim - 1, rows->pairs + r * pairs, &loss, &length);
        rows->loss[r] = (float)(loss * (1 + 1e-5)), rows->length[r] = (float)(length * (1 + 1e-5));
    }
}

static int64_t panels_at_once(const Screen *screen) {
    const int64_t fit = L2_BYTES / (SCREEN_WIDTH * screen->pairs * (int64_t)sizeof(uint32_t));
    return fit < 1 ? 1 : fit;
}

#define EACH_TILE(screen, tiles, work)                                                                      \
    for (int64_t from = 0, step = panels_at_once(screen) * SCREEN_WIDTH; from < (screen)->k; from += step)  \
        for (int64_t row = 0; row < (tiles) * ROWS; row += ROWS)                                            \
            for (int64_t first = from; first < from + step && first < (screen)->k; first += SCREEN_WIDTH) work

int screen_avx512bf16(const Points *points, const Screen *screen, int32_t *labels, float *upper) {
    Lanes *lanes = aligned_alloc(64, BLOCK * sizeof(Lanes));
    Rounded rows;
    const int enough = take(&rows, screen->pairs) && lanes;
    for (int64_t start = 0; enough && start < points->n; start += BLOCK) {
        const int64_t count = points->n - start < BLOCK ? points->n - start : BLOCK;
        fill(&rows, points, start, count, screen->pairs);
        for (int64_t r = 0; r < BLOCK; r++) {
            for (int lane = 0; lane < 16; lane++) {
                lanes[r].best[lane] = lanes[r].low[lane] = lanes[r].next[lane] = INFINITY;
                lanes[r].id[lane] = INT32_MAX;
            }
        }
        EACH_TILE(screen, (count + ROWS - 1) / ROWS, tile(&rows, row, screen, first, lanes));
        for (int64_t r = 0; r < count; r++) {
            labels[start + r] = decide(lanes + r, screen, rows.loss[r], rows.length[r], upper + start + r);
        }
    }
    free(lanes);
    drop(&rows);
    return enough ? 0 : -1;
}

int settle_avx512bf16(const Points *points, const Screen *screen, const float *upper, const float *table,
                      int32_t *labels) {
    Candidates *found = malloc(BLOCK * sizeof(Candidates));
    Rounded rows;
    const int enough = take(&rows, screen->pairs) && found;
    for (int64_t start = 0; enough && start < points->n; start += BLOCK) {
        const int64_t count = points->n - start < BLOCK ? points->n - start : BLOCK;
        float bar[BLOCK];
        fill(&rows, points, start, count, screen->pairs);
        for (int64_t r = 0; r < BLOCK; r++) {
            found[r].count = 0;
            bar[r] = r < count ? upper[start + r] : -INFINITY;
        }
        EACH_TILE(screen, (count + ROWS - 1) / ROWS, tile_of_candidates(&rows, row, screen, first, bar, found));
        for (int64_t r = 0; r < count; r++) labels[start + r] = settled(points, start + r, found + r, table);
    }
    free(found);
    drop(&rows);
    return enough ? 0 : -1;
}
#endif
