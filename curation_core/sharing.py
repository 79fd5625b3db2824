"""Who gave less than an even share, and who received what was freed."""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.sampling import SamplingPlan


@dataclass(frozen=True)
class Sharing:
    """The clusters of one level, each against its siblings. All (k,) float64, in draws.

    even: what a cluster would give if all siblings had enough: its parent's quota over those that hold items, by
    weight. short: how far its capacity stays below. received: how far its quota goes above. Along the tree alone what
    the children of a parent are short of is what their siblings receive, but for the rounding of less than one each.
    """

    even: np.ndarray
    short: np.ndarray
    received: np.ndarray


def sharing(hierarchy: Hierarchy, plan: SamplingPlan, level: int, weights: np.ndarray | None = None) -> Sharing:
    """Even shares of a level's clusters and what became of them. weights: (k,) above 0, as the draw was asked for.

    Raises ShapeError for weights of another level.
    """
    quota, capacity = plan.quotas[level - 1], plan.capacity[level - 1]
    heavy = np.ones(len(quota)) if weights is None else np.asarray(weights, dtype=np.float64)
    if heavy.shape != quota.shape:
        raise ShapeError(f"weights have shape {heavy.shape} for {len(quota)} clusters of level {level}; pass one each")
    parent = hierarchy.parents(level)
    budget = plan.quotas[level] if level < hierarchy.n_levels else np.array([len(plan.indices)])
    heavy = np.where(hierarchy.sizes(level) > 0, heavy, 0.0)
    whole = np.bincount(parent, heavy, len(budget))
    even = budget[parent] * heavy / np.maximum(whole, np.finfo(float).tiny)[parent]
    return Sharing(even, np.maximum(0.0, even - capacity), np.maximum(0.0, quota - even))
