"""k-means: exact Lloyd iterations on float32 matrix products, skipping every comparison that cannot change a label.

Vectors are centred by their float64 mean before float32 work, so a large common offset costs no precision. Empty
clusters keep their previous centroid; ties go to the lowest index; labels always belong to the returned centroids.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError
from curation_core.kernels import lowest, own, sums
from curation_core.points import Points, parts
from curation_core.seeding import seed_rows


@dataclass(frozen=True)
class KMeansResult:
    """Centroids and the labels that belong to them.

    centroids: (k, d) float32. assignment: (n,) int32. distance: (n,) float32, Euclidean. inertia: sum of squared
    distances. n_iter: times the centroids were moved. converged: a further iteration would change nothing.
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

    vectors: (n, d), any real dtype, memory maps welcome. init: kmeans++ (greedy) or random. start: (k, d) centroids to
    begin with in place of seeding. Stops at a fixed point or after max_iter iterations. Same seed, same result.
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
    tick: Callable[[], None] | None = None,
) -> np.ndarray:
    """Starting centroids: (k, d) float32, rows of the points; see `seed_rows`."""
    rows = seed_rows(points.x, n_clusters, init, rng, n_candidates=n_candidates, tick=tick)
    return points.restore(points.x[rows, :-1])


def nearest(points: Points, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`assign` for points that are ready."""
    assignment = lowest(points.x, points.table(centroids))[0]
    return assignment, _distance(points, centroids, assignment)


def fit(
    points: Points,
    centroids: np.ndarray,
    max_iter: int,
    *,
    assignment: np.ndarray | None = None,
    tick: Callable[[], None] | None = None,
) -> KMeansResult:
    """Lloyd from given centroids; `assignment`, if the caller knows it, saves the first pass.

    tick is called before every iteration and may raise to stop.
    """
    table = points.table(centroids)
    labels, score = (
        lowest(points.x, table)
        if assignment is None
        else (assignment, own(points.x, table, assignment, np.arange(len(points))))
    )
    dirty = np.ones(len(centroids), dtype=bool)
    n_iter, converged = 0, False
    while n_iter < max_iter and not converged:
        if tick is not None:
            tick()
        moved_to = _means(points, centroids, labels, dirty)
        moved = (moved_to != centroids).any(axis=1)
        centroids, before = moved_to, labels
        labels, score = _reassign(points.x, points.table(centroids), labels, score, moved)
        changed = labels != before
        dirty = np.zeros(len(centroids), dtype=bool)
        dirty[before[changed]] = dirty[labels[changed]] = True
        n_iter, converged = n_iter + 1, not changed.any()
    distance = _distance(points, centroids, labels)
    inertia = float(np.square(distance, dtype=np.float64).sum())
    return KMeansResult(centroids, labels, distance, inertia, n_iter, converged)


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


def _reassign(
    x: np.ndarray, table: np.ndarray, labels: np.ndarray, score: np.ndarray, moved: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Labels after some centroids moved, the same as `lowest` gives, with fewer comparisons.

    A centroid that stayed can win a point only if the point's own centroid moved away from it. All other points need
    to look at the moved centroids alone.
    """
    targets = np.flatnonzero(moved)
    if not len(targets):
        return labels, score
    own_moved = moved[labels]
    followed = np.flatnonzero(own_moved)
    away = followed[own(x, table, labels, followed) > score[followed]]
    rest = np.ones(len(x), dtype=bool)
    rest[away] = False
    near = np.flatnonzero(rest)
    found, found_score = lowest(x, table[targets], near)
    found = targets[found].astype(np.int32)
    lower = (found_score == score[near]) & (found < labels[near])
    wins = own_moved[near] | (found_score < score[near]) | lower
    labels, score = labels.copy(), score.copy()
    labels[near[wins]], score[near[wins]] = found[wins], found_score[wins]
    labels[away], score[away] = lowest(x, table, away)
    return labels, score


def _means(points: Points, centroids: np.ndarray, labels: np.ndarray, dirty: np.ndarray) -> np.ndarray:
    """Centroids with those of the dirty, non-empty clusters replaced by the float64 mean of their members."""
    rows = np.flatnonzero(dirty[labels])
    group = (np.cumsum(dirty) - 1)[labels[rows]]
    n_groups = int(dirty.sum())
    count = np.bincount(group, minlength=n_groups)
    filled = count > 0
    means = sums(points.x, rows, group, n_groups, centroids.shape[1])[filled] / count[filled, None]
    updated = centroids.copy()
    updated[np.flatnonzero(dirty)[filled]] = points.restore(means)
    return updated


def _distance(points: Points, centroids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Euclidean distance to the own centroid by differences, free of cancellation: (n,) float32."""
    centred = ((centroids - points.shift) / points.scale).astype(np.float32)
    distance = np.empty(len(points), dtype=np.float32)
    for part in parts(*points.x.shape):
        difference = points.x[part, :-1] - centred[labels[part]]
        distance[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference)) * points.scale
    return distance
