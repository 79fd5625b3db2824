/* The choice of greedy k-means++ among seeds that were proposed ahead. */
#include "choose.h"

#include <math.h>

#include "rough.h"

#if HAVE_X86
/* Up to `most` proposals from `from` on that are still accepted; returns how many. */
static int64_t accepted(const Proposals *proposals, const float *closest, int64_t from, int64_t most, int64_t *found) {
    int64_t count = 0;
    for (int64_t i = from; i < proposals->count && count < most; i++) {
        if ((double)closest[proposals->rows[i]] > proposals->bar[i]) found[count++] = i;
    }
    return count;
}

static double weighted(const float *squared, const float *closest, const float *weight, int64_t n) {
    double sums[8] = {0}, total = 0; /* side by side, added in order at the end */
    for (int64_t i = 0; i < n; i++) {
        const float value = squared[i] < closest[i] ? squared[i] : closest[i];
        sums[i % 8] += (double)value * weight[i];
    }
    for (int i = 0; i < 8; i++) total += sums[i];
    return total;
}

int64_t choose(const Weighed *points, const Proposals *proposals, int64_t n_candidates, int64_t wanted, int64_t *chosen) {
    int64_t candidates[n_candidates], done = 0, from = 0;
    while (done < wanted) {
        if (accepted(proposals, points->closest, from, n_candidates, candidates) < n_candidates) break;
        double lowest = INFINITY;
        int64_t best = candidates[0];
        for (int64_t c = 0; c < n_candidates; c++) {
            float *squared = proposals->squared + candidates[c] * points->n;
            double sum = potential(points->x, points->stride, points->dim, points->n, proposals->rows[candidates[c]],
                                   points->norms, points->closest, points->close, squared);
            if (points->weight) sum = weighted(squared, points->closest, points->weight, points->n);
            if (sum < lowest) lowest = sum, best = candidates[c];
        }
        const float *squared = proposals->squared + best * points->n;
        for (int64_t i = 0; i < points->n; i++) {
            points->closest[i] = squared[i] < points->closest[i] ? squared[i] : points->closest[i];
        }
        chosen[done++] = best;
        from = candidates[n_candidates - 1] + 1;
    }
    return done;
}
#endif
