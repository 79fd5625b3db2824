"""What happened to items from one draw to another, and what that adds up to in every cluster of a tree."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from curation_core.draw_sides import DrawSide, Why
from curation_core.hierarchy import Hierarchy


class Change(IntEnum):
    """What happened to an item from draw A to draw B."""

    NONE = 0  # in neither
    STAYED = 1
    ENTERED = 2
    LEFT = 3


class Cause(IntEnum):
    """What made an item enter or leave."""

    NONE = 0
    POOL = 1
    UNREADABLE = 2
    DROPPED = 3
    KEPT = 4
    DUPLICATE = 5
    CAPPED = 6
    TREE = 7
    QUOTA = 8
    SIBLING = 9
    UNKNOWN = 10


CAUSES = {
    Cause.POOL: "in one pool only",
    Cause.UNREADABLE: "unreadable on one side",
    Cause.DROPPED: "dropped on one side",
    Cause.KEPT: "kept on one side",
    Cause.DUPLICATE: "near-duplicate stands for it",
    Cause.CAPPED: "cluster capped on one side",
    Cause.TREE: "another tree",
    Cause.QUOTA: "cluster's quota moved",
    Cause.SIBLING: "same quota, another item",
    Cause.UNKNOWN: "decisions not known any more",
}
OF_WHY = {
    Why.ABSENT: Cause.POOL,
    Why.UNREADABLE: Cause.UNREADABLE,
    Why.DROPPED: Cause.DROPPED,
    Why.DUPLICATE: Cause.DUPLICATE,
    Why.CAPPED: Cause.CAPPED,
    Why.UNKNOWN: Cause.UNKNOWN,
}


@dataclass(frozen=True)
class NodeChanges:
    """The clusters of one level of one tree, all (k,) int64.

    items: of the tree. quota: per side, -1 where the side has another tree. taken: draws per side of items that are in
    this tree, copies counted. entered, left, stayed: items.
    """

    level: int
    items: np.ndarray
    quota: tuple[np.ndarray, np.ndarray]
    taken: tuple[np.ndarray, np.ndarray]
    entered: np.ndarray
    left: np.ndarray
    stayed: np.ndarray

    @property
    def jaccard(self) -> np.ndarray:
        """Items in both draws over items in either, per cluster: (k,) float64, NaN where neither draws."""
        return _jaccard(self.stayed, self.entered + self.left + self.stayed)


def node_changes(
    tree: Hierarchy,
    rows: np.ndarray,
    sides: tuple[DrawSide, DrawSide],
    at: tuple[np.ndarray, np.ndarray],
    change: np.ndarray,
    same: bool,
) -> tuple[NodeChanges, ...]:
    """What changed in every cluster of a tree. rows: (u,) row of every item in this tree, -1 where it has none."""
    inside = np.flatnonzero(rows >= 0)
    leaf = tree.point_assignment(1)[rows[inside]].astype(np.int64)
    k, counts = tree.n_clusters[0], {}
    for one in (Change.ENTERED, Change.LEFT, Change.STAYED):
        counts[one.name] = np.bincount(leaf[change[inside] == one], minlength=k)
    for name, side, place in zip("AB", sides, at, strict=True):
        copies = np.where(place[inside] >= 0, side.copies[place[inside]], 0)
        counts[name] = np.bincount(leaf, copies, k).astype(np.int64)
    found = []
    for level in range(1, tree.n_levels + 1):
        quota = [
            side.quotas[level - 1] if same or side.hierarchy is tree else np.full(tree.n_clusters[level - 1], -1)
            for side in sides
        ]
        found.append(
            NodeChanges(
                level,
                tree.sizes(level),
                (quota[0], quota[1]),
                (counts["A"], counts["B"]),
                *(counts[one.name] for one in (Change.ENTERED, Change.LEFT, Change.STAYED)),
            )
        )
        if level < tree.n_levels:
            parents, above = tree.parents(level), tree.n_clusters[level]
            counts = {name: np.bincount(parents, values, above).astype(np.int64) for name, values in counts.items()}
    return tuple(found)


def _jaccard(both: np.ndarray, either: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.where(either > 0, both / np.maximum(either, 1), np.nan)
    return found
