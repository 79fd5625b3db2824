"""The review queue: which cluster comes next, and what a verdict would do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation_app.loaders import Pool
from curation_core.config import SampleConfig
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan, sample


@dataclass(frozen=True)
class Queue:
    """Clusters of a level, largest first.

    order: (k,) int64, the non-empty clusters. pending: those without a verdict, the ones put off last.
    """

    level: int
    order: np.ndarray
    pending: list[int]
    share_decided: float

    @property
    def current(self) -> int | None:
        """The cluster to look at now."""
        return self.pending[0] if self.pending else None


def queue(pool: Pool, decided: ReviewDecisions, level: int, skipped: frozenset[tuple[int, int]]) -> Queue:
    """The queue of a level; clusters that only finer or coarser decisions touch still wait for their own verdict."""
    sizes, verdicts = pool.hierarchy.sizes(level), decided.verdicts[level - 1]
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    waiting = [c for c in order.tolist() if verdicts[c] == 0]
    pending = [c for c in waiting if (level, c) not in skipped] + [c for c in waiting if (level, c) in skipped]
    return Queue(level, order, pending, float(sizes[verdicts != 0].sum() / max(1, sizes.sum())))


@dataclass(frozen=True)
class Effect:
    """What dropping a cluster does to a draw.

    drawn_here: items drawn from it now. moved: items drawn elsewhere instead, in so many receivers. shortfall: items
    that nobody can give.
    """

    drawn_here: int
    moved: int
    receivers: int
    shortfall: int


def effect_of_drop(
    pool: Pool,
    decided: ReviewDecisions,
    plan: SamplingPlan,
    level: int,
    cluster: int,
    standing: Callable[[np.ndarray], np.ndarray] = lambda eligible: eligible,
) -> Effect:
    """Compare the draw with the one without the cluster's members; same target, strategy and seed.

    standing: which of the items that may be drawn stand for their group of near-duplicates, (n,) bool to (n,) bool.
    """
    members = pool.hierarchy.members(level, cluster)
    eligible = decided.eligible.copy()
    eligible[members] = False
    eligible = standing(eligible)
    config = SampleConfig(
        target_size=plan.target_size, multiplier=plan.multiplier, seed=plan.seed
    )  # quotas do not depend on the strategy
    without = sample(pool.hierarchy, config, eligible=eligible)
    change = without.quotas[level - 1] - plan.quotas[level - 1]
    here = int(plan.quotas[level - 1][cluster])
    gained = change[change > 0]
    return Effect(here, int(gained.sum()), len(gained), int(without.target_size - len(without.indices)))
