/* A tile of points is looked at: its nearest panels first, then whatever may hold a nearer centroid. */
#include "search.h"

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
void open_tile(const Search *a, int64_t tile) {
    int64_t found[MOST_ROWS];
    const int count = homes(a, tile, found);
    for (int h = 0; h < count; h++) {
        multiply(a, tile, found[h], a->s->sums + h * a->width * PANEL);
        open_panel(a, tile, found[h], a->s->sums + h * a->width * PANEL);
    }
    for (int h = 0; h < count; h++) judge(a, tile, found[h], a->s->sums + h * a->width * PANEL);
}

int close_tile(const Search *a, int64_t tile, int64_t first, int64_t count, int bounded) {
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
