"""Tables in panels of neighbouring centroids, which a search passes over or looks at in bytes first (src/panels.h)."""

from dataclasses import dataclass

import numpy as np

from curation_kernels import _native

IN_BYTES: dict[str, bool] = {name: bool(in_bytes) for name, in_bytes, _ in _native.ways()}
"""Ways to search, and whether they look at bytes first."""

_QUADS = {"amx": 16}  # four-byte columns that a way takes at once
_PANEL = 32
_ABOUT, _LANES_EACH = 5, 4  # numbers of every panel, and of every centroid in it
_ALIGNED = 64  # bytes: a vector that crosses a cache line takes two loads
_NOBODY = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Panels:
    """A table in panels.

    parts: what the native search takes, one behind the other. tame: whether its numbers can be bounded.
    """

    parts: tuple[object, ...]
    tame: bool

    @classmethod
    def of(cls, rows: np.ndarray, way: str) -> "Panels":
        """Put the rows of a (k, d) float32 table in order, and fill panels for a way."""
        k, dim = rows.shape
        count, padded = -(-k // _PANEL), -(-k // _PANEL**2) * _PANEL
        ids = np.full(count * _PANEL, _NOBODY, np.int32)
        floats, means = aligned((count, dim, _PANEL), np.float32), aligned((padded // _PANEL, dim, _PANEL), np.float32)
        about, lanes, in_bytes = aligned((_ABOUT, padded), np.float32), None, None
        if IN_BYTES[way]:
            step = _QUADS.get(way.partition("+")[2], 1)
            quads = -(-(dim - 1) // (4 * step)) * step
            lanes = aligned((count, _LANES_EACH, _PANEL), np.float32)
            in_bytes = aligned((count, quads, _PANEL), np.uint32)
        ids[:k] = np.arange(k)
        if np.isfinite(rows).all():
            _native.order(rows, ids[:k])
        tame, longest, highest = _native.fill(rows, ids, floats, means, about, lanes, in_bytes)
        return cls((rows, ids, floats, means, about, lanes, in_bytes, longest, highest), bool(tame))

    def search(
        self,
        way: str,
        x: np.ndarray,
        rows: np.ndarray | None,
        bar: np.ndarray | None,
        labels: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """Fill labels and scores, by the way these panels are for or in float32 on its instruction set.

        Returns tiles x panels, those of them looked at, candidates, and points that bytes left to float32.
        """
        return np.array(_native.search(way, x, rows, bar, self.parts, labels, scores), np.int64)


def aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An empty array that starts on a cache line."""
    size = int(np.prod(shape))
    raw = np.empty(size + _ALIGNED // 4, dtype)
    skip = -raw.ctypes.data % _ALIGNED // 4
    return raw[skip : skip + size].reshape(shape)
