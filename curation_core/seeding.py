"""Where Lloyd starts: greedy k-means++ and uniform seeding.

Rows are augmented: (n, d + 1) float32 whose last column is 1, so that one matrix product gives -2 x.c + |c|^2.
"""

from collections.abc import Callable

import numpy as np

from curation_core.errors import ConfigError

INITS = ("kmeans++", "random")
_BLOCK = 1 << 20  # scores per matrix product (4 MB): measured best on caches of 1-2 MB per core
_UNTHREADED = 1 << 18  # multiplications below which OpenBLAS stays on one core
_CANCELLATION = 1e-4  # squared distances below this share of the norms are computed again by differences


def seed_rows(
    x: np.ndarray,
    n_clusters: int,
    init: str,
    rng: np.random.Generator,
    *,
    n_candidates: int | None = None,
    tick: Callable[[], None] | None = None,
) -> np.ndarray:
    """Rows to start from: (k,) int64, all different as long as there are k distinct rows.

    x: (n, d + 1) float32, last column 1, n >= k. n_candidates: tried per seed; 2 + floor(ln k) unless given. tick is
    called now and then and may raise. Raises ConfigError for an unknown init.
    """
    if init == "random":
        return rng.permutation(len(x))[:n_clusters]
    if init == "kmeans++":
        return _greedy(x, n_clusters, n_candidates or 2 + int(np.log(n_clusters)), rng, tick)
    raise ConfigError(f"init is {init!r}; choose one of {', '.join(INITS)}")


def block_scores(width: int) -> int:
    """Scores to compute in one matrix product of rows of this width.

    In a few dimensions a product is too small for several cores to help, and on a busy machine waking them costs up to
    three times the work; those products are cut to a size that BLAS does not share out.
    """
    return _BLOCK if width > 8 else _UNTHREADED // width


def _greedy(
    x: np.ndarray, k: int, n_candidates: int, rng: np.random.Generator, tick: Callable[[], None] | None
) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007): of some candidates keep the one that helps most."""
    norms = np.einsum("ij,ij->i", x[:, :-1], x[:, :-1])
    rows = np.empty(k, dtype=np.int64)
    rows[0] = rng.integers(len(x))
    draws = rng.random((max(k - 1, 0), n_candidates))
    closest = _exact(x, norms, rows[0], _products(x, norms, rows[:1])[0])  # (n,) squared distance to the nearest seed
    buffer = np.empty((n_candidates, len(x)), dtype=np.float32)
    for step, draw in enumerate(draws, start=1):
        if tick is not None and step % 64 == 0:
            tick()
        cumulative = np.cumsum(closest, dtype=np.float64)
        if cumulative[-1] <= 0:  # every row already has a seed on it
            rows[step:] = rng.integers(len(x), size=k - step)
            break
        candidates = np.searchsorted(cumulative, draw * cumulative[-1], side="right").clip(max=len(x) - 1)
        candidates = np.where(closest[candidates] > 0, candidates, np.argmax(closest))  # rounding at the last row
        squared = _products(x, norms, candidates, out=buffer)
        best = np.minimum(squared, closest).sum(axis=1, dtype=np.float32).argmin()
        rows[step] = candidates[best]
        closest = np.minimum(closest, _exact(x, norms, rows[step], squared[best]))
    return rows


def _products(x: np.ndarray, norms: np.ndarray, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Squared distances of all rows to some: (c, n) float32, clipped at 0 because rounding goes under it."""
    out = np.empty((len(rows), len(x)), dtype=np.float32) if out is None else out
    table = x[rows] * np.float32(-2)
    table[:, -1] = norms[rows]
    width = max(1, block_scores(x.shape[1]) // len(rows))
    for start in range(0, len(x), width):
        part = out[:, start : start + width]
        np.matmul(table, x[start : start + width].T, out=part)
        part += norms[start : start + width]
        np.maximum(part, 0, out=part)
    return out


def _exact(x: np.ndarray, norms: np.ndarray, row: int, squared: np.ndarray) -> np.ndarray:
    """The same squared distances with the few small ones free of cancellation: a seed is at exactly 0 from itself."""
    near = np.flatnonzero(squared <= _CANCELLATION * (norms + norms[row]))
    difference = x[near] - x[row]
    squared[near] = np.einsum("ij,ij->i", difference, difference)
    return squared
