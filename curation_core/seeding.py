"""Where Lloyd starts: greedy k-means++ and uniform seeding.

Rows are augmented: (n, d + 1) float32 whose last column is 1, so that one matrix product gives -2 x.c + |c|^2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core import kernels
from curation_core.errors import ConfigError

INITS = ("kmeans++", "random")
_POOL = 1 << 22  # squared distances of proposed seeds kept at once (16 MB), more when that is less than ...
_POOL_ROWS = 128  # ... so many seeds: fewer make slow matrix products
_POOL_LIMIT = 1 << 26  # but not above 256 MB
_CLOSE = 0.02  # rough squared distances below this share of the norms are computed again by differences
_CROWDED = 0.02  # share of close pairs from which rough distances do not pay
_LOOKED_AT = 512  # points that tell that share
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


def pool_rows(n: int, n_candidates: int) -> int:
    """Proposed seeds whose distances to n points are kept at once."""
    return max(2 * n_candidates, _POOL // n, min(_POOL_ROWS, _POOL_LIMIT // n))


def _greedy(
    x: np.ndarray, k: int, n_candidates: int, rng: np.random.Generator, tick: Callable[[], None] | None
) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007): of some candidates keep the one that helps most.

    Candidates are proposed for many steps ahead, so that their distances are one large matrix product. By the time
    one is considered its weight may have shrunk; it is then accepted with probability new weight / old weight, which
    makes the accepted ones draws from the weights of that very step.
    """
    distances = Distances.of(x)
    rows = rng.integers(len(x), size=k)
    buffer = np.empty((pool_rows(len(x), n_candidates), len(x)), dtype=np.float32)
    distances.fill(rows[:1], buffer[:1])
    closest = distances.exact(rows[0], buffer[0]).copy()  # (n,) squared distance to the nearest seed
    done = 1
    while done < k and closest.any():  # rows left over when every point has a seed on it stay random
        if tick is not None:
            tick()
        ahead = max(1, min(k - done, done // 4))
        proposals = _weighted(closest, min(ahead * n_candidates * 5 // 4, len(buffer)), rng)
        bar = rng.random(len(proposals)) * closest[proposals]
        squared = buffer[: len(proposals)]
        distances.fill(proposals, squared)
        while done < k and len(proposals):
            accepted = np.flatnonzero(closest[proposals] > bar)[:n_candidates]
            if len(accepted) < n_candidates:
                break
            potential = [distances.potential(proposals[one], squared[one], closest) for one in accepted]
            best = accepted[np.argmin(potential)]
            rows[done] = proposals[best]
            closest = np.minimum(closest, distances.exact(rows[done], squared[best]))
            done, used = done + 1, accepted[-1] + 1
            proposals, bar, squared = proposals[used:], bar[used:], squared[used:]
    return rows


@dataclass(frozen=True)
class Distances:
    """Squared distances of all points to proposed seeds, by matrix products.

    Where the kernels have products of bytes the distances are rough, off by about a thousandth of the squared lengths,
    except for points close to the seed: a choice among candidates hardly feels it, and takes half the time.
    """

    x: np.ndarray
    norms: np.ndarray
    rough: Any

    @classmethod
    def of(cls, x: np.ndarray) -> "Distances":
        """Of points (n, d + 1) whose last column is 1."""
        norms = np.einsum("ij,ij->i", x[:, :-1], x[:, :-1])
        rough = kernels.rough(x, norms)
        return cls(x, norms, None if rough is None or _crowded(x, norms) else rough)

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Squared distances to some rows into out, (c, n) float32; none below 0."""
        if self.rough is None:
            _products(self.x, self.norms, rows, out)
        else:
            self.rough.squared_distances(rows, out, n_threads=kernels.n_threads())

    def potential(self, row: int, squared: np.ndarray, closest: np.ndarray) -> float:
        """What the sum of the distances to the nearest seed would be with this row among them."""
        if self.rough is None:
            return float(np.minimum(squared, closest).sum())
        return float(self.rough.potential(row, closest, _CLOSE, squared))

    def exact(self, row: int, squared: np.ndarray) -> np.ndarray:
        """The distances to a row with those of near points free of cancellation: a seed is at exactly 0 from itself."""
        if self.rough is None:
            return _exact(self.x, self.norms, row, squared)
        self.rough.potential(row, squared, _CLOSE, squared)
        return squared


def _crowded(x: np.ndarray, norms: np.ndarray) -> bool:
    """Whether so many pairs lie close together that making their rough distances exact would cost what was saved."""
    some = np.linspace(0, len(x) - 1, min(_LOOKED_AT, len(x))).astype(np.int64)
    squared = np.empty((len(some), len(some)), np.float32)
    _products(x[some], norms[some], np.arange(len(some)), squared)
    close = squared <= _CLOSE * (norms[some] + norms[some][:, None])
    return bool(close.sum() - len(some) > _CROWDED * len(some) ** 2)


def _weighted(weights: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn with replacement in proportion to weights, none of weight 0: (size,) int64."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right").clip(max=len(weights) - 1)
    return np.where(weights[drawn] > 0, drawn, np.argmax(weights))  # rounding can lead past the last weight


def _products(x: np.ndarray, norms: np.ndarray, rows: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Squared distances of all rows to some into out, (c, n) float32; clipped at 0 because rounding goes under it."""
    table = x[rows] * np.float32(-2)
    table[:, -1] = norms[rows]
    width = max(1, kernels.block_scores(x.shape[1]) // len(rows))
    for start in range(0, len(x), width):
        part = out[:, start : start + width]
        np.matmul(table, x[start : start + width].T, out=part)
        part += norms[start : start + width]
        np.maximum(part, 0, out=part)
    return out


def _exact(x: np.ndarray, norms: np.ndarray, row: int, squared: np.ndarray) -> np.ndarray:
    """The same squared distances with the few small ones free of cancellation."""
    near = np.flatnonzero(squared <= _CANCELLATION * (norms + norms[row]))
    difference = x[near] - x[row]
    squared[near] = np.einsum("ij,ij->i", difference, difference)
    return squared
