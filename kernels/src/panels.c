/* Panels are filled: means, radii, bytes, and how much each of these can be off. All sums are in float64. */
#include "panels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_X86
#define TARGET __attribute__((target("avx2,fma")))
#else
#define TARGET
#endif

#define MORE (1 + 1e-6) /* beyond the rounding to float32 and of the float64 sums */

static float up(double value) { return (float)(value + fabs(value) * 1e-6); }
static float down(double value) { return (float)(value - fabs(value) * 1e-6); }

/* Sums over the columns for every lane of a panel. */
typedef struct {
    double length[PANEL], radius[PANEL], along[PANEL], loss[PANEL], whole[PANEL];
    float scale[PANEL];
} Sums;

/* Lanes past `count` repeat the first one, so that every number is a number. */
static void transpose(const float *table, int64_t width, const int32_t *ids, int64_t count, float *panel) {
    for (int64_t lane = 0; lane < PANEL; lane++) {
        const float *from = table + (int64_t)ids[lane < count ? lane : 0] * width;
        for (int64_t j = 0; j < width; j++) panel[j * PANEL + lane] = from[j];
    }
}

/* The mean of a panel to g, gamma behind it; returns |g|^2. */
TARGET static double mean_of(const float *panel, int64_t dim, int64_t count, float *g) {
    double square = 0;
    for (int64_t j = 0; j < dim; j++) {
        double sum = 0;
        for (int64_t lane = 0; lane < count; lane++) sum += panel[j * PANEL + lane];
        g[j] = (float)(sum / (double)count);
        square += (double)g[j] * g[j];
    }
    g[dim] = (float)(square / 2);
    return square;
}

TARGET static void measure(const float *panel, int64_t dim, const float *g, Sums *sums) {
    float largest[PANEL] = {0};
    for (int64_t j = 0; j < dim; j++) {
        for (int lane = 0; lane < PANEL; lane++) {
            const double value = panel[j * PANEL + lane], rest = value - g[j];
            const float size = fabsf((float)rest);
            largest[lane] = size > largest[lane] ? size : largest[lane];
            sums->length[lane] += value * value;
            sums->radius[lane] += rest * rest;
            sums->along[lane] += g[j] * rest;
        }
    }
    for (int lane = 0; lane < PANEL; lane++) sums->scale[lane] = largest[lane] > 1e-18f ? largest[lane] / 127 : 1;
}

/* Bytes of a panel, four columns at a time, and what rounding lost. Columns past the last are 0. */
TARGET static void round_panel(const float *panel, int64_t dim, int64_t quads, const float *g, int offset,
                               Sums *sums, uint32_t *bytes) {
    double inverse[PANEL];
    for (int lane = 0; lane < PANEL; lane++) inverse[lane] = 1 / (double)sums->scale[lane];
    memset(bytes, offset, (size_t)(quads * PANEL) * sizeof(uint32_t));
    for (int64_t j = 0; j < dim; j++) {
        uint32_t *quad = bytes + j / 4 * PANEL;
        uint32_t found[PANEL];
        for (int lane = 0; lane < PANEL; lane++) {
            const double rest = (double)panel[j * PANEL + lane] - g[j], whole = __builtin_rint(rest * inverse[lane]);
            const double lost = rest - whole * sums->scale[lane];
            sums->loss[lane] += lost * lost;
            sums->whole[lane] += whole * whole;
            found[lane] = (uint32_t)((int32_t)whole + offset) & 0xff;
        }
        const int shift = (int)(8 * (j % 4));
        for (int lane = 0; lane < PANEL; lane++) quad[lane] = (quad[lane] & ~(0xffu << shift)) | found[lane] << shift;
    }
}

/* Of one panel: its radius and bound, and the slack of float32 sums. See panels.h. */
static void describe(const float *panel, int64_t dim, int64_t count, const float *g, double square, const Sums *sums,
                     float *about, int64_t padded) {
    const double gamma = g[dim], sums_of = 1.01 * ((double)dim + 25) * U, far = sqrt(square);
    double radius = 0, kappa = INFINITY, longest = 0, highest = 0;
    for (int lane = 0; lane < count; lane++) {
        radius = fmax(radius, sqrt(sums->radius[lane]));
        longest = fmax(longest, sqrt(sums->length[lane]));
        highest = fmax(highest, fabs((double)panel[dim * PANEL + lane]));
    }
    about[RADIUS * padded] = up(radius);
    for (int lane = 0; lane < count; lane++) {
        const double rest = (panel[dim * PANEL + lane] - gamma) - sums->along[lane];
        kappa = fmin(kappa, rest - about[RADIUS * padded] * sqrt(sums->radius[lane]) * MORE);
    }
    about[KAPPA * padded] = down(kappa);
    about[EXCESS * padded] = up(square - 2 * gamma) + up(1e-6 * square);
    about[REACH * padded] = up(sums_of * (longest + far));
    about[BASE * padded] = up(sums_of * (highest + gamma) + 40 * U * radius * (radius + far)) + TINY;
}

