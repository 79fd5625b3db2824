/* The tile instructions in plain C, written from their description in Intel's manual, so that the code of amx.inc can be
 * held against float32 on any processor. Tiles belong to a thread and have no shape until they are configured. */
#include "ways.h"
#if HAVE_X86
#include <string.h>

typedef struct {
    int rows, bytes;
    union {
        int8_t byte[16][64];
        int32_t word[16][16];
    } value;
} Tile;

static _Thread_local Tile TILES[8];

#define TARGET
#define TILE_CONFIG(shapes) configure(shapes)
#define TILE_RELEASE() memset(TILES, 0, sizeof TILES)
#define TILE_ZERO(tile) memset(&TILES[tile].value, 0, sizeof TILES[tile].value)
#define TILE_LOAD(tile, from, stride) load(TILES + (tile), from, stride)
#define TILE_PRODUCT(to, a, b) product(TILES + (to), TILES + (a), TILES + (b))
#define TILE_STORE(tile, to, stride) store(TILES + (tile), to, stride)

static void configure(const void *shapes);

static void load(Tile *tile, const void *from, int64_t stride) {
    memset(&tile->value, 0, sizeof tile->value);
    for (int r = 0; r < tile->rows; r++) memcpy(tile->value.byte[r], (const char *)from + r * stride, (size_t)tile->bytes);
}

static void store(const Tile *tile, void *to, int64_t stride) {
    for (int r = 0; r < tile->rows; r++) memcpy((char *)to + r * stride, tile->value.byte[r], (size_t)tile->bytes);
}

/* TDPBSSD: to[m][n] += the sum over k of four signed bytes of a[m][k] times those of b[k][n]. */
static void product(Tile *to, const Tile *a, const Tile *b) {
    for (int m = 0; m < to->rows; m++) {
        for (int k = 0; k < a->bytes / 4; k++) {
            for (int n = 0; n < to->bytes / 4; n++) {
                for (int i = 0; i < 4; i++) {
                    to->value.word[m][n] += a->value.byte[m][4 * k + i] * b->value.byte[k][4 * n + i];
                }
            }
        }
    }
}

#include "amx.inc"

static void configure(const void *shapes) {
    const Shapes *these = shapes;
    memset(TILES, 0, sizeof TILES);
    for (int t = 0; t < 8 && these->palette == 1; t++) TILES[t].rows = these->rows[t], TILES[t].bytes = these->bytes[t];
}

const Way WAY_AMX_EMULATED = {"avx2+amx", AMX_ROWS, 0, floats_avx2, bytes_amx, measure_plain, round_plain, home_plain,
                              reach_plain, bounds_plain, open_plain, judge_plain, open_floats_avx2, judge_floats_avx2,
                              begin_tiles, end_tiles};
#endif
