"""What people ask of a draw beyond who may be drawn: items that are in, caps and weights of clusters."""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.sorting import counts

NO_CAP = -1


@dataclass(frozen=True)
class DrawRules:
    """Rules of a draw from a tree of n items and L levels, finest first.

    kept: (n,) bool, drawn at every target size; they count. caps: per level (k_l,) int64, draws that a cluster gives
    at most, NO_CAP where there is none; kept items are in above a cap. weights: per level (k_l,) float64 above 0, how
    high a cluster is filled in proportion to its siblings.
    """

    kept: np.ndarray
    caps: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]

    @classmethod
    def none(cls, hierarchy: Hierarchy) -> "DrawRules":
        """No rule at all."""
        sizes = hierarchy.n_clusters
        return cls(
            np.zeros(hierarchy.n_items, dtype=bool),
            tuple(np.full(k, NO_CAP, dtype=np.int64) for k in sizes),
            tuple(np.ones(k) for k in sizes),
        )

    def require_fit(self, hierarchy: Hierarchy) -> None:
        """Raise ShapeError unless these are rules for this tree."""
        if self.kept.shape != (hierarchy.n_items,) or self.kept.dtype != bool:
            raise ShapeError(f"kept has shape {self.kept.shape}, expected ({hierarchy.n_items},) bool; one per item")
        for name, per_level in (("caps", self.caps), ("weights", self.weights)):
            found = tuple(len(values) for values in per_level)
            if found != hierarchy.n_clusters:
                raise ShapeError(f"{name} are for {found} clusters, the tree has {hierarchy.n_clusters}; rebuild them")
        if not all((weights > 0).all() for weights in self.weights):
            raise ShapeError("a weight is not above 0; give each cluster a positive number")

    def floors(self, hierarchy: Hierarchy) -> tuple[np.ndarray, ...]:
        """Kept items below each cluster: per level (k_l,) int64."""
        return tuple(_summed(hierarchy, self.kept))

    def capacity(self, hierarchy: Hierarchy, eligible: np.ndarray, multiplier: int) -> tuple[np.ndarray, ...]:
        """Draws that each cluster can give at most: per level (k_l,) int64. eligible: (n,) bool, kept ones included."""
        room = of_leaves(hierarchy, eligible) * multiplier
        found: list[np.ndarray] = []
        for level, (cap, floor) in enumerate(zip(self.caps, self.floors(hierarchy), strict=True)):
            if level:
                room = np.bincount(hierarchy.levels[level].assignment, found[-1], len(cap)).astype(np.int64)
            found.append(np.where(cap == NO_CAP, room, np.minimum(room, np.maximum(cap, floor))))
        return tuple(found)


def of_leaves(hierarchy: Hierarchy, chosen: np.ndarray) -> np.ndarray:
    """How many chosen items each leaf has: (k_1,) int64. chosen: (n,) bool."""
    leaf, k = hierarchy.levels[0].assignment, hierarchy.n_clusters[0]
    n_chosen = np.count_nonzero(chosen)
    if n_chosen == len(leaf):
        return hierarchy.sizes(1)
    return counts(leaf, k, chosen) if n_chosen else np.zeros(k, dtype=np.int64)


def _summed(hierarchy: Hierarchy, chosen: np.ndarray) -> list[np.ndarray]:
    """How many chosen items each cluster has, per level."""
    found = [of_leaves(hierarchy, chosen)]
    for level in hierarchy.levels[1:]:
        found.append(np.bincount(level.assignment, found[-1], level.n_clusters).astype(np.int64))
    return found
