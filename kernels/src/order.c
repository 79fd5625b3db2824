/* An order of centroids that puts neighbours side by side: cut in two along the direction in which they differ most, and
 * each part again, down to panels. Any order gives the same answer; a good one lets more panels be passed over. */
#include <stdlib.h>
#include <string.h>

#include "panels.h"

#define LANES 16
#define SAMPLE 256 /* rows that show the direction */
#define ROUNDS 2   /* of the power method; more gain nothing */

#if HAVE_X86
#define TARGET __attribute__((target("avx2,fma")))
#else
#define TARGET
#endif

typedef struct {
    float at;
    int32_t row;
} Place;

typedef struct {
    const float *table;
    int64_t stride, dim;
    float *mean, *direction, *next;
    Place *places, *spare;
} Work;

TARGET static float inner(const float *a, const float *b, int64_t dim) {
    float sums[LANES] = {0}, sum = 0;
    int64_t j = 0;
    for (; j + LANES <= dim; j += LANES) {
        for (int lane = 0; lane < LANES; lane++) sums[lane] += a[j + lane] * b[j + lane];
    }
    for (; j < dim; j++) sum += a[j] * b[j];
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    return sum;
}

TARGET static void add(float *to, const float *from, float times, int64_t dim) {
    for (int64_t j = 0; j < dim; j++) to[j] += times * from[j];
}

static const float *row_of(const Work *work, int64_t place) { return work->table + work->places[place].row * work->stride; }

/* Scaled to a largest value of 1, so that no product overflows; 0 where there is no direction. */
static int scaled(float *direction, int64_t dim) {
    float largest = 0;
    for (int64_t j = 0; j < dim; j++) {
        const float size = __builtin_fabsf(direction[j]);
        largest = size > largest ? size : largest;
    }
    if (!(largest > 0 && largest < __builtin_inff())) return 0;
    for (int64_t j = 0; j < dim; j++) direction[j] /= largest;
    return 1;
}

/* The direction of most variance, roughly, from every step-th row. */
static int find_direction(Work *work, int64_t first, int64_t last) {
    const int64_t dim = work->dim, step = (last - first + SAMPLE - 1) / SAMPLE;
    const size_t size = (size_t)dim * sizeof(float);
    float far = -1;
    int64_t count = 0, farthest = first;
    memset(work->mean, 0, size);
    for (int64_t i = first; i < last; i += step, count++) add(work->mean, row_of(work, i), 1, dim);
    for (int64_t j = 0; j < dim; j++) work->mean[j] /= (float)count;
    const float middle = inner(work->mean, work->mean, dim);
    for (int64_t i = first; i < last; i += step) {
        const float *row = row_of(work, i);
        const float distance = inner(row, row, dim) - 2 * inner(row, work->mean, dim) + middle;
        if (distance > far) far = distance, farthest = i;
    }
    memcpy(work->direction, row_of(work, farthest), size);
    add(work->direction, work->mean, -1, dim);
    for (int round = 0; round < ROUNDS && scaled(work->direction, dim); round++) {
        const float shift = inner(work->mean, work->direction, dim);
        float total = 0;
        memset(work->next, 0, size);
        for (int64_t i = first; i < last; i += step) {
            const float *row = row_of(work, i), at = inner(row, work->direction, dim) - shift;
            add(work->next, row, at, dim);
            total += at;
        }
        add(work->next, work->mean, -total, dim);
        memcpy(work->direction, work->next, size);
    }
    return scaled(work->direction, dim);
}

/* Sorted by place; other stands for as many. */
static void merge_sort(Place *places, int64_t count, Place *other) {
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t first = 0; first < count; first += 2 * width) {
            const int64_t middle = first + width < count ? first + width : count;
            const int64_t last = middle + width < count ? middle + width : count;
            for (int64_t a = first, b = middle, to = first; to < last; to++) {
                const int left = b == last || (a < middle && places[a].at <= places[b].at);
                other[to] = places[left ? a : b];
                a += left, b += !left;
            }
        }
        memcpy(places, other, (size_t)count * sizeof(Place));
    }
}

/* Where to cut sorted places: at a whole number of panels, in the middle half, so that the squares within both parts are
 * least. */
static int64_t cut(const Place *places, int64_t count) {
    const int64_t n_panels = (count + PANEL - 1) / PANEL;
    const int64_t least = n_panels / 4 > 0 ? n_panels / 4 : 1, most = n_panels - least;
    double total = 0, sum = 0, best = -1;
    int64_t found = n_panels / 2 * PANEL;
    for (int64_t i = 0; i < count; i++) total += places[i].at;
    for (int64_t i = 0; i < most * PANEL; i++) {
        sum += places[i].at;
        const int64_t left = i + 1;
        if (left % PANEL || left < least * PANEL) continue;
        const double apart = sum / (double)left - (total - sum) / (double)(count - left);
        const double between = (double)left * (double)(count - left) * apart * apart;
        if (between > best) best = between, found = left;
    }
    return found;
}

static void divide(Work *work, int64_t first, int64_t last) {
    if (last - first <= PANEL) return;
    int64_t middle = first + ((last - first + PANEL - 1) / PANEL) / 2 * PANEL;
    if (find_direction(work, first, last)) {
        for (int64_t i = first; i < last; i++) work->places[i].at = inner(row_of(work, i), work->direction, work->dim);
        merge_sort(work->places + first, last - first, work->spare);
        middle = first + cut(work->places + first, last - first);
    }
    divide(work, first, middle);
    divide(work, middle, last);
}

int order_rows(const float *table, int64_t k, int64_t dim, int32_t *order) {
    const size_t size = (size_t)dim * sizeof(float) + 1;
    Work work = {table, dim + 1, dim, malloc(size), malloc(size), malloc(size), malloc((size_t)k * sizeof(Place)),
                 malloc((size_t)k * sizeof(Place))};
    const int enough = work.mean && work.direction && work.next && work.places && work.spare;
    if (enough) {
        for (int64_t i = 0; i < k; i++) work.places[i] = (Place){0, (int32_t)i};
        divide(&work, 0, k);
        for (int64_t i = 0; i < k; i++) order[i] = work.places[i].row;
    }
    free(work.mean);
    free(work.direction);
    free(work.next);
    free(work.places);
    free(work.spare);
    return enough ? 0 : -1;
}
