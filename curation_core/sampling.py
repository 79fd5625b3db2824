"""The balanced draw: a target size split over the tree as evenly as it allows, then items drawn inside the leaves.

Every item has one random priority and every cluster one tie order, fixed by the seed. A larger target therefore
contains every smaller one. The tie order hangs on the items of a cluster, not on its number: renumbering changes
nothing.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_core.config import SampleConfig, Strategy
from curation_core.draw_rules import DrawRules
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.water_filling import fill_segments, whole

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
        """Items missing to the target size because the pool does not have them or caps hold them back."""
        return max(0, self.target_size - len(self.indices))

    def drawn_mask(self, n: int) -> np.ndarray:
        """Which of n items were drawn at least once: (n,) bool."""
        mask = np.zeros(n, dtype=bool)
        mask[self.indices] = True
        return mask


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


def sample(
    hierarchy: Hierarchy,
    config: SampleConfig,
    *,
    eligible: np.ndarray | None = None,
    rules: DrawRules | None = None,
    vectors: np.ndarray | None = None,
    order: DrawOrder | None = None,
) -> SamplingPlan:
    """Draw a balanced set of items.

    From the top, every cluster splits its quota over its children by `water_fill`; inside a leaf items go by strategy:
    random, closest (to the centroid) or diverse (farthest first, from the item nearest to the centroid; needs vectors).
    The strategy never changes quotas. With a multiplier above 1 the copies inside a leaf differ by at most 1.

    eligible: (n,) bool, items that may be drawn; all unless given. rules: items that are in at any size, caps and
    weights; a kept item may always be drawn. vectors: (n, d), those that were clustered. order: of the same tree and
    seed, when it is at hand; the draw is the same.
    A target above what there is gives everything, the plan's shortfall says how much is missing; one below the number
    of kept items gives these.
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
    rules = DrawRules.none(hierarchy) if rules is None else rules
    rules.require_fit(hierarchy)
    allowed = allowed | rules.kept
    order = DrawOrder(hierarchy, config.seed) if order is None else order
    capacity = rules.capacity(hierarchy, allowed, config.multiplier)
    quotas = _quotas(order, capacity, rules, whole(config.target_size))
    copies = _copies(order, quotas[0], allowed, rules.kept, config.strategy, vectors)
    indices = np.repeat(np.arange(n), copies)
    return SamplingPlan(indices, quotas, capacity, config.target_size, config.strategy, config.multiplier, config.seed)


def item_priority(n: int, seed: int) -> np.ndarray:
    """A random order of n items fixed by the seed: (n,) int64 ranks, lowest first."""
    return np.random.default_rng([seed, 0]).permutation(n)


def _quotas(
    order: DrawOrder, capacity: tuple[np.ndarray, ...], rules: DrawRules, target_size: int
) -> tuple[np.ndarray, ...]:
    """Draws per cluster and level, finest first."""
    hierarchy, floors = order.hierarchy, rules.floors(order.hierarchy)
    budget = np.array([max(target_size, int(floors[-1].sum()))], dtype=np.int64)
    quotas: list[np.ndarray] = []
    for number in range(hierarchy.n_levels, 0, -1):
        parent = hierarchy.parents(number).astype(np.int64)
        floor, weight = floors[number - 1], rules.weights[number - 1]
        budget = fill_segments(capacity[number - 1], parent, budget, order.ties[number - 1], floor=floor, weight=weight)
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
    order: DrawOrder,
    quota: np.ndarray,
    allowed: np.ndarray,
    kept: np.ndarray,
    strategy: Strategy,
    vectors: np.ndarray | None,
) -> np.ndarray:
    """How often each item is drawn: (n,) int64. In a leaf kept items come first."""
    hierarchy = order.hierarchy
    rows = order.by_chance if strategy == "random" else order.by_distance
    rows = rows[allowed[rows]] if not allowed.all() else rows
    leaf = hierarchy.levels[0].assignment[rows]
    count = np.bincount(leaf, minlength=len(quota))
    full, extra = np.divmod(quota, np.maximum(count, 1))
    if kept.any():
        first = np.argsort(2 * leaf.astype(np.int64) + ~kept[rows], kind="stable")
        rows, leaf = rows[first], leaf[first]
    if strategy == "diverse" and vectors is not None:
        rank = _farthest_first(vectors, rows, leaf, extra, kept[rows])
    else:
        rank = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    copies = np.zeros(hierarchy.n_items, dtype=np.int64)
    copies[rows] = np.repeat(full, count) + (rank < np.repeat(extra, count))
    return copies


def _farthest_first(
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
