"""Vectors made ready for k-means: centred in float64, scaled, and augmented for one matrix product per block.

Few are kept ready; many are read from the vectors, which may lie on the disk, block by block. Which of the two, and in
which blocks, changes no bit of any result.
"""

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ConfigError, ShapeError
from curation_core.native import native

CHUNK = 4_096  # rows: sums over rows are sums of sums over chunks, so blocks are whole chunks
MEMORY = "CURATE_MEMORY_MB"  # environment: memory for points made ready, beside labels and centroids
DEFAULT_MEMORY_MB = 512
_BLOCK_ROWS = 16 * CHUNK
_SCATTERED = 512  # rows read here and there before pages are let go of: each brings its neighbourhood, 64 KB or more
_VALUES = 1 << 22  # values converted at once when vectors are read
_LARGEST = 1e37  # above this, centroids do not fit float32


@dataclass(frozen=True)
class Points:
    """Vectors made ready for matrix products: rows [(vector - shift) / scale, 1] of d + 1 float32.

    source: (m, d), the vectors as given. shift: (d,) float64 mean. scale: a power of two, so that nothing is rounded by
    it and no square over- or underflows. index: (n,) int64, the rows of the source that are meant; all unless given.
    kept: (n, d + 1) float32, all rows ready, where they fit.
    """

    source: np.ndarray
    shift: np.ndarray
    scale: float
    index: np.ndarray | None = None
    kept: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.source) if self.index is None else len(self.index)

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        return int(self.source.shape[1])

    @property
    def x(self) -> np.ndarray:
        """All rows, (n, d + 1) float32; read anew where they are not kept."""
        return self.at(slice(0, len(self))) if self.kept is None else self.kept

    @classmethod
    def of(cls, vectors: ArrayLike) -> "Points":
        """Read (n, d) vectors of any real type, memory maps too.

        Raises ShapeError when they cannot be clustered, ConfigError when CURATE_MEMORY_MB is no number.
        """
        rows = _checked(vectors)
        shift, span = _mean_and_span(rows)
        scale = float(2.0 ** np.floor(np.log2(span))) if span > 0 else 1.0
        return cls(rows, shift, scale)._kept()

    def take(self, rows: np.ndarray) -> "Points":
        """Some of the rows, in the same frame."""
        index = rows if self.index is None else self.index[rows]
        if self.kept is None:
            return Points(self.source, self.shift, self.scale, index)._kept()
        return Points(self.source, self.shift, self.scale, index, self.kept[rows])

    def at(self, rows: np.ndarray | slice) -> np.ndarray:
        """Some rows made ready: (m, d + 1) float32."""
        if self.kept is not None:
            return self.kept[rows]
        chosen = rows if self.index is None else self.index[rows]
        if isinstance(chosen, slice):
            return self._read(chosen)
        ready = np.empty((len(chosen), self.dim + 1), dtype=np.float32)
        for start in range(0, len(chosen), _SCATTERED):
            ready[start : start + _SCATTERED] = self._read(chosen[start : start + _SCATTERED])
        return ready

    def _read(self, rows: np.ndarray | slice) -> np.ndarray:
        ready = _ready(self.source[rows], self.shift, self.scale)
        _forget(self.source)
        return ready

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All rows in order, whole chunks at a time: which rows, and these rows made ready, (m, d + 1) float32."""
        width = _BLOCK_ROWS if self.kept is not None else self.block_rows(self.dim)
        for start in range(0, len(self), width):
            part = slice(start, min(start + width, len(self)))
            yield part, self.at(part)

    @staticmethod
    def block_rows(dim: int) -> int:
        """Rows of a block that is not kept: an eighth of the memory, at least one chunk."""
        chunks = memory_bytes() // 8 // (4 * (dim + 1) * CHUNK)
        return CHUNK * max(1, min(chunks, _BLOCK_ROWS // CHUNK))

    def table(self, centroids: np.ndarray) -> np.ndarray:
        """Centroids such that x @ table.T orders them by distance: [-c, |c|^2 / 2], (k, d + 1) float32."""
        table = np.empty((len(centroids), self.dim + 1), dtype=np.float32)
        for part in parts(*centroids.shape):
            centred = (centroids[part] - self.shift) / self.scale
            table[part, :-1] = -centred
            table[part, -1] = np.einsum("ij,ij->i", centred, centred) / 2
        return table

    def centred(self, centroids: np.ndarray) -> np.ndarray:
        """Centroids in the frame of the rows made ready: (k, d) float32."""
        found: np.ndarray = ((centroids - self.shift) / self.scale).astype(np.float32)
        return found

    @cached_property
    def squares(self) -> float:
        """Sum of the squared lengths of all rows made ready, in float64, chunk by chunk."""
        total = 0.0
        for _, x in self.blocks():
            for start in range(0, len(x), CHUNK):
                chunk = x[start : start + CHUNK, :-1]
                total += float(np.einsum("ij,ij->i", chunk, chunk).sum(dtype=np.float64))
        return total

    def restore(self, centred: np.ndarray) -> np.ndarray:
        """Centred rows as vectors: (m, d) float32."""
        restored: np.ndarray = centred * self.scale + self.shift
        return restored.astype(np.float32)

    def n_distinct(self, enough: int) -> int:
        """Distinct rows, counted only until there are `enough`."""
        seen, width = 0, min(len(self), 2 * enough)
        while True:
            head: np.ndarray = np.ascontiguousarray(self.at(slice(0, width))) + np.float32(0)  # -0 and 0 are the same
            seen = len(np.unique(head.view(f"V{head.shape[1] * 4}")))
            if seen >= enough or width == len(self):
                return int(seen)
            width = min(len(self), 2 * width)

    def _kept(self) -> "Points":
        if 4 * len(self) * (self.dim + 1) > memory_bytes() // 2:
            return self
        kept = np.empty((len(self), self.dim + 1), dtype=np.float32)
        for part in parts(len(self), self.dim):
            kept[part] = self.at(part)
        return Points(self.source, self.shift, self.scale, self.index, kept)


def memory_bytes() -> int:
    """Memory for points made ready; half of it for points that are kept. Raises ConfigError."""
    asked = os.environ.get(MEMORY) or str(DEFAULT_MEMORY_MB)
    if not asked.isdigit() or int(asked) < 1:
        raise ConfigError(f"{MEMORY} is {asked!r}; give a whole number of megabytes, such as {DEFAULT_MEMORY_MB}")
    return int(asked) << 20


def parts(n_rows: int, n_columns: int) -> list[slice]:
    """Slices of rows small enough to copy or convert at once."""
    width = max(1, _VALUES // n_columns)
    return [slice(start, min(start + width, n_rows)) for start in range(0, n_rows, width)]


def _ready(raw: np.ndarray, shift: np.ndarray, scale: float) -> np.ndarray:
    """Vectors centred and scaled in float64, then rounded, with a column of ones: (m, d + 1) float32."""
    ready = np.empty((len(raw), raw.shape[1] + 1), dtype=np.float32)
    package = native()
    if package is not None and package.prepare(raw, shift, scale, ready):
        return ready
    ready[:, -1] = 1
    for part in parts(*raw.shape):
        ready[part, :-1] = (raw[part].astype(np.float64) - shift) / scale
    return ready


def _forget(source: np.ndarray) -> None:
    """Let go of the pages of a memory map: they stay in the system's cache, and no longer count as ours."""
    base: object = source
    while isinstance(base, np.ndarray):
        pages = getattr(base, "_mmap", None)
        if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") and not base.flags.writeable:
            pages.madvise(mmap.MADV_DONTNEED)
            return
        base = base.base


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
        _forget(rows)
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
