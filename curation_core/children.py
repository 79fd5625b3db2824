"""What lies directly below a cluster, found without looking at every other cluster: sorted once, a slice per parent."""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy


@dataclass(frozen=True)
class Children:
    """Clusters of one level sorted by their parent, in a parent the largest first, then by number.

    order: (m,) int64 clusters. starts: (k + 1,) int64, parent p holds order[starts[p]:starts[p + 1]]. Clusters without
    items stand last in their parent.
    """

    order: np.ndarray
    starts: np.ndarray

    def of(self, parent: int) -> np.ndarray:
        """Clusters below one parent, largest first."""
        return self.order[self.starts[parent] : self.starts[parent + 1]]

    def of_all(self, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clusters below several parents (p,): the clusters, and the place in `parents` each belongs to."""
        places, owner = joined(self.starts[parents], self.starts[np.asarray(parents) + 1] - self.starts[parents])
        return self.order[places], owner


def children(hierarchy: Hierarchy, level: int) -> Children:
    """The clusters of `level - 1` below those of a level; level n_levels + 1 is the root that holds the top level.

    Sorted once per tree and kept with it, as its own derived arrays are. Raises ShapeError below level 2, whose
    children are items.
    """
    if not 2 <= level <= hierarchy.n_levels + 1:
        raise ShapeError(
            f"level {level} has no clusters below it; levels 2 to {hierarchy.n_levels + 1} (the root) have"
        )
    kept: dict[int, Children] = vars(hierarchy).setdefault("_children", {})
    if level not in kept:
        kept[level] = _sorted(hierarchy, level)
    return kept[level]


def joined(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of several slices one after another: places (t,) int64 and the number of the slice of each, (t,) int64."""
    lengths = np.asarray(lengths, dtype=np.int64)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    shift = np.asarray(starts, dtype=np.int64) - (np.cumsum(lengths) - lengths)
    return np.arange(len(owner)) + shift[owner], owner


def below(hierarchy: Hierarchy, root: tuple[int, int] | None, level: int) -> np.ndarray:
    """Clusters of a level inside a cluster (level, cluster), all of them without one; larger branches first."""
    if root is None:
        return np.arange(hierarchy.n_clusters[level - 1])
    if level >= root[0]:
        return np.array([root[1]] if level == root[0] else [], dtype=np.int64)
    found = np.array([root[1]])
    for parent_level in range(root[0], level, -1):
        found = children(hierarchy, parent_level).of_all(found)[0]
    return found


def ancestors(hierarchy: Hierarchy, level: int, cluster: int) -> list[tuple[int, int]]:
    """The clusters that hold a cluster, coarsest first, without itself."""
    found = []
    for above in range(level, hierarchy.n_levels):
        cluster = int(hierarchy.parents(above)[cluster])
        found.append((above + 1, cluster))
    return found[::-1]


def _sorted(hierarchy: Hierarchy, level: int) -> Children:
    sizes = hierarchy.sizes(level - 1)
    n_parents = hierarchy.n_clusters[level - 1] if level <= hierarchy.n_levels else 1
    parents = np.asarray(hierarchy.parents(level - 1))
    order = np.lexsort((-sizes, parents)).astype(np.int64)  # stable: equals by number
    starts = np.zeros(n_parents + 1, dtype=np.int64)
    np.cumsum(np.bincount(parents, minlength=n_parents), out=starts[1:])
    order.flags.writeable = starts.flags.writeable = False
    return Children(order, starts)
