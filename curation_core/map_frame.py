"""What the map's own layout works on: the C package, and vectors as it takes them."""

import importlib
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from curation_core.kernels import CHOICE, n_threads
from curation_core.points import parts


@dataclass(frozen=True)
class MapFrame:
    """Vectors as they are compared: (x - shift) * scale, x (n, d) float32; and the package that compares them.

    scale is a power of two that brings values near 1, so that no square of theirs over- or underflows.
    """

    native: Any
    x: np.ndarray
    shift: np.ndarray
    scale: float

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(cls, vectors: np.ndarray) -> "MapFrame | None":
        """Make (n, d) finite vectors ready; None where the C package is not to be had."""
        native = _native() if os.environ.get(CHOICE) != "blas" else None
        if native is None:
            return None
        x = np.ascontiguousarray(vectors, dtype=np.float32)
        total, widest = np.zeros(x.shape[1]), 0.0
        for part in parts(*x.shape):
            total += x[part].sum(axis=0, dtype=np.float64)
        shift = (total / len(x)).astype(np.float32)
        for part in parts(*x.shape):
            widest = max(widest, float(np.abs(x[part] - shift).max(initial=0.0)))
        scale = float(2.0 ** -np.floor(np.log2(widest))) if 0 < widest < np.inf else 1.0
        return cls(native, x, shift, scale)

    @property
    def native_frame(self) -> Any:
        """The same for the C package."""
        return self.native.Frame(self.x, self.shift, self.scale)

    def part(self, rows: np.ndarray) -> np.ndarray:
        """Some rows as they are compared: (m, d) float32."""
        found: np.ndarray = (self.x[rows] - self.shift) * np.float32(self.scale)
        return found

    def beside(self, vectors: np.ndarray) -> "MapFrame":
        """Other vectors in the same frame."""
        return MapFrame(self.native, np.ascontiguousarray(vectors, dtype=np.float32), self.shift, self.scale)


def threads() -> int:
    """Threads of the layout; they change no byte."""
    return n_threads()


@cache
def _native() -> Any:
    if importlib.util.find_spec("curation_kernels") is None:
        return None
    try:
        module = importlib.import_module("curation_kernels.layout")
    except ImportError:  # an earlier build of the package, without the layout
        return None
    return module if module.QUICK else None
