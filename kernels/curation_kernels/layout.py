"""Maps of many points in C: nearest neighbours inside cells, the fuzzy graph of UMAP, and rounds of a layout.

Every function takes blocks of a fixed size, so its result has the same bytes for any number of threads, and on every
path. ``tick`` is called with the rows done after every block and may raise to stop.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from curation_kernels import _layout

__all__ = ["PATHS", "QUICK", "Cells", "Frame", "Graph", "join", "measure", "rounds", "search"]

PATHS: tuple[str, ...] = tuple(_layout.paths())
"""Instruction sets that run on this processor, best first; all give the same bytes."""

QUICK: bool = _layout.quick()
"""Whether the best of them has instructions for what it does."""

Tick = Callable[[int], None]
_PANEL = 32
_ROWS = 2048  # that look for neighbours at once: enough to use a cell while it is in the cache, few enough to stop soon
_MANY = 8192  # rows of lighter work
_POOL = 512  # points that share a pool of strangers: a round is cut at multiples of it
_BEHIND = 16  # edges that may be read past the last


def quiet(done: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Frame:
    """Rows of x, (n, d) float32, as they are compared: (x - shift) * scale. shift: (d,) float32."""

    x: np.ndarray
    shift: np.ndarray
    scale: float


@dataclass(frozen=True)
class Cells:
    """Candidates by cell, packed: cell c has the panels first[c] to first[c + 1].

    panels: (p, d, 32) float32. bias: (32 p,) float32. ids: (32 p,) int32, -1 for none. first: (c + 1,) int64.
    """

    panels: np.ndarray
    bias: np.ndarray
    ids: np.ndarray
    first: np.ndarray

    @classmethod
    def of(
        cls, frame: Frame, order: np.ndarray, sizes: np.ndarray, *, n_threads: int = 1, tick: Tick = quiet
    ) -> "Cells":
        """Rows order[0], order[1], ... of the frame as candidates 0, 1, ...; the first sizes[0] of them make cell 0."""
        n_panels = -(-sizes // _PANEL)
        first = np.concatenate([[0], np.cumsum(n_panels)]).astype(np.int64)
        starts = np.cumsum(sizes) - sizes
        slots = np.arange(len(order)) + np.repeat(first[:-1] * _PANEL - starts, sizes)
        ids = np.full(first[-1] * _PANEL, -1, np.int32)
        ids[slots] = order
        panels = np.empty((int(first[-1]), frame.x.shape[1], _PANEL), np.float32)
        bias = np.empty(len(ids), np.float32)

        def work(start: int, end: int) -> None:
            _layout.pack(frame.x, frame.shift, frame.scale, ids, panels, bias, start, end)

        _in_blocks(work, len(panels), _MANY // _PANEL, n_threads, tick)
        ids[slots] = np.arange(len(order), dtype=np.int32)
        return cls(panels, bias, ids, first)


def search(
    frame: Frame,
    cells: Cells,
    rows: np.ndarray,
    probes: np.ndarray,
    k: int,
    *,
    own: np.ndarray | None = None,
    path: str = PATHS[0],
    n_threads: int = 1,
    tick: Tick = quiet,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest candidates of every row in the cells it looks into, by (score, candidate).

    rows: (m,) int64, of the frame. probes: (m, p) int32 cells. own: (m,) int32, a candidate to leave out. Returns
    candidates (m, k) int32, -1 where there are fewer, and scores (m, k) float32: squared distance less the row's own
    squared length.
    """
    found, score = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
    left_out = np.full(len(rows), -1, np.int32) if own is None else own

    def work(start: int, end: int) -> None:
        part = slice(start, end)
        packed = (cells.panels, cells.bias, cells.ids, cells.first)
        asked = (rows[part], left_out[part], *packed, probes[part], found[part], score[part])
        _layout.search(path, frame.x, frame.shift, frame.scale, *asked)

    _in_blocks(work, len(rows), _ROWS, n_threads, tick)
    return found, score


