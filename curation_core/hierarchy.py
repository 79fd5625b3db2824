"""The cluster tree: levels of k-means on top of each other, items at the bottom.

Level 1 is the finest and clusters the items; level l > 1 clusters the centroids of level l - 1. All per-item views
(assignment, sizes, members) are derived once and cached; nothing is ragged, a cluster's members are one slice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from curation_core.errors import ShapeError
from curation_core.sorting import counts, lexsort


@dataclass(frozen=True)
class Level:
    """One k-means over the level below.

    centroids: (k, d) float32. assignment: (m,) int32 in [0, k), m = items at level 1, centroids of the level below
    above it. distance: (m,) float32, Euclidean, to the assigned centroid.
    """

    centroids: np.ndarray
    assignment: np.ndarray
    distance: np.ndarray

    def __post_init__(self) -> None:
        if len(self.assignment) != len(self.distance):
            raise ShapeError(
                f"assignment has {len(self.assignment)} rows, distance {len(self.distance)}; rebuild the level"
            )
        for array in (self.centroids, self.assignment, self.distance):
            if array.flags.owndata:
                array.flags.writeable = False

    @property
    def n_clusters(self) -> int:
        """Clusters at this level, empty ones included."""
        return len(self.centroids)


@dataclass(frozen=True)
class Hierarchy:
    """A tree of levels, finest first. trace: one record per k-means run (level, step, inertia, n_iter, spread)."""

    levels: tuple[Level, ...]
    trace: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not self.levels:
            raise ShapeError("a hierarchy needs at least one level, got none")
        for number, (finer, coarser) in enumerate(zip(self.levels, self.levels[1:], strict=False), start=2):
            if len(coarser.assignment) != finer.n_clusters:
                raise ShapeError(
                    f"level {number} has {len(coarser.assignment)} rows, level {number - 1} has {finer.n_clusters} "
                    f"clusters; rebuild from level {number - 1}"
                )

    @property
    def n_items(self) -> int:
        """Items at the bottom."""
        return len(self.levels[0].assignment)

    @property
    def n_levels(self) -> int:
        """Levels of clusters."""
        return len(self.levels)

    @property
    def n_clusters(self) -> tuple[int, ...]:
        """Clusters per level, finest first."""
        return tuple(level.n_clusters for level in self.levels)

    @cached_property
    def assignments(self) -> tuple[np.ndarray, ...]:
        """Cluster of every item at every level: n_levels arrays (n,) int32."""
        found = [self.levels[0].assignment]
        for level in self.levels[1:]:
            found.append(level.assignment[found[-1]])
        return tuple(found)

    def point_assignment(self, level: int) -> np.ndarray:
        """Cluster of every item at a level: (n,) int32."""
        return self.assignments[self._index(level)]

    @cached_property
    def _sizes(self) -> tuple[np.ndarray, ...]:
        found = [counts(self.levels[0].assignment, self.n_clusters[0])]
        for level in self.levels[1:]:
            found.append(np.bincount(level.assignment, found[-1], level.n_clusters).astype(np.int64))
        return tuple(found)

    def sizes(self, level: int) -> np.ndarray:
        """Items below every cluster of a level: (k,) int64, sums to n at every level."""
        return self._sizes[self._index(level)]

    def parents(self, level: int) -> np.ndarray:
        """Cluster one level up of every cluster of a level: (k,) int32; zeros at the top (the root)."""
        if self._index(level) + 1 == self.n_levels:
            return np.zeros(self.n_clusters[-1], dtype=np.int32)
        return self.levels[level].assignment

    def children(self, level: int, cluster: int) -> np.ndarray:
        """Clusters of the level below (items, at level 1) in a cluster: int64 ids, ascending."""
        return np.flatnonzero(self.levels[self._index(level)].assignment == cluster)

    @cached_property
    def _paths(self) -> tuple[np.ndarray, ...]:
        """Clusters of each level in tree order: per level (k,) rows."""
        found = [np.arange(self.n_clusters[-1])]
        for level in reversed(self.levels[1:]):
            found.append(lexsort((_places(found[-1])[level.assignment],)))
        return tuple(reversed(found))

    @cached_property
    def order(self) -> np.ndarray:
        """Items in tree order: (n,) int32, int64 from 2^31 items on.

        Each cluster's members are one slice, in a leaf the nearest first.
        """
        leaf = self.levels[0]
        return lexsort((leaf.distance, _places(self._paths[0])[leaf.assignment]))

    @cached_property
    def offsets(self) -> tuple[np.ndarray, ...]:
        """Start of each cluster's slice of `order`, per level: (k,) int64; an empty cluster's start is 0."""
        found = []
        for clusters, sizes in zip(self._paths, self._sizes, strict=True):
            starts = np.zeros(len(sizes), dtype=np.int64)
            starts[clusters] = np.cumsum(sizes[clusters]) - sizes[clusters]
            found.append(np.where(sizes > 0, starts, 0))
        return tuple(found)

    def members(self, level: int, cluster: int) -> np.ndarray:
        """Items below a cluster: int64 rows; in a leaf the nearest to the centroid first."""
        start = self.offsets[self._index(level)][cluster]
        return self.order[start : start + self.sizes(level)[cluster]].astype(np.int64)

    def path(self, item: int) -> tuple[int, ...]:
        """Clusters of one item, finest first."""
        return tuple(int(assignment[item]) for assignment in self.assignments)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays under the names they have on disk."""
        return {
            f"level_{number}/{name}": getattr(level, name)
            for number, level in enumerate(self.levels, start=1)
            for name in ("centroids", "assignment", "distance")
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], trace: tuple[Mapping[str, Any], ...] = ()) -> "Hierarchy":
        """The inverse of `arrays`."""
        n_levels = len({name.split("/")[0] for name in arrays})
        names = ("centroids", "assignment", "distance")
        levels = (Level(*(arrays[f"level_{number}/{name}"] for name in names)) for number in range(1, n_levels + 1))
        return cls(tuple(levels), trace)

    def _index(self, level: int) -> int:
        if not 1 <= level <= self.n_levels:
            raise ShapeError(f"level {level} does not exist; this tree has levels 1 (finest) to {self.n_levels}")
        return level - 1


def _places(rows: np.ndarray) -> np.ndarray:
    """The place of each row in an order of all of them: (k,) int64."""
    found = np.empty(len(rows), dtype=np.int64)
    found[rows] = np.arange(len(rows))
    return found
