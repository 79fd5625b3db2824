"""One side of a comparison of draws: the items of a tree, which of them were drawn, and why each other one was not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.config import SampleConfig
from curation_core.draw_rules import NO_CAP
from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan


class Why(IntEnum):
    """How an item stands in one draw."""

    DRAWN = 0
    KEPT = 1  # drawn, because a person keeps it
    QUOTA = 2  # its cluster gave others
    CAPPED = 3  # the same, and the cluster is capped
    DROPPED = 4
    DUPLICATE = 5
    UNKNOWN = 6  # not drawn; what was decided then is not known any more
    UNREADABLE = 7
    ABSENT = 8


WORDS = {
    Why.DRAWN: "drawn",
    Why.KEPT: "kept in review",
    Why.QUOTA: "its cluster gave others",
    Why.CAPPED: "its cluster is capped",
    Why.DROPPED: "dropped in review",
    Why.DUPLICATE: "a near-duplicate stands for it",
    Why.UNKNOWN: "not drawn",
    Why.UNREADABLE: "cannot be read",
    Why.ABSENT: "not in the pool",
}


@dataclass(frozen=True)
class DrawSide:
    """A draw from n items of a tree of L levels.

    name: what it is called. item_ids, paths: (n,) Arrow strings. copies: (n,) int64, how often each item was drawn.
    quotas: per level (k_l,) int64. why: (n,) int8, of Why. unreadable: ids of items that have no vector. settings: of
    the draw, for people. made_of: names of what it was made from: "embed" and "cluster" by their artefact keys.
    """

    name: str
    item_ids: pa.Array
    paths: pa.Array
    hierarchy: Hierarchy
    copies: np.ndarray
    quotas: tuple[np.ndarray, ...]
    why: np.ndarray
    unreadable: pa.Array
    settings: Mapping[str, Any] = field(default_factory=dict)
    made_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.hierarchy.n_items
        for name in ("item_ids", "paths", "copies", "why"):
            if len(getattr(self, name)) != n:
                raise ShapeError(f"{name} has {len(getattr(self, name))} rows, the tree {n} items; read the draw again")

    @property
    def drawn(self) -> np.ndarray:
        """Which items were drawn: (n,) bool."""
        found: np.ndarray = self.copies > 0
        return found


def reasons(
    plan: SamplingPlan, decided: ReviewDecisions | None, tree: Hierarchy, standing: np.ndarray | None = None
) -> np.ndarray:
    """How every item stands in a draw: (n,) int8, of Why.

    decided: the decisions that the draw was made under, None where they are not known. standing: (n,) bool, what the
    rule of one per group let through, None where all were let through.
    """
    drawn, leaf = plan.drawn_mask(tree.n_items), tree.point_assignment(1)
    if decided is None:
        whole = (plan.capacity[0] >= tree.sizes(1) * plan.multiplier)[leaf]
        return np.where(drawn, Why.DRAWN, np.where(whole, Why.QUOTA, Why.UNKNOWN)).astype(np.int8)
    capped = np.zeros(tree.n_items, dtype=bool)
    for level, caps in enumerate(decided.rules.caps, start=1):
        if (caps != NO_CAP).any():
            reached = (caps != NO_CAP) & (plan.quotas[level - 1] >= caps)
            capped |= reached[tree.point_assignment(level)]
    found = np.where(capped, Why.CAPPED, Why.QUOTA)
    if standing is not None:
        found = np.where(~standing, Why.DUPLICATE, found)
    found = np.where(~decided.eligible & ~decided.kept, Why.DROPPED, found)
    return np.where(drawn, np.where(decided.kept, Why.KEPT, Why.DRAWN), found).astype(np.int8)


def told(config: SampleConfig) -> dict[str, Any]:
    """The settings of a draw that differ from the defaults, and its target and seed."""
    plain = {name: field.default for name, field in SampleConfig.model_fields.items()}
    values = config.model_dump(mode="json")
    return {name: value for name, value in values.items() if name in ("target_size", "seed") or value != plain[name]}