def measure(frame: Frame, rows: np.ndarray, found: np.ndarray, *, n_threads: int = 1, tick: Tick = quiet) -> np.ndarray:
    """True distances of points to their neighbours, (n, k) float32; `found` is put in their order in place.

    rows: (n,) int64, where each point stands in the frame. A missing neighbour, -1, becomes the point itself.
    """
    distance = np.empty(found.shape, np.float32)

    def work(start: int, end: int) -> None:
        _layout.measure(frame.x, rows, frame.scale, found, distance, start, end)

    _in_blocks(work, len(rows), _MANY, n_threads, tick)
    return distance


@dataclass(frozen=True)
class Graph:
    """Who pulls whom: neighbours of point i are other[first[i]:first[i + 1]], of these weights.

    first: (n + 1,) int64. other: int32, weight: float32, sixteen longer than there are edges. total: (n,) float32, the
    weights of each point together, 1 for one without any.
    """

    first: np.ndarray
    other: np.ndarray
    weight: np.ndarray
    total: np.ndarray

    def __len__(self) -> int:
        return len(self.total)


def join(found: np.ndarray, distance: np.ndarray, *, n_threads: int = 1, tick: Tick = quiet) -> Graph:
    """The fuzzy graph of neighbours (n, k) int32 at distances (n, k) float32, joined from both ends."""
    n, k = found.shape
    weight = np.empty(found.shape, np.float32)
    _in_blocks(lambda start, end: _layout.weigh(found, distance, weight, start, end), n, _MANY, n_threads, tick)
    first, total = np.empty(n + 1, np.int64), np.empty(n, np.float32)
    other, joined = np.zeros(2 * n * k + _BEHIND, np.int32), np.zeros(2 * n * k + _BEHIND, np.float32)
    used = _layout.join(found, weight, first, other, joined, total) + _BEHIND
    return Graph(first, other[:used], joined[:used], total)


def rounds(
    graph: Graph,
    start: np.ndarray,
    n_rounds: int,
    curve: tuple[float, float],
    *,
    seed: int = 0,
    push: float = 5.0,
    path: str = PATHS[0],
    n_threads: int = 1,
    tick: Tick = quiet,
) -> np.ndarray:
    """Places after some rounds from `start`, (n, 2) float32; steps grow shorter to the end.

    curve: a and b of 1 / (1 + a d^2b). push: strangers for one pull. In a round every point moves by the pulls of its
    neighbours and pushes of strangers, all seen where they stood after the round before.
    """
    before, after = np.array(start, np.float32, order="C"), np.empty(start.shape, np.float32)
    arrays = (graph.first, graph.other, graph.weight, graph.total)
    share = max(_POOL, -(-len(graph) // (n_threads * _POOL)) * _POOL)
    with ThreadPoolExecutor(n_threads) as pool:
        for number in range(n_rounds):
            chance = (seed * 0x9E3779B97F4A7C15 + number * 0xD1342543DE82EF95 + 1) % 2**64
            moved = partial(
                _turn, path, (before, after, *arrays), (chance, *curve, 1.0 - number / n_rounds, push), share
            )
            _all(pool.map(moved, range(0, len(graph), share)))
            before, after = after, before
            tick(number + 1)
    return before


def _turn(path: str, arrays: tuple[np.ndarray, ...], settings: tuple[float, ...], share: int, start: int) -> None:
    _layout.turn(path, *arrays, start, min(start + share, len(arrays[0])), *settings)


def _in_blocks(work: Callable[[int, int], None], n: int, block: int, n_threads: int, tick: Tick) -> None:
    cuts = [(start, min(start + block, n)) for start in range(0, n, block)]
    if n_threads == 1 or len(cuts) < 2:
        for start, end in cuts:
            work(start, end)
            tick(end)
        return
    pool = ThreadPoolExecutor(n_threads)
    try:
        for (_, end), _none in zip(cuts, pool.map(lambda cut: work(*cut), cuts), strict=True):
            tick(end)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _all(results: Iterable[None]) -> None:
    for _ in results:
        pass
