"""The order in which clusters wait for a person, and how far the review is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation_core.review import ReviewDecisions

_LEAST_DOUBT = 0.05  # so that a flawless large cluster still comes before a flawless small one
EFFECT, SIZE = "effect on the result", "items"


@dataclass(frozen=True)
class ReviewQueue:
    """Clusters of a level that hold items, in the order to judge them.

    order: (k,) int64. pending, skipped: those of them that wait, the latter put off by the reviewer, (p,), (s,) int64
    in the same order. share_decided: of the level's items.
    """

    level: int
    order: np.ndarray
    pending: np.ndarray
    skipped: np.ndarray
    share_decided: float

    @property
    def waiting(self) -> np.ndarray:
        """All that wait, those that were put off last."""
        return np.concatenate((self.pending, self.skipped))

    @property
    def n_decided(self) -> int:
        """Clusters that do not wait any more."""
        return len(self.order) - len(self.pending) - len(self.skipped)


def effect(sizes: np.ndarray, doubts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Size times uncertainty: (k,) float64. doubts: per name (k,) in [0, 1], NaN where it is not known."""
    if not doubts:
        return sizes.astype(np.float64)
    table = np.stack(list(doubts.values()))
    known = np.isfinite(table)
    doubt = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    found: np.ndarray = sizes * np.maximum(doubt, _LEAST_DOUBT)
    return found


def review_queue(
    decided: ReviewDecisions, level: int, priority: np.ndarray, *, reviewer: str = "", done: np.ndarray | None = None
) -> ReviewQueue:
    """The queue of a level, highest priority first, of equals the larger, then the lower number.

    priority: (k,) float64, NaN comes last. done: (k,) bool, clusters that do not wait; those that were decided unless
    given. A cluster that only finer or coarser decisions touch still waits for its own.
    """
    sizes = decided.tree.sizes(level)
    order = np.lexsort((np.arange(len(sizes)), -sizes, -np.nan_to_num(priority, nan=-np.inf)))
    order = order[sizes[order] > 0]
    settled = decided.decided(level) if done is None else done
    put_off = np.zeros(len(sizes), dtype=bool)
    put_off[[cluster for (at, cluster), who in decided.skips.items() if at == level and reviewer in who]] = True
    waits = order[~settled[order]]
    share = float(sizes[settled].sum() / max(1, sizes.sum()))
    return ReviewQueue(level, order, waits[~put_off[waits]], waits[put_off[waits]], share)
