/* Centroids that points may belong to: kept with the ends of their scores, and settled by their exact scores. */
#include <math.h>

#include "search.h"

static void keep_lowest(Row *row, List *list) {
    int32_t kept = 0;
    for (int32_t i = 0; i < row->count; i++) {
        if (list->low[i] > row->bar) continue;
        list->low[kept] = list->low[i], list->lane[kept++] = list->lane[i];
    }
    row->count = kept;
}

void leave(Row *row) {
    row->count = MOST + 1;
    row->best = row->bar;
    row->bar = -INFINITY;
}

void keep(Row *row, List *list, int32_t lane, float low, float upper) {
    if (row->count > MOST) return;
    if (upper < row->bar) row->bar = upper;
    if (row->count == MOST) keep_lowest(row, list);
    if (row->count == MOST) {
        leave(row);
        return;
    }
    list->lane[row->count] = lane, list->low[row->count++] = low;
}

#define AT_ONCE 256 /* pairs of a point and a candidate, scored together */

typedef struct {
    int64_t count, rows[AT_ONCE];
    int32_t ids[AT_ONCE];
    Row *of[AT_ONCE];
} Pairs;

static void score(const Search *a, const Points *points, Pairs *pairs) {
    float scores[AT_ONCE];
    const Points these = {points->x, pairs->rows, pairs->count, points->stride, points->dim};
    own_scores(&these, a->panels->table, pairs->ids, scores);
    for (int64_t c = 0; c < pairs->count; c++) hold(pairs->of[c], scores[c], pairs->ids[c]);
    a->counts->settled += pairs->count;
    pairs->count = 0;
}

void settle(const Search *a, const Points *points, int64_t from) {
    Pairs pairs = {.count = 0};
    for (int64_t r = 0; r < a->count; r++) {
        Row *row = a->s->rows + r;
        if (row->count > MOST) continue;
        keep_lowest(row, a->s->lists + r);
        if (pairs.count + row->count > AT_ONCE) score(a, points, &pairs);
        for (int32_t c = 0; c < row->count; c++) {
            const int64_t i = from + a->order[r];
            pairs.rows[pairs.count] = points->index ? points->index[i] : i;
            pairs.ids[pairs.count] = a->panels->ids[a->s->lists[r].lane[c]];
            pairs.of[pairs.count++] = row;
        }
    }
    score(a, points, &pairs);
}
