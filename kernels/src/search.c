/* Nearest centroids by panels. Points are put in the order of their nearest panels, so that those of a tile agree on what
 * to pass over; the nearest panels go first and give bars; the rest is looked at only where it can reach them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search.h"

#define L2_BYTES (512 * 1024) /* of panels looked at while a block of points goes by */
#define TRIES 2               /* tiles of a block that show whether bounds pass over anything */

/* A point before it is looked at. A bar of the caller beyond all scores, or none, is the highest that a score can be. */
static void start_row(const Panels *panels, int64_t at, const Scratch *s, const float *bar, Row *row) {
    const float length = s->length[at], most = 1.01f * (length * panels->longest + panels->highest) + TINY;
    *row = (Row){.length = length, .square = s->square[at], .best = INFINITY, .id = INT32_MAX, .scale = 1};
    row->biases = panels->biases; /* of any place, for points that are not looked at */
    row->tame = length <= TAME;
    row->round = 8 * U * most + 1.01f * (2 * (float)panels->dim + 40) * U * panels->longest * panels->longest;
    row->bar = row->tame ? most : INFINITY;
    if (bar && *bar < row->bar) row->bar = row->tame && *bar < -most ? -most : *bar;
}

/* The points of a block in the form that its tiles want. */
static void load(const Search *a, const Points *points, int64_t from, const float *bar) {
    const Panels *t = a->panels;
    const int64_t all = (a->count + a->width - 1) / a->width * a->width;
    for (int64_t r = 0; r < a->count; r++) {
        const int64_t at = a->order[r];
        Row *row = a->s->rows + r;
        start_row(t, at, a->s, bar ? bar + from + at : NULL, row);
        a->way->reach(t, a->s->scores + at * t->padded, row, a->s->down + r * t->padded);
        if (!a->in_bytes) continue;
        memset(a->s->quads + r * t->quads, 0, (size_t)t->quads * sizeof(uint32_t));
        if (row->tame) {
            const int64_t place = a->s->home[at] / t->step;
            row->biases = t->biases + place * t->n_panels * PANEL;
            a->way->round(row_of(points, from + at), t->places + place * t->dim, t->dim - 1, row,
                          a->s->quads + r * t->quads);
        } else {
            leave(row);
        }
    }
    for (int64_t r = a->count; r < all; r++) {
        a->s->rows[r] = (Row){.bar = -INFINITY, .scale = 1, .count = MOST + 1, .biases = t->biases};
        memset(a->s->down + r * t->padded, 0, (size_t)t->padded * sizeof(float));
    }
    if (a->in_bytes) {
        memset(a->s->quads + a->count * t->quads, 0, (size_t)((all - a->count) * t->quads) * sizeof(uint32_t));
    } else {
        gather_rows(points, from, a->order, a->count, a->width, a->s->x);
    }
}

static void search_block(const Search *a, const Points *points, int64_t from, const float *bar, int32_t *labels,
                         float *scores) {
    const Panels *t = a->panels;
    const int64_t tiles = (a->count + a->width - 1) / a->width;
    const int64_t size = PANEL * 4 * (a->in_bytes ? t->quads : t->dim);
    const int64_t group = smaller(larger(L2_BYTES / size / 16 * 16, 16), GROUP);
    load(a, points, from, bar);
    for (int64_t tile = 0; tile < tiles; tile++) open_tile(a, tile);
    for (int64_t first = 0; first < t->n_panels; first += group) {
        const int64_t panels = smaller(group, t->n_panels - first);
        int passed = 0;
        for (int64_t tile = 0; tile < tiles; tile++) passed |= close_tile(a, tile, first, panels, passed || tile < TRIES);
    }
    if (a->in_bytes) settle(a, points, from);
    for (int64_t r = 0; r < a->count; r++) {
        const int64_t i = from + a->order[r];
        const Row *row = a->s->rows + r;
        if (a->in_bytes && row->count > MOST) {
            labels[i] = -1, scores[i] = row->best, a->counts->left++; /* the bar, for float32 */
            continue;
        }
        labels[i] = row->id == INT32_MAX ? 0 : row->id, scores[i] = row->best;
    }
}

/* Points that bytes left are searched in float32, with the bars that they have by now. */
static int search_left(const Panels *panels, const Way *way, const Points *points, int32_t *labels, float *scores,
                       Counts *counts) {
    int64_t *at = malloc((size_t)(2 * counts->left) * sizeof(int64_t)), *rows = at + counts->left, count = 0;
    float *low = malloc((size_t)(2 * counts->left) * sizeof(float)), *bars = low + counts->left;
    int32_t *found = malloc((size_t)counts->left * sizeof(int32_t));
    int status = at && low && found ? 0 : -1;
    for (int64_t i = 0; !status && i < points->n; i++) {
        if (labels[i] != -1) continue;
        at[count] = i, bars[count] = scores[i];
        rows[count++] = points->index ? points->index[i] : i;
    }
    const Points left = {points->x, rows, count, points->stride, points->dim};
    Counts more = {0};
    if (!status) status = search(panels, way, 0, &left, bars, found, low, &more);
    for (int64_t c = 0; !status && c < count; c++) labels[at[c]] = found[c], scores[at[c]] = low[c];
    free(at);
    free(low);
    free(found);
    return status;
}

int search(const Panels *panels, const Way *way, int in_bytes, const Points *points, const float *bar, int32_t *labels,
           float *scores, Counts *counts) {
    Scratch s = {0};
    const int enough = take_scratch(&s, panels, points->n);
    Search a = {panels, way, in_bytes, in_bytes ? way->rows : FLOAT_ROWS, NULL, 0, 0, &s, counts};
    if (enough && in_bytes && way->begin) way->begin();
    for (int64_t from = 0; enough && from < points->n; from += s.chunk) {
        const int64_t count = smaller(points->n - from, s.chunk);
        const int64_t block = BLOCK / a.width * a.width;
        meet_panels(points, panels, way, from, count, &s);
        sort_by_home(panels, count, &s);
        for (int64_t first = 0; first < count; first += block) {
            a.order = s.order + first, a.count = smaller(count - first, block);
            search_block(&a, points, from, bar, labels, scores);
        }
    }
    if (enough && in_bytes && way->end) way->end();
    drop_scratch(&s);
    if (enough && counts->left) return search_left(panels, way, points, labels, scores, counts);
    return enough ? 0 : -1;
}
