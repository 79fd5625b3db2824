"""How items spread over groups: sizes by rank, sizes in bins that grow, and what the smaller groups hold.

Groups are clusters of a level or classes of a column. A curve over a million groups is thinned to what a screen can
show; first, last and every bend stay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.metrics import balance

MOST_POINTS = 1_500  # of one picture; a line of 1,200 pixels shows no more


@dataclass(frozen=True)
class RankCurve:
    """Sizes of the groups that hold something, largest first, at most as many points as asked for.

    rank: (m,) int64, from 1. size: (m,) int64, items. group: (m,) int64, which group stands at that rank; among equals
    the lower number first. n_groups: groups that hold something. n_items: all items.
    """

    rank: np.ndarray
    size: np.ndarray
    group: np.ndarray
    n_groups: int
    n_items: int

    @property
    def is_thinned(self) -> bool:
        """Whether some groups are left out."""
        return len(self.rank) < self.n_groups


@dataclass(frozen=True)
class LorenzCurve:
    """What the smaller groups hold: (m,) float64 each, shares in [0, 1], both from 0 to 1. gini: 0 is even."""

    groups: np.ndarray
    held: np.ndarray
    gini: float
    n_groups: int


def rank_curve(counts: ArrayLike, *, most: int = MOST_POINTS) -> RankCurve:
    """Sort groups by size. counts: (k,) items per group, empty ones are left out. most: points to keep, at least 4."""
    sizes = _counted(counts)
    order = np.argsort(-sizes, kind="stable")
    order = order[: int((sizes > 0).sum())]
    ordered = sizes[order]
    kept = _bends(np.arange(1, len(ordered) + 1), ordered, most)
    return RankCurve(kept + 1, ordered[kept], order[kept], len(ordered), int(ordered.sum()))


def lorenz_curve(counts: ArrayLike, *, pool: ArrayLike | None = None, most: int = MOST_POINTS) -> LorenzCurve:
    """Share of the items held by the smallest groups. pool: (k,) counts; groups with none there are not groups."""
    sizes = _counted(counts)
    figures = balance(sizes, pool=pool)
    present = sizes if pool is None else sizes[np.asarray(pool) > 0]
    ordered = np.sort(present)
    held = np.r_[0.0, np.cumsum(ordered) / max(1, ordered.sum())]
    groups = np.linspace(0.0, 1.0, len(held))
    kept = _spread_out(np.abs(np.diff(groups)) + np.abs(np.diff(held)), most)
    return LorenzCurve(groups[kept], held[kept], figures.gini, figures.n_groups)


def log_edges(largest: int) -> np.ndarray:
    """Edges of bins for sizes from 0 to largest: (b + 1,) int64; the first bin is 0 alone, the others grow.

    A size s lies in bin i when edges[i] <= s < edges[i + 1]. Edges are round numbers: 1, 2, 3, 5, 7, 10, 15, 20, and
    from four decades on 1, 2, 5, 10.
    """
    decades = int(np.log10(max(1, largest))) + 1
    steps = (10, 15, 20, 30, 50, 70) if decades <= 4 else (10, 20, 50)
    found = [0] + [step * 10**decade // 10 for decade in range(decades + 1) for step in steps]
    edges = np.unique(np.array(found, dtype=np.int64))  # below 10, 1.5 is 1 again
    return edges[: int(np.searchsorted(edges, largest, side="right")) + 1]


def binned(counts: ArrayLike, edges: np.ndarray) -> np.ndarray:
    """How many groups have a size of each bin: (b,) int64. counts: (k,) items per group, all below the last edge."""
    places = bins_of(counts, edges)
    return np.bincount(places, minlength=len(edges) - 1)


def bins_of(counts: ArrayLike, edges: np.ndarray) -> np.ndarray:
    """The bin of every group: (k,) int64. Raises ShapeError where a size lies beyond the edges."""
    sizes = _counted(counts)
    if len(sizes) and (sizes.max() >= edges[-1] or edges[0] > 0):
        raise ShapeError(
            f"sizes reach {sizes.max():,}, the bins go from {edges[0]:,} to below {edges[-1]:,}; make the edges from "
            "the largest size"
        )
    return np.searchsorted(edges, sizes, side="right") - 1


def first_sizes(tree: Hierarchy, level: int) -> np.ndarray | None:
    """Items below every cluster that the first k-means of a level made, before any resampling: (k,) int64.

    Their numbers are not those of the tree's clusters. None where the tree was made before this was written down.
    """
    for record in tree.trace:
        if record.get("level") == level and record.get("step") == 0 and record.get("sizes") is not None:
            return np.asarray(record["sizes"], dtype=np.int64)
    return None


def _counted(counts: ArrayLike) -> np.ndarray:
    found = np.asarray(counts)
    if found.ndim != 1 or (len(found) and (found.dtype.kind not in "iu" or found.min() < 0)):
        raise ShapeError(
            f"counts have shape {found.shape} and type {found.dtype}; give whole numbers of at least 0, one per group"
        )
    return found.astype(np.int64, copy=False)


def _bends(rank: np.ndarray, size: np.ndarray, most: int) -> np.ndarray:
    """Points that keep the shape of a falling curve, whether its ranks are spaced evenly or logarithmically."""
    if len(rank) <= most:
        return np.arange(len(rank))
    x, y = np.log(rank), np.log(size)
    step = np.diff(x) / x[-1] + 1 / (len(rank) - 1)
    if y[0] > y[-1]:
        step = step + (y[:-1] - y[1:]) / (y[0] - y[-1])
    return _spread_out(step, most)


def _spread_out(step: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of len(step) + 1 points, ascending: evenly along the line, and both ends of every jump."""
    if most < 4:
        raise ConfigError(f"a curve of {most} points has no shape; keep at least 4")
    if len(step) + 1 <= most:
        return np.arange(len(step) + 1)
    along = np.r_[0.0, np.cumsum(step)]
    after = np.searchsorted(along, np.linspace(0.0, along[-1], most // 2))
    kept = np.concatenate([[0, len(step)], after[1:-1], after[1:-1] - 1])
    return np.unique(kept.clip(0, len(step)))
