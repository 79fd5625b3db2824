"""The balanced draw: a target size split over the tree as evenly as it allows, then items drawn inside the leaves.

Every item has one random priority and every cluster one tie order, fixed by the seed. A larger target therefore
contains every smaller one. The tie order hangs on the items of a cluster, not on its number: renumbering changes
nothing. A share of the target may be balanced along a column, or go to what is nearest to a reference set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from curation_core.config import Cover, SampleConfig, Strategy
from curation_core.draw_order import DrawOrder as DrawOrder
from curation_core.draw_order import item_priority as item_priority
from curation_core.draw_rules import DrawRules
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.mixing import Part, mix
from curation_core.product_tree import ProductTree, product_tree
from curation_core.tree_draw import TreeDraw
from curation_core.water_filling import whole


@dataclass(frozen=True)
class SamplingPlan:
    """What to draw, and why so much of each cluster.

    indices: (m,) int64, ascending; an item drawn c times stands there c times. quotas and capacity: one (k_l,) int64
    per level, finest first; each level's quotas sum to m. In a mix, quotas are what was drawn. Nested: the plan of a
    larger target, all else equal, contains this. The other fields are those of SampleConfig.
    """

    indices: np.ndarray
    quotas: tuple[np.ndarray, ...]
    capacity: tuple[np.ndarray, ...]
    target_size: int
    strategy: Strategy
    multiplier: int
    seed: int
    cover: Cover = "none"
    column: str | None = None
    column_share: float = 1.0
    reference_share: float = 0.0

    def __post_init__(self) -> None:
        for array in (self.indices, *self.quotas, *self.capacity):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.indices)

    @classmethod
    def of(
        cls, indices: np.ndarray, quotas: Sequence[np.ndarray], capacity: Sequence[np.ndarray], config: SampleConfig
    ) -> "SamplingPlan":
        """The plan of a draw that a configuration asked for."""
        told = config.model_dump(exclude={"one_per_group"})
        return cls(indices, tuple(quotas), tuple(capacity), **told)

    @property
    def config(self) -> SampleConfig:
        """What asked for this draw; whether one item per group was to be drawn is not known to a plan."""
        names = [name for name in SampleConfig.model_fields if name != "one_per_group"]
        return SampleConfig(**{name: getattr(self, name) for name in names})

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
class ColumnOrder:
    """What all draws along a column have in common: the tree within each of its values, and its random orders."""

    product: ProductTree
    order: DrawOrder

    @classmethod
    def of(cls, hierarchy: Hierarchy, groups: np.ndarray, seed: int) -> "ColumnOrder":
        """groups: (n,) int, code of each item's value, -1 without one."""
        found = product_tree(hierarchy, groups)
        return cls(found, DrawOrder(found.hierarchy, seed))


