/* What the parts of a search by panels share: memory of one thread, and a block of points that is looked at. */
#ifndef CURATION_SEARCH_H
#define CURATION_SEARCH_H

#include "panels.h"

#define BLOCK 240     /* points whose running state stays in the second cache */
#define FLOAT_ROWS 12 /* points of a tile in float32, on every path */

/* A chunk of points is met with all panels and put in order; a block of it is looked at, tile by tile. */
typedef struct {
    int64_t chunk;                   /* points of a chunk */
    float *scores, *square, *length; /* chunk x padded, and chunk each */
    int32_t *home;
    int64_t *order, *starts;
    float *x;        /* BLOCK x dim points, gathered */
    uint32_t *quads; /* their bytes */
    Row *rows;
    List *lists;
    float *down;   /* of each what is added to its bar for each panel */
    int32_t *sums; /* of a tile with as many panels as it has rows, whole or float32 */
} Scratch;

/* A block of points, and what it is looked at with. */
typedef struct {
    const Panels *panels;
    const Way *way;
    int in_bytes, width; /* points of a tile */
    const int64_t *order;
    int64_t start, count; /* of the block in the order */
    Scratch *s;
    Counts *counts;
} Search;

static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline const float *row_of(const Points *points, int64_t i) {
    return points->x + (points->index ? points->index[i] : i) * points->stride;
}

/* chunks.c: memory for n points; points of a chunk met with the means of all panels, and put in the order of the nearest. */
int take_scratch(Scratch *s, const Panels *panels, int64_t n);
void drop_scratch(Scratch *s);
void meet_panels(const Points *points, const Panels *panels, const Way *way, int64_t start, int64_t count, Scratch *s);
void sort_by_home(const Panels *panels, int64_t count, Scratch *s);

/* Rows after each other, zeros behind them to the end of a tile of so many. order: of the points, or NULL. */
void gather_rows(const Points *points, int64_t start, const int64_t *order, int64_t count, int rows, float *x);

/* tiles.c: the nearest panels of a tile of points are looked at; then those of a group that may hold a nearer centroid,
 * or all where the bounds of others passed none over. Returns whether they passed any over. */
void open_tile(const Search *a, int64_t tile);
int close_tile(const Search *a, int64_t tile, int64_t first, int64_t count, int bounded);

/* candidates.c: a point that has too many is left to float32, with the bar that it has (in best); nothing reaches it any
 * more. Candidates of the points of a block get exact scores. */
void leave(Row *row);
void settle(const Search *a, const Points *points, int64_t from);

#endif
