"""Nearest neighbours of every row: faiss where it is installed, blocked numpy otherwise."""

import importlib.util
from typing import Any

import numpy as np

EXACT_BELOW = 50_000  # rows; above, an inverted file finds nearly all neighbours in a fraction of the time
_BLOCK = 1024
_PROBES = 16


def nearest(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's k nearest rows, itself first: indices (n, k) int64 and Euclidean distances (n, k) float32."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    k = min(k, len(rows))
    if importlib.util.find_spec("faiss") is not None:
        squared, indices = _by_faiss(rows, k)
    else:
        squared, indices = _by_numpy(rows, k)
    return _itself_first(indices.astype(np.int64), np.sqrt(np.maximum(squared, 0.0)))


def _by_faiss(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    n, dim = rows.shape
    index: Any = faiss.IndexFlatL2(dim)
    if n >= EXACT_BELOW:
        index = faiss.IndexIVFFlat(index, dim, int(4 * np.sqrt(n)))
        index.cp.seed = 0
        index.nprobe = _PROBES
        thinned = np.linspace(0, n - 1, min(n, 64 * index.nlist)).astype(np.int64)
        index.train(rows[thinned])
    index.add(rows)
    found: tuple[np.ndarray, np.ndarray] = index.search(rows, k)
    return found


def _by_numpy(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.einsum("nd,nd->n", rows, rows)
    squared, indices = np.empty((len(rows), k), np.float32), np.empty((len(rows), k), np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        gaps = lengths[start : start + _BLOCK, None] - 2.0 * block @ rows.T + lengths  # (b, n)
        near = np.argpartition(gaps, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(gaps, near, axis=1), axis=1, kind="stable")
        indices[start : start + _BLOCK] = np.take_along_axis(near, order, axis=1)
        squared[start : start + _BLOCK] = np.take_along_axis(gaps, indices[start : start + _BLOCK], axis=1)
    return squared, indices


def _itself_first(indices: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put each row at the head of its own neighbours: among duplicates a search may list it late or not at all."""
    own = np.arange(len(indices))[:, None]
    absent = indices < 0  # an inverted file may find fewer than k; a copy of the row itself says nothing new
    reach = np.where(absent, 0.0, distances).max(axis=1, keepdims=True)
    indices, distances = np.where(absent, own, indices), np.where(absent, reach, distances)
    is_own = (indices == own) & ~absent
    lacking = ~is_own.any(axis=1)
    indices[lacking, -1] = own[lacking, 0]
    is_own[lacking, -1] = True
    distances[is_own] = 0.0
    order = np.argsort(np.where(is_own, -1.0, distances), axis=1, kind="stable")
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1).astype(np.float32)
