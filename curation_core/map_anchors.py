"""Anchors of a large map: a few thousand centroids that part the items into cells, and a first place for every item."""

from dataclasses import dataclass

import numpy as np

from curation_core.kmeans import fit
from curation_core.map_frame import MapFrame, threads
from curation_core.points import Points
from curation_core.progress import Progress

_MOST = 5_000
_PER_ANCHOR = 32  # items of the sample that places one
_ITERATIONS = 4
_CELLS = 32  # that an item looks into for its neighbours
_HELD_BY = 3  # anchors that an item is placed by
_FALL = 0.1  # of an item's squared distance to its anchor: how much farther one may be and still hold a third of it
_JITTER = 0.1  # of the plane's unit: items of one place must be able to part
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Anchors:
    """Centroids (k, d) float32.

    near: (n, p) int32, the nearest of each row. held: (n, 3) float32, shares of the first three.
    """

    centroids: np.ndarray
    near: np.ndarray
    held: np.ndarray

    @classmethod
    def of(cls, frame: MapFrame, seed: int, progress: Progress) -> "Anchors":
        """Centroids of a sample by a few iterations of k-means, and the nearest of them to every row."""
        n = len(frame)
        k = min(_MOST, int(4 * np.sqrt(n)))
        progress("preview", 0, n)
        rng = np.random.default_rng([seed, n, k])
        sample = np.sort(rng.choice(n, min(n, _PER_ANCHOR * k), replace=False))
        start = frame.x[np.sort(rng.choice(sample, k, replace=False))]
        points = Points.of(frame.x[sample])
        centroids = fit(points, start, _ITERATIONS, tick=lambda: progress("preview", 0, n)).centroids
        return cls(centroids, *_nearest(frame, centroids, progress))

    def placed(self, places: np.ndarray, seed: int) -> np.ndarray:
        """Every item between the places of its nearest anchors, (k, 2): (n, 2) float32."""
        n = len(self.near)
        xy = np.random.default_rng([seed, n]).normal(scale=_JITTER, size=(n, 2)).astype(np.float32)
        for column in range(self.held.shape[1]):
            xy += self.held[:, column, None] * places[self.near[:, column]]
        return xy


def _nearest(frame: MapFrame, centroids: np.ndarray, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    n, k, p = len(frame), len(centroids), min(_CELLS, len(centroids))
    native, shown = frame.native, frame.native_frame
    cells = native.Cells.of(frame.beside(centroids).native_frame, np.arange(k), np.array([k]))
    near, held = np.empty((n, p), np.int32), np.empty((n, min(_HELD_BY, p)), np.float32)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        near[rows], score = native.search(
            shown,
            cells,
            rows,
            np.zeros((len(rows), 1), np.int32),
            p,
            n_threads=threads(),
            tick=lambda done, start=start: progress("preview", start + done, n),
        )
        held[rows] = _shares(score[:, : held.shape[1]], frame.part(rows))
    return near, held


def _shares(score: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Shares of an item's anchors, that sum to 1. score: squared distances less the squared length of each row."""
    nearest = np.maximum(score[:, 0] + np.einsum("nd,nd->n", rows, rows), 1e-12)
    farther = (score - score[:, :1]) / (_FALL * nearest[:, None])
    weight = np.exp(-np.minimum(farther, 80.0))
    shares: np.ndarray = weight / weight.sum(axis=1, keepdims=True)
    return shares
