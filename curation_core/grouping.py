"""Groups of near-duplicates from pairs: every member resembles the one item that stands for its group.

Joining whatever is connected would chain: A resembles B, B resembles C, and at the end of the chain nothing is alike.
Here a group is a star. Items with many and close neighbours come first, each takes its neighbours that are still free,
and every taken item then goes to the most similar of the items that lead. The order of the rows decides ties only.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_core.config import Keeper
from curation_core.errors import ConfigError, ShapeError

_SCALE = float(1 << 30)  # similarities as whole numbers, so that their sums do not depend on the order of the pairs


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs of items that resemble each other, and the groups they form.

    group: (n,) int32, number of the item's group in the order of first members, -1 for an item alone. pairs: (m, 2)
    int64 rows, first < second. similarity: (m,) float32 in [0.5, 1], exactly 1.0 for identical items, of which each is
    paired with the first alone. threshold: similarity from which pairs are listed.
    """

    group: np.ndarray
    pairs: np.ndarray
    similarity: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        if self.pairs.shape != (len(self.similarity), 2):
            raise ShapeError(
                f"pairs have shape {self.pairs.shape} for {len(self.similarity)} similarities; find duplicates again"
            )
        for array in (self.group, self.pairs, self.similarity):
            if array.flags.owndata:
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.group)

    @classmethod
    def of(cls, n: int, pairs: np.ndarray, similarity: np.ndarray, threshold: float) -> "NearDuplicates":
        """Group n items by their pairs; every member is paired with the item that leads its group."""
        return cls(star_groups(n, pairs, similarity), pairs, similarity, threshold)

    def at(self, threshold: float) -> "NearDuplicates":
        """The same at a higher threshold, from the pairs at hand; raises ConfigError below the present one."""
        if not self.threshold <= threshold <= 1.0:
            raise ConfigError(
                f"threshold is {threshold}, pairs were looked for from {self.threshold} on; choose between "
                f"{self.threshold} and 1, or find duplicates again with a lower floor"
            )
        kept = self.similarity >= np.float32(threshold)
        return self.of(len(self), self.pairs[kept], self.similarity[kept], threshold)

    @property
    def n_groups(self) -> int:
        """Groups of at least two items."""
        return int(self.group.max(initial=-1)) + 1

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.bincount(self.group[self.group >= 0], minlength=self.n_groups).astype(np.int64)

    def sizes(self) -> np.ndarray:
        """Items per group: (n_groups,) int64."""
        return self._sizes

    def members(self, group: int) -> np.ndarray:
        """Rows of a group, ascending: int64."""
        return np.flatnonzero(self.group == group)

    def keepers(
        self,
        rule: Keeper,
        *,
        size: np.ndarray | None = None,
        distance: np.ndarray | None = None,
        eligible: np.ndarray | None = None,
    ) -> np.ndarray:
        """One item per group and all items that are alone: (n,) bool.

        rule: largest (by `size`, (n,) any unit), first (lowest row), or central (smallest `distance`, (n,), to the
        cluster's centroid; without it the item with the most and closest partners in its group). NaN comes last,
        ties and a missing size go to the lowest row. eligible: (n,) bool, items that may stand for others and for
        themselves; a group without any has no keeper.
        """
        rank = self._rank(rule, size, distance)
        if len(rank) != len(self):
            raise ShapeError(f"{rule} has {len(rank)} values for {len(self)} items; give one per item")
        may = np.ones(len(self), dtype=bool) if eligible is None else np.asarray(eligible, dtype=bool)
        chosen = may & (self.group < 0)
        grouped = np.flatnonzero(may & (self.group >= 0))
        order = grouped[np.lexsort((grouped, rank[grouped], self.group[grouped]))]
        heads = np.r_[True, np.diff(self.group[order]) > 0][: len(order)]
        chosen[order[heads]] = True
        return chosen

    def _rank(self, rule: Keeper, size: np.ndarray | None, distance: np.ndarray | None) -> np.ndarray:
        """The lower, the better: (n,) float64."""
        if rule == "largest" and size is not None:
            return np.nan_to_num(-np.asarray(size, dtype=np.float64), nan=np.inf)
        if rule == "central" and distance is not None:
            return np.nan_to_num(np.asarray(distance, dtype=np.float64), nan=np.inf)
        if rule == "central":
            inside = (self.group[self.pairs[:, 0]] == self.group[self.pairs[:, 1]]).nonzero()[0]
            ends, weight = self.pairs[inside], np.rint(self.similarity[inside] * float(1 << 24))
            strength: np.ndarray = -np.bincount(ends.ravel(), np.repeat(weight, 2), len(self))
            return strength
        return np.zeros(len(self))


def star_groups(n: int, pairs: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Number of each item's group, counted in the order of first members: (n,) int32, -1 for an item alone.

    pairs: (m, 2) int64 rows, first < second. similarity: (m,) float32; 1.0 means identical, and identical items are
    one item here: they always share a group.
    """
    root = _roots(n, pairs[similarity >= 1.0])
    near = similarity < 1.0
    edges, weight = root[pairs[near]], np.rint(similarity[near].astype(np.float64) * _SCALE)
    leader = _leaders(n, edges, weight)[root]
    sizes = np.bincount(leader, minlength=n)
    grouped = np.flatnonzero(sizes[leader] > 1)
    group = np.full(n, -1, dtype=np.int32)
    found, first, number = np.unique(leader[grouped], return_index=True, return_inverse=True)
    rank = np.empty(len(found), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(found))
    group[grouped] = rank[number]
    return group


def _roots(n: int, identical: np.ndarray) -> np.ndarray:
    """The first of the items identical to each: (n,) int64."""
    root = np.arange(n)
    while len(identical):
        np.minimum.at(root, identical[:, 1], root[identical[:, 0]])
        np.minimum.at(root, identical[:, 0], root[identical[:, 1]])
        root = root[root]
        identical = identical[root[identical[:, 0]] != root[identical[:, 1]]]
    return root


def _leaders(n: int, edges: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The item that stands for each item, itself when none does: (n,) int64."""
    leader = np.arange(n)
    if not len(edges):
        return leader
    ends = np.concatenate([edges, edges[:, ::-1]])
    weight = np.concatenate([weight, weight])
    ends, weight = ends[order := np.argsort(ends[:, 0], kind="stable")], weight[order]
    degree = np.bincount(ends[:, 0], minlength=n)
    strength = np.bincount(ends[:, 0], weight, n)
    leads = _cover(ends[:, 1], np.r_[0, np.cumsum(degree)], np.lexsort((-strength, -degree)))
    offered = leads[ends[:, 1]] & ~leads[ends[:, 0]]
    member, lead, close = ends[offered, 0], ends[offered, 1], weight[offered]
    best = np.lexsort((lead, -strength[lead], -close, member))
    taken, place = np.unique(member[best], return_index=True)
    leader[taken] = lead[best][place]
    return leader


def _cover(neighbours: np.ndarray, starts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Which items lead: (n,) bool. In the given order, each item that is still free leads and takes its neighbours."""
    leads, free = np.zeros(len(order), dtype=bool), np.ones(len(order), dtype=bool)
    for item in order[np.diff(starts)[order] > 0].tolist():
        if free[item]:
            leads[item] = True
            free[neighbours[starts[item] : starts[item + 1]]] = False
    return leads
