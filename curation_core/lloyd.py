"""Lloyd's iterations, exact, block by block, skipping every comparison that cannot change a label.

Empty clusters keep their previous centroid; ties go to the lowest index; labels always belong to the centroids beside
them. The state between two iterations is all there is to go on from, after a kill too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core.kernels import Search, own, sums
from curation_core.points import Points
from curation_core.progress import Tick


@dataclass(frozen=True)
class Lloyd:
    """Where Lloyd stands.

    centroids: (k, d) float32. labels: (n,) int32, the nearest of them. score: (n,) float32, what the kernels found
    there. dirty: (k,) bool, clusters whose members have changed since their centroid was their mean. n_iter: times the
    centroids were moved. settled: a further iteration would change nothing, or too little.
    """

    centroids: np.ndarray
    labels: np.ndarray
    score: np.ndarray
    dirty: np.ndarray
    n_iter: int = 0
    settled: bool = False

    @classmethod
    def of(cls, points: Points, centroids: np.ndarray, assignment: np.ndarray | None, tick: Tick) -> "Lloyd":
        """The nearest of given centroids; assignment, (n,) int32, where the caller knows it."""
        table, all_dirty = points.table(centroids), np.ones(len(centroids), dtype=bool)
        labels, score = np.empty(len(points), np.int32), np.empty(len(points), np.float32)
        search = Search.of(table)
        for part, x in points.blocks():
            tick()
            if assignment is None:
                labels[part], score[part] = search.lowest(x)
            else:
                labels[part] = assignment[part]
                score[part] = own(x, table, labels[part], np.arange(len(x)))
        return cls(centroids, labels, score, all_dirty)

    def moved(self, points: Points, tolerance: float, tick: Tick) -> "Lloyd":
        """One iteration: centroids to the means, then labels. tolerance: share of inertia, a smaller gain is none."""
        centroids = _means(points, self.centroids, self.labels, self.dirty, tick)
        shift = (centroids != self.centroids).any(axis=1)
        labels, score = _reassigned(points, points.table(centroids), self.labels, self.score, shift, tick)
        changed = labels != self.labels
        dirty = np.zeros(len(centroids), dtype=bool)
        dirty[self.labels[changed]] = dirty[labels[changed]] = True
        settled = not changed.any() or (tolerance > 0 and self._gain(points, score) < tolerance)
        return Lloyd(centroids, labels, score, dirty, self.n_iter + 1, settled)

    def _gain(self, points: Points, score: np.ndarray) -> float:
        """Share of the inertia that went from our scores to those; a score is half of |x - c|^2 - |x|^2."""
        before, after = (2 * float(values.sum(dtype=np.float64)) for values in (self.score, score))
        return (before - after) / max(before + points.squares, np.finfo(np.float64).tiny)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be saved."""
        return {**vars(self), "n_iter": np.array(self.n_iter), "settled": np.array(self.settled)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "Lloyd":
        """The inverse of `arrays`."""
        whole = {name: arrays[name] for name in ("centroids", "labels", "score", "dirty")}
        return cls(**whole, n_iter=int(arrays["n_iter"]), settled=bool(arrays["settled"]))


def _reassigned(
    points: Points, table: np.ndarray, labels: np.ndarray, score: np.ndarray, moved: np.ndarray, tick: Tick
) -> tuple[np.ndarray, np.ndarray]:
    """Labels after some centroids moved, the same as a search among all gives, with fewer comparisons."""
    targets = np.flatnonzero(moved).astype(np.int32)
    if not len(targets):
        return labels, score
    labels, score = labels.copy(), score.copy()
    all_of_them, of_moved = Search.of(table), Search.of(table[targets])
    for part, x in points.blocks():
        tick()
        _reassign(x, labels[part], score[part], moved, targets, all_of_them, of_moved)
    return labels, score


def _reassign(
    x: np.ndarray,
    labels: np.ndarray,
    score: np.ndarray,
    moved: np.ndarray,
    targets: np.ndarray,
    all_of_them: Search,
    of_moved: Search,
) -> None:
    """One block, written into labels and score.

    A centroid that stayed can win a point only if the point's own centroid moved away from it. All other points need
    to look at the moved centroids alone.
    """
    own_moved = moved[labels]
    followed = np.flatnonzero(own_moved)
    bar = score.copy()  # reached by a point's own centroid, now
    bar[followed] = own(x, all_of_them.table, labels, followed)
    is_away = bar > score
    away, near = np.flatnonzero(is_away), np.flatnonzero(~is_away)
    found, low = of_moved.lowest(x, near, bar[near])
    found = targets[found]
    wins = own_moved[near] | (low < score[near]) | ((low == score[near]) & (found < labels[near]))
    labels[near[wins]], score[near[wins]] = found[wins], low[wins]
    labels[away], score[away] = all_of_them.lowest(x, away, bar[away])


def _means(points: Points, centroids: np.ndarray, labels: np.ndarray, dirty: np.ndarray, tick: Tick) -> np.ndarray:
    """Centroids with those of the dirty, non-empty clusters replaced by the float64 mean of their members."""
    group, n_groups = np.cumsum(dirty) - 1, int(dirty.sum())
    added, count = np.zeros((n_groups, points.dim)), np.zeros(n_groups, dtype=np.int64)
    for part, x in points.blocks():
        tick()
        rows = np.flatnonzero(dirty[labels[part]])
        of_rows = group[labels[part][rows]]
        sums(x, rows, of_rows, added)
        count += np.bincount(of_rows, minlength=n_groups)
    filled = count > 0
    updated = centroids.copy()
    updated[np.flatnonzero(dirty)[filled]] = points.restore(added[filled] / count[filled, None])
    return updated
