"""Where Lloyd starts: greedy k-means++, k-means|| for many clusters, and uniform seeding.

Rows are augmented: (n, d + 1) float32 whose last column is 1, so that one matrix product gives -2 x.c + |c|^2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core import kernels
from curation_core.errors import ConfigError
from curation_core.progress import Tick, unheard

INITS = ("kmeans++", "kmeans||", "random")
QUICK_FROM = 2_000  # clusters from which mode "fast" seeds by k-means||
QUICK_ROWS = 32  # points per cluster that mode "fast" chooses seeds from where there are twice as many
ROUNDS = 5  # of k-means||, each with as many candidates as seeds are wanted
WORTH_ROUNDS = 4 * ROUNDS  # points per seed from which they pay
_PRODUCTS = 1 << 32  # multiplications between two ticks: a tenth of a second, half of one on the slowest machines
_LEAST_ROWS = 32  # seeds whose distances are computed at once at least
_BLOCK_ROWS = 256  # points that are looked at at once at least
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
    tick: Tick = unheard,
) -> np.ndarray:
    """Rows to start from: (k,) int64, all different as long as there are k distinct rows.

    x: (n, d + 1) float32, last column 1, n >= k. n_candidates: tried per seed; 2 + floor(ln k) unless given. tick is
    called a few times a second and may raise. kmeans|| is greedy k-means++ below twenty points a seed, where it
    saves nothing. Raises ConfigError for an unknown init.
    """
    if init == "random":
        return rng.permutation(len(x))[:n_clusters]
    candidates = n_candidates or 2 + int(np.log(n_clusters))
    if init == "kmeans||" and len(x) >= WORTH_ROUNDS * n_clusters:
        return _oversampled(x, n_clusters, candidates, rng, tick)
    if init in INITS:
        return _greedy(x, n_clusters, candidates, rng, tick)[0]
    raise ConfigError(f"init is {init!r}; choose one of {', '.join(INITS)}")


def quick_init(init: str, n: int, n_clusters: int) -> str:
    """What seeds the first run of a level in mode "fast": k-means|| in place of k-means++ for many clusters.

    From 2,000 clusters and twenty points each on it takes about 0.6 of the time; the inertia after Lloyd was half a per
    cent lower or higher (`benchmarks/seeding.py`).
    """
    many = n_clusters >= QUICK_FROM and n >= WORTH_ROUNDS * n_clusters
    return "kmeans||" if init == "kmeans++" and many else init


def pool_rows(n: int, n_candidates: int) -> int:
    """Proposed seeds whose distances to n points are kept at once."""
    return max(2 * n_candidates, _POOL // n, min(_POOL_ROWS, _POOL_LIMIT // n))


def _greedy(
    x: np.ndarray, k: int, n_candidates: int, rng: np.random.Generator, tick: Tick, weight: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007): of some candidates keep the one that helps most.

    Candidates are proposed for many steps ahead, so that their distances are one large matrix product. By the time
    one is considered its weight may have shrunk; it is then accepted with probability new weight / old weight, which
    makes the accepted ones draws from the weights of that very step. weight: (n,) float32, what each point counts.
    Returns the rows and how many of them are seeds; the others are random, because every point has a seed on it.
    """
    distances = Distances.of(x)
    rows = rng.integers(len(x), size=k)
    buffer = np.empty((pool_rows(len(x), n_candidates), len(x)), dtype=np.float32)
    distances.fill(rows[:1], buffer[:1], tick)
    closest = distances.exact(rows[0], buffer[0]).copy()  # (n,) squared distance to the nearest seed
    done = 1
    while done < k and closest.any():
        ahead = max(1, min(k - done, done // 4))
        proposals = _weighted(
            closest if weight is None else closest * weight, min(ahead * n_candidates * 5 // 4, len(buffer)), rng
        )
        bar = rng.random(len(proposals)) * closest[proposals]
        squared = buffer[: len(proposals)]
        distances.fill(proposals, squared, tick)
        tick()
        chosen = distances.choose(proposals, bar, squared, closest, weight, n_candidates, k - done)
        rows[done : done + len(chosen)] = proposals[chosen]
        done += len(chosen)
    return rows, done


def _oversampled(x: np.ndarray, k: int, n_candidates: int, rng: np.random.Generator, tick: Tick) -> np.ndarray:
    """k-means|| (Bahmani et al. 2012): a few rounds propose many rows at once, greedy k-means++ chooses among them.

    A candidate counts for the points that are nearest to it.
    """
    norms = np.einsum("ij,ij->i", x[:, :-1], x[:, :-1])
    rows = rng.integers(len(x), size=1)
    nearest, closest = np.zeros(len(x), np.int64), np.full(len(x), np.inf, np.float32)
    _approach(x, norms, rows, 0, nearest, closest, tick)
    for _ in range(ROUNDS):
        if not closest.any():
            break
        more = np.unique(_weighted(closest, k, rng))
        _approach(x, norms, more, len(rows), nearest, closest, tick)
        rows = np.concatenate([rows, more])
    if len(rows) >= k:
        weight = np.maximum(np.bincount(nearest, minlength=len(rows)), 1).astype(np.float32)
        found, n_seeds = _greedy(x[rows], k, n_candidates, rng, tick, weight)
        if n_seeds == k:
            chosen: np.ndarray = rows[found]
            return chosen
    return _greedy(x, k, n_candidates, rng, tick)[0]  # too few of the candidates are distinct


def _approach(
    x: np.ndarray, norms: np.ndarray, more: np.ndarray, known: int, nearest: np.ndarray, closest: np.ndarray, tick: Tick
) -> None:
    """Bring which row of all candidates is nearest, and its squared distance, up to date with more candidates."""
    table = -x[more]
    table[:, -1] = norms[more] / 2
    search, width = kernels.Search.of(table), max(_BLOCK_ROWS, _PRODUCTS // table.size)
    slack = np.float32(_CANCELLATION) * float(norms.max())
    for start in range(0, len(x), width):
        tick()
        part = slice(start, start + width)
        bar = (closest[part] - norms[part]) / 2 + slack  # a score is half of a squared distance without the own length
        label = search.lowest(x[part], bar=bar)[0]
        difference = x[part] - x[more[label]]
        squared = np.einsum("ij,ij->i", difference, difference)
        better = squared < closest[part]
        nearest[part][better] = known + label[better]
        closest[part][better] = squared[better]


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

    def fill(self, rows: np.ndarray, out: np.ndarray, tick: Tick) -> None:
        """Squared distances to some rows into out, (c, n) float32; none below 0."""
        at_once = max(_LEAST_ROWS, _PRODUCTS // self.x.size)
        for start in range(0, len(rows), at_once):
            tick()
            part = slice(start, start + at_once)
            if self.rough is None:
                _products(self.x, self.norms, rows[part], out[part])
            else:
                self.rough.squared_distances(rows[part], out[part], n_threads=kernels.n_threads())

    def choose(
        self,
        proposals: np.ndarray,
        bar: np.ndarray,
        squared: np.ndarray,
        closest: np.ndarray,
        weight: np.ndarray | None,
        n_candidates: int,
        wanted: int,
    ) -> np.ndarray:
        """Seeds among proposals, one after the other: their places there, as many as accepted proposals last for.

        A proposal is accepted while closest, (n,) float32, is above its bar, (c,) float64. Of every n_candidates
        accepted ones the one that leaves the lowest sum of the distances to the nearest seed becomes a seed; closest is
        written into. squared: (c, n) float32, what `fill` made of the proposals; written into.
        """
        if self.rough is not None:
            found: np.ndarray = self.rough.choose(
                proposals, bar, squared, closest, weight, _CLOSE, n_candidates, wanted
            )
            return found
        chosen: list[int] = []
        used = 0
        while len(chosen) < wanted and used < len(proposals):
            accepted = used + np.flatnonzero(closest[proposals[used:]] > bar[used:])[:n_candidates]
            if len(accepted) < n_candidates:
                break
            best = accepted[np.argmin([_potential(squared[one], closest, weight) for one in accepted])]
            np.minimum(closest, self.exact(proposals[best], squared[best]), out=closest)
            chosen.append(int(best))
            used = int(accepted[-1]) + 1
        return np.array(chosen, dtype=np.int64)

    def exact(self, row: int, squared: np.ndarray) -> np.ndarray:
        """The distances to a row with those of near points free of cancellation: a seed is at exactly 0 from itself."""
        if self.rough is None:
            return _exact(self.x, self.norms, row, squared)
        self.rough.potential(row, squared, _CLOSE, squared)
        return squared


def _potential(squared: np.ndarray, closest: np.ndarray, weight: np.ndarray | None) -> float:
    """What the sum of the distances to the nearest seed would be with one row more among the seeds."""
    smaller = np.minimum(squared, closest)
    return float(smaller.sum() if weight is None else (smaller * weight).sum())


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