static void describe_lanes(const float *panel, int64_t dim, int64_t count, const float *g, const Sums *sums, float *lanes) {
    for (int lane = 0; lane < PANEL; lane++) {
        const int there = lane < count;
        lanes[SCALE * PANEL + lane] = there ? sums->scale[lane] : 0;
        lanes[BIAS * PANEL + lane] = there ? (float)((double)panel[dim * PANEL + lane] - g[dim]) : INFINITY;
        lanes[NORM * PANEL + lane] = there ? up(sums->scale[lane] * sqrt(sums->whole[lane])) : 0;
        lanes[LOSS * PANEL + lane] = there ? up(sqrt(sums->loss[lane])) : 0;
    }
}

static int tame(const Sums *sums, const float *biases, int64_t count, float *sizes) {
    int all = 1;
    for (int lane = 0; lane < count; lane++) {
        const float length = up(sqrt(sums->length[lane])), bias = fabsf(biases[lane]);
        all &= length <= TAME && bias <= TAME * TAME;
        sizes[0] = fmaxf(sizes[0], length), sizes[1] = fmaxf(sizes[1], bias);
    }
    return all;
}

int fill_panels(const float *table, int64_t k, int64_t dim, const int32_t *ids, int64_t quads, Filled *into) {
    const int64_t n_panels = (k + PANEL - 1) / PANEL, padded = (n_panels + PANEL - 1) / PANEL * PANEL;
    float g[dim + 1];
    int all = dim <= WIDEST;
    into->sizes[0] = into->sizes[1] = 0;
    for (int64_t p = 0; p < padded; p++) {
        float *means = into->means + p / PANEL * PANEL * (dim + 1) + p % PANEL;
        if (p >= n_panels) { /* the highest of all scores */
            for (int64_t j = 0; j <= dim; j++) means[j * PANEL] = j < dim ? 0 : INFINITY;
            for (int a = 0; a < ABOUTS; a++) into->about[a * padded + p] = 0;
            continue;
        }
        const int64_t count = k - p * PANEL < PANEL ? k - p * PANEL : PANEL;
        float *panel = into->floats + p * PANEL * (dim + 1);
        Sums sums = {0};
        transpose(table, dim + 1, ids + p * PANEL, count, panel);
        const double square = mean_of(panel, dim, count, g);
        measure(panel, dim, g, &sums);
        all &= tame(&sums, panel + dim * PANEL, count, into->sizes);
        describe(panel, dim, count, g, square, &sums, into->about + p, padded);
        for (int64_t j = 0; j <= dim; j++) means[j * PANEL] = g[j];
        if (into->bytes && all) {
            round_panel(panel, dim, quads, g, into->offset, &sums, into->bytes + p * PANEL * quads);
            describe_lanes(panel, dim, count, g, &sums, into->lanes + p * PANEL * LANES_EACH);
        }
        for (int64_t j = 0; j <= dim; j++) {
            for (int64_t lane = count; lane < PANEL; lane++) panel[j * PANEL + lane] = NAN;
        }
    }
    return all;
}

#define ROWS 12 /* places multiplied at once */

/* The means of `step` panels in a row each, to the rows of places, with a last column of zeros. */
static void average(const float *means, int64_t dim, int64_t n_panels, float *places) {
    const int64_t step = step_of(n_panels);
    for (int64_t first = 0; first < n_panels; first += step, places += dim + 1) {
        const int64_t last = first + step < n_panels ? first + step : n_panels;
        for (int64_t j = 0; j < dim; j++) {
            double sum = 0;
            for (int64_t p = first; p < last; p++) sum += means[(p / PANEL * (dim + 1) + j) * PANEL + p % PANEL];
            places[j] = (float)(sum / (double)(last - first));
        }
        places[dim] = 0;
    }
}

int fill_places(int64_t k, int64_t dim, Floats floats, Filled *into) {
    const int64_t n_panels = (k + PANEL - 1) / PANEL, padded = (n_panels + PANEL - 1) / PANEL * PANEL;
    const int64_t n_places = (n_panels + step_of(n_panels) - 1) / step_of(n_panels);
    float products[ROWS * PANEL], *means = malloc((size_t)(ROWS * padded) * sizeof(float));
    if (!means) return -1;
    memset(into->places, 0, (size_t)((n_places + ROWS - 1) / ROWS * ROWS * (dim + 1)) * sizeof(float));
    average(into->means, dim, n_panels, into->places);
    for (int64_t first = 0; first < n_places; first += ROWS) {
        const float *these = into->places + first * (dim + 1);
        for (int64_t p = 0; p < padded; p += PANEL) floats(these, into->means + p * (dim + 1), dim + 1, means + p, padded);
        for (int64_t p = 0; p < n_panels; p++) {
            floats(these, into->floats + p * PANEL * (dim + 1), dim + 1, products, PANEL);
            for (int64_t g = first; g < first + ROWS && g < n_places; g++) {
                float *biases = into->biases + (g * n_panels + p) * PANEL;
                const float *bias = into->lanes + p * PANEL * LANES_EACH + BIAS * PANEL;
                const float mean = means[(g - first) * padded + p];
                for (int lane = 0; lane < PANEL; lane++) {
                    const int there = p * PANEL + lane < k;
                    biases[lane] = there ? bias[lane] - (products[(g - first) * PANEL + lane] - mean) : INFINITY;
                }
            }
        }
    }
    free(means);
    return 0;
}
