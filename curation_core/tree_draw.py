"""Draws from one tree under the same rules, whatever the budget: what the budget does not change is worked out once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_core.config import Cover, Strategy
from curation_core.draw_order import DrawOrder
from curation_core.draw_rules import DrawRules, of_leaves
from curation_core.sorting import lexsort
from curation_core.water_filling import Filling

_ROWS = 1 << 22  # values handled at once when distances are computed
_ITEMS = 1 << 20  # items put into another order at once
Levels = tuple[np.ndarray, ...]  # one (k_l,) int64 per level, finest first


@dataclass(frozen=True)
class TreeDraw:
    """The balanced draw from a tree, for any budget.

    From the top, every cluster splits its quota over its children by `water_fill`; inside a leaf items go by strategy.
    allowed: (n,) bool, items that may be drawn, kept ones among them. vectors: (n, d), for the strategy diverse.
    cover: what every budget gives before anything is balanced.
    """

    order: DrawOrder
    allowed: np.ndarray
    rules: DrawRules
    strategy: Strategy = "random"
    multiplier: int = 1
    cover: Cover = "none"
    vectors: np.ndarray | None = None

    @cached_property
    def capacity(self) -> Levels:
        """Draws that each cluster can give at most."""
        return self.rules.capacity(self.order.hierarchy, self.allowed, self.multiplier)

    @property
    def most(self) -> int:
        """Draws that the tree can give at most."""
        return int(self.capacity[-1].sum())

    @cached_property
    def covered(self) -> int:
        """Draws after which everything is covered; 0 where nothing has to be."""
        return int(self._covering[-1].sum()) if self._covering else 0

    def quotas(self, budget: int) -> Levels:
        """Draws per cluster; a budget below the number of kept items gives these."""
        least = max(budget, int(self._floors[-1].sum()))
        return self._covering_pour(least) if least <= self.covered else self._pour(least)

    def mask(self, budget: int) -> np.ndarray:
        """Which items are drawn at least once: (n,) bool."""
        quota = self.quotas(budget)[0]
        if self.strategy == "diverse":
            found: np.ndarray = self._copies(*self._rounds(quota)) > 0
            return found
        found = np.zeros(len(self.allowed), dtype=bool)
        found[self._first(np.minimum(quota, self._count))] = True
        return found

    def indices(self, quota: np.ndarray) -> np.ndarray:
        """Items drawn for quotas of the leaves: (m,) int64, ascending; one that is drawn c times stands c times."""
        if self.multiplier == 1 and self.strategy != "diverse":
            return np.sort(self._first(quota)).astype(np.int64)
        return np.repeat(np.arange(len(self.allowed)), self._copies(*self._rounds(quota)))

    def _copies(self, full: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """How often each item is drawn: (n,) int64."""
        leaf = self.order.hierarchy.levels[0].assignment
        copies: np.ndarray = full[leaf] * self.allowed
        if self.strategy == "diverse":
            copies += self._farthest(extra) < extra[leaf]
        else:
            copies[self._first(extra)] += 1
        return copies

    def _first(self, count: np.ndarray) -> np.ndarray:
        """So many items of each leaf, as the strategy has them: (m,) rows. count: (k_1,) int64, up to `_count`."""
        found: np.ndarray = self._rows[slices(self._start, count)]
        return found

    def _rounds(self, quota: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How often every item of a leaf is drawn, and how many are drawn once more: two (k_1,) int64."""
        full, extra = np.divmod(quota, np.maximum(self._count, 1))
        return full, extra

    @cached_property
    def _floors(self) -> Levels:
        return self.rules.floors(self.order.hierarchy)

    @cached_property
    def _pour(self) -> "_Pour":
        return _Pour(self.order, self.capacity, self._covering or self._floors, self.rules.weights)

    @cached_property
    def _covering_pour(self) -> "_Pour":
        return _Pour(self.order, self._to_cover, self._floors, self.rules.weights)

    @cached_property
    def _covering(self) -> Levels:
        """Quotas once everything is covered; empty where nothing has to be."""
        return () if self.cover == "none" else self._covering_pour(int(self._to_cover[-1].sum()))

    @cached_property
    def _to_cover(self) -> Levels:
        """Draws that each cluster gives at most before anything is balanced: one per leaf, or every item once."""
        tree = self.order.hierarchy
        if self.cover == "items":
            return self.rules.capacity(tree, self.allowed, 1)
        found = [np.maximum(self._floors[0], np.minimum(self.capacity[0], 1))]
        for level, most in zip(tree.levels[1:], self.capacity[1:], strict=True):
            found.append(np.minimum(np.bincount(level.assignment, found[-1], len(most)).astype(np.int64), most))
        return tuple(found)

    @cached_property
    def _rows(self) -> np.ndarray:
        """Items leaf by leaf: kept ones first, then by strategy, those that may not be drawn last: (n,) rows."""
        rows = self.order.by_chance if self.strategy == "random" else self.order.by_distance
        sizes = self.order.hierarchy.sizes(1)
        mixed = ((self._count > 0) & (self._count < sizes)) | (self._floors[0] > 0)
        if not mixed.any():
            return rows
        rows = rows.copy()
        held = np.where(mixed, sizes, 0)  # only these leaves come into another order
        for leaves in _blocks(held):
            place = slices(self._start[leaves], held[leaves])
            mine, leaf = rows[place], np.repeat(np.arange(len(leaves)), held[leaves])
            rows[place] = mine[lexsort((np.uint8(2) * ~self.allowed[mine] + ~self.rules.kept[mine], leaf))]
        return rows

    @cached_property
    def _count(self) -> np.ndarray:
        """Items of each leaf that may be drawn: (k_1,) int64."""
        return of_leaves(self.order.hierarchy, self.allowed)

    @cached_property
    def _start(self) -> np.ndarray:
        """Where each leaf begins in `_rows`: (k_1,) int64."""
        sizes = self.order.hierarchy.sizes(1)
        start: np.ndarray = np.cumsum(sizes) - sizes
        return start

    @cached_property
    def _known(self) -> dict[str, np.ndarray]:
        """The farthest-first ranks worked out last, and how far; they only ever grow longer."""
        return {}

    def _farthest(self, extra: np.ndarray) -> np.ndarray:
        """Farthest-first place of each item in its leaf, as far as wanted: (n,) int64."""
        known = self._known
        if "rank" in known and (extra <= known["extra"]).all():
            return known["rank"]
        wanted = np.maximum(extra, known["extra"]) if known else extra
        assert self.vectors is not None  # the door has asked for them
        rows = self._rows[slices(self._start, self._count)]
        leaf, kept = self.order.hierarchy.levels[0].assignment[rows], self.rules.kept[rows]
        rank = np.full(len(self.allowed), len(self.allowed), dtype=np.int64)
        rank[rows] = farthest_first(self.vectors, rows, leaf, wanted, kept)
        known.update(rank=rank, extra=wanted)
        return rank


