"""Figures of every cluster of a level, all at once: what a tree can be coloured and a list sorted by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation_core.hierarchy import Hierarchy
from curation_core.item_columns import ItemColumns

FigureKind = Literal["drawn", "decision", "dropped", "purity", "duplicates", "flagged", "cohesion", "mean"]
DECISIONS = ("undecided", "partly decided", "kept", "dropped")  # what the codes of the figure "decision" mean
_DENSE = 4_000_000  # counts of clusters times classes up to which a full table is faster than sorting


@dataclass(frozen=True)
class NodeFigure:
    """What to know of every cluster. column: for purity a column of classes, for mean one of numbers."""

    kind: FigureKind
    column: str = ""

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{_TITLES[self.kind]} {self.column}".strip() if self.column else _TITLES[self.kind]

    @property
    def about(self) -> str:
        """One sentence: how to read it."""
        return _ABOUT[self.kind]

    @property
    def is_share(self) -> bool:
        """Whether values lie between 0 and 1 and are shown in per cent."""
        return self.kind not in ("decision", "mean")


@dataclass(frozen=True)
class LevelFigure:
    """Values (k,) float64 of all clusters of a level, NaN where there is none.

    classes: for purity the commonest class of every cluster, (k,) int64 into names; else None. mixed: what several
    clusters of unlike values are together; None where that is their mean, weighted by items.
    """

    values: np.ndarray
    classes: np.ndarray | None = None
    names: tuple[str, ...] = ()
    mixed: float | None = None

    def together(self, clusters: np.ndarray, sizes: np.ndarray) -> float:
        """The figure of several clusters as one; NaN when none has a value. sizes: (m,) items of each."""
        there = np.isfinite(self.values[clusters])
        values, weights = self.values[clusters][there], sizes[there]
        if not weights.sum():
            return float("nan")
        if self.mixed is not None and (values != values[0]).any():
            return self.mixed
        return float((values * weights).sum() / weights.sum())


_TITLES: Mapping[FigureKind, str] = {
    "drawn": "share drawn",
    "decision": "decision",
    "dropped": "share dropped",
    "purity": "purity of",
    "duplicates": "share of near-duplicates",
    "flagged": "share flagged",
    "cohesion": "cohesion",
    "mean": "mean of",
}
_ABOUT: Mapping[FigureKind, str] = {
    "drawn": "How many of its items are in the draw.",
    "decision": "What people decided on its items.",
    "dropped": "How many of its items may not be drawn.",
    "purity": "How many of its items have its commonest class: 100 % is one class only.",
    "duplicates": "How many of its items have a near-duplicate in the pool.",
    "flagged": "How many of its items carry at least one quality flag.",
    "cohesion": "How near its items lie to its centroid (root mean square distance), within its level: 100 % is the "
    "tightest cluster, 0 % the loosest.",
    "mean": "Mean over its items that have the number.",
}


def offered(columns: ItemColumns) -> list[NodeFigure]:
    """The figures that some columns allow, the common ones first."""
    found = [NodeFigure("drawn")] if "drawn" in columns else []
    found += [NodeFigure("decision"), NodeFigure("dropped"), NodeFigure("cohesion")]
    found += [NodeFigure("duplicates")] if "duplicates" in columns else []
    found += [NodeFigure("flagged")] if _flags(columns) else []
    found += [NodeFigure("purity", name) for name, c in columns.items() if c.group == "yours" and c.is_class]
    found += [NodeFigure("mean", name) for name, c in columns.items() if c.kind == "number" and name != "distance"]
    return found


def of_level(figure: NodeFigure, hierarchy: Hierarchy, level: int, columns: ItemColumns) -> LevelFigure:
    """A figure of all clusters of a level. Raises ConfigError when its column is not there."""
    if figure.kind == "cohesion":
        return LevelFigure(cohesion(hierarchy, level))
    owner, sizes = hierarchy.point_assignment(level), hierarchy.sizes(level)
    if figure.kind == "purity":
        codes, names = columns.codes(figure.column)
        best, most, total = commonest(owner, codes, len(names), len(sizes))
        return LevelFigure(_ratio(most, total), best, tuple(names))
    if figure.kind == "decision":
        return LevelFigure(_decided(columns.codes("decision")[0], owner, sizes), mixed=1.0)
    if figure.kind == "mean":
        return LevelFigure(mean(owner, columns.numbers(figure.column), len(sizes)))
    return LevelFigure(_ratio(np.bincount(owner[of_items(figure, columns)], minlength=len(sizes)), sizes))


def of_items(figure: NodeFigure, columns: ItemColumns) -> np.ndarray:
    """Which items count for a share: (n,) bool."""
    if figure.kind == "drawn":
        return np.asarray(columns.column("drawn").values(), dtype=bool)
    if figure.kind == "dropped":
        return np.asarray(columns.codes("decision")[0] == 2)
    if figure.kind == "duplicates":
        return np.asarray(columns.numbers("duplicates") > 1)
    marked: np.ndarray = np.zeros(columns.n, dtype=bool)
    for name in _flags(columns):
        marked |= columns.column(name).values()
    return marked


def commonest(owner: np.ndarray, codes: np.ndarray, n_classes: int, m: int) -> tuple[np.ndarray, ...]:
    """The commonest class of every group, of equals the first: class, its items, items in all, each (m,) int64.

    owner: (t,) group of every item, below m. codes: (t,) its class, below n_classes.
    """
    keys = owner * np.int64(max(1, n_classes)) + codes
    total = np.bincount(owner, minlength=m)
    if m * n_classes <= _DENSE and n_classes:
        table = np.bincount(keys, minlength=m * n_classes).reshape(m, n_classes)
        best = np.argmax(table, axis=1)
        return best, table[np.arange(m), best], total
    pairs, counts = np.unique(keys, return_counts=True)
    group = pairs // max(1, n_classes)
    order = np.lexsort((-pairs, counts, group))  # the last of a group is its commonest, of equals the first class
    last = order[np.r_[np.diff(group[order]) > 0, True]] if len(order) else order
    best, most = np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)
    best[group[last]], most[group[last]] = pairs[last] % max(1, n_classes), counts[last]
    return best, most, total


def mean(owner: np.ndarray, values: np.ndarray, m: int) -> np.ndarray:
    """Mean of the numbers of every group, without NaN: (m,) float64, NaN where a group has none."""
    there = np.isfinite(values)
    if not there.all():
        owner, values = owner[there], values[there]
    return _ratio(np.bincount(owner, weights=values, minlength=m), np.bincount(owner, minlength=m))


def cohesion(hierarchy: Hierarchy, level: int) -> np.ndarray:
    """How tight each cluster is among those of its level: (k,) float64, 1 the tightest, 0 the loosest, NaN when empty.

    From the root mean square distance of its items to its centroid. Above level 1 squared distances add up along the
    path (parallel axes), which is exact where every centroid is the mean of what it holds.
    """
    squared = np.square(np.asarray(hierarchy.levels[0].distance, dtype=np.float64))
    for finer, coarser in zip(hierarchy.assignments[: level - 1], hierarchy.levels[1:level], strict=True):
        squared = squared + np.square(np.asarray(coarser.distance, dtype=np.float64))[finer]
    spread = np.sqrt(mean(hierarchy.point_assignment(level), squared, hierarchy.n_clusters[level - 1]))
    low, high = np.nanmin(spread), np.nanmax(spread)
    found: np.ndarray = (high - spread) / (high - low) if high > low else np.where(np.isnan(spread), np.nan, 1.0)
    return found


def _decided(codes: np.ndarray, owner: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """0 undecided, 1 partly decided, 2 all kept, 3 all dropped; NaN when empty."""
    kept, dropped = (np.bincount(owner[codes == code], minlength=len(sizes)) for code in (1, 2))
    found = np.where(kept + dropped > 0, 1.0, 0.0)
    found[kept == sizes], found[dropped == sizes] = 2.0, 3.0
    found[sizes == 0] = np.nan
    return found


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    found = np.full(len(whole), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _flags(columns: ItemColumns) -> list[str]:
    return [name for name, column in columns.items() if column.group == "quality" and column.kind == "flag"]
