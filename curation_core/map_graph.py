"""Who is whose neighbour on the map: all pairs looked at where items are few, the nearest cells where they are many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core.map_anchors import Anchors
from curation_core.map_frame import MapFrame, threads
from curation_core.progress import Progress

_BLOCK = 1 << 16  # rows whose cells are looked up at once
_CROWDED = 8192  # members of a cell; more are dealt out to several, so that no crowd costs its square


@dataclass(frozen=True)
class MapGraph:
    """The fuzzy graph of points, and the row of each, (n,) int64: points of a cell stand side by side."""

    rows: np.ndarray
    graph: Any

    def restored(self, places: np.ndarray) -> np.ndarray:
        """Places of points, (n, 2), in the order of rows."""
        found = np.empty_like(places)
        found[self.rows] = places
        return found


def map_graph(frame: MapFrame, anchors: Anchors | None, n_neighbors: int, progress: Progress) -> MapGraph:
    """The graph of the nearest n_neighbors, the item itself counted; anchors: None to look at all pairs."""
    n, tick = len(frame), _counting(progress, len(frame))
    k = min(n_neighbors, n) - 1
    if anchors is None:
        rows, sizes, probes = np.arange(n), np.array([n]), np.zeros((n, 1), np.int32)
    else:
        rows, sizes, probes = _dealt(anchors.near, len(anchors.centroids))
    native, shown = frame.native, frame.native_frame
    cells = native.Cells.of(shown, rows, sizes, n_threads=threads(), tick=lambda _: tick(0))
    found = np.empty((n, k), np.int32)
    for start in range(0, n, _BLOCK):
        part = slice(start, min(start + _BLOCK, n))
        own = np.arange(part.start, part.stop, dtype=np.int32)
        looked = (rows[part], np.ascontiguousarray(probes[rows[part]]), k)
        found[part], _ = native.search(
            shown, cells, *looked, own=own, n_threads=threads(), tick=lambda done, start=start: tick(start + done)
        )
    del cells, probes
    distance = native.measure(shown, rows, found, n_threads=threads(), tick=lambda _: tick(n))
    return MapGraph(rows, native.join(found, distance, n_threads=threads(), tick=lambda _: tick(n)))


def exact_graph(frame: MapFrame, n_neighbors: int) -> Any:
    """The graph of few points, all pairs looked at, in silence."""
    return map_graph(frame, None, n_neighbors, lambda *_, **__: None).graph


def _dealt(near: np.ndarray, n_anchors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in the order of their cells, sizes of the cells, and the cells (n, p) each row looks into, its own first.

    near: (n, p) int32 anchors, nearest first. A crowd of one anchor is dealt out to cells in turn; others look into one
    of these, by their row.
    """
    own = near[:, 0]
    sizes = np.bincount(own, minlength=n_anchors)
    tables = np.maximum(1, -(-sizes // _CROWDED))
    base = np.cumsum(tables) - tables
    order = np.argsort(own, kind="stable")
    seat = np.empty(len(own), np.int64)  # its number among the members of its anchor
    seat[order] = np.arange(len(own)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    cell = (base[own] + seat % tables[own]).astype(np.int32)
    probes = base.astype(np.int32)[near]
    if (tables > 1).any():
        probes += (np.arange(len(own))[:, None] % tables[near]).astype(np.int32)
    probes[:, 0] = cell
    return np.argsort(cell, kind="stable"), np.bincount(cell, minlength=int(tables.sum())), probes


def _counting(progress: Progress, n: int) -> Callable[[int], None]:
    progress("neighbours", 0, n)
    return lambda done: progress("neighbours", done, n)
