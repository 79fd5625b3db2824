"""Max-min fair division of whole numbers: a budget poured over clusters until it is used or all are full.

Without wishes every cluster that is not full ends level with the others. With weights the levels are in proportion to
them, and floors are given first. Formally: a cluster that holds q units and has weight w stands at height q / w; the
floors are handed out, then each next unit goes to the lowest cluster that is not full, ties by priority. Each budget's
division therefore contains those of all smaller budgets above the floors.
"""

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError

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
    quota = _level(capacity, parent, budget, priority)
    rows = np.flatnonzero(_tilted(parent, len(budget), floor, weight))
    if len(rows):
        least = np.zeros(len(rows), np.int64) if floor is None else floor[rows]
        heavy = np.ones(len(rows)) if weight is None else weight[rows]
        quota[rows] = _sloped(capacity[rows], parent[rows], budget, priority[rows], least, heavy)
    return quota


def whole(budget: object) -> int:
    """A budget as an int; raises ConfigError unless it is a whole number of at least 0."""
    if isinstance(budget, bool | np.bool_) or not isinstance(budget, int | np.integer) or budget < 0:
        raise ConfigError(f"the target size is {budget!r}; give a whole number of items, 0 or more")
    return int(budget)


def _level(capacity: np.ndarray, parent: np.ndarray, budget: np.ndarray, priority: np.ndarray) -> np.ndarray:
    """All weights equal and no floors, in closed form.

    In ascending order of capacity, a child is filled if its whole segment could be raised to its capacity.
    """
    order = np.lexsort((capacity, parent))
    room, owner = capacity[order], parent[order]
    count = np.bincount(owner, minlength=len(budget))
    start = np.cumsum(count) - count
    before = np.cumsum(room) - room  # filled by all smaller children, and by earlier segments:
    before -= before[np.minimum(start, max(0, len(room) - 1))][owner] if len(room) else 0
    behind = count[owner] - (np.arange(len(room)) - start[owner])  # this child and the larger ones
    filled = before + room * behind <= budget[owner]
    used = np.bincount(owner, np.where(filled, room, 0), len(budget)).astype(np.int64)
    open_count = count - np.bincount(owner, filled, len(budget)).astype(np.int64)
    level, remainder = np.divmod(np.maximum(budget - used, 0), np.maximum(open_count, 1))
    quota = np.empty(len(capacity), dtype=np.int64)
    quota[order] = np.where(filled, room, level[owner])
    waiting = order[~filled]
    waiting = waiting[np.lexsort((priority[waiting], parent[waiting]))]
    turn = np.arange(len(waiting)) - (np.cumsum(open_count) - open_count)[parent[waiting]]
    quota[waiting[turn < remainder[parent[waiting]]]] += 1
    return quota


def _sloped(
    capacity: np.ndarray,
    parent: np.ndarray,
    budget: np.ndarray,
    priority: np.ndarray,
    floor: np.ndarray,
    weight: np.ndarray,
) -> np.ndarray:
    """With weights and floors: the height that just fits by halving, then the few units around it one by one."""
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
    child = child[np.lexsort((priority[child], unit / weight[child], parent[child]))]
    count = np.bincount(parent[child], minlength=len(budget))
    turn = np.arange(len(child)) - (np.cumsum(count) - count)[parent[child]]
    quota += np.bincount(child[turn < left[parent[child]]], minlength=len(quota))
    return quota


def _tilted(parent: np.ndarray, n_parents: int, floor: np.ndarray | None, weight: np.ndarray | None) -> np.ndarray:
    """Children of parents where a floor or an uneven weight is: (k,) bool."""
    marked = np.zeros(n_parents, dtype=bool)
    if floor is not None:
        marked[parent[floor > 0]] = True
    if weight is not None and len(weight):
        first = np.ones(n_parents)
        first[parent] = weight  # of each parent the last one written
        marked[parent[weight != first[parent]]] = True
    children: np.ndarray = marked[parent]
    return children


def _per_cluster(name: str, given: ArrayLike, room: np.ndarray) -> np.ndarray:
    values = np.asarray(given)
    if values.shape != room.shape:
        raise ShapeError(f"{name} has shape {values.shape} for {len(room)} clusters; give one number per cluster")
    return values
