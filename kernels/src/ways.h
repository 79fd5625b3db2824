/* The ways to search, and the parts that they are made of, which are described at Way in panels.h. */
#ifndef CURATION_WAYS_H
#define CURATION_WAYS_H

#include "panels.h"

extern const Way WAY_AMX, WAY_VNNI, WAY_AVX512, WAY_AVX2, WAY_PLAIN, WAY_AMX_EMULATED;

/* Whether processor and system have tiles of AMX and leave them to this process. */
int has_amx(void);

void floats_avx512(const float *x, const float *panel, int64_t dim, float *out, int64_t stride);
void measure_avx512(const float *x, int64_t dim, Row *row);
void round_avx512(const float *x, const float *g, int64_t dim, Row *row, uint32_t *quads);
int32_t home_avx512(const float *s, int64_t n_panels);
void reach_avx512(const Panels *panels, const float *s, const Row *row, float *down);
uint64_t bounds_avx512(const Panels *panels, int64_t first, int64_t count, const Row *row, const float *down);
void open_avx512(const Panels *panels, int64_t panel, const int32_t *sums, Row *row, float up);
void judge_avx512(const Panels *panels, int64_t panel, const int32_t *sums, int rows, const float *down, Row *row, List *lists);
void open_floats_avx512(const float *scores, Row *row);
void judge_floats_avx512(const float *scores, int rows, const int32_t *ids, Row *row);

void floats_avx2(const float *x, const float *panel, int64_t dim, float *out, int64_t stride);
void measure_plain(const float *x, int64_t dim, Row *row);
void round_plain(const float *x, const float *g, int64_t dim, Row *row, uint32_t *quads);
int32_t home_plain(const float *s, int64_t n_panels);
void reach_plain(const Panels *panels, const float *s, const Row *row, float *down);
uint64_t bounds_plain(const Panels *panels, int64_t first, int64_t count, const Row *row, const float *down);
void open_plain(const Panels *panels, int64_t panel, const int32_t *sums, Row *row, float up);
void judge_plain(const Panels *panels, int64_t panel, const int32_t *sums, int rows, const float *down, Row *row, List *lists);
void open_floats_avx2(const float *scores, Row *row);
void judge_floats_avx2(const float *scores, int rows, const int32_t *ids, Row *row);

#endif
