"""The random orders that every draw from a tree follows, fixed by the seed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_core.hierarchy import Hierarchy


@dataclass(frozen=True)
class DrawOrder:
    """What a draw needs of a tree and a seed, whatever is decided and however much is drawn: made once, used often."""

    hierarchy: Hierarchy
    seed: int

    @cached_property
    def priority(self) -> np.ndarray:
        """A random order of the items: (n,) int64 ranks, lowest first."""
        return item_priority(self.hierarchy.n_items, self.seed)

    @cached_property
    def ties(self) -> tuple[np.ndarray, ...]:
        """Which cluster gets the remainder first, per level: (k_l,) float64, lowest first."""
        tree = self.hierarchy
        return tuple(
            _tie_order(tree.point_assignment(number), tree.n_clusters[number - 1], self.priority, [self.seed, number])
            for number in range(1, tree.n_levels + 1)
        )

    @cached_property
    def by_chance(self) -> np.ndarray:
        """Items leaf by leaf, in a leaf by priority: (n,) int64."""
        leaf = self.hierarchy.levels[0].assignment
        ordered = np.argsort(self.priority)
        return ordered[np.argsort(leaf[ordered], kind="stable")]

    @cached_property
    def by_distance(self) -> np.ndarray:
        """Items leaf by leaf, in a leaf the nearest to its centroid first, equals by priority: (n,) int64."""
        level = self.hierarchy.levels[0]
        return np.lexsort((self.priority, level.distance, level.assignment))


def item_priority(n: int, seed: int) -> np.ndarray:
    """A random order of n items fixed by the seed: (n,) int64 ranks, lowest first."""
    return np.random.default_rng([seed, 0]).permutation(n)


def _tie_order(assignment: np.ndarray, k: int, priority: np.ndarray, stream: list[int]) -> np.ndarray:
    """A random number per cluster, tied to its first item so that it does not depend on the cluster's number."""
    last_to_first = np.empty(len(priority), dtype=np.int64)
    last_to_first[len(priority) - 1 - priority] = np.arange(len(priority))
    first = np.full(k, -1, dtype=np.int64)
    first[assignment[last_to_first]] = last_to_first  # the last one written stays: the item of lowest priority
    ties = np.random.default_rng(stream).random(len(priority))
    return np.where(first >= 0, ties[first], np.inf)
