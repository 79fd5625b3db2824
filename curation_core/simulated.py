"""Simulated data with known densities: rings, mixtures, a power law, and a long tail cut from any labelled set.

The shapes and counts follow the simulated experiments of Vo et al. 2024, so that figures measured here can be held
against published ones. Every function is seeded and touches no global randomness.
"""

import numpy as np

RING_COUNTS = (20_000, 200, 1_000, 500, 8_000)
RING_CENTRES = ((-2.2, 1.0), (0.0, 1.0), (2.2, 1.0), (-1.2, 0.2), (1.2, 0.2))
RING_RADII = (0.7, 1.0)

# (mean, standard deviation, points drawn, lowest kept, highest kept)
MIXTURE_1D = (
    (2.0, 1.0, 60_000, 0.0, 12.0),
    (5.0, 0.8, 30_000, 0.0, 12.0),
    (9.0, 2.0, 40_000, 0.0, 12.0),
    (20.0, 1.0, 90_000, 17.0, 23.0),
    (-10.0, 2.0, 30_000, -14.0, -7.0),
)
MIXTURE_2D = (((-1.0, -1.0), 7_000), ((1.0, -1.0), 1_000), ((0.0, 1.0), 500))
MIXTURE_2D_SPREAD = 0.5
MIXTURE_2D_UNIFORM = 500
MIXTURE_2D_BOUNDS = (-3.0, 3.0)


def rings(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Five overlapping annuli of very unequal size, each filled evenly over its area.

    Returns points (29700, 2) float32 and ring (29700,) int64 in [0, 5), in ring order.
    """
    rng = np.random.default_rng([seed, 0])
    ring = np.repeat(np.arange(len(RING_COUNTS)), RING_COUNTS)
    inner, outer = RING_RADII
    radius = np.sqrt(rng.uniform(inner**2, outer**2, len(ring)))  # the square root makes it even over the area
    angle = rng.uniform(0, 2 * np.pi, len(ring))
    circle = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])  # (29700, 2)
    return (np.asarray(RING_CENTRES)[ring] + circle).astype(np.float32), ring


def mixture_2d(seed: int = 0) -> np.ndarray:
    """Three unequal normal blobs on a thin uniform floor over [-3, 3]²: (9000, 2) float32."""
    rng = np.random.default_rng([seed, 1])
    blobs = [rng.normal(mean, MIXTURE_2D_SPREAD, (count, 2)) for mean, count in MIXTURE_2D]
    floor = rng.uniform(*MIXTURE_2D_BOUNDS, (MIXTURE_2D_UNIFORM, 2))
    return np.concatenate([*blobs, floor]).astype(np.float32)


def mixture_1d(seed: int = 0) -> np.ndarray:
    """Five normals on a line, those that have them cut at bounds: (about 243000, 1) float32.

    250,000 points are drawn and the ones outside the bounds of their normal dropped, so the count varies with the seed.
    """
    rng = np.random.default_rng([seed, 2])
    parts = []
    for mean, spread, count, low, high in MIXTURE_1D:
        drawn = rng.normal(mean, spread, count)
        parts.append(drawn[(drawn >= low) & (drawn <= high)])
    return np.concatenate(parts).astype(np.float32)[:, None]


def power_law_1d(seed: int = 0, n: int = 60_000, base: float = 30.0) -> np.ndarray:
    """Points on [0, 1] with density proportional to base^x, base > 1: (n, 1) float32.

    The right end is base times as dense as the left one, which makes density exponents easy to measure.
    """
    rng = np.random.default_rng([seed, 3])
    x: np.ndarray = np.log1p(rng.random(n) * (base - 1)) / np.log(base)  # inverse of the CDF
    return x.astype(np.float32)[:, None]


def long_tail(labels: np.ndarray, n: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Indices of a draw in which the r-th most frequent label has a share proportional to r^-exponent.

    labels: (m,) of anything that sorts; ties in frequency go by label. Every label keeps at least one item. A label
    that has too few items gives all of them, so fewer than n may come back. Returns sorted, distinct (<= n + k,) int64.
    """
    names, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(1, len(names) + 1)
    weight = rank.astype(np.float64) ** -exponent
    wanted = np.clip(np.rint(n * weight / weight.sum()), 1, counts).astype(np.int64)
    chosen = [
        rng.choice(np.flatnonzero(code == label), size, replace=False, shuffle=False)
        for label, size in enumerate(wanted)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
