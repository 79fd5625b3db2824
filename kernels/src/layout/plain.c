/* In plain C, for other processors; quick where multiply-adds are an instruction and the compiler vectorises. */
#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH
#define SEARCH search_plain
#define ROUND round_plain
#define ROWS 4
#define TILE tile_plain
#include "lanes.inc"
#include "each.inc"

INLINE uint32_t at_most(const float *sums, float most) {
    uint32_t found = 0;
    for (int i = 0; i < PANEL; i++) found |= (uint32_t)(sums[i] <= most) << i;
    return found;
}

static void tile_plain(const float *x, const float *panel, const float *bias, int64_t dim, float *sums) {
    for (int r = 0; r < ROWS; r++) {
        float *sum = sums + PANEL * r;
        memcpy(sum, bias, PANEL * sizeof *sum);
        for (int64_t j = 0; j < dim; j++) {
            const float value = x[r * dim + j];
            for (int i = 0; i < PANEL; i++) sum[i] = fmaf(value, panel[PANEL * j + i], sum[i]);
        }
    }
}

#include "search.inc"
#include "round.inc"
