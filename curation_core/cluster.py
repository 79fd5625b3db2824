"""Hierarchical k-means with resampling (Vo et al. 2024): vectors to a tree of levels, fine to coarse.

Each level is k-means on the centroids of the level below, unweighted. A resampling step keeps at most r members of
every cluster, runs k-means on those alone, and assigns all of the level's points to the new centroids: dense places
lose weight, and the centroids spread evenly over what is there.

mode "compatible" seeds every run by greedy k-means++ with 2 + floor(ln k) candidates, as published. mode "fast" seeds
the resampling runs with 4 candidates. It does not start them from the previous centroids: measured on the
two-dimensional mixture of the paper, warm starts leave the centroids as uneven as without resampling (KL to uniform
0.09, fresh seeding 0.04), because two or three members per cluster already have their optimum where they are.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from curation_core.advice import FAST_CANDIDATES, advise, resample_sizes
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import KMeansResult, check_n_clusters, fit, nearest, seeds
from curation_core.points import Points
from curation_core.progress import Progress, silent


def cluster(vectors: ArrayLike, config: ClusterConfig, *, progress: Progress = silent) -> Hierarchy:
    """Build the tree.

    vectors: (n, d), any real dtype, memory maps welcome. Settings left empty are chosen from n (see `advise`) and
    capped by the number of distinct vectors. Same vectors, config and number of threads: same bytes.

    The trace has one record per k-means run: level, step (0 is the first run), n_points it saw, resample_size, inertia
    over all points of the level, n_iter, spread (see `centroid_spread`) and no_op (1 when no cluster had more than
    resample_size members, so that resampling would have changed nothing and the level ended there). The record of step
    0 also has sizes: items below each of its k clusters, an array of int64, which is what resampling started from.
    Raises ConfigError or ShapeError with what to change; whatever `progress` raises stops the run.
    """
    points = Points.of(vectors)
    n_clusters, sizes = _resolve(points, config)
    levels: list[Level] = []
    trace: list[dict[str, Any]] = []
    items = np.ones(len(points), dtype=np.int64)  # below every point of the level
    for number, (k, size) in enumerate(zip(n_clusters, sizes, strict=True), start=1):
        result, first, records = _level(points, k, size, number, config, progress)
        records[0]["sizes"] = array("q", _item_counts(first, items, k).tobytes())  # compared by value, unlike numpy's
        levels.append(Level(result.centroids, result.assignment, result.distance))
        trace += records
        items = _item_counts(result.assignment, items, k)
        points = Points.of(result.centroids)
    return Hierarchy(tuple(levels), tuple(trace))


def centroid_spread(centroids: np.ndarray) -> float:
    """How unevenly centroids are spaced: coefficient of variation of the distance to the nearest other centroid.

    Needs no labels. Falls as resampling flattens the centroids; 0 on a grid, about 0.5 for uniformly random places in
    the plane, above 1 when most centroids crowd together.
    """
    if len(centroids) < 2:
        return 0.0
    points = Points.of(centroids)
    table, gaps = points.table(centroids), np.empty(len(centroids))
    width = max(1, (1 << 20) // len(centroids))
    for start in range(0, len(centroids), width):
        scores = points.x[start : start + width] @ table.T
        row = np.arange(len(scores))
        scores[row, start + row] = np.inf
        other = scores.argmin(axis=1)
        gaps[start : start + width] = np.linalg.norm(
            points.x[start : start + width, :-1] - points.x[other, :-1], axis=1
        )
    return float(gaps.std() / gaps.mean()) if gaps.mean() > 0 else 0.0


def kept_rows(result: KMeansResult, size: int, strategy: str, rng: np.random.Generator) -> np.ndarray:
    """Rows a resampling step keeps: at most `size` per cluster, the closest or random ones; int64, ascending."""
    key = result.distance if strategy == "closest" else rng.random(len(result.assignment))
    order = np.lexsort((key, result.assignment))
    ends = np.cumsum(np.bincount(result.assignment, minlength=len(result.centroids)))
    ordered = result.assignment[order]
    first = np.concatenate(([0], ends[:-1]))[ordered]
    return np.sort(order[np.arange(len(order)) - first < size])


def _resolve(points: Points, config: ClusterConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Clusters and members kept per level, checked against the points."""
    if config.n_clusters is not None:
        check_n_clusters(points, config.n_clusters[0])
        return config.n_clusters, config.resample_size or resample_sizes(len(points), config.n_clusters)
    advised = advise(len(points), config.expected_target, dim=points.x.shape[1] - 1).n_clusters
    finest = min(advised[0], points.n_distinct(advised[0]))
    n_clusters = (finest, *(k for k in advised[1:] if k <= finest // 2))
    if config.resample_size is None:
        return n_clusters, resample_sizes(len(points), n_clusters)
    if len(config.resample_size) != len(n_clusters):
        raise ConfigError(
            f"resample_size has {len(config.resample_size)} numbers, the levels chosen for these vectors are "
            f"{n_clusters}; give n_clusters as well, or leave both empty"
        )
    return n_clusters, config.resample_size


def _item_counts(assignment: np.ndarray, items: np.ndarray, k: int) -> np.ndarray:
    """Items below every cluster: (k,) int64."""
    return np.bincount(assignment, weights=items, minlength=k).astype(np.int64)  # exact below 2^53 items


def _level(
    points: Points, k: int, size: int, number: int, config: ClusterConfig, progress: Progress
) -> tuple[KMeansResult, np.ndarray, list[dict[str, Any]]]:
    """One level: the first k-means, then the resampling steps; what came out, the first assignment, the trace."""
    total = config.n_resamples + 1
    figures: dict[str, float] = {}
    records: list[dict[str, Any]] = []

    def tick() -> None:
        progress(f"level {number}", len(records), total, **figures)

    def record(result: KMeansResult, n_points: int, n_iter: int, no_op: bool) -> None:
        figures.update(inertia=result.inertia, spread=centroid_spread(result.centroids))
        step = {"level": number, "step": len(records), "n_points": n_points, "resample_size": size, "n_iter": n_iter}
        records.append({**step, **figures, "no_op": int(no_op)})
        tick()

    tick()
    rng = np.random.default_rng([config.seed, number, 0])
    result = fit(points, seeds(points, k, config.init, rng, tick=tick), config.max_iter, tick=tick)
    record(result, len(points), result.n_iter, no_op=False)
    first = result.assignment
    for step in range(1, total):
        rng = np.random.default_rng([config.seed, number, step])
        rows = kept_rows(result, size, config.resample_strategy, rng)
        if len(rows) == len(points):
            record(result, len(points), 0, no_op=True)
            break
        result, n_iter = _resample(points, result, rows, config, rng, tick)
        record(result, len(rows), n_iter, no_op=False)
    progress(f"level {number}", total, total, **figures)
    return result, first, records


def _resample(
    points: Points,
    before: KMeansResult,
    rows: np.ndarray,
    config: ClusterConfig,
    rng: np.random.Generator,
    tick: Callable[[], None],
) -> tuple[KMeansResult, int]:
    """One resampling step: k-means on the kept rows, then all points to its centroids."""
    k = len(before.centroids)
    if len(rows) < k:  # empty clusters with one member kept per cluster: add the points served worst
        left_out = np.setdiff1d(np.arange(len(points)), rows)
        farthest = left_out[np.lexsort((left_out, -before.distance[left_out]))]
        rows = np.sort(np.concatenate([rows, farthest[: k - len(rows)]]))
    kept = points.take(rows)
    n_candidates = None if config.mode == "compatible" else FAST_CANDIDATES
    start = seeds(kept, k, config.init, rng, n_candidates=n_candidates, tick=tick)
    run = fit(kept, start, config.max_iter, tick=tick)
    assignment, distance = nearest(points, run.centroids)
    inertia = float(np.square(distance, dtype=np.float64).sum())
    return KMeansResult(run.centroids, assignment, distance, inertia, run.n_iter, run.converged), run.n_iter
