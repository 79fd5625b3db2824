"""How a draw is measured: one yardstick for all draws, whatever made them, with labels and without.

Figures of different spaces cannot be compared: the same two items are near in one and far in another. So one space is
fixed before anything is tried, that of the workspace's embedder, with vectors of length 1 in their 128 strongest
components, and every draw is measured in it. Draws that were made in another embedder's space would be judged by a
foreign one there; of those only the evenness over labels is told.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curation_core.errors import ShapeError
from curation_core.knn import nearest
from curation_core.metrics import balance, vendi
from curation_core.pca import apply_pca, fit_pca
from curation_core.presets import unit

COMPONENTS = 128
_NEIGHBOR = 5
_MOST_CELLS = 500


@dataclass(frozen=True)
class Figure:
    """One figure of a draw.

    higher: whether more of it is better. labels: whether it needs labels. judges: whether rows are compared by it.
    """

    name: str
    title: str
    meaning: str
    higher: bool = True
    labels: bool = False
    judges: bool = True

    def told(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


FIGURES = (
    Figure("uncrowding", "uncrowding", "Mean log distance of the drawn items to their 5th neighbour in the pool."),
    Figure("vendi", "Vendi score", "Effective number of different items among those drawn."),
    Figure("coverage", "coverage", "Share of cells hit; the cells lie around items that are far from each other."),
    Figure("copies", "near-duplicates", "Share of drawn items with a near-duplicate among the drawn.", higher=False),
    Figure(
        "shortfall",
        "shortfall",
        "Share of the target that top clusters could not give of an even share; their siblings gave it.",
        higher=False,
        judges=False,
    ),
    Figure("entropy", "label entropy", "Evenness over the labels: 1 is even.", labels=True),
)


@dataclass(frozen=True)
class Yardstick:
    """What draws from n items are measured by.

    space: (n, d) float32. crowding: (n,) float64, log distance of each item to its 5th neighbour. cell: (n,) int64,
    which cell it lies in. group: (n,) int64, its group of near-duplicates, -1 for an item alone. label: (n,) int64, -1
    without one; None where nobody chose a column.
    """

    space: np.ndarray
    crowding: np.ndarray
    cell: np.ndarray
    group: np.ndarray
    label: np.ndarray | None

    @classmethod
    def of(cls, vectors: np.ndarray, group: np.ndarray, label: np.ndarray | None, n_cells: int) -> "Yardstick":
        """From vectors (n, d) as the embedder gave them. n_cells: about as many cells as items will be drawn."""
        for name, rows in (("group", group), ("label", label)):
            if rows is not None and rows.shape != (len(vectors),):
                raise ShapeError(f"{name} has shape {rows.shape} for {len(vectors)} vectors; give one entry per item")
        space = apply_pca(fit_pca(vectors, COMPONENTS, unit), vectors, unit)
        return cls(space, crowding(space), spread_cells(space, min(n_cells, _MOST_CELLS)), group, label)

    def measure(self, indices: np.ndarray, *, own_space: bool = True) -> dict[str, float]:
        """Figures of a draw by their names. indices: (m,) rows. own_space: whether it was made from these vectors."""
        rows = np.unique(indices)
        found: dict[str, float] = {}
        if own_space:
            found["uncrowding"] = float(self.crowding[rows].mean()) if len(rows) else 0.0
            found["vendi"] = vendi(self.space[rows])
            found["coverage"] = len(np.unique(self.cell[rows])) / max(1, len(np.unique(self.cell)))
        found["copies"] = copies_share(self.group[rows])
        if self.label is not None:
            pool, drawn = self.label[self.label >= 0], self.label[rows]
            n_classes = int(pool.max(initial=-1)) + 1
            counts = np.bincount(drawn[drawn >= 0], minlength=n_classes)
            found["entropy"] = balance(counts, pool=np.bincount(pool, minlength=n_classes)).entropy
        return found


def crowding(space: np.ndarray) -> np.ndarray:
    """Log distance of every item to its 5th neighbour: (n,) float64; copies count at the smallest distance above 0.

    The mean over the items of a draw is its uncrowding (`metrics.uncrowding`), worked out once for all draws.
    """
    if len(space) <= _NEIGHBOR:
        return np.zeros(len(space))
    distance = nearest(space, _NEIGHBOR + 1)[1][:, _NEIGHBOR].astype(np.float64)
    if not (distance > 0).any():
        return np.zeros(len(space))
    found: np.ndarray = np.log(np.maximum(distance, distance[distance > 0].min()))
    return found


def spread_cells(space: np.ndarray, n_cells: int) -> np.ndarray:
    """A partition that no clustering made: (n,) int64, the nearest of `n_cells` items picked farthest first.

    The first is the item nearest to the mean (Gonzalez 1985). Fewer cells where fewer items are distinct.
    """
    rows = np.asarray(space, dtype=np.float32)
    squares = np.einsum("nd,nd->n", rows, rows)
    gap, cell = np.full(len(rows), np.inf, np.float32), np.zeros(len(rows), np.int64)
    chosen = int(np.square(rows - rows.mean(axis=0)).sum(axis=1).argmin()) if len(rows) else 0
    for number in range(min(n_cells, len(rows))):
        squared = np.maximum(squares - 2 * (rows @ rows[chosen]) + squares[chosen], 0)
        squared[chosen] = 0
        closer = squared < gap
        gap[closer], cell[closer] = squared[closer], number
        chosen = int(gap.argmax())
        if gap[chosen] <= 1e-6 * squares.max(initial=0):
            break
    return cell


def copies_share(group: np.ndarray) -> float:
    """Share of items whose group holds another of them. group: (m,) int64, -1 for an item alone."""
    if not len(group):
        return 0.0
    sizes = np.bincount(group[group >= 0], minlength=1)
    return float(sizes[sizes > 1].sum() / len(group))


def shortfall_share(capacity: np.ndarray, target_size: int) -> float:
    """Share of a target that clusters cannot give of an even share, which their siblings give in their place.

    capacity: (k,) items each may give; empty clusters have no share.
    """
    filled = np.asarray(capacity)[np.asarray(capacity) > 0]
    if not len(filled) or not target_size:
        return 0.0
    return float(np.maximum(0.0, target_size / len(filled) - filled).sum() / target_size)


def pareto_front(values: np.ndarray) -> np.ndarray:
    """Rows that no other row beats: (r,) bool. values: (r, f), higher is better, NaN where a row has no such figure.

    A row beats another when it has every figure that the other has, is nowhere lower and somewhere higher.
    """
    table = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(table)
    filled = np.where(known, table, -np.inf)
    has_all = (known[:, None] | ~known[None]).all(axis=2)  # (r, r): the first has all that the second has
    not_lower = (filled[:, None] >= filled[None]) | ~known[None]
    higher = (filled[:, None] > filled[None]) & known[None]
    beats = np.asarray(has_all & not_lower.all(axis=2) & higher.any(axis=2))
    return np.array([not beats[:, row].any() for row in range(len(table))], dtype=bool)


def mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over seeds (n - 1 in the denominator)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def oriented(means: Mapping[str, float]) -> list[float]:
    """Figures that judge, in the order of FIGURES, turned so that higher is better; NaN for those that are missing."""
    return [means.get(one.name, np.nan) * (1 if one.higher else -1) for one in FIGURES if one.judges]
