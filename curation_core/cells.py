"""A large level cut into cells, each clustered apart, so that k clusters of n points never cost n times k.

A coarse k-means on a sample makes the cells, about as many as the square root of k. Every cell gets its share of the k
clusters and is made like a level of its own, resampling included. At the end every point looks once more at the
centroids of the cells nearest to its own: borders between cells fade. Without resampling the means follow, and every
point looks again; after resampling the means of all points would only take the flatness back.

With n_c points in a cell the work is that of sum(n_c k_c) scores, about n sqrt(k), and n 8 sqrt(k) at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curation_core.config import ClusterConfig
from curation_core.kernels import Search, sums
from curation_core.kmeans import PER_CLUSTER, KMeansResult, distances, nearest, run
from curation_core.points import Points
from curation_core.progress import Tick
from curation_core.resampling import LevelRun, Task, build_level
from curation_core.unfinished import Unfinished

FROM_SCORES = 1 << 33  # points times clusters: all passes over so many take minutes on two cores
N_NEAR = 8  # cells whose centroids a point looks at in the end, its own included
_MOST = 4_096  # cells; a level of more than 16 million clusters has larger ones
_COARSE_ITERATIONS = 20
_COARSE_TOLERANCE = 1e-3
_CHECKED = 1_000  # points that tell how many have their nearest centroid of all

Told = Callable[[int, int], None]  # cells made, cells


def n_cells(n: int, k: int, config: ClusterConfig) -> int:
    """Cells that a level of k clusters of n points is cut into; 0: none."""
    asked = config.cells
    if asked is None:
        asked = 0 if n * k < FROM_SCORES else int(np.sqrt(k))
    found = min(asked, _MOST, k // 2, n // 2)
    return found if found > 1 else 0


@dataclass(frozen=True)
class Cells:
    """How points are cut.

    centroids: (c, d) float32. order: (n,) int64, points by cell, ascending within one. offsets: (c + 1,) int64, where
    each cell begins. share: (c,) int64, clusters of each cell. near: (c, p) int64, the cells nearest to each, its own
    first.
    """

    centroids: np.ndarray
    order: np.ndarray
    offsets: np.ndarray
    share: np.ndarray
    near: np.ndarray

    def members(self, cell: int) -> np.ndarray:
        """Points of a cell: int64, ascending."""
        return self.order[self.offsets[cell] : self.offsets[cell + 1]]


def cut(points: Points, c: int, task: Task, config: ClusterConfig, tick: Tick) -> Cells:
    """Cut points into c cells and share the clusters of a level out among them."""
    rng = np.random.default_rng([config.seed, task.number, 0, c])
    n = min(len(points), PER_CLUSTER * c)
    sample = points.take(np.sort(rng.choice(len(points), n, replace=False)))
    coarse = run(
        sample, c, init="kmeans++", rng=rng, max_iter=_COARSE_ITERATIONS, tolerance=_COARSE_TOLERANCE, tick=tick
    )
    label, distance = nearest(points, coarse.centroids, tick)
    count = np.bincount(label, minlength=c)
    inertia = np.bincount(label, weights=np.square(distance, dtype=np.float64), minlength=c)
    share = shared_out(task.k, inertia, count, points.dim)
    order = np.argsort(label, kind="stable")
    return Cells(coarse.centroids, order, np.concatenate(([0], np.cumsum(count))), share, _near(coarse.centroids))


def shared_out(k: int, inertia: np.ndarray, count: np.ndarray, dim: int) -> np.ndarray:
    """Clusters of each cell: (c,) int64, k in all, none more than it has points, one at least where there are any.

    At the optimum of k-means clusters are equally bad, which asks for a share of inertia^(d / (d + 2)) (Gersho 1979).
    """
    share: np.ndarray = np.minimum(count, 1).astype(np.int64)
    weight = np.where(count > 0, np.maximum(inertia, 0) ** (dim / (dim + 2)), 0)
    while (left := k - int(share.sum())) > 0:
        weight = np.where(share < count, weight, 0)
        if not weight.any():
            weight = (count - share).astype(np.float64)
        wanted = weight / weight.sum() * left
        more = np.minimum(np.floor(wanted).astype(np.int64), count - share)
        if not more.any():  # the largest remainders take what is left, the first at ties
            most = np.lexsort((np.arange(len(wanted)), -wanted))
            more = np.zeros_like(share)
            more[most[share[most] < count[most]][:left]] = 1
        share = share + more
    return share


def build_in_cells(
    points: Points, c: int, task: Task, config: ClusterConfig, tick: Tick, told: Told, unfinished: Unfinished | None
) -> LevelRun:
    """A level made cell by cell; see the head of this module. told is called before each cell and after the last."""
    cells = cut(points, c, task, config, tick)
    runs: dict[int, LevelRun] = {}
    missing = 0  # clusters that cells before had too few distinct points for
    for cell in range(c):
        told(cell, c)
        if len(members := cells.members(cell)):
            inside = points.take(members)
            wanted = int(cells.share[cell]) + missing
            k = min(wanted, inside.n_distinct(wanted))
            missing = wanted - k
            runs[cell] = _cell(inside, cell, replace(task, k=k), config, tick, unfinished)
    told(c, c)
    result = _mended(points, cells, runs, tick, follow=config.n_resamples == 0)
    return _joined(points, cells, runs, result, task)


def _cell(
    inside: Points, cell: int, task: Task, config: ClusterConfig, tick: Tick, unfinished: Unfinished | None
) -> LevelRun:
    own = replace(task, name=f"{task.name}/cell-{cell:05d}", stream=(cell + 1,))
    unit = None if unfinished is None else unfinished.unit(f"{own.name}/made")
    if unit is not None and (saved := unit.load()) is not None:
        return LevelRun.from_arrays(saved)
    made = build_level(inside, own, config, tick, lambda _: None, unfinished)
    if unit is not None:
        unit.finish(made.arrays())
    return made


def _mended(points: Points, cells: Cells, runs: Mapping[int, LevelRun], tick: Tick, *, follow: bool) -> KMeansResult:
    """The clusters of all cells as one level, each point with the nearest centroid of the cells around it."""
    centroids = np.concatenate([one.result.centroids for one in runs.values()])
    counts = [len(runs[cell].result.centroids) if cell in runs else 0 for cell in range(len(cells.share))]
    bounds = np.concatenate(([0], np.cumsum(counts)))
    label, distance = _looked(points, cells, centroids, bounds, tick)
    if follow:
        centroids = _means(points, centroids, label, tick)
        label, distance = _looked(points, cells, centroids, bounds, tick)
    inertia = float(np.square(distance, dtype=np.float64).sum())
    n_iter = max(one.result.n_iter for one in runs.values())
    return KMeansResult(centroids, label, distance, inertia, n_iter, converged=False)


def _looked(
    points: Points, cells: Cells, centroids: np.ndarray, bounds: np.ndarray, tick: Tick
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centroid of every point among those of the cells near its own, and the distance."""
    table, centred = points.table(centroids), points.centred(centroids)
    label, distance = np.empty(len(points), np.int32), np.empty(len(points), np.float32)
    for cell, near in enumerate(cells.near):
        members = cells.members(cell)
        if not len(members):
            continue
        those = np.concatenate([np.arange(bounds[one], bounds[one + 1]) for one in np.sort(near)]).astype(np.int32)
        search = Search.of(table[those])
        for start in range(0, len(members), width := points.block_rows(points.dim)):
            tick()
            rows = members[start : start + width]
            x = points.at(rows)
            label[rows] = those[search.lowest(x)[0]]
            distance[rows] = distances(x, centred, label[rows], points.scale)
    return label, distance


