"""k-means: seeding, then exact Lloyd iterations; labels always belong to the returned centroids.

Vectors are centred by their float64 mean before float32 work, so a large common offset costs no precision. They may lie
on the disk: where they are many they are read block by block.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError
from curation_core.kernels import Search, n_threads
from curation_core.lloyd import Lloyd
from curation_core.native import native
from curation_core.points import Points, parts
from curation_core.progress import Tick, unheard
from curation_core.seeding import QUICK_ROWS, quick_init, seed_rows
from curation_core.unfinished import Unit

PER_CLUSTER = 256  # points that place a centroid as well as all do
_SOON = 1 << 34  # products of a pass over all points below which a sample saves little
_SEEDED = 1 << 26  # values of points that seeds are chosen from: choosing one looks at all of them, in memory
_SEEDED_ROWS = 1 << 20
_SEEDED_PER_CLUSTER = 16


@dataclass(frozen=True)
class KMeansResult:
    """Centroids and the labels that belong to them.

    centroids: (k, d) float32. assignment: (n,) int32. distance: (n,) float32, Euclidean. inertia: sum of squared
    distances. n_iter: times the centroids were moved. converged: a further iteration would change nothing, or less
    than was asked for.
    """

    centroids: np.ndarray
    assignment: np.ndarray
    distance: np.ndarray
    inertia: float
    n_iter: int
    converged: bool


def kmeans(
    vectors: ArrayLike,
    n_clusters: int,
    *,
    init: str = "kmeans++",
    max_iter: int = 50,
    seed: int = 0,
    start: ArrayLike | None = None,
) -> KMeansResult:
    """Cluster vectors by k-means.

    vectors: (n, d), any real dtype, memory maps welcome. init: kmeans++ (greedy), kmeans|| or random. start: (k, d)
    centroids to begin with in place of seeding. Stops at a fixed point or after max_iter iterations. Same seed, same
    result.
    Raises ShapeError for vectors that cannot be clustered, ConfigError for settings that do not fit them.
    """
    points = Points.of(vectors)
    check_whole("max_iter", max_iter)
    check_n_clusters(points, n_clusters, distinct=start is None)
    if start is None:
        return fit(points, seeds(points, n_clusters, init, np.random.default_rng([seed])), max_iter)
    centroids = np.asarray(start, dtype=np.float32)
    if centroids.shape != (n_clusters, len(points.shift)):
        raise ShapeError(
            f"start has shape {centroids.shape}, expected {(n_clusters, len(points.shift))}; give one row per cluster"
        )
    return fit(points, centroids, max_iter)


def assign(vectors: ArrayLike, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centroid of every vector, the lowest index at ties: (n,) int32, and the distance, (n,) float32."""
    points = Points.of(vectors)
    if centroids.ndim != 2 or centroids.shape[1] != len(points.shift) or not len(centroids):
        raise ShapeError(
            f"centroids have shape {centroids.shape}, expected (k, {len(points.shift)}); use those of these vectors"
        )
    return nearest(points, centroids)


def seeds(
    points: Points,
    n_clusters: int,
    init: str,
    rng: np.random.Generator,
    *,
    n_candidates: int | None = None,
    tick: Tick = unheard,
) -> np.ndarray:
    """Starting centroids: (k, d) float32, rows of the points; see `seed_rows`."""
    rows = seed_rows(points.x, n_clusters, init, rng, n_candidates=n_candidates, tick=tick)
    return points.restore(points.x[rows, :-1])


def run(
    points: Points,
    n_clusters: int,
    *,
    init: str,
    rng: np.random.Generator,
    max_iter: int,
    tolerance: float = 0.0,
    sampled: bool = False,
    n_candidates: int | None = None,
    tick: Tick = unheard,
    unit: Unit | None = None,
) -> KMeansResult:
    """Seeding and `fit`; unit keeps the iterations, and a run that was killed goes on from there.

    sampled: whether many points may be clustered by a sample first, so that few passes over all of them are left, and
    seeded by a smaller one, many clusters by k-means||.
    Seeds of very many points are always those of a sample that fits into memory.
    """
    if unit is not None and (saved := unit.load()) is not None:
        return _finished(points, Lloyd.from_arrays(saved), max_iter, tolerance, tick, unit)
    sample = _sample(points, n_clusters, rng) if sampled else points
    few = _few(sample, n_clusters, rng, quick=sampled)
    init = quick_init(init, len(few), n_clusters) if sampled and n_candidates is None else init
    start = seeds(few, n_clusters, init, rng, n_candidates=n_candidates, tick=tick)
    if sample is not points:
        start = fit(sample, start, max_iter, tolerance=tolerance, tick=tick).centroids
    return _finished(points, Lloyd.of(points, start, None, tick), max_iter, tolerance, tick, unit)