class _Pour:
    """A budget poured over a tree from its top, for the same capacities, floors and weights."""

    def __init__(self, order: DrawOrder, capacity: Levels, floors: Levels, weights: Levels) -> None:
        tree = order.hierarchy
        self._levels = [
            Filling(
                capacity[number - 1],
                tree.parents(number).astype(np.int64),
                order.ties[number - 1],
                1 if number == tree.n_levels else tree.n_clusters[number],
                floor=floors[number - 1],
                weight=weights[number - 1],
            )
            for number in range(tree.n_levels, 0, -1)
        ]

    def __call__(self, budget: int) -> Levels:
        quotas = [np.array([budget], dtype=np.int64)]
        for level in self._levels:
            quotas.append(level(quotas[-1]))
        return tuple(reversed(quotas[1:]))


def slices(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The places start, start + 1, ... of slices, `count` of each: (m,) int64."""
    place = np.arange(int(count.sum()))
    place += np.repeat(start - (np.cumsum(count) - count), count)
    return place


def _blocks(count: np.ndarray) -> Iterator[np.ndarray]:
    """Groups that count above 0, block by block, so many at once that they count `_ITEMS` or little more."""
    groups = np.flatnonzero(count)
    block = np.cumsum(count[groups]) // _ITEMS
    yield from np.split(groups, np.flatnonzero(np.diff(block)) + 1)


def farthest_first(
    vectors: np.ndarray, rows: np.ndarray, leaf: np.ndarray, wanted: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    """Rank of each row in its leaf's farthest-first order, as far as wanted; all later rows get n.

    rows are sorted by leaf, kept ones first, then the nearest to the centroid. All leaves take their next item in the
    same round; a kept one counts as farther than all others until it is taken.
    """
    rank = np.full(len(rows), len(rows), dtype=np.int64)
    gap = np.full(len(rows), np.inf)  # squared distance to the nearest item taken
    active = np.flatnonzero(wanted[leaf] > 0)
    for turn in range(int(wanted.max(initial=0))):
        active = active[wanted[leaf[active]] > turn]
        starts = np.flatnonzero(np.concatenate(([True], np.diff(leaf[active]) != 0)))
        sizes = np.diff(np.append(starts, len(active)))
        widest = np.repeat(np.maximum.reduceat(gap[active], starts), sizes)
        hits = np.flatnonzero(gap[active] == widest)
        taken = hits[np.concatenate(([True], np.diff(leaf[active][hits]) != 0))]  # the first hit of every leaf
        rank[active[taken]] = turn
        squared = _squared(vectors, rows[active], np.repeat(rows[active[taken]], sizes))
        gap[active] = np.where(kept[active], gap[active], np.minimum(gap[active], squared))
        gap[active[taken]] = -1  # never again, not even among exact duplicates
    return rank


def _squared(vectors: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squared distance of row pairs: (m,) float64."""
    squared, width = np.empty(len(left)), max(1, _ROWS // vectors.shape[1])
    for start in range(0, len(left), width):
        part = slice(start, start + width)
        difference = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        squared[part] = np.einsum("ij,ij->i", difference, difference)
    return squared
