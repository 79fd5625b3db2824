"""The balanced draw: a target size split over the tree as evenly as it allows, then items drawn inside the leaves.

Every item has one random priority and every cluster one tie order, fixed by the seed. A larger target therefore
contains every smaller one. The tie order hangs on the items of a cluster, not on its number: renumbering changes
nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.config import SampleConfig, Strategy
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy

_ROWS = 1 << 22  # values handled at once when distances are computed


@dataclass(frozen=True)
class SamplingPlan:
    """What to draw, and why so much of each cluster.

    indices: (m,) int64, ascending; an item drawn c times stands there c times. quotas and capacity: one (k_l,) int64
    per level, finest first; each level's quotas sum to m. Nested: the plan of a larger target, all else equal,
    contains this.
    """

    indices: np.ndarray
    quotas: tuple[np.ndarray, ...]
    capacity: tuple[np.ndarray, ...]
    target_size: int
    strategy: Strategy
    multiplier: int
    seed: int

    def __post_init__(self) -> None:
        for array in (self.indices, *self.quotas, *self.capacity):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def shortfall(self) -> int:
        """Items missing to the target size because the pool does not have them."""
        return self.target_size - len(self.indices)

    def drawn_mask(self, n: int) -> np.ndarray:
        """Which of n items were drawn at least once: (n,) bool."""
        mask = np.zeros(n, dtype=bool)
        mask[self.indices] = True
        return mask


def water_fill(capacity: ArrayLike, budget: int, priority: ArrayLike | None = None) -> np.ndarray:
    """Split a budget over clusters as evenly as capacity allows.

    capacity: (k,) whole numbers, points available per cluster. priority: (k,) order in which clusters get the
    remainder, lowest first; by index unless given. Returns (k,) int64 summing to min(budget, capacity.sum());
    clusters that are not full differ by at most 1. Monotone in the budget. Source: Vo et al. 2024, hierarchical
    sampling. Raises ConfigError for a budget that is not a whole number of at least 0, ShapeError for a wrong
    capacity.
    """
    room = np.asarray(capacity)
    if room.ndim != 1 or (len(room) and (room.dtype.kind not in "iu" or room.min() < 0)):
        raise ShapeError(
            f"capacity has shape {room.shape} and type {room.dtype}; give one whole number of at least 0 per cluster"
        )
    order = np.arange(len(room)) if priority is None else np.asarray(priority)
    if order.shape != room.shape:
        raise ShapeError(f"priority has shape {order.shape} for {len(room)} clusters; give one number per cluster")
    budgets = np.array([_whole(budget)], dtype=np.int64)
    return fill_segments(room.astype(np.int64), np.zeros(len(room), dtype=np.int64), budgets, order)


def fill_segments(capacity: np.ndarray, parent: np.ndarray, budget: np.ndarray, priority: np.ndarray) -> np.ndarray:
    """`water_fill` for the children of many parents at once.

    capacity: (k,) int64. parent: (k,) in [0, p). budget: (p,) int64. priority: (k,). Returns (k,) int64. Closed form:
    in ascending order of capacity, a child is filled if its whole segment could be raised to its capacity.
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


def sample(
    hierarchy: Hierarchy,
    config: SampleConfig,
    *,
    eligible: np.ndarray | None = None,
    vectors: np.ndarray | None = None,
) -> SamplingPlan:
    """Draw a balanced set of items.

    From the top, every cluster splits its quota over its children by `water_fill`; inside a leaf items go by strategy:
    random, closest (to the centroid) or diverse (farthest first, from the item nearest to the centroid; needs vectors).
    The strategy never changes quotas. With a multiplier above 1 the copies inside a leaf differ by at most 1.

    eligible: (n,) bool, items that may be drawn; all unless given. vectors: (n, d), those that were clustered.
    A target above what there is gives everything; the plan's shortfall says how much is missing.
    Raises ShapeError when eligible or vectors do not fit the tree, ConfigError when vectors are missing.
    """
    n = hierarchy.n_items
    allowed = np.ones(n, dtype=bool) if eligible is None else np.asarray(eligible)
    if allowed.shape != (n,) or allowed.dtype != bool:
        raise ShapeError(
            f"eligible has shape {allowed.shape} and type {allowed.dtype}, expected ({n},) bool; one entry per item"
        )
    if config.strategy == "diverse" and vectors is None:
        raise ConfigError(
            "strategy 'diverse' needs the vectors and got none; pass vectors=, or choose random or closest"
        )
    if vectors is not None and (vectors.ndim != 2 or len(vectors) != n):
        raise ShapeError(f"vectors have shape {vectors.shape}, the tree has {n} items; pass those that were clustered")
    priority = item_priority(n, config.seed)
    capacity = _capacity(hierarchy, allowed, config.multiplier)
    quotas = _quotas(hierarchy, capacity, _whole(config.target_size), priority, config.seed)
    copies = _copies(hierarchy, quotas[0], allowed, priority, config.strategy, vectors)
    indices = np.repeat(np.arange(n), copies)
    return SamplingPlan(indices, quotas, capacity, config.target_size, config.strategy, config.multiplier, config.seed)


