/* Nearest centroids by panels. Points are put in the order of their nearest panels, so that those of a tile agree on what
 * to pass over; the nearest panels go first and give bars; the rest is looked at only where it can reach them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "panels.h"

#define BLOCK 240                   /* points whose running state stays in the second cache */
#define CHUNK_BYTES (8 << 20)       /* of scores with panels, held for a chunk of points, at most */
#define FEWEST_POINTS 512           /* of a chunk, where there are very many panels */
#define ENOUGH_POINTS 4096          /* of a chunk, more where there are many panels: */
#define EACH_PANEL 32               /* so many have the same nearest one, and fill tiles */
#define L2_BYTES (512 * 1024)       /* of panels looked at while a block of points goes by */

#define TRIES 2                     /* tiles of a block that show whether bounds pass over anything */

typedef struct {
    int64_t chunk;                  /* points of a chunk */
    float *scores, *square, *length; /* chunk x padded, and chunk each */
    int32_t *home;
    int64_t *order, *starts;
    float *x;                       /* BLOCK x dim points, gathered */
    uint32_t *quads;                /* their bytes */
    Row *rows;
    List *lists;
    float *down;                    /* of each what is added to its bar for each panel */
    int32_t *sums;                  /* of a tile with as many panels as it has rows, whole or float32 */
} Scratch;

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void *floats(int64_t count) { return aligned_alloc(64, (size_t)((count * 4 + 63) / 64 * 64 + 64)); }

static int take(Scratch *s, const Panels *panels, int64_t n) {
    const int64_t fit = CHUNK_BYTES / 4 / panels->padded / MOST_ROWS * MOST_ROWS;
    const int64_t wanted = larger(ENOUGH_POINTS, panels->n_panels * EACH_PANEL);
    s->chunk = smaller(larger(smaller(fit, wanted), FEWEST_POINTS), (n + MOST_ROWS - 1) / MOST_ROWS * MOST_ROWS);
    const int64_t rows = s->chunk + MOST_ROWS, block = BLOCK + 2 * MOST_ROWS;
    s->scores = floats(rows * panels->padded);
    s->square = floats(rows);
    s->length = floats(rows);
    s->home = floats(rows);
    s->order = malloc((size_t)rows * sizeof(int64_t));
    s->starts = malloc((size_t)(panels->n_panels + 1) * sizeof(int64_t));
    s->x = floats(block * panels->dim);
    s->quads = floats(block * larger(panels->quads, 1));
    s->rows = malloc((size_t)block * sizeof(Row));
    s->lists = malloc((size_t)block * sizeof(List));
    s->down = floats(block * panels->padded);
    s->sums = floats(MOST_ROWS * MOST_ROWS * PANEL);
    return s->scores && s->square && s->length && s->home && s->order && s->starts && s->x && s->quads && s->rows &&
           s->lists && s->down && s->sums;
}

