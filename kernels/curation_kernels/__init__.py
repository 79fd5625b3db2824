"""Fused k-means kernels in C: the nearest centroid without a matrix of scores, and what else a Lloyd iteration needs.

Scores are inner products of a row of points with a row of a table; the lowest wins, the lowest index at ties. A score
is one chain of float32 multiply-adds over the columns in order, so it has the same bits on every path, at every place
in its batch and for any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from curation_kernels import _native, costs
from curation_kernels.panels import IN_BYTES, Panels, aligned, usable

__all__ = [
    "PATHS",
    "PATHS_FOR_TESTS",
    "ROUGH",
    "Panels",
    "Rough",
    "Table",
    "add_rows",
    "gaps",
    "nearest",
    "own_scores",
    "prepare",
]

PATHS: tuple[str, ...] = usable(name for name, _, for_tests in _native.ways() if not for_tests)
"""Ways to search on this processor, fastest first: an instruction set, and what it looks at bytes with, if it does."""

PATHS_FOR_TESTS: tuple[str, ...] = tuple(name for name, _, for_tests in _native.ways() if for_tests)
"""The same in plain C, far slower, so that the looks in bytes can be held against float32 on any processor."""

ROUGH: bool = _native.can_be_rough()
"""Whether this processor has products of bytes."""

T = TypeVar("T")
_ROUGH_WIDTH = 32
_WIDTH = dict(_native.paths())  # centroids that an instruction set takes at a time
_SMALL = 1 << 22  # multiplications below which a second thread does not pay
_FEW_CENTROIDS = 128  # too few for panels
_FIRST_LOOK = (1_024, 8_192)  # points that show which form is the cheapest, at least and at most
_CLEARLY = 0.9  # what panels may take at most beside plain float32: estimates are as good as that
_WASTE = 20  # how many times what a look may waste the search itself takes


@dataclass
class Table:
    """A table of k centroids made ready for a path.

    rows: (k, d) float32. plain: the rows cut into panels as they are, made when they are wanted. panels: the same in
    panels of neighbours. form: what searches of it take: "plain", or a path on the panels of neighbours; None until a
    look at some points has told.
    """

    rows: np.ndarray
    path: str
    form: str | None = None
    plain: np.ndarray | None = None
    panels: Panels | None = None
    seen: int = 0

    @classmethod
    def of(cls, table: np.ndarray, path: str | None = None, *, panels: bool | None = None) -> "Table":
        """Take a (k, d) float32 table; path: the fastest of this processor unless given.

        panels: False never, True always, otherwise as it pays. The answer is the same to the bit; with panels the last
        column of the points must be ones.
        """
        chosen = PATHS[0] if path is None else path
        form = "plain" if panels is False or (panels is None and len(table) < _FEW_CENTROIDS) else None
        return cls(np.ascontiguousarray(table, dtype=np.float32), chosen, chosen if panels else form)

    @property
    def in_float(self) -> str:
        """The instruction set of the path."""
        return self.path.partition("+")[0]

    @property
    def tiled(self) -> bool:
        """Whether bytes are looked at by AMX."""
        return self.path.endswith("amx")

    def form_for(self, n_points: int) -> str:
        """What to search so many more points with; makes ready what that needs."""
        self.seen += n_points
        form = self.form or self._first_form()
        if form != "plain" and self.panels is None:
            self.panels = Panels.of(self.rows, self.path)
        if form == "plain" or (self.panels is not None and not self.panels.tame):
            form = "plain"
            self._make_plain()
        return form

    def _first_form(self) -> str:
        """Panels in bytes where they pay for sure, once there are points enough; in float32 where they may."""
        k, dim = self.rows.shape
        plain, order = costs.plain(k, dim), costs.order(k, dim)
        spared = plain - costs.in_bytes(k, dim, 1, tiled=self.tiled) if IN_BYTES[self.path] else 0
        if self.seen * spared > order:
            return self.path
        wasted = order + self.look() * (costs.panels(k, dim, 1) - plain)
        return self.in_float if self.seen * plain > _WASTE * wasted else "plain"

    def look(self) -> int:
        """Points that show which form is the cheapest: some for every panel."""
        return min(max(_FIRST_LOOK[0], len(self.rows) // 2), _FIRST_LOOK[1])

    def learn(self, n_points: int, counts: np.ndarray) -> None:
        """Choose a form by the counts of a search of some points on panels."""
        pairs, looked, settled, _ = counts.tolist()
        k, dim = self.rows.shape
        share = looked / max(pairs, 1)
        known = {"plain": _CLEARLY * costs.plain(k, dim), self.in_float: costs.panels(k, dim, share)}
        if IN_BYTES[self.path]:
            candidates = (settled / n_points,) if settled else ()
            known[self.path] = costs.in_bytes(k, dim, share, *candidates, tiled=self.tiled)
        self.form = min(known, key=lambda form: known[form])
        if self.form == "plain":
            self.panels = None

    def _make_plain(self) -> None:
        if self.plain is None:
            (k, dim), width = self.rows.shape, _WIDTH[self.in_float]
            panels = aligned((-(-k // width), dim, width), np.float32)
            _native.pack(self.rows, panels, width)
            self.plain = panels

    def search(
        self,
        form: str,
        x: np.ndarray,
        rows: np.ndarray | None,
        bar: np.ndarray | None,
        labels: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """Fill labels and scores; returns the counts of `Panels.search`."""
        if form != "plain" and self.panels is not None:
            return self.panels.search(form, x, rows, bar, labels, scores)
        _native.nearest(self.in_float, x, rows, self.plain, len(self.rows), labels, scores)
        return np.zeros(4, np.int64)


def nearest(
    x: np.ndarray,
    table: Table,
    rows: np.ndarray | None = None,
    bar: np.ndarray | None = None,
    *,
    n_threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """The centroid of lowest score per row of x, (m,) int32, and that score, (m,) float32.

    x: (n, d) float32, C-contiguous. rows: (m,) int64, which rows to look at; all unless given. bar: (m,) float32, or
    None: a point without a score up to its bar may get any label and any score above it.
    """
    n = len(x) if rows is None else len(rows)
    threads = n_threads if n * table.rows.size > _SMALL else 1
    labels, scores = np.empty(n, np.int32), np.empty(n, np.float32)

    def search(start: int, stop: int, form: str) -> np.ndarray:
        def part(first: int, last: int) -> np.ndarray:
            here = slice(start + first, start + last)
            points, index = (x[here], None) if rows is None else (x, rows[here])
            return table.search(form, points, index, None if bar is None else bar[here], labels[here], scores[here])

        found: np.ndarray = np.sum(_split(stop - start, threads, part), axis=0)
        return found

    form, done = table.form_for(n), 0
    if form != "plain" and table.form is None and n >= table.look():
        done = table.look()
        table.learn(done, search(0, done, form))
        form = table.form_for(0)
    search(done, n, form)
    return labels, scores


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


def _split(n: int, n_threads: int, work: Callable[[int, int], T]) -> list[T]:
    """What work(start, stop) returns over parts of range(n), one per thread."""
    if n_threads == 1:
        return [work(0, n)]
    cuts = np.linspace(0, n, n_threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))


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
        panels = aligned((n_panels, quads, _ROUGH_WIDTH), np.uint32)
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

    def choose(
        self,
        proposals: np.ndarray,
        bar: np.ndarray,
        squared: np.ndarray,
        closest: np.ndarray,
        weight: np.ndarray | None,
        close: float,
        n_candidates: int,
        wanted: int,
    ) -> np.ndarray:
        """Seeds of greedy k-means++ among (c,) int64 proposals: their places there, as many as accepted ones last for.

        A proposal is accepted while closest, (n,) float32, the squared distance to the nearest seed, is above its bar,
        (c,) float64; of every n_candidates accepted ones the one that leaves the lowest sum, weighted by weight, (n,)
        float32, where given, becomes a seed, and closest is brought up to date. squared: (c, n) float32 rough
        distances; see `potential` for what is made exact in them.
        """
        chosen = np.empty(wanted, np.int64)
        found = _native.choose(
            self.x, self.norms, closest, weight, close, proposals, bar, squared, n_candidates, chosen
        )
        return chosen[:found]
