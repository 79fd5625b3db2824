/* Looking in bytes with AMX, the rest with AVX-512. Compiled and held against float32 by its emulation (amx_emulated.c);
 * the instructions themselves have not been run: no such processor was at hand. */
#include "ways.h"
#if HAVE_X86 && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET __attribute__((target("amx-tile,amx-int8")))
#define TILE_CONFIG(shapes) _tile_loadconfig(shapes)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, from, stride) _tile_loadd(tile, from, stride)
#define TILE_PRODUCT(to, a, b) _tile_dpbssd(to, a, b)
#define TILE_STORE(tile, to, stride) _tile_stored(tile, to, stride)
#include "amx.inc"

#define TILES_AND_BYTES (1u << 24 | 1u << 25) /* of EDX of leaf 7 */
#define ASK_FOR_STATE 0x1023                  /* ARCH_REQ_XCOMP_PERM */
#define TILE_DATA 18

static int asked_for_tiles(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & TILES_AND_BYTES) != TILES_AND_BYTES) return 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* whether the system keeps the state of tiles */
    return (low >> 17 & 3) == 3 && syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0;
}

int has_amx(void) {
    static int known = -1; /* asked for once; a process keeps the answer, and its threads share it */
    if (known < 0) known = asked_for_tiles();
    return known;
}

const Way WAY_AMX = {"avx512+amx", AMX_ROWS, 0, floats_avx512, bytes_amx, measure_avx512, round_avx512, home_avx512,
                     reach_avx512, bounds_avx512, open_avx512, judge_avx512, open_floats_avx512, judge_floats_avx512,
                     begin_tiles, end_tiles};
#elif HAVE_X86
int has_amx(void) { return 0; }
const Way WAY_AMX = {.name = "avx512+amx"};
#endif
