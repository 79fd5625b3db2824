"""Fused k-means kernels in C: the nearest centroid without a matrix of scores, and what else a Lloyd iteration needs.

Scores are inner products of a row of points with a row of a table; the lowest wins, the lowest index at ties. A score
is one chain of float32 multiply-adds over the columns in order, so it has the same bits on every path, at every place
in its batch and for any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from curation_kernels import _native

__all__ = ["PATHS", "ROUGH", "SCREENS", "Rough", "Table", "add_rows", "gaps", "nearest", "own_scores", "prepare"]

PATHS: tuple[str, ...] = tuple(name for name, _ in _native.paths())
"""Instruction sets that run on this processor, best first."""

SCREENS: bool = _native.can_screen()
"""Whether this processor has products in bfloat16, so that most points need no float32 search."""

ROUGH: bool = _native.can_be_rough()
"""Whether this processor has products of bytes."""

_ROUGH_WIDTH = 32
_ALIGNED = 64  # bytes: a vector that crosses a cache line takes two loads
_WIDTH = dict(_native.paths())  # centroids that a path takes at a time
_SCREEN_WIDTH = 32
_FIRST_LOOK = 2_000  # points that show whether screening pays
_WORTH_IT = 0.6  # share decided from which it does
_SMALL = 1 << 22  # multiplications below which a second thread does not pay


@dataclass(frozen=True)
class Table:
    """A table of k centroids packed for a path.

    rows: (k, d) float32. panels: (ceil(k / width), d, width) float32. screen: the same in bfloat16 with bias and
    margins, where points are to be screened first.
    """

    rows: np.ndarray
    panels: np.ndarray
    path: str
    screen: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, table: np.ndarray, path: str | None = None, *, screen: bool = False) -> "Table":
        """Pack a (k, d) float32 table; path: the best of this processor unless given.

        screen: look in bfloat16 first. The answer is the same to the bit; the last column of the points must be ones.
        """
        chosen = PATHS[0] if path is None else path
        rows = np.ascontiguousarray(table, dtype=np.float32)
        (k, dim), width = rows.shape, _WIDTH[chosen]
        panels = _aligned((-(-k // width), dim, width), np.float32)
        _native.pack(rows, panels, width)
        return cls(rows, panels, chosen, _screen(rows) if screen else None)


def _screen(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_panels, pairs = -(-len(rows) // _SCREEN_WIDTH), rows.shape[1] // 2
    panels = _aligned((n_panels, pairs, _SCREEN_WIDTH), np.uint32)
    bias = np.empty(n_panels * _SCREEN_WIDTH, np.float32)
    margins = np.empty((3, len(bias)), np.float32)
    _native.pack_for_screen(rows, panels, bias, margins)
    return panels, bias, margins


def nearest(
    x: np.ndarray, table: Table, rows: np.ndarray | None = None, *, n_threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The centroid of lowest score per row of x, (m,) int32, and that score, (m,) float32.

    x: (n, d) float32, C-contiguous. rows: (m,) int64, which rows to look at; all unless given.
    """
    n = len(x) if rows is None else len(rows)
    threads = n_threads if n * table.rows.size > _SMALL else 1
    labels, scores = np.empty(n, np.int32), np.empty(n, np.float32)

    def part(start: int, stop: int) -> None:
        points, index = (x[start:stop], None) if rows is None else (x, rows[start:stop])
        search = _search if table.screen is None else _screened
        search(points, index, table, labels[start:stop], scores[start:stop])

    _split(n, threads, part)
    return labels, scores


def _search(x: np.ndarray, rows: np.ndarray | None, table: Table, labels: np.ndarray, scores: np.ndarray) -> None:
    _native.nearest(table.path, x, rows, table.panels, len(table.rows), labels, scores)


def _screened(x: np.ndarray, rows: np.ndarray | None, table: Table, labels: np.ndarray, scores: np.ndarray) -> None:
    """`_search` with most points decided in bfloat16; where a first look at some decides few, without."""
    cuts = [0, min(_FIRST_LOOK, len(labels)), len(labels)]
    for start, stop in pairwise(cuts):
        points, index = (x[start:stop], None) if rows is None else (x, rows[start:stop])
        if _decided(points, index, table, labels[start:stop]) < _WORTH_IT:
            rest = slice(stop, None)
            points, index = (x[rest], None) if rows is None else (x, rows[rest])
            _search(points, index, table, labels[rest], scores[rest])
            break
    _native.own(x, rows, table.rows, labels, scores)


