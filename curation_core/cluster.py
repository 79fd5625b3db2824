"""Hierarchical k-means with resampling (Vo et al. 2024): vectors to a tree of levels, fine to coarse.

Each level is k-means on the centroids of the level below, unweighted, made even by resampling; see `resampling`. A
first level of very many clusters is made in cells; see `cells`.

mode "compatible" seeds every run by greedy k-means++ with 2 + floor(ln k) candidates, as published. mode "fast" does
the first run of a level, which only tells which members are kept, with 4 candidates and to a rough fixed point; places
centroids by a sample where there are very many points; and ends a run when an iteration gains little, a level when a
step does. It does not start resampling runs from the previous centroids: measured on the two-dimensional mixture of the
paper, warm starts leave the centroids as uneven as without resampling (KL to uniform 0.09, fresh seeding 0.04), because
two or three members per cluster already have their optimum where they are.
"""

from array import array
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from curation_core.advice import advise, resample_sizes
from curation_core.cells import build_in_cells, n_cells
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import check_n_clusters
from curation_core.points import Points
from curation_core.progress import Progress, silent
from curation_core.resampling import LevelRun, Task, build_level
from curation_core.unfinished import Unfinished


def cluster(
    vectors: ArrayLike, config: ClusterConfig, *, progress: Progress = silent, unfinished: Unfinished | None = None
) -> Hierarchy:
    """Build the tree.

    vectors: (n, d), any real dtype, memory maps welcome. Settings left empty are chosen from n (see `advise`) and
    capped by the number of distinct vectors. Same vectors, config and kernel: same bytes, whatever the number of
    threads and the memory. unfinished: where what has been done is kept now and then; a run that was killed goes on
    from it to the same bytes.

    The trace has one record per k-means run: level, step (0 is the first run), n_points it saw, resample_size, inertia
    over all points of the level, n_iter, spread (see `centroid_spread`) and no_op (1 when no cluster had more than
    resample_size members, so that resampling would have changed nothing and the level ended there). The record of step
    0 also has sizes: items below each of its k clusters, an array of int64, which is what resampling started from. The
    last one of a level made in cells has their number and `nearest`, the share of points with the nearest centroid of
    all. Raises ConfigError or ShapeError with what to change; whatever `progress` raises stops the run.
    """
    points = Points.of(vectors)
    n_clusters, sizes = _resolve(points, config)
    levels: list[Level] = []
    trace: list[dict[str, Any]] = []
    items = np.ones(len(points), dtype=np.int64)  # below every point of the level
    for number, (k, size) in enumerate(zip(n_clusters, sizes, strict=True), start=1):
        made = _level(points, Task(k, size, number, f"level-{number}"), config, progress, unfinished)
        result, records = made.result, [dict(record) for record in made.records]
        counts = _item_counts(made.first, items, len(result.centroids))
        records[0]["sizes"] = array("q", counts.tobytes())  # compared by value, unlike numpy's
        levels.append(Level(result.centroids, result.assignment, result.distance))
        trace += records
        items = _item_counts(result.assignment, items, len(result.centroids))
        points = Points.of(result.centroids)
    return Hierarchy(tuple(levels), tuple(trace))


def _level(
    points: Points, task: Task, config: ClusterConfig, progress: Progress, unfinished: Unfinished | None
) -> LevelRun:
    """One level, whole or in cells, with its progress told."""
    stage, total = f"level {task.number}", config.n_resamples + 1
    at: tuple[int, int] = (0, total)
    figures: dict[str, float] = {}

    def tick() -> None:
        progress(stage, at[0], at[1], **figures)

    def told(made: LevelRun) -> None:
        nonlocal at
        at = (len(made.records), total)
        figures.update(inertia=made.records[-1]["inertia"], spread=made.records[-1]["spread"])
        tick()

    def cells_told(done: int, of: int) -> None:
        nonlocal at
        at = (done, of)
        tick()

    tick()
    c = n_cells(len(points), task.k, config) if task.number == 1 else 0
    made = (
        build_in_cells(points, c, task, config, tick, cells_told, unfinished)
        if c
        else build_level(points, task, config, tick, told, unfinished)
    )
    figures.update(inertia=made.records[-1]["inertia"], spread=made.records[-1]["spread"])
    progress(stage, at[1], at[1], **figures)
    return made


def _resolve(points: Points, config: ClusterConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Clusters and members kept per level, checked against the points."""
    if config.n_clusters is not None:
        check_n_clusters(points, config.n_clusters[0])
        return config.n_clusters, config.resample_size or resample_sizes(len(points), config.n_clusters)
    advised = advise(len(points), config.expected_target, dim=points.dim).n_clusters
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