static void drop(Scratch *s) {
    void *all[] = {s->scores, s->square, s->length, s->home,  s->order, s->starts,
                   s->x,      s->quads,  s->rows,   s->lists, s->down,  s->sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static const float *row_of(const Points *points, int64_t i) {
    return points->x + (points->index ? points->index[i] : i) * points->stride;
}

/* Rows of a block after each other, zeros behind them to the end of a tile. order: of the points, or NULL. */
static void gather(const Points *points, int64_t start, const int64_t *order, int64_t count, int rows, float *x) {
    const int64_t dim = points->dim, all = (count + rows - 1) / rows * rows;
    for (int64_t r = 0; r < count; r++) {
        memcpy(x + r * dim, row_of(points, start + (order ? order[r] : r)), (size_t)dim * sizeof(float));
    }
    memset(x + count * dim, 0, (size_t)((all - count) * dim) * sizeof(float));
}

#define FLOAT_ROWS 12 /* points of a tile in float32, on every path */

/* Scores of the points of a chunk with the means of all panels, and the nearest of these. */
static void meet_panels(const Points *points, const Panels *panels, const Way *way, int64_t start, int64_t count, Scratch *s) {
    const int64_t dim = panels->dim, padded = panels->padded;
    for (int64_t first = 0; first < count; first += BLOCK) {
        const int64_t here = smaller(count - first, BLOCK);
        gather(points, start + first, NULL, here, FLOAT_ROWS, s->x);
        for (int64_t p = 0; p < padded; p += PANEL) {
            for (int64_t r = 0; r < here; r += FLOAT_ROWS) {
                way->floats(s->x + r * dim, panels->means + p * dim, dim, s->scores + (first + r) * padded + p, padded);
            }
        }
        for (int64_t r = 0; r < here; r++) {
            Row row;
            way->measure(s->x + r * dim, dim - 1, &row);
            s->square[first + r] = row.square, s->length[first + r] = row.length;
            s->home[first + r] = way->home(s->scores + (first + r) * padded, panels->n_panels);
        }
    }
}

/* The order of the points of a chunk by their nearest panels. */
static void sort_by_home(const Panels *panels, int64_t count, Scratch *s) {
    memset(s->starts, 0, (size_t)(panels->n_panels + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) s->starts[s->home[i] + 1]++;
    for (int64_t p = 0; p < panels->n_panels; p++) s->starts[p + 1] += s->starts[p];
    for (int64_t i = 0; i < count; i++) s->order[s->starts[s->home[i]]++] = i;
}

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

static void keep_lowest(Row *row, List *list) {
    int32_t kept = 0;
    for (int32_t i = 0; i < row->count; i++) {
        if (list->low[i] > row->bar) continue;
        list->low[kept] = list->low[i], list->lane[kept++] = list->lane[i];
    }
    row->count = kept;
}

/* Too many candidates: the point is left to float32, with the bar that it has (in best); nothing reaches it any more. */
static void leave(Row *row) {
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

/* What a tile is looked at with. */
typedef struct {
    const Panels *panels;
    const Way *way;
    int in_bytes, width; /* points of a tile */
    const int64_t *order;
    int64_t start, count; /* of the block in the order */
    Scratch *s;
    Counts *counts;
} Search;

static void multiply(const Search *a, int64_t tile, int64_t panel, int32_t *sums) {
    const Panels *t = a->panels;
    const int64_t row = tile * a->width;
    if (a->in_bytes) {
        a->way->bytes(a->s->quads + row * t->quads, t->bytes + panel * PANEL * t->quads, t->quads, a->s->rows + row, sums);
    } else {
        a->way->floats(a->s->x + row * t->dim, t->floats + panel * PANEL * t->dim, t->dim, (float *)sums, PANEL);
    }
    a->counts->looked++;
}

static void judge(const Search *a, int64_t tile, int64_t panel, const int32_t *sums) {
    const Panels *t = a->panels;
    const int64_t row = tile * a->width;
    if (a->in_bytes) {
        a->way->judge(t, panel, sums, a->width, a->s->down + row * t->padded, a->s->rows + row, a->s->lists + row);
    } else {
        a->way->judge_floats((const float *)sums, a->width, t->ids + panel * PANEL, a->s->rows + row);
    }
}

/* Bounds of a tile with some panels: a bit for each that may hold the nearest centroid of a point of it. */
static uint64_t bounds(const Search *a, int64_t tile, int64_t first, int64_t count) {
    uint64_t bits = 0;
    for (int64_t row = tile * a->width; row < (tile + 1) * a->width && row < a->count; row++) {
        bits |= a->way->bounds(a->panels, first, count, a->s->rows + row, a->s->down + row * a->panels->padded);
    }
    return bits;
}

/* The nearest panels of the points of a tile, ascending as the points are; returns how many. */
static int homes(const Search *a, int64_t tile, int64_t *found) {
    int count = 0;
    for (int64_t r = tile * a->width; r < (tile + 1) * a->width && r < a->count; r++) {
        const int64_t home = a->s->home[a->order[r]];
        if (!count || found[count - 1] != home) found[count++] = home;
    }
    return count;
}

/* The bars of the points of a tile lowered to what a panel holds. */
static void open_panel(const Search *a, int64_t tile, int64_t panel, const int32_t *sums) {
    const Panels *t = a->panels;
    for (int64_t r = 0, row = tile * a->width; r < a->width && row + r < a->count; r++) {
        Row *point = a->s->rows + row + r;
        if (a->in_bytes) {
            const float up = up_of(t, panel, point, a->s->down[(row + r) * t->padded + panel]);
            a->way->open(t, panel, sums + r * PANEL, point, up);
        } else {
            a->way->open_floats((const float *)sums + r * PANEL, point);
        }
    }
}

/* Look at the nearest panels of a tile: first for bars, then, with these, for candidates. */
static void open_tile(const Search *a, int64_t tile) {
    int64_t found[MOST_ROWS];
    const int count = homes(a, tile, found);
    for (int h = 0; h < count; h++) {
        multiply(a, tile, found[h], a->s->sums + h * a->width * PANEL);
        open_panel(a, tile, found[h], a->s->sums + h * a->width * PANEL);
    }
    for (int h = 0; h < count; h++) judge(a, tile, found[h], a->s->sums + h * a->width * PANEL);
}

/* Look at the panels of a group that may hold the nearest centroid of a point of a tile; all are taken to where the
 * bounds of others passed none over. Returns whether they passed any over. */
static int close_tile(const Search *a, int64_t tile, int64_t first, int64_t count, int bounded) {
    const uint64_t all = count < 64 ? (1ull << count) - 1 : ~0ull;
    int64_t found[MOST_ROWS];
    uint64_t bits = bounded ? bounds(a, tile, first, count) : all;
    const int passed = bits != all;
    for (int h = homes(a, tile, found); h--;) {
        if (found[h] >= first && found[h] < first + count) bits &= ~(1ull << (found[h] - first));
    }
    for (; bits; bits &= bits - 1) {
        const int64_t panel = first + __builtin_ctzll(bits);
        multiply(a, tile, panel, a->s->sums);
        judge(a, tile, panel, a->s->sums);
    }
    a->counts->pairs += count;
    return passed;
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
            a->way->round(row_of(points, from + at), t->places + place * t->dim, t->dim - 1, row, a->s->quads + r * t->quads);
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
        gather(points, from, a->order, a->count, a->width, a->s->x);
    }
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

/* Exact scores of the candidates of the points of a block. */
static void settle(const Search *a, const Points *points, int64_t from) {
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
    const int enough = take(&s, panels, points->n);
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
    drop(&s);
    if (enough && counts->left) return search_left(panels, way, points, labels, scores, counts);
    return enough ? 0 : -1;
}
