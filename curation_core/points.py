"""Vectors made ready for k-means: centred in float64, scaled, and augmented for one matrix product per block."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ShapeError

_VALUES = 1 << 22  # values converted at once when vectors are read
_LARGEST = 1e37  # above this, centroids do not fit float32


@dataclass(frozen=True)
class Points:
    """Vectors made ready for matrix products: x = [(vector - shift) / scale, 1], (n, d + 1) float32.

    shift: (d,) float64 mean. scale: a power of two, so that nothing is rounded by it and no square over- or underflows.
    """

    x: np.ndarray
    shift: np.ndarray
    scale: float

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(cls, vectors: ArrayLike) -> "Points":
        """Read (n, d) vectors of any real type, memory maps too; raises ShapeError when they cannot be clustered."""
        rows = _checked(vectors)
        shift, span = _mean_and_span(rows)
        scale = float(2.0 ** np.floor(np.log2(span))) if span > 0 else 1.0
        x = np.empty((len(rows), rows.shape[1] + 1), dtype=np.float32)
        x[:, -1] = 1
        for part in parts(*rows.shape):
            x[part, :-1] = (rows[part].astype(np.float64) - shift) / scale
        return cls(x, shift, scale)

    def take(self, rows: np.ndarray) -> "Points":
        """Some of the rows, in the same frame."""
        return Points(self.x[rows], self.shift, self.scale)

    def table(self, centroids: np.ndarray) -> np.ndarray:
        """Centroids such that x @ table.T orders them by distance: [-c, |c|^2 / 2], (k, d + 1) float32."""
        table = np.empty((len(centroids), self.x.shape[1]), dtype=np.float32)
        centred = (centroids - self.shift) / self.scale
        table[:, :-1] = -centred
        table[:, -1] = np.einsum("ij,ij->i", centred, centred) / 2
        return table

    def restore(self, centred: np.ndarray) -> np.ndarray:
        """Centred rows as vectors: (m, d) float32."""
        restored: np.ndarray = centred * self.scale + self.shift
        return restored.astype(np.float32)

    def n_distinct(self, enough: int) -> int:
        """Distinct rows, counted only until there are `enough`."""
        seen, width = 0, min(len(self), 2 * enough)
        while True:
            head: np.ndarray = np.ascontiguousarray(self.x[:width]) + np.float32(0)  # -0 and 0 are the same place
            seen = len(np.unique(head.view(f"V{head.shape[1] * 4}")))
            if seen >= enough or width == len(self):
                return int(seen)
            width = min(len(self), 2 * width)


def parts(n_rows: int, n_columns: int) -> list[slice]:
    """Slices of rows small enough to copy or convert at once."""
    width = max(1, _VALUES // n_columns)
    return [slice(start, start + width) for start in range(0, n_rows, width)]


def _checked(vectors: ArrayLike) -> np.ndarray:
    rows = vectors if isinstance(vectors, np.ndarray) else np.asarray(vectors)
    if rows.ndim != 2 or not rows.shape[1]:
        raise ShapeError(
            f"vectors have shape {rows.shape}, expected (n, d) with d >= 1; for one dimension use reshape(-1, 1)"
        )
    if not len(rows):
        raise ShapeError("there are no vectors to cluster, got 0 rows; ingest and embed some items first")
    if rows.dtype.kind not in "fiub":
        raise ShapeError(f"vectors have dtype {rows.dtype}, expected real numbers; convert them to float32")
    return rows


def _mean_and_span(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """Float64 mean of the rows, (d,), and the widest range of a column."""
    total, low, high = np.zeros(rows.shape[1]), np.full(rows.shape[1], np.inf), np.full(rows.shape[1], -np.inf)
    bad: list[np.ndarray] = []
    for part in parts(*rows.shape):
        block = rows[part].astype(np.float64)
        bad.append(np.flatnonzero(~np.isfinite(block).all(axis=1)) + part.start)
        if len(bad[-1]) == 0:
            total += block.sum(axis=0)
            low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    broken = np.concatenate(bad)
    if len(broken):
        raise ShapeError(
            f"{len(broken):,} of {len(rows):,} vectors hold NaN or infinite values (first: row {broken[0]}); "
            "drop these rows or embed their items again"
        )
    if max(-low.min(), high.max()) > _LARGEST:
        raise ShapeError(
            f"vectors reach {max(-low.min(), high.max()):.1e}, at most {_LARGEST:.0e} fits; divide them by a constant"
        )
    return total / len(rows), float((high - low).max())