def item_priority(n: int, seed: int) -> np.ndarray:
    """A random order of n items fixed by the seed: (n,) int64 ranks, lowest first."""
    return np.random.default_rng([seed, 0]).permutation(n)


def _capacity(hierarchy: Hierarchy, allowed: np.ndarray, multiplier: int) -> tuple[np.ndarray, ...]:
    """Draws that each cluster can give at most, per level."""
    counts = [np.bincount(hierarchy.levels[0].assignment, allowed, hierarchy.n_clusters[0]).astype(np.int64)]
    for level in hierarchy.levels[1:]:
        counts.append(np.bincount(level.assignment, counts[-1], level.n_clusters).astype(np.int64))
    return tuple(count * multiplier for count in counts)


def _quotas(
    hierarchy: Hierarchy, capacity: tuple[np.ndarray, ...], target_size: int, priority: np.ndarray, seed: int
) -> tuple[np.ndarray, ...]:
    """Draws per cluster and level, finest first."""
    budget = np.array([target_size], dtype=np.int64)
    quotas: list[np.ndarray] = []
    for number in range(hierarchy.n_levels, 0, -1):
        ties = _tie_order(
            hierarchy.point_assignment(number), hierarchy.n_clusters[number - 1], priority, [seed, number]
        )
        parent = hierarchy.parents(number).astype(np.int64)
        budget = fill_segments(capacity[number - 1], parent, budget, ties)
        quotas.append(budget)
    return tuple(reversed(quotas))


def _tie_order(assignment: np.ndarray, k: int, priority: np.ndarray, stream: list[int]) -> np.ndarray:
    """A random number per cluster, tied to its first item so that it does not depend on the cluster's number."""
    last_to_first = np.empty(len(priority), dtype=np.int64)
    last_to_first[len(priority) - 1 - priority] = np.arange(len(priority))
    first = np.full(k, -1, dtype=np.int64)
    first[assignment[last_to_first]] = last_to_first  # the last one written stays: the item of lowest priority
    ties = np.random.default_rng(stream).random(len(priority))
    return np.where(first >= 0, ties[first], np.inf)


def _copies(
    hierarchy: Hierarchy,
    quota: np.ndarray,
    allowed: np.ndarray,
    priority: np.ndarray,
    strategy: Strategy,
    vectors: np.ndarray | None,
) -> np.ndarray:
    """How often each item is drawn: (n,) int64."""
    rows = np.flatnonzero(allowed)
    level = hierarchy.levels[0]
    leaf = level.assignment[rows].astype(np.int64)
    key = level.distance[rows] if strategy != "random" else priority[rows]
    order = np.lexsort((priority[rows], key, leaf))
    rows, leaf = rows[order], leaf[order]
    count = np.bincount(leaf, minlength=len(quota))
    start = np.cumsum(count) - count
    full, extra = np.divmod(quota, np.maximum(count, 1))
    if strategy == "diverse" and vectors is not None:
        rank = _farthest_first(vectors, rows, leaf, extra)
    else:
        rank = np.arange(len(rows)) - start[leaf]
    copies = np.zeros(hierarchy.n_items, dtype=np.int64)
    copies[rows] = full[leaf] + (rank < extra[leaf])
    return copies


def _farthest_first(vectors: np.ndarray, rows: np.ndarray, leaf: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rank of each row in its leaf's farthest-first order, as far as wanted; all later rows get n.

    rows are sorted by leaf, the nearest to the centroid first. All leaves take their next item in the same round.
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
        gap[active] = np.minimum(gap[active], squared)
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


def _whole(budget: object) -> int:
    if isinstance(budget, bool | np.bool_) or not isinstance(budget, int | np.integer) or budget < 0:
        raise ConfigError(f"the target size is {budget!r}; give a whole number of items, 0 or more")
    return int(budget)
