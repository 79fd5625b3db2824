"""Max-min fair division of whole numbers: a budget poured over clusters until it is used or all are full.

Without wishes every cluster that is not full ends level with the others. With weights the levels are in proportion to
them, and floors are given first. Formally: a cluster that holds q units and has weight w stands at height q / w; the
floors are handed out, then each next unit goes to the lowest cluster that is not full, ties by priority. Each budget's
division therefore contains those of all smaller budgets above the floors.
"""

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError
from curation_core.sorting import counts, lexsort

_HIGHEST = np.iinfo(np.int64).max
_STEPS = 128  # halvings of a float64 interval until its ends are neighbours, and some


def water_fill(
    capacity: ArrayLike,
    budget: int,
    priority: ArrayLike | None = None,
    *,
    floor: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> np.ndarray:
    """Split a budget over clusters as evenly as capacity allows.

    capacity: (k,) whole numbers, points available per cluster. priority: (k,) order in which clusters get the
    remainder, lowest first; by index unless given. floor: (k,) whole numbers up to capacity, given in any case; a
    budget below their sum is raised to it. weight: (k,) above 0, how high a cluster is filled in proportion.
    Returns (k,) int64 summing to min(max(budget, floor.sum()), capacity.sum()); clusters without weights and floors
    that are not full differ by at most 1. Monotone in the budget. Source: Vo et al. 2024, hierarchical sampling; with
    weights, Adams' divisor method. Raises ConfigError for a budget that is not a whole number of at least 0,
    ShapeError for wrong arrays.
    """
    room = np.asarray(capacity)
    if room.ndim != 1 or (len(room) and (room.dtype.kind not in "iu" or room.min() < 0)):
        raise ShapeError(
            f"capacity has shape {room.shape} and type {room.dtype}; give one whole number of at least 0 per cluster"
        )
    order = _per_cluster("priority", np.arange(len(room)) if priority is None else priority, room)
    least = _per_cluster("floor", np.zeros(len(room), np.int64) if floor is None else floor, room)
    heavy = _per_cluster("weight", np.ones(len(room)) if weight is None else weight, room)
    if len(room) and not (least.dtype.kind in "iu" and (least >= 0).all() and (least <= room).all()):
        raise ShapeError("floor is not a whole number between 0 and the capacity for every cluster; correct it")
    if len(room) and not (heavy > 0).all():
        raise ShapeError("a weight is not above 0; give each cluster a positive number")
    budgets = np.array([whole(budget)], dtype=np.int64)
    segments = np.zeros(len(room), dtype=np.int64)
    return fill_segments(room.astype(np.int64), segments, budgets, order, floor=least.astype(np.int64), weight=heavy)


def fill_segments(
    capacity: np.ndarray,
    parent: np.ndarray,
    budget: np.ndarray,
    priority: np.ndarray,
    *,
    floor: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """`water_fill` for the children of many parents at once.

    capacity: (k,) int64. parent: (k,) in [0, p). budget: (p,) int64. priority: (k,). floor: (k,) int64, weight: (k,)
    float64. Returns (k,) int64. Only the children of parents with a floor or uneven weights take the slower way.
    """
    return Filling(capacity, parent, priority, len(budget), floor=floor, weight=weight)(budget)


class Filling:
    """`fill_segments` for the same clusters under many budgets: what hangs on the clusters alone is worked out once."""

    def __init__(
        self,
        capacity: np.ndarray,
        parent: np.ndarray,
        priority: np.ndarray,
        n_parents: int,
        *,
        floor: np.ndarray | None = None,
        weight: np.ndarray | None = None,
    ) -> None:
        self._level = _Level(capacity, parent, priority, n_parents)
        uneven = _uneven(parent, n_parents, weight)
        floored = np.zeros(len(capacity), bool) if floor is None else _where_any(parent, n_parents, floor > 0) & ~uneven
        self._tilted = []
        for rows, kind in ((np.flatnonzero(floored), _Raised), (np.flatnonzero(uneven), _Sloped)):
            if len(rows):
                least = np.zeros(len(rows), np.int64) if floor is None else floor[rows]
                heavy = np.ones(len(rows)) if weight is None else weight[rows]
                self._tilted.append((rows, kind(capacity[rows], parent[rows], priority[rows], least, heavy)))

    def __call__(self, budget: np.ndarray) -> np.ndarray:
        """Quotas of the children: (k,) int64. budget: (p,) int64, of the parents."""
        quota = self._level(budget)
        for rows, tilted in self._tilted:
            quota[rows] = tilted(budget)
        return quota


def whole(budget: object) -> int:
    """A budget as an int; raises ConfigError unless it is a whole number of at least 0."""
    if isinstance(budget, bool | np.bool_) or not isinstance(budget, int | np.integer) or budget < 0:
        raise ConfigError(f"the target size is {budget!r}; give a whole number of items, 0 or more")
    return int(budget)


class _Level:
    """All weights equal and no floors, in closed form.

    In ascending order of capacity, a child is filled if its whole segment could be raised to its capacity. What is
    filled is therefore the beginning of each segment, and its end is found by halving.
    """

    def __init__(self, capacity: np.ndarray, parent: np.ndarray, priority: np.ndarray, n_parents: int) -> None:
        self.capacity, self.parent = capacity, parent
        self.count = counts(parent, n_parents)
        self.start = np.cumsum(self.count) - self.count
        self.room = capacity[lexsort((capacity, parent))]  # segment by segment, ascending
        self.before = np.concatenate(([0], np.cumsum(self.room)))
        self.turns = lexsort((priority, parent))
        self.room_in_turn = capacity[self.turns]

    def __call__(self, budget: np.ndarray) -> np.ndarray:
        filled = self._filled(budget)
        left = np.maximum(budget - self.before[self.start + filled] + self.before[self.start], 0)
        open_count = self.count - filled
        level, remainder = np.divmod(left, np.maximum(open_count, 1))
        level = np.where(open_count > 0, level, _HIGHEST)
        quota: np.ndarray = np.minimum(self.capacity, level[self.parent])
        waits = self.room_in_turn > np.repeat(level, self.count)
        _one_more(quota, self.turns[waits], open_count, np.where(open_count > 0, remainder, 0))
        return quota

    def _filled(self, budget: np.ndarray) -> np.ndarray:
        """How many children of each parent are filled: (p,) int64."""
        low, high = np.zeros_like(self.count), self.count.copy()
        while (low < high).any():
            middle = (low + high) // 2
            child = np.minimum(self.start + middle, max(len(self.room) - 1, 0))
            needed = self.before[child] - self.before[self.start] + self.room[child] * (self.count - middle)
            fits = (needed <= budget) & (low < high)
            low, high = np.where(fits, middle + 1, low), np.where(fits | (low >= high), high, middle)
        return low


class _Raised:
    """With floors and equal weights: the whole height that just fits by halving, then one more each by priority."""

    def __init__(
        self, capacity: np.ndarray, parent: np.ndarray, priority: np.ndarray, floor: np.ndarray, _weight: np.ndarray
    ) -> None:
        self.capacity, self.parent, self.floor = capacity, parent, floor
        self.turns = lexsort((priority, parent))

    def __call__(self, budget: np.ndarray) -> np.ndarray:
        low = np.zeros(len(budget), dtype=np.int64)
        high = np.full(len(budget), int(self.capacity.max()) + 1)
        while (high - low > 1).any():
            middle = (low + high) // 2
            units = np.clip(middle[self.parent], self.floor, self.capacity)
            fits = np.bincount(self.parent, units, len(budget)) <= budget
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        height = low[self.parent]
        quota: np.ndarray = np.clip(height, self.floor, self.capacity)
        left = budget - np.bincount(self.parent, quota, len(budget)).astype(np.int64)
        lowest = (self.floor <= height) & (height < self.capacity)
        child = self.turns[lowest[self.turns]]
        _one_more(quota, child, np.bincount(self.parent[child], minlength=len(budget)), left)
        return quota


def _one_more(quota: np.ndarray, child: np.ndarray, count: np.ndarray, left: np.ndarray) -> None:
    """One unit more for the first `left` children of each parent. child: (m,) parent by parent, count: (p,) of each."""
    owner = np.repeat(np.arange(len(count)), count)
    turn = np.arange(len(child)) - (np.cumsum(count) - count)[owner]
    quota[child[turn < left[owner]]] += 1


class _Sloped:
    """With weights and floors: the height that just fits by halving, then the few units around it one by one."""

    def __init__(
        self, capacity: np.ndarray, parent: np.ndarray, priority: np.ndarray, floor: np.ndarray, weight: np.ndarray
    ) -> None:
        self.capacity, self.parent, self.priority, self.floor, self.weight = capacity, parent, priority, floor, weight

    def __call__(self, budget: np.ndarray) -> np.ndarray:
        capacity, parent, floor, weight = self.capacity, self.parent, self.floor, self.weight
        low = np.zeros(len(budget))
        high = np.full(len(budget), float((capacity / weight).max(initial=0)) + 1)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if not ((low < middle) & (middle < high)).any():
                break
            units = np.clip(np.ceil(middle[parent] * weight), floor, capacity)
            fits = np.bincount(parent, units, len(budget)) <= budget
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        # one less than fits, for the rounding of height times weight; what is missing is among the next three of each
        quota: np.ndarray = np.clip(np.ceil(low[parent] * weight).astype(np.int64) - 1, floor, capacity)
        left = budget - np.bincount(parent, quota, len(budget)).astype(np.int64)
        child = np.repeat(np.arange(len(quota)), 3)
        unit = quota[child] + np.tile(np.arange(3), len(quota))
        child, unit = child[unit < capacity[child]], unit[unit < capacity[child]]
        child = child[lexsort((self.priority[child], unit / weight[child], parent[child]))]
        count = np.bincount(parent[child], minlength=len(budget))
        turn = np.arange(len(child)) - (np.cumsum(count) - count)[parent[child]]
        quota += np.bincount(child[turn < left[parent[child]]], minlength=len(quota))
        return quota


def _uneven(parent: np.ndarray, n_parents: int, weight: np.ndarray | None) -> np.ndarray:
    """Children of parents whose children differ in weight: (k,) bool."""
    if weight is None or not len(weight):
        return np.zeros(len(parent), dtype=bool)
    first = np.ones(n_parents)
    first[parent] = weight  # of each parent the last one written
    return _where_any(parent, n_parents, weight != first[parent])


def _where_any(parent: np.ndarray, n_parents: int, marked: np.ndarray) -> np.ndarray:
    """Children of parents that have a marked child: (k,) bool."""
    parents = np.zeros(n_parents, dtype=bool)
    parents[parent[marked]] = True
    children: np.ndarray = parents[parent]
    return children


def _per_cluster(name: str, given: ArrayLike, room: np.ndarray) -> np.ndarray:
    values = np.asarray(given)
    if values.shape != room.shape:
        raise ShapeError(f"{name} has shape {values.shape} for {len(room)} clusters; give one number per cluster")
    return values
