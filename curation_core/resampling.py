"""One level of the tree: a k-means, then resampling steps that flatten its centroids.

A resampling step keeps at most r members of every cluster, runs k-means on those alone, and assigns all of the level's
points to the new centroids: dense places lose weight, and the centroids spread evenly over what is there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curation_core.advice import FAST_CANDIDATES
from curation_core.config import ClusterConfig
from curation_core.flattening import Flattening, centroid_spread
from curation_core.kmeans import KMeansResult, nearest, run
from curation_core.points import Points
from curation_core.progress import Tick
from curation_core.unfinished import Unfinished

FAST_TOLERANCE = 5e-4  # gain of an iteration, as a share of inertia, at which Lloyd ends in mode "fast"
ROUGH_TOLERANCE = 5e-3  # the same for a run that only tells which members the next one keeps
FAST_PLATEAU = 0.01


@dataclass(frozen=True)
class Task:
    """A level, or a cell of one, to be made: k clusters; number: of the level; name: where its state is kept.

    stream: what its chance hangs on beside the seed and the step. size: members kept per cluster.
    """

    k: int
    size: int
    number: int
    name: str
    stream: tuple[int, ...] = ()


@dataclass(frozen=True)
class LevelRun:
    """A level after some of its runs: the last result, the first assignment, and a record per run."""

    result: KMeansResult
    first: np.ndarray
    records: tuple[Mapping[str, Any], ...]
    flattening: Flattening

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be saved."""
        result, told = vars(self.result), json.dumps([self.records, vars(self.flattening)])
        return {**{name: np.asarray(value) for name, value in result.items()}, "first": self.first,
                "told": np.array(told)}  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "LevelRun":
        """The inverse of `arrays`."""
        result = KMeansResult(
            arrays["centroids"],
            arrays["assignment"],
            arrays["distance"],
            float(arrays["inertia"]),
            int(arrays["n_iter"]),
            bool(arrays["converged"]),
        )
        records, flattening = json.loads(str(arrays["told"]))
        return cls(result, arrays["first"], tuple(records), Flattening(**flattening))


Told = Callable[[LevelRun], None]


def build_level(
    points: Points, task: Task, config: ClusterConfig, tick: Tick, told: Told, unfinished: Unfinished | None
) -> LevelRun:
    """All runs of a level, or those that a killed run has left to do; told is called after each."""
    unit = None if unfinished is None else unfinished.unit(f"{task.name}/runs")
    saved = None if unit is None else unit.load()
    state = None if saved is None else LevelRun.from_arrays(saved)
    while state is None or not _ended(state, config):
        if state is None:
            state = _first(points, task, config, tick, unfinished, rough=_is_rough(config))
        else:
            state = _resampled(points, state, task, config, tick, unfinished)
        if unit is not None:
            unit.save(state.arrays)
        told(state)
    return state


def kept_rows(result: KMeansResult, size: int, strategy: str, rng: np.random.Generator) -> np.ndarray:
    """Rows a resampling step keeps: at most `size` per cluster, the closest or random ones; int64, ascending."""
    key = result.distance if strategy == "closest" else rng.random(len(result.assignment))
    order = np.lexsort((key, result.assignment))
    ends = np.cumsum(np.bincount(result.assignment, minlength=len(result.centroids)))
    ordered = result.assignment[order]
    first = np.concatenate(([0], ends[:-1]))[ordered]
    return np.sort(order[np.arange(len(order)) - first < size])


def _ended(state: LevelRun, config: ClusterConfig) -> bool:
    done = len(state.records) > config.n_resamples
    return done or bool(state.records[-1]["no_op"]) or state.flattening.ended


def _rng(task: Task, config: ClusterConfig, step: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, task.number, step, *task.stream])


def _is_rough(config: ClusterConfig) -> bool:
    """Whether the first run only tells which members the next one keeps."""
    return config.mode == "fast" and config.n_resamples > 0


def _tolerance(config: ClusterConfig, *, rough: bool = False) -> float:
    if config.tolerance is not None:
        return config.tolerance
    return 0.0 if config.mode == "compatible" else ROUGH_TOLERANCE if rough else FAST_TOLERANCE


def _first(
    points: Points, task: Task, config: ClusterConfig, tick: Tick, unfinished: Unfinished | None, *, rough: bool
) -> LevelRun:
    result = run(
        points,
        task.k,
        init=config.init,
        rng=_rng(task, config, 0),
        max_iter=config.max_iter,
        sampled=config.mode == "fast",
        tolerance=_tolerance(config, rough=rough),
        n_candidates=FAST_CANDIDATES if rough else None,
        tick=tick,
        unit=None if unfinished is None else unfinished.unit(f"{task.name}/lloyd-{'first' if rough else 0}"),
    )
    plateau = FAST_PLATEAU if config.mode == "fast" else 0.0
    flattening = Flattening(task.size, config.resample_size is None, plateau)
    return _recorded(LevelRun(result, result.assignment, (), flattening), result, task, len(points), result.n_iter)


def _resampled(
    points: Points, state: LevelRun, task: Task, config: ClusterConfig, tick: Tick, unfinished: Unfinished | None
) -> LevelRun:
    """One resampling step: k-means on the kept rows, then all points to its centroids."""
    step = len(state.records)
    rng = _rng(task, config, step)
    rows = kept_rows(state.result, state.flattening.size, config.resample_strategy, rng)
    if len(rows) == len(points):
        if step == 1 and _is_rough(config):  # the first run is the last, after all
            state = _first(points, task, config, tick, unfinished, rough=False)
        return _recorded(state, state.result, task, len(points), 0, no_op=True)
    rows = _topped_up(rows, state.result)
    kept = points.take(rows)
    found = run(
        kept,
        task.k,
        init=config.init,
        rng=rng,
        max_iter=config.max_iter,
        sampled=config.mode == "fast",
        tolerance=_tolerance(config),
        tick=tick,
        unit=None if unfinished is None else unfinished.unit(f"{task.name}/lloyd-{step}"),
    )
    assignment, distance = nearest(points, found.centroids, tick)
    inertia = float(np.square(distance, dtype=np.float64).sum())
    result = replace(found, assignment=assignment, distance=distance, inertia=inertia)
    return _recorded(state, result, task, len(rows), found.n_iter)


def _topped_up(rows: np.ndarray, before: KMeansResult) -> np.ndarray:
    """Kept rows, at least one a cluster: where empty clusters leave fewer, the points served worst are added."""
    missing = len(before.centroids) - len(rows)
    if missing <= 0:
        return rows
    left_out = np.setdiff1d(np.arange(len(before.assignment)), rows)
    farthest = left_out[np.lexsort((left_out, -before.distance[left_out]))]
    return np.sort(np.concatenate([rows, farthest[:missing]]))


def _recorded(
    state: LevelRun, result: KMeansResult, task: Task, n_points: int, n_iter: int, *, no_op: bool = False
) -> LevelRun:
    spread = centroid_spread(result.centroids)
    record = {
        "level": task.number,
        "step": len(state.records),
        "n_points": n_points,
        "resample_size": state.flattening.size,
        "n_iter": n_iter,
        "inertia": result.inertia,
        "spread": spread,
        "no_op": int(no_op),
    }
    flattening = state.flattening.after(spread)
    return LevelRun(result, state.first, (*state.records, record), flattening)
