"""Tables in panels of neighbouring centroids, which a search passes over or looks at in bytes first (src/panels.h)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from curation_kernels import _native

IN_BYTES: dict[str, bool] = {name: bool(in_bytes) for name, in_bytes, _ in _native.ways()}
"""Ways to search, and whether they look at bytes first."""

_TILED = "amx"  # takes 16 four-byte columns at once, and bytes with a sign
_QUADS = 16
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
        ids[:k] = np.arange(k)
        if np.isfinite(rows).all():
            _native.order(rows, ids[:k])
        floats, means = aligned((count, dim, _PANEL), np.float32), aligned((padded // _PANEL, dim, _PANEL), np.float32)
        about = aligned((_ABOUT, padded), np.float32)
        parts = (ids, floats, means, about, *(_bytes(count, dim, way) if IN_BYTES[way] else (None,) * 4))
        tame, longest, highest = _native.fill(way, rows, parts)
        return cls((rows, *parts, longest, highest), bool(tame))

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


def _bytes(count: int, dim: int, way: str) -> tuple[np.ndarray, ...]:
    """What panels have beside when they are looked at in bytes: lanes, places, biases, bytes."""
    step = _QUADS if way.endswith(_TILED) else 1
    places = _native.places(count)
    return (
        aligned((count, _LANES_EACH, _PANEL), np.float32),
        aligned((-(-places // 12) * 12, dim), np.float32),
        aligned((places, count * _PANEL), np.float32),
        aligned((count, -(-(dim - 1) // (4 * step)) * step, _PANEL), np.uint32),
    )


def aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An empty array that starts on a cache line."""
    size = int(np.prod(shape))
    raw = np.empty(size + _ALIGNED // 4, dtype)
    skip = -raw.ctypes.data % _ALIGNED // 4
    return raw[skip : skip + size].reshape(shape)


def usable(ways: Iterable[str], agrees: Callable[[str], bool] | None = None) -> tuple[str, ...]:
    """The ways that can be relied on: those on AMX only when they find here what float32 finds."""
    return tuple(way for way in ways if not way.endswith(_TILED) or (agrees or agrees_with_float32)(way))


def agrees_with_float32(way: str) -> bool:
    """Whether a way finds the labels and scores of float32 on a small problem with close neighbours, bit by bit."""
    rng = np.random.default_rng(0)
    centroids = np.repeat(rng.standard_normal((40, 150)), 5, axis=0) + 0.1 * rng.standard_normal((200, 150))
    x = np.ones((100, 151), np.float32)
    x[:, :-1] = centroids[rng.integers(0, 200, 100)] + 0.1 * rng.standard_normal((100, 150))
    table = np.column_stack([-centroids, (centroids**2).sum(axis=1) / 2]).astype(np.float32)
    labels, scores = np.empty((2, 100), np.int32), np.empty((2, 100), np.float32)
    made = Panels.of(table, way)
    made.search(way, x, None, None, labels[0], scores[0])
    made.search(way.partition("+")[0], x, None, None, labels[1], scores[1])
    return bool((labels[0] == labels[1]).all()) and scores[0].tobytes() == scores[1].tobytes()