def _means(points: Points, centroids: np.ndarray, label: np.ndarray, tick: Tick) -> np.ndarray:
    added, count = np.zeros(centroids.shape), np.bincount(label, minlength=len(centroids))
    for part, x in points.blocks():
        tick()
        sums(x, np.arange(len(x)), label[part], added)
    filled = count > 0
    updated = centroids.copy()
    updated[filled] = points.restore(added[filled] / count[filled, None])
    return updated


def _near(centroids: np.ndarray) -> np.ndarray:
    """The cells nearest to each cell, its own first: (c, p) int64."""
    exact = centroids.astype(np.float64)
    lengths = np.einsum("ij,ij->i", exact, exact)
    squared = lengths[:, None] - 2 * exact @ exact.T + lengths
    np.fill_diagonal(squared, -np.inf)
    return np.argsort(squared, axis=1, kind="stable")[:, :N_NEAR]


def _joined(points: Points, cells: Cells, runs: Mapping[int, LevelRun], result: KMeansResult, task: Task) -> LevelRun:
    """One record for each step of all cells; the last tells the inertia of the whole."""
    first, start = np.empty(len(points), dtype=np.int32), 0
    for cell, one in runs.items():
        first[cells.members(cell)] = start + one.first
        start += len(one.result.centroids)
    n_steps = max(len(one.records) for one in runs.values())
    records = [_summed(list(runs.values()), step, task) for step in range(n_steps)]
    records[-1] = {**records[-1], "inertia": result.inertia, "cells": len(runs), "nearest": _nearest(points, result)}
    return LevelRun(result, first, tuple(records), next(iter(runs.values())).flattening)


def _summed(runs: list[LevelRun], step: int, task: Task) -> dict[str, Any]:
    at = [one.records[min(step, len(one.records) - 1)] for one in runs]
    weight = [len(one.result.centroids) for one in runs]
    return {
        "level": task.number,
        "step": step,
        "n_points": sum(record["n_points"] for record in at),
        "resample_size": max(record["resample_size"] for record in at),
        "n_iter": max(record["n_iter"] for record in at),
        "inertia": float(sum(record["inertia"] for record in at)),
        "spread": float(np.average([record["spread"] for record in at], weights=weight)),
        "no_op": int(all(record["no_op"] for record in at)),
    }


def _nearest(points: Points, result: KMeansResult) -> float:
    """Share of points whose centroid is the nearest of all, by a thousand of them."""
    rows = np.unique(np.linspace(0, len(points) - 1, min(_CHECKED, len(points))).astype(np.int64))
    found = Search.of(points.table(result.centroids)).lowest(points.at(rows))[0]
    return float((found == result.assignment[rows]).mean())
