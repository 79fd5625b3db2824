/* Tables cut into panels of neighbours, so that whole panels can be passed over and the rest be looked at in bytes first.
 *
 * Row t of a table, without its last column b, is g + t', with g the mean of the panel that t is in. So the score of a
 * point x with it is S + b' + x.t', with S = x.g + gamma the score of x with its panel, gamma = |g|^2 / 2, b' = b - gamma.
 *
 * A panel is passed over by a bound on all its scores. With y = x + g (what lies between x and the mean; a table holds
 * centroids with their signs turned), x.t' = y.t' - g.t', so a score is at least S + (b' - g.t') - |y| r, r = |t'|. With
 * R the largest r of the panel and kappa the least of (b' - g.t') - R r this is at least
 *     S + kappa - max(|y| - R, 0) R,
 * which for b = |c|^2 / 2 is the triangle inequality, and holds for any b.
 *
 * Bytes: with G a place near x, x.t' = y.t' - G.t', y now being x + G. The second part is known for all pairs of some
 * places G and the centroids; in the first, y^ = s q and t^ = s' q' are rounded to whole numbers from -127 to 127 times a
 * scale of their own. As y.t' - y^.t^ = (y - y^).t^ + y.(t' - t^), by Cauchy and Schwarz a score is off by at most
 *     |y - y^| |t^| + |y| |t' - t^|.
 * y is small where points lie in heaps, and t' where centroids do, however far from the origin: the margin is small where
 * it has to be.
 *
 * Float32 sums (u = 2^-24, all to first order): a score of the float32 path is a chain of dim fused steps, the last column
 * among them, off by at most dim u (|x| |t| + |b|); so is S, by dim u (|x| |g| + gamma). The ends of a score are then made in
 * fewer than 20 further steps, each off by u of the numbers in it: |x| |t'|, |x| |g|, |b| + gamma, and in bounds R (R + |g|)
 * and R |x|. All that is in `slack` = |x| reach + base of a panel. Margins are wider than their own steps can lose, and so is
 * |x|^2. What hangs on G, no longer than the longest t, is in `round` of a point: two chains of products with it, off by
 * dim u |G| (|t| + |g|), and steps off by u |G| |t'|; so is what adding to bars loses, which lie between the lowest and the
 * highest score that there can be. Products that underflow are off by less than TINY in all.
 * Points and tables with lengths above TAME are not bounded at all, so nothing overflows.
 */
#ifndef CURATION_PANELS_H
#define CURATION_PANELS_H

#include <stdint.h>

#include "kernels.h"

#define PANEL 32           /* centroids of a panel */
#define GROUP 64           /* panels looked at for one tile after the other, at most: a bit each in a word */
#define MOST_ROWS 32       /* points of a tile, at most */
#define TAME 1e15f         /* longest rows that are bounded */
#define WIDEST 60000       /* columns whose products of bytes fit 32 bits */
#define TINY 1e-30f        /* more than all products below the smallest normal number that are lost */
#define U 0x1p-24f         /* half the distance from 1 to the next float */
/* y is rounded to whole numbers in units of its scale; before, these are off by up to 3 * 127 u of a unit, which loss
 * includes. */
#define UNITS 3e-5f

#define QUADS_EACH 16      /* four-byte columns are padded to this many: the depth of a tile of AMX */

/* What is known of each panel, n_panels rounded up to PANEL of each, one array behind the other. */
enum { RADIUS, KAPPA, EXCESS, REACH, BASE, ABOUTS };

/* What is known of each centroid of a panel: PANEL of each, one behind the other, then the next panel. */
enum { SCALE, BIAS, NORM, LOSS, LANES_EACH };

#define MOST_PLACES 128        /* G, each the mean of the panels that stand in a row of `step` */
#define MOST_BIASES (1 << 22)  /* of all places and centroids: 16 MB */

/* k centroids of dim columns (the last one b) in panels: column j of panel p, lane l stands at floats[(p dim + j) PANEL + l],
 * NaN past the last. ids: of every lane its row in the table. means: the rows (g, gamma) of the panels, themselves in
 * panels. bytes: quad q of panel p, lane l is four bytes of t^ / s', each plus what its way wants. places: the G; biases:
 * b' - G.t' of every G and lane. longest, highest: the largest |t| and |b|. */
typedef struct {
    int64_t k, dim, n_panels, padded, quads, step;
    const float *table, *floats, *means, *about, *lanes, *places, *biases;
    const int32_t *ids;
    const uint32_t *bytes;
    float longest, highest;
} Panels;

