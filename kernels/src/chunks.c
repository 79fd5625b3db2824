/* Points of a chunk meet the means of all panels, and are put in the order of the nearest ones. */
#include <stdlib.h>
#include <string.h>

#include "search.h"

#define CHUNK_BYTES (8 << 20) /* of scores with panels, held for a chunk of points, at most */
#define FEWEST_POINTS 512     /* of a chunk, where there are very many panels */
#define ENOUGH_POINTS 4096    /* of a chunk, more where there are many panels: */
#define EACH_PANEL 32         /* so many have the same nearest one, and fill tiles */

static void *floats(int64_t count) { return aligned_alloc(64, (size_t)((count * 4 + 63) / 64 * 64 + 64)); }

int take_scratch(Scratch *s, const Panels *panels, int64_t n) {
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

void drop_scratch(Scratch *s) {
    void *all[] = {s->scores, s->square, s->length, s->home,  s->order, s->starts,
                   s->x,      s->quads,  s->rows,   s->lists, s->down,  s->sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

void gather_rows(const Points *points, int64_t start, const int64_t *order, int64_t count, int rows, float *x) {
    const int64_t dim = points->dim, all = (count + rows - 1) / rows * rows;
    for (int64_t r = 0; r < count; r++) {
        memcpy(x + r * dim, row_of(points, start + (order ? order[r] : r)), (size_t)dim * sizeof(float));
    }
    memset(x + count * dim, 0, (size_t)((all - count) * dim) * sizeof(float));
}

void meet_panels(const Points *points, const Panels *panels, const Way *way, int64_t start, int64_t count, Scratch *s) {
    const int64_t dim = panels->dim, padded = panels->padded;
    for (int64_t first = 0; first < count; first += BLOCK) {
        const int64_t here = smaller(count - first, BLOCK);
        gather_rows(points, start + first, NULL, here, FLOAT_ROWS, s->x);
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

void sort_by_home(const Panels *panels, int64_t count, Scratch *s) {
    memset(s->starts, 0, (size_t)(panels->n_panels + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) s->starts[s->home[i] + 1]++;
    for (int64_t p = 0; p < panels->n_panels; p++) s->starts[p + 1] += s->starts[p];
    for (int64_t i = 0; i < count; i++) s->order[s->starts[s->home[i]]++] = i;
}
