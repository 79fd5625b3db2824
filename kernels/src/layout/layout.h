/* Maps of many points: nearest neighbours inside cells, fuzzy weights, and rounds of a layout in the plane.
 *
 * Nothing here depends on how the work is cut: neighbours are the lowest by (score, row), a total order, and a round
 * reads the places of the round before and writes those of the next. Every number is computed by the same operations
 * in the same order on every path, so that all give the same bytes.
 */
#ifndef CURATION_LAYOUT_H
#define CURATION_LAYOUT_H

#include <stdint.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

#define PANEL 32      /* candidates side by side in a panel */
#define POOL_BLOCK 512 /* points that share one pool of strangers; the work is cut at multiples of it */
#define MOST_NEIGHBOURS 256
#define STRANGERS 16  /* of the pool that each point is pushed off in a round */

/* Candidates by cell. Cell c has the panels first[c] to first[c + 1]; lane l of panel p is the candidate
 * ids[PANEL p + l], -1 for none, its squared length stands in bias, +inf for none. */
typedef struct {
    const float *panels, *bias;
    const int32_t *ids;
    const int64_t *first;
    int64_t dim, cells;
} Cells;

/* m rows of x, each with the cells it looks into, probes (m, n_probes), -1 for none. Fills found and score (m, k) with
 * the k lowest scores |c|² - 2 q.c by (score, id), -1 and +inf where there are fewer; candidate `self[row]` is left out.
 * shift (dim) is taken from every row first, and it is scaled. Returns 0, or -1 when memory is short. */
typedef struct {
    const float *x, *shift;
    float scale;
    const int64_t *rows;
    const int32_t *self, *probes;
    int64_t m, n_probes, k;
    int32_t *found;
    float *score;
} Queries;

typedef int (*Search)(const Cells *cells, const Queries *queries);

/* One round for the points [start, end), start a multiple of POOL_BLOCK. */
typedef struct {
    const float *from;      /* (n, 2) places of the round before */
    float *to;              /* (n, 2) places after this one */
    const int64_t *first;   /* (n + 1) */
    const int32_t *other;   /* neighbours of i: first[i] to first[i + 1], padded by 16 at the end */
    const float *weight;    /* their weights */
    const float *total;     /* (n) sum of the weights of each point */
    int64_t n, start, end;
    uint64_t chance;        /* seed and number of the round, mixed */
    float a, b, step, push; /* curve, length of a step, weight of all strangers together */
} Round;

typedef void (*Rounds)(const Round *round);

int search_avx512(const Cells *cells, const Queries *queries);
int search_avx2(const Cells *cells, const Queries *queries);
int search_plain(const Cells *cells, const Queries *queries);
void round_avx512(const Round *round);
void round_avx2(const Round *round);
void round_plain(const Round *round);

/* Distances of points [start, end) to their neighbours by scaled differences, and both put in the order of (distance,
 * point); a missing neighbour, -1, becomes the point itself at distance 0, last. Point i is row rows[i] of x. */
void true_distances(const float *x, const int64_t *rows, float scale, int64_t dim, int64_t start,
                    int64_t end, int64_t k, int32_t *neighbour, float *distance);

/* Fuzzy weights of rows [start, end): distances (n, k) to weights (n, k) in [0, 1]; 0 where the neighbour is the row
 * itself. k is at most MOST_NEIGHBOURS. */
void fuzzy_weights(const int32_t *neighbour, const float *distance, int64_t start, int64_t end, int64_t k, float *weight);

/* The union of a directed graph (n, k) with its transpose, w + w' - w w'. `first` has n + 1 places; other and weight
 * have room for 2 n k edges; total (n) is the sum of the weights of each row, 1 for a row without any. Returns the number of edges, or -1 when memory is short. */
int64_t symmetric(const int32_t *neighbour, const float *weight, int64_t n, int64_t k, int64_t *first, int32_t *other,
                  float *joined, float *total);

#endif
