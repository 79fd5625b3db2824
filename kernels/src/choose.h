/* The choice of greedy k-means++ among seeds that were proposed ahead: of every few that are still accepted the one that
 * leaves the smallest sum of squared distances. */
#ifndef CURATION_CHOOSE_H
#define CURATION_CHOOSE_H

#include <stdint.h>

/* n points: rows x of dim columns, stride apart, and their squared lengths. closest: squared distances to the nearest
 * seed, kept up to date. weight: what each point counts, or NULL. close: see potential() in rough.h. */
typedef struct {
    const float *x;
    int64_t n, stride, dim;
    const float *norms, *weight;
    float *closest, close;
} Weighed;

/* Proposals: rows of the points; a proposal is accepted while the distance of its row to the nearest seed is above its
 * bar; squared: (count, n) rough distances of all points to each, those that matter made exact on the way. */
typedef struct {
    const int64_t *rows;
    const double *bar;
    int64_t count;
    float *squared;
} Proposals;

/* Choose up to `wanted` seeds, each among the next n_candidates accepted proposals; writes their places among the
 * proposals and returns how many were chosen before accepted ones ran out. */
int64_t choose(const Weighed *points, const Proposals *proposals, int64_t n_candidates, int64_t wanted, int64_t *chosen);

#endif