def nearest(points: Points, centroids: np.ndarray, tick: Tick = unheard) -> tuple[np.ndarray, np.ndarray]:
    """`assign` for points that are ready."""
    labels, distance = np.empty(len(points), np.int32), np.empty(len(points), np.float32)
    search, centred = Search.of(points.table(centroids)), points.centred(centroids)
    for part, x in points.blocks():
        tick()
        labels[part] = search.lowest(x)[0]
        distance[part] = distances(x, centred, labels[part], points.scale)
    return labels, distance


def fit(
    points: Points,
    centroids: np.ndarray,
    max_iter: int,
    *,
    assignment: np.ndarray | None = None,
    tolerance: float = 0.0,
    tick: Tick = unheard,
) -> KMeansResult:
    """Lloyd from given centroids; `assignment`, if the caller knows it, saves the first pass.

    tolerance: share of the inertia; an iteration that gains less is the last. tick is called before every block and may
    raise to stop.
    """
    return _finished(points, Lloyd.of(points, centroids, assignment, tick), max_iter, tolerance, tick, None)


def _finished(
    points: Points, state: Lloyd, max_iter: int, tolerance: float, tick: Tick, unit: Unit | None
) -> KMeansResult:
    while state.n_iter < max_iter and not state.settled:
        tick()
        state = state.moved(points, tolerance, tick)
        if unit is not None:
            unit.save(state.arrays)
    result = _result(points, state, tick)
    if unit is not None:
        unit.forget()
    return result


def sampled_rows(n: int, n_clusters: int, dim: int) -> int:
    """How many of n points place centroids in mode "fast": 256 a cluster; all, where few more or soon looked at."""
    few = PER_CLUSTER * n_clusters
    return n if n <= 2 * few or n * n_clusters * dim < _SOON else few


def seeded_rows(n: int, n_clusters: int, dim: int, *, quick: bool) -> int:
    """How many of n points seeds are chosen from: all, where they fit; quick: 32 a cluster, where twice as many are."""
    most = max(_SEEDED_PER_CLUSTER * n_clusters, min(_SEEDED // dim, _SEEDED_ROWS))
    if quick and n > 2 * QUICK_ROWS * n_clusters:
        most = min(most, QUICK_ROWS * n_clusters)
    return min(n, most)


def _sample(points: Points, n_clusters: int, rng: np.random.Generator) -> Points:
    """Points that stand for all."""
    n = sampled_rows(len(points), n_clusters, points.dim)
    return points if n == len(points) else points.take(np.sort(rng.choice(len(points), n, replace=False)))


def _few(points: Points, n_clusters: int, rng: np.random.Generator, *, quick: bool) -> Points:
    """Points to choose seeds from: all, or a sample, as large as it must be to hold enough distinct ones."""
    n = seeded_rows(len(points), n_clusters, points.dim, quick=quick)
    while n < len(points):
        few = points.take(np.sort(rng.choice(len(points), n, replace=False)))
        if few.n_distinct(n_clusters) >= n_clusters:
            return few
        n *= 4
    return points


def check_whole(name: str, value: object) -> None:
    """Raise ConfigError unless a setting is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} is {value!r}; give a whole number of at least 1")


def check_n_clusters(points: Points, n_clusters: int, *, distinct: bool = True) -> None:
    """Raise ConfigError unless the points can fill so many clusters."""
    check_whole("n_clusters", n_clusters)
    if n_clusters > len(points):
        raise ConfigError(f"n_clusters is {n_clusters:,} for {len(points):,} vectors; ask for at most {len(points):,}")
    found = points.n_distinct(n_clusters) if distinct else n_clusters
    if found < n_clusters:
        raise ConfigError(
            f"n_clusters is {n_clusters:,} but only {found:,} of the {len(points):,} vectors are distinct; "
            f"ask for at most {found:,}, or remove exact duplicates and cluster fewer items"
        )


def _result(points: Points, state: Lloyd, tick: Tick) -> KMeansResult:
    distance, centred = np.empty(len(points), dtype=np.float32), points.centred(state.centroids)
    for part, x in points.blocks():
        tick()
        distance[part] = distances(x, centred, state.labels[part], points.scale)
    inertia = float(np.square(distance, dtype=np.float64).sum())
    return KMeansResult(state.centroids, state.labels, distance, inertia, state.n_iter, state.settled)


def distances(x: np.ndarray, centred: np.ndarray, labels: np.ndarray, scale: float) -> np.ndarray:
    """Euclidean distance to the own centroid by differences, free of cancellation: (n,) float32.

    x: (n, d + 1) rows made ready. centred: (k, d), see `Points.centred`. labels: (n,) int32.
    """
    distance, package = np.empty(len(x), dtype=np.float32), native()
    if package is not None:
        package.gaps(x, centred, labels, scale, distance, n_threads=n_threads())
        return distance
    for part in parts(*x.shape):
        difference = x[part, :-1] - centred[labels[part]]
        distance[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference)) * scale
    return distance
