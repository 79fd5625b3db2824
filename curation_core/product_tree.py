"""A tree within every value of a column: the way a draw takes when it balances the values first."""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy, Level

_MOST_MARKS = 1 << 26  # pairs of value and cluster that are marked in a table; above, they are sorted


@dataclass(frozen=True)
class ProductTree:
    """Values above the tree's clusters.

    hierarchy: one level more than the tree; its top are the values, every other cluster is a cluster of the tree as far
    as one value goes. It has no centroids. clusters: per level of the tree (k'_l,) int64, the cluster of the tree that
    each one is a part of.
    """

    hierarchy: Hierarchy
    clusters: tuple[np.ndarray, ...]


def product_tree(hierarchy: Hierarchy, groups: np.ndarray) -> ProductTree:
    """The tree restricted to each value of a column.

    groups: (n,) whole numbers, the code of each item's value, -1 without one; those are a value of their own. Raises
    ShapeError for another shape.
    """
    codes = np.asarray(groups)
    if codes.shape != (hierarchy.n_items,) or codes.dtype.kind not in "iu" or (len(codes) and codes.min() < -1):
        raise ShapeError(
            f"groups have shape {codes.shape} and type {codes.dtype}, expected ({hierarchy.n_items},) whole numbers "
            "from -1 on; one code per item of the tree"
        )
    top, value = _numbered(codes.astype(np.int64) + 1)
    keys, nodes = [], []
    for level, k in enumerate(hierarchy.n_clusters, start=1):
        key, node = _numbered(value * k + hierarchy.point_assignment(level))
        keys.append(key)
        nodes.append(node)
    levels = []
    for number, k in enumerate(hierarchy.n_clusters):
        below = nodes[0] if not number else _parents(hierarchy, keys, number)
        distance = hierarchy.levels[0].distance if not number else np.zeros(len(below), np.float32)
        levels.append(Level(np.empty((len(keys[number]), 0), np.float32), below.astype(np.int32), distance))
        if number + 1 == hierarchy.n_levels:
            values = (keys[number] // k).astype(np.int32)
            levels.append(Level(np.empty((len(top), 0), np.float32), values, np.zeros(len(values), np.float32)))
    clusters = tuple(key % k for key, k in zip(keys, hierarchy.n_clusters, strict=True))
    return ProductTree(Hierarchy(tuple(levels)), clusters)


def _parents(hierarchy: Hierarchy, keys: list[np.ndarray], number: int) -> np.ndarray:
    """For every pair of the level below, the place of its parent among the pairs of level `number` + 1."""
    finer, coarser = hierarchy.n_clusters[number - 1], hierarchy.n_clusters[number]
    value, cluster = np.divmod(keys[number - 1], finer)
    found: np.ndarray = np.searchsorted(keys[number], value * coarser + hierarchy.levels[number].assignment[cluster])
    return found


def _numbered(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different keys, ascending, and the place of each item's key among them: (m,) and (n,) int64."""
    most = int(key.max(initial=0)) + 1
    if most > _MOST_MARKS:
        found, place = np.unique(key, return_inverse=True)
        return found, place.astype(np.int64)
    there = np.zeros(most, dtype=bool)
    there[key] = True
    found = np.flatnonzero(there)
    place = np.zeros(most, dtype=np.int64)
    place[found] = np.arange(len(found))
    return found, place[key]