/* An order of the rows of a table, (k, dim + 1) with dim columns looked at, that puts neighbours into the same panel.
 * Returns 0, or -1 without memory. */
int order_rows(const float *table, int64_t k, int64_t dim, int32_t *order);

/* Fill floats, means, about, lanes and bytes (NULL for none) of a table in an order, ids given. offset: added to each
 * byte, 128 where products take them without a sign, else 0. Returns whether all rows are tame; sizes: longest, highest. */
typedef struct {
    float *floats, *means, *about, *lanes, *places, *biases, *sizes;
    uint32_t *bytes;
    int offset;
} Filled;
int fill_panels(const float *table, int64_t k, int64_t dim, const int32_t *ids, int64_t quads, Filled *into);

/* How many panels in a row share a place. */
static inline int64_t step_of(int64_t n_panels) {
    const int64_t fit = MOST_BIASES / (n_panels * PANEL), places = fit < 1 ? 1 : fit < MOST_PLACES ? fit : MOST_PLACES;
    return (n_panels + places - 1) / places;
}

/* Fill places and biases of filled panels, for products of 12 points with a panel in float32. Returns 0, or -1 without
 * memory. */
typedef void (*Floats)(const float *x, const float *panel, int64_t dim, float *out, int64_t stride);
int fill_places(int64_t k, int64_t dim, Floats floats, Filled *into);

/* A point of a tile. bar: an upper bound of its lowest score. scale: of the bytes of y; loss = |y - y^|, away = |y|,
 * length = |x|, square = |x|^2, all rounded up; shift: 128 times the sum of its bytes; round: see above. biases: b' - G.t' of all lanes.
 * best, id: in float32 the lowest score and its row of the table. */
typedef struct {
    float scale, loss, away, length, square, bar, round, best;
    int32_t shift, id, count, tame;
    const float *biases;
} Row;

/* Centroids that a point may belong to, and the lower ends of their scores. */
#define MOST 64
typedef struct {
    int32_t lane[MOST];
    float low[MOST];
} List;

/* One way to search. Products of `rows` points with a panel: sums of signed bytes (from bytes plus 128 by way of shift), or
 * float32 chains. */
typedef struct {
    const char *name;
    int rows, offset;
    Floats floats;
    void (*bytes)(const uint32_t *x, const uint32_t *panel, int64_t quads, const Row *rows, int32_t *out);
    void (*measure)(const float *x, int64_t dim, Row *row);               /* length and square */
    void (*round)(const float *x, const float *g, int64_t dim, Row *row, uint32_t *quads); /* scale, loss, away, shift, bytes */
    int32_t (*home)(const float *s, int64_t n_panels);                    /* the panel of the lowest S */
    /* What is added to a bar before lower ends less S are held against it: slack - S, of all panels. */
    void (*reach)(const Panels *panels, const float *s, const Row *row, float *down);
    uint64_t (*bounds)(const Panels *panels, int64_t first, int64_t count, const Row *row, const float *down);
    void (*open)(const Panels *panels, int64_t panel, const int32_t *sums, Row *row, float up);
    void (*judge)(const Panels *panels, int64_t panel, const int32_t *sums, int rows, const float *down, Row *row, List *lists);
    void (*open_floats)(const float *scores, Row *row);
    void (*judge_floats)(const float *scores, int rows, const int32_t *ids, Row *row);
    void (*begin)(void); /* before and after the work of a thread; NULL for nothing */
    void (*end)(void);
} Way;

/* What a search did: tiles x panels in all, those looked at, candidates settled, points left to float32. */
typedef struct {
    int64_t pairs, looked, settled, left;
} Counts;

/* The lowest scores: see nearest() of kernels.h. bar: (n,) or NULL. Returns 0, or -1 without memory. */
int search(const Panels *panels, const Way *way, int in_bytes, const Points *points, const float *bar, int32_t *labels,
           float *scores, Counts *counts);

/* slack + S, which is added for upper ends, from slack - S. */
static inline float up_of(const Panels *panels, int64_t panel, const Row *row, float down) {
    const float *about = panels->about + panel;
    return 2 * (row->length * about[REACH * panels->padded] + about[BASE * panels->padded] + row->round) - down;
}

/* A centroid that a point may belong to: kept, with the point's bar lowered to its upper end. */
void keep(Row *row, List *list, int32_t lane, float low, float upper);

/* An exact score of a lane held against the best. */
static inline void hold(Row *row, float score, int32_t id) {
    if (score < row->best || (score == row->best && score < __builtin_inff() && id < row->id)) {
        row->best = row->bar = score;
        row->id = id;
    }
}

#endif
