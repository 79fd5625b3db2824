/* The fuzzy graph of UMAP (McInnes et al. 2018): weights that fall off from each point's own nearest neighbour at a rate
 * that gives every point the same sum, joined as the probability that either end draws the edge. */
#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH
#include "lanes.inc"

static float distance_of(const float *one, const float *two, float scale, int64_t dim) {
    float part[16] = {0}, rest = 0;
    int64_t j = 0;
    for (; j + 16 <= dim; j += 16) {
        for (int l = 0; l < 16; l++) {
            const float gap = (one[j + l] - two[j + l]) * scale;
            part[l] += gap * gap;
        }
    }
    for (; j < dim; j++) rest += (one[j] - two[j]) * scale * ((one[j] - two[j]) * scale);
    return sqrtf(sum16(load16(part)) + rest);
}

void true_distances(const float *x, const int64_t *rows, float scale, int64_t dim, int64_t start,
                    int64_t end, int64_t k, int32_t *neighbour, float *distance) {
    for (int64_t i = start; i < end; i++) {
        int32_t *other = neighbour + i * k;
        float *far = distance + i * k;
        int64_t count = 0;
        for (int64_t j = 0; j < k; j++) {
            if (other[j] < 0) continue;
            const int32_t id = other[j];
            const float gap = distance_of(x + rows[i] * dim, x + rows[id] * dim, scale, dim);
            int64_t at = count++;
            for (; at > 0 && (gap < far[at - 1] || (gap == far[at - 1] && id < other[at - 1])); at--) {
                far[at] = far[at - 1], other[at] = other[at - 1];
            }
            far[at] = gap, other[at] = id;
        }
        for (; count < k; count++) far[count] = 0, other[count] = (int32_t)i;
    }
}

#define HALVINGS 64
#define CLOSE_ENOUGH 1e-5f
#define LEAST_WIDTH 1e-3f /* of the mean distance, below which a fall-off is not let */

static float sum_of_weights(const float *over, int64_t padded, float rate) {
    f16 sum = {0};
    for (int64_t j = 0; j < padded; j += 16) sum += exp2_16(load16(over + j) * -rate);
    return sum16(sum);
}

/* over (padded): distances beyond the nearest, +large for none. */
static float width_of(const float *over, int64_t padded, float wanted) {
    float low = 0, high = INFINITY, width = 1;
    for (int round = 0; round < HALVINGS; round++) {
        const float sum = sum_of_weights(over, padded, 1.442695041f / width);
        if (fabsf(sum - wanted) < CLOSE_ENOUGH) break;
        if (sum > wanted) high = width;
        else low = width;
        width = high < INFINITY ? (low + high) / 2 : width * 2;
        if (!(width < 1e30f)) break;
    }
    return width;
}

void fuzzy_weights(const int32_t *neighbour, const float *distance, int64_t start, int64_t end, int64_t k, float *weight) {
    const float wanted = log2f((float)(k + 1));
    float over[MOST_NEIGHBOURS];
    const int64_t padded = (k + 15) / 16 * 16;
    for (int64_t i = start; i < end; i++) {
        const float *far = distance + i * k;
        const int32_t *other = neighbour + i * k;
        float nearest = 0, sum = 0;
        for (int64_t j = 0; j < k; j++) {
            sum += far[j];
            if (far[j] > 0 && (nearest == 0 || far[j] < nearest)) nearest = far[j];
        }
        const float unit = sum > 0 ? sum / (float)k : 1.0f; /* of the distances: halving starts near the width */
        for (int64_t j = 0; j < padded; j++) {
            over[j] = j < k && other[j] != i ? (far[j] > nearest ? (far[j] - nearest) / unit : 0.0f) : 1e30f;
        }
        float width = width_of(over, padded, wanted);
        width = width > LEAST_WIDTH ? width : LEAST_WIDTH;
        for (int64_t j = 0; j < padded; j += 16) {
            float made[16];
            const f16 w = exp2_16(load16(over + j) * (-1.442695041f / width));
            memcpy(made, &w, sizeof made);
            for (int64_t l = 0; l < 16 && j + l < k; l++) {
                const float value = over[j + l] <= 0 ? 1.0f : made[l] < 1.0f ? made[l] : 1.0f;
                weight[i * k + j + l] = other[j + l] == i ? 0.0f : value;
            }
        }
    }
}

int64_t symmetric(const int32_t *neighbour, const float *weight, int64_t n, int64_t k, int64_t *first, int32_t *other,
                  float *joined, float *total) {
    int64_t *starts = calloc(n + 1, sizeof *starts);
    int64_t *next = malloc(n * sizeof *next + 1);
    int32_t *from = malloc(n * k * sizeof *from + 1);
    float *drawn = malloc(n * k * sizeof *drawn + 1);
    int64_t count = -1;
    if (starts && next && from && drawn) {
        for (int64_t e = 0; e < n * k; e++) {
            if (weight[e] > 0) starts[neighbour[e] + 1]++;
        }
        for (int64_t i = 0; i < n; i++) starts[i + 1] += starts[i];
        memcpy(next, starts, n * sizeof *next);
        for (int64_t e = 0; e < n * k; e++) {
            if (weight[e] > 0) from[next[neighbour[e]]] = (int32_t)(e / k), drawn[next[neighbour[e]]++] = weight[e];
        }
        count = 0;
        for (int64_t i = 0; i < n; i++) {
            first[i] = count;
            for (int64_t j = 0; j < k; j++) { /* edges of its own, in the order of their distance */
                if (weight[i * k + j] > 0) other[count] = neighbour[i * k + j], joined[count++] = weight[i * k + j];
            }
            const int64_t mine = count;
            for (int64_t e = starts[i]; e < starts[i + 1]; e++) {
                int64_t at = first[i];
                while (at < mine && other[at] != from[e]) at++;
                if (at < mine) joined[at] = joined[at] + drawn[e] - joined[at] * drawn[e];
                else other[count] = from[e], joined[count++] = drawn[e];
            }
            total[i] = 0;
            for (int64_t e = first[i]; e < count; e++) total[i] += joined[e];
            if (!(total[i] > 0)) total[i] = 1;
        }
        first[n] = count;
    }
    free(starts), free(next), free(from), free(drawn);
    return count;
}
