"""Principal components, fitted in float64 on at most 50,000 rows, applied in blocks; the same bytes every time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FIT_ROWS = 50_000
_BLOCK = 8192  # rows in memory as float64 at once


@dataclass(frozen=True)
class Pca:
    """mean: (d,) float64. components: (k, d) float64, orthonormal rows, strongest first."""

    mean: np.ndarray
    components: np.ndarray


Rows = Callable[[np.ndarray], np.ndarray]  # a block of raw rows to the rows that are meant, same shape


def fit_pca(vectors: np.ndarray, n_components: int, rows: Rows = np.asarray) -> Pca:
    """The strongest components of (n, d) vectors: k = min(n_components, d, n) of them.

    rows is applied to each block first. More than FIT_ROWS vectors are thinned out evenly, so nothing is left to
    chance; each component's largest entry is positive, so that its sign is no accident.
    """
    n, dim = vectors.shape
    chosen = np.unique(np.linspace(0, n - 1, min(n, FIT_ROWS)).astype(np.int64))
    blocks = [chosen[start : start + _BLOCK] for start in range(0, len(chosen), _BLOCK)]
    mean = np.zeros(dim)
    for block in blocks:
        mean += rows(vectors[block]).sum(axis=0, dtype=np.float64)
    mean /= len(chosen)
    scatter = np.zeros((dim, dim))
    for block in blocks:
        centred = rows(vectors[block]).astype(np.float64) - mean  # (b, d)
        scatter += centred.T @ centred
    _, eigenvectors = np.linalg.eigh(scatter / len(chosen))  # ascending
    components = eigenvectors[:, ::-1][:, : min(n_components, dim, n)].T
    strongest = np.argmax(np.abs(components), axis=1)
    signs = np.where(components[np.arange(len(components)), strongest] < 0, -1.0, 1.0)
    return Pca(mean, np.ascontiguousarray(components * signs[:, None]))


def apply_pca(pca: Pca, vectors: np.ndarray, rows: Rows = np.asarray) -> np.ndarray:
    """Vectors (n, d) in the components' coordinates: (n, k) float32."""
    found = np.empty((len(vectors), len(pca.components)), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = rows(vectors[start : start + _BLOCK]).astype(np.float64)
        found[start : start + _BLOCK] = (block - pca.mean) @ pca.components.T
    return found
