"""The items most like one item: every vector is compared, block by block, nothing is indexed."""

import numpy as np

_BLOCK = 65_536  # rows; 64 MB of 256 numbers


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Euclidean length of every row (n, d) of any float: (n,) float32; 1 where a row is all zeros."""
    found = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK], dtype=np.float32)
        found[start : start + _BLOCK] = np.sqrt(np.einsum("nd,nd->n", block, block))
    found[found == 0] = 1.0
    return found


def lookalikes(
    vectors: np.ndarray, row: int, n: int, *, known_lengths: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The n rows most like a row, without itself: rows (n,) int64 and cosine (n,) float32, best first, equals by row.

    vectors: (m, d) of any float, may be memory-mapped. known_lengths: (m,) as `lengths` gives them, to save a pass.
    """
    measured = lengths(vectors) if known_lengths is None else known_lengths
    query = np.asarray(vectors[row], dtype=np.float32)
    alike = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        alike[start : start + _BLOCK] = np.asarray(vectors[start : start + _BLOCK], dtype=np.float32) @ query
    alike /= measured * measured[row]
    alike[row] = -np.inf
    n = max(0, min(n, len(alike) - 1))
    if not n:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    least = np.partition(alike, len(alike) - n)[len(alike) - n]
    candidates = np.flatnonzero(alike >= least)
    rows = candidates[np.lexsort((candidates, -alike[candidates]))][:n]
    return rows, np.clip(alike[rows], -1.0, 1.0)