def _decided(x: np.ndarray, rows: np.ndarray | None, table: Table, labels: np.ndarray) -> float:
    """Fill labels; returns the share that bfloat16 alone decided."""
    assert table.screen is not None
    k, upper = len(table.rows), np.empty(len(labels), np.float32)
    _native.screen(x, rows, *table.screen, k, labels, upper)
    share = 1 - np.count_nonzero(labels < 0) / max(1, len(labels))
    for by_all in (False, True):  # by the few centroids that are near enough; where these are many, by all
        undecided = np.flatnonzero(labels < 0)
        if not len(undecided):
            break
        again = undecided if rows is None else rows[undecided]
        found, low = np.empty(len(again), np.int32), upper[undecided]
        if by_all:
            _search(x, again, table, found, low)
        else:
            _native.screen(x, again, *table.screen, k, found, low, table.rows)
        labels[undecided] = found
    return share


def gaps(
    x: np.ndarray, centred: np.ndarray, labels: np.ndarray, scale: float, out: np.ndarray, *, n_threads: int = 1
) -> None:
    """Scale times the distance of every row of x from the row of centred that its label names, into out, (n,) float32.

    x: (n, d + 1) float32, the last column is left out. centred: (k, d) float32. labels: (n,) int32.
    """
    _split(
        len(x),
        n_threads if x.size > _SMALL else 1,
        lambda start, stop: _native.gaps(x[start:stop], centred, labels[start:stop], scale, out[start:stop]),
    )


def prepare(raw: np.ndarray, shift: np.ndarray, scale: float, out: np.ndarray) -> bool:
    """Write (raw - shift) / scale, in float64 and then rounded, and a column of ones into out; whether it could.

    raw: (n, d); only C-contiguous float16, float32 and float64 are known here. shift: (d,) float64. scale: a power of
    two. out: (n, d + 1) float32.
    """
    written: bool = _native.ready(raw, shift, scale, out)
    return written


def own_scores(x: np.ndarray, table: np.ndarray, labels: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """The score of rows of x with the centroids of their labels: (m,) float32, bits as `nearest` gives them.

    table: (k, d) float32. labels: (m,) int32, one for each of the rows.
    """
    scores = np.empty(len(labels), np.float32)
    _native.own(x, rows, table, labels, scores)
    return scores


def add_rows(
    x: np.ndarray, labels: np.ndarray, sums: np.ndarray, rows: np.ndarray | None = None, *, n_threads: int = 1
) -> None:
    """Add rows of x to the sums of their labels, in the order of the rows whatever the number of threads.

    labels: (m,) int32, one for each of the rows. sums: (k, w) float64 with w up to the columns of x, written into.
    """
    width = sums.shape[1]
    _split(
        width,
        n_threads if len(labels) * width > _SMALL else 1,
        lambda first, last: _native.add(x, rows, labels, sums, first, last),
    )


def _split(n: int, n_threads: int, work: Callable[[int, int], None]) -> None:
    """Do work(start, stop) over parts of range(n), one per thread."""
    cuts = np.linspace(0, n, n_threads + 1).astype(int).tolist()
    if n_threads == 1:
        work(0, n)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, cuts[:-1], cuts[1:]))


def _aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    size = int(np.prod(shape))
    raw = np.empty(size + _ALIGNED // 4, dtype)
    skip = -raw.ctypes.data % _ALIGNED // 4
    return raw[skip : skip + size].reshape(shape)


@dataclass(frozen=True)
class Rough:
    """Points rounded to bytes, a quarter of their size, for rough distances.

    x: (n, d + 1) float32, last column 1. norms: (n,) float32 squared lengths of the first d columns.
    """

    x: np.ndarray
    norms: np.ndarray
    panels: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, norms: np.ndarray) -> "Rough":
        """Round the points."""
        n_panels, quads = -(-len(x) // _ROUGH_WIDTH), -(-(x.shape[1] - 1) // 4)
        panels = _aligned((n_panels, quads, _ROUGH_WIDTH), np.uint32)
        scale = np.empty(n_panels * _ROUGH_WIDTH, np.float32)
        _native.pack_for_rough(x, panels, scale)
        return cls(x, norms, panels, scale)

    def squared_distances(self, rows: np.ndarray, out: np.ndarray, *, n_threads: int = 1) -> None:
        """Rough squared distances of all points to some rows, (m,) int64, into out, (m, n) float32."""
        _split(
            len(rows),
            n_threads if out.size * self.x.shape[1] > _SMALL else 1,
            lambda start, stop: _native.distances(
                self.x, rows[start:stop], self.panels, self.scale, self.norms, out[start:stop]
            ),
        )

    def potential(self, row: int, closest: np.ndarray, close: float, squared: np.ndarray) -> float:
        """Sum over the points of the smaller one of closest and squared, (n,) float32, the distances to a row.

        Where squared lies below the share `close` of both norms it is made exact first.
        """
        found: float = _native.potential(self.x, row, self.norms, closest, close, squared)
        return found