@dataclass(frozen=True)
class Drawing:
    """A draw but for its size: what a slider moves over. Fields are the arguments of `sample`.

    along: of the groups and the seed, when it is at hand. Raises what `sample` raises.
    """

    order: DrawOrder
    config: SampleConfig
    allowed: np.ndarray
    rules: DrawRules
    vectors: np.ndarray | None = None
    along: ColumnOrder | None = None
    retrieved: np.ndarray | None = None

    @property
    def most(self) -> int:
        """Draws that there are at most."""
        return self.tree.most

    def plan(self, target_size: int) -> SamplingPlan:
        """The draw of so many items."""
        config, tree = self.config.model_copy(update={"target_size": whole(target_size)}), self.order.hierarchy
        if not config.is_mixed:
            quotas = self.tree.quotas(config.target_size)
            return SamplingPlan.of(self.tree.indices(quotas[0]), quotas, self.tree.capacity, config)
        if config.target_size <= self.tree.covered:
            indices = np.flatnonzero(self.tree.mask(config.target_size))
        else:
            indices = np.flatnonzero(mix(self._parts, config.target_size))
        drawn = np.bincount(tree.levels[0].assignment[indices], minlength=tree.n_clusters[0]).astype(np.int64)
        found = [drawn]
        for level in tree.levels[1:]:
            found.append(np.bincount(level.assignment, found[-1], level.n_clusters).astype(np.int64))
        return SamplingPlan.of(indices, found, self.tree.capacity, config)

    @cached_property
    def tree(self) -> TreeDraw:
        """The draw along the tree alone."""
        config = self.config
        return TreeDraw(
            self.order, self.allowed, self.rules, config.strategy, config.multiplier, config.cover, self.vectors
        )

    @cached_property
    def _within(self) -> tuple[np.ndarray, np.ndarray]:
        """Items that the tree would give at the largest size, and those that are in at any size: two (n,) bool.

        What caps never let in is not drawn by another part either; what covers the tree is in every part.
        """
        least = self.tree.covered
        return self.tree.mask(self.tree.most), self.tree.mask(least) if least else self.rules.kept

    @cached_property
    def _parts(self) -> list[Part]:
        config, most = self.config, self.tree.most
        share = config.column_share if config.along_column else 0.0
        shares = ((1 - config.reference_share) * (1 - share), (1 - config.reference_share) * share)
        parts = [Part(shares[0], most, lambda budget: self.tree.mask(max(budget, self.tree.covered)))]
        if config.along_column:
            column = Part(shares[1], most, self._column.mask)
            parts = [column] if share == 1 else [*parts, column] if shares[1] else parts
        if config.reference_share > 0:
            nearest = self._nearest
            parts.append(Part(config.reference_share, len(nearest), lambda budget: self._of_nearest(nearest[:budget])))
        return parts

    @cached_property
    def _column(self) -> TreeDraw:
        """The draw that balances the column's values first, and the tree within each."""
        if self.along is None:
            raise ConfigError(f"the draw goes along column {self.config.column!r} and got no groups; pass groups=")
        within, least = self._within
        rules, product = DrawRules.none(self.along.product.hierarchy), self.along.product
        weights = [weight[cluster] for weight, cluster in zip(self.rules.weights, product.clusters, strict=True)]
        rules = replace(rules, kept=least, weights=(*weights, rules.weights[-1]))
        return TreeDraw(self.along.order, within, rules, self.config.strategy, vectors=self.vectors)

    @cached_property
    def _nearest(self) -> np.ndarray:
        """Items in the order of their retrieval, those that are in at any size first: (m,) int64."""
        if self.retrieved is None:
            raise ConfigError("a share of the draw comes from a reference set and got no ranks; pass retrieved=")
        within, least = self._within
        rows = np.flatnonzero(within & ~least & (self.retrieved >= 0))
        rows = rows[np.argsort(self.retrieved[rows], kind="stable")]
        return np.concatenate([np.flatnonzero(least), rows])

    def _of_nearest(self, rows: np.ndarray) -> np.ndarray:
        found = self._within[1].copy()
        found[rows] = True
        return found


def sample(
    hierarchy: Hierarchy,
    config: SampleConfig,
    *,
    eligible: np.ndarray | None = None,
    rules: DrawRules | None = None,
    vectors: np.ndarray | None = None,
    order: DrawOrder | None = None,
    groups: np.ndarray | None = None,
    retrieved: np.ndarray | None = None,
) -> SamplingPlan:
    """Draw a balanced set of items.

    From the top, every cluster splits its quota over its children by `water_fill`; inside a leaf items go by strategy:
    random, closest (to the centroid) or diverse (farthest first, from the item nearest to the centroid; needs vectors).
    The strategy never changes quotas. With a multiplier above 1 the copies inside a leaf differ by at most 1.

    eligible: (n,) bool, items that may be drawn; all unless given. rules: items that are in at any size, caps and
    weights; a kept item may always be drawn. vectors: (n, d), those that were clustered. order: of the same tree and
    seed, when it is at hand; the draw is the same. groups: (n,) int, code of each item's value of config.column, -1
    without one. retrieved: (n,) int64, rank of each item by its nearness to the reference set, -1 where it has none.
    A target above what there is gives everything, the plan's shortfall says how much is missing; one below the number
    of kept items gives these.
    Raises ShapeError when an array does not fit the tree, ConfigError when one is missing.
    """
    return drawing(
        hierarchy,
        config,
        eligible=eligible,
        rules=rules,
        vectors=vectors,
        order=order,
        groups=groups,
        retrieved=retrieved,
    ).plan(config.target_size)


def drawing(
    hierarchy: Hierarchy,
    config: SampleConfig,
    *,
    eligible: np.ndarray | None = None,
    rules: DrawRules | None = None,
    vectors: np.ndarray | None = None,
    order: DrawOrder | None = None,
    groups: np.ndarray | None = None,
    along: ColumnOrder | None = None,
    retrieved: np.ndarray | None = None,
) -> Drawing:
    """`sample` for every size at once: what the size does not change is worked out when it is first asked for."""
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
    if retrieved is not None and (np.shape(retrieved) != (n,) or np.asarray(retrieved).dtype.kind != "i"):
        raise ShapeError(f"retrieved has shape {np.shape(retrieved)}, expected ({n},) whole numbers; one rank per item")
    rules = DrawRules.none(hierarchy) if rules is None else rules
    rules.require_fit(hierarchy)
    order = DrawOrder(hierarchy, config.seed) if order is None else order
    if config.along_column and along is None and groups is not None:
        along = ColumnOrder.of(hierarchy, groups, config.seed)
    return Drawing(order, config, allowed | rules.kept, rules, vectors, along, retrieved)
