"""Where the names of clusters stand on the map: on the points, where each cluster is densest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation_core.hierarchy import Hierarchy

MOST_LABELS = 400
_CELLS = 40  # a side of the raster on which the densest place of a cluster is looked for


@dataclass(frozen=True)
class Places:
    """m clusters with a place: level, cluster, size (m,) int64, xy (m, 2) float32; coarse to fine, large to small."""

    level: np.ndarray
    cluster: np.ndarray
    size: np.ndarray
    xy: np.ndarray

    def __len__(self) -> int:
        return len(self.level)


def label_places(tree: Hierarchy, xy: np.ndarray, most: int = MOST_LABELS, among: np.ndarray | None = None) -> Places:
    """The largest clusters of every level and a member of each in its densest place.

    xy: (n, 2), rows of the tree. among: rows (m,) to look at, a fair sample of very many; None for all. A cluster none
    of whose members has a place is left out.
    """
    rows = np.arange(len(xy)) if among is None else among
    rows = rows[np.isfinite(xy[rows]).all(axis=1)]
    at = np.asarray(xy[rows], dtype=np.float64)
    levels, clusters, sizes, places = [], [], [], []
    for level, chosen in _chosen(tree, most):
        members = densest_members(at, tree.point_assignment(level)[rows], chosen)
        found = members >= 0
        levels.append(np.full(int(found.sum()), level, dtype=np.int64))
        clusters.append(chosen[found])
        sizes.append(tree.sizes(level)[chosen[found]])
        places.append(at[members[found]].astype(np.float32))
    return Places(np.concatenate(levels), np.concatenate(clusters), np.concatenate(sizes), np.concatenate(places))


def densest_members(at: np.ndarray, assignment: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """For each of some clusters the member nearest to the middle of its densest place: (k,) int64, -1 without members.

    at: (m, 2) float64. assignment: (m,) the cluster of each.
    """
    found = np.full(len(clusters), -1, dtype=np.int64)
    number = np.full(int(max(assignment.max(initial=0), clusters.max(initial=0))) + 1, -1, dtype=np.int32)
    number[clusters] = np.arange(len(clusters))
    mine = number[assignment]
    members = np.flatnonzero(mine >= 0)
    if not len(members):
        return found
    mine, at = mine[members], at[members]
    cell = _cells(at)
    held = np.bincount(mine * np.int64(_CELLS**2) + cell, minlength=len(clusters) * _CELLS**2)
    dense = np.flatnonzero(cell == held.reshape(len(clusters), -1).argmax(axis=1)[mine])
    members, mine, at = members[dense], mine[dense], at[dense]
    count = np.maximum(np.bincount(mine, minlength=len(clusters)), 1)
    middle = np.stack([np.bincount(mine, at[:, axis], len(clusters)) / count for axis in (0, 1)], axis=1)
    order = np.lexsort((((at - middle[mine]) ** 2).sum(axis=1), mine))
    first = order[np.r_[True, mine[order][1:] != mine[order][:-1]]]
    found[mine[first]] = members[first]
    return found


def names_of(places: Places, names: Callable[[int, np.ndarray], list[str]], longest: int = 48) -> list[str]:
    """What to write at each place. names: a level and clusters of it -> what they are called."""
    said: list[str] = []
    for level in dict.fromkeys(places.level.tolist()):  # a level's clusters stand together
        said += names(level, places.cluster[places.level == level])
    return [text if len(text) <= longest else text[: longest - 1] + "…" for text in said]


def _chosen(tree: Hierarchy, most: int) -> list[tuple[int, np.ndarray]]:
    """Clusters of each level that get a label, largest first; coarse levels take what they need of an equal share."""
    found, left = [], most
    for level in range(tree.n_levels, 0, -1):
        sizes = tree.sizes(level)
        budget = left // level  # level counts the levels that are still to come, this one included
        order = np.argsort(-sizes, kind="stable")[:budget]
        chosen = order[sizes[order] > 0]
        left -= len(chosen)
        found.append((level, chosen))
    return found


def _cells(at: np.ndarray) -> np.ndarray:
    """The cell of every place on a raster around all of them: (m,) int64."""
    low, high = at.min(axis=0), at.max(axis=0)
    scale = _CELLS / np.where(high > low, high - low, 1.0)
    column, row = np.minimum((at - low) * scale, _CELLS - 1).astype(np.int64).T
    cells: np.ndarray = row * _CELLS + column
    return cells
