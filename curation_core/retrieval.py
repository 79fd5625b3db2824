"""Items of a pool near a set of trusted examples: nearest neighbours both ways, coverage, an order to draw them in.

Search is exact: blocks of products by BLAS, then the distances of what was found again from the differences, so that
copies are at distance 0. Memory is bounded by the blocks, whatever the pool.
"""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError
from curation_core.progress import Progress, silent

LISTED = 64  # neighbours listed of every reference item
_REFERENCES, _VALUES = 512, 1 << 22  # reference items and distances at once
_PAIRS = 1 << 22  # numbers of pairs at once
_SHARED_AMONG = 50_000  # items among which neighbours of two embeddings are compared
_GAP_SAMPLE, _COPIES = 1_000, 8  # items that the typical gap is measured at; neighbours looked at to get past copies


@dataclass(frozen=True)
class Neighborhood:
    """A reference set of m items in a pool of n. Distances are Euclidean, in the units of the vectors.

    rows: (m, k) int64, pool rows nearest to every reference item, nearest first, the lower row first among equals.
    distance: (m, k) float32. nearest: (n,) float32, of every pool item to the reference item nearest to it.
    """

    rows: np.ndarray
    distance: np.ndarray
    nearest: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """All pool rows in the order in which retrieval takes them: (n,) int64; every prefix is a smaller retrieval.

        First the nearest item of every reference item, then the second nearest of every one, and so on through what is
        listed, in each round the smaller distance first and no item twice; then the rest by distance.
        """
        m, k = self.rows.shape
        turn = np.broadcast_to(np.arange(k), (m, k)).ravel()
        found = self.rows.ravel()
        found = found[np.lexsort((found, self.distance.ravel(), turn))]
        listed = found[np.sort(np.unique(found, return_index=True)[1])]
        others = np.setdiff1d(np.arange(len(self.nearest)), listed, assume_unique=True)
        return np.concatenate((listed, others[np.lexsort((others, self.nearest[others]))]))

    @property
    def ranks(self) -> np.ndarray:
        """Place of every pool item in `order`: (n,) int64, lowest first."""
        ranks = np.empty(len(self.nearest), dtype=np.int64)
        ranks[self.order] = np.arange(len(ranks))
        return ranks


@dataclass(frozen=True)
class Coverage:
    """How well a set of items covers a reference set.

    distance: (m,) float32, of every reference item to the nearest item of the set. radius: up to which it is covered.
    """

    distance: np.ndarray
    radius: float

    @property
    def covered(self) -> np.ndarray:
        """Which reference items have an item of the set within the radius: (m,) bool."""
        found: np.ndarray = self.distance <= self.radius
        return found

    @property
    def share(self) -> float:
        """Share of the reference items that are covered, 0 where there are none."""
        return float(self.covered.mean()) if len(self.distance) else 0.0


def neighborhood(
    pool: np.ndarray, reference: np.ndarray, *, k: int = LISTED, progress: Progress = silent
) -> Neighborhood:
    """Find the pool items nearest to every reference item, and how near every pool item is to the reference set.

    pool: (n, d), memory maps welcome. reference: (m, d) of the same embedder and preparation. Raises ShapeError when
    they are of different width or one is empty.
    """
    _require_same_space(pool, reference)
    n, m, k = len(pool), len(reference), min(k, len(pool))
    rows, nearest = np.empty((m, k), np.int64), np.full(n, np.inf, np.float32)
    who = np.zeros(n, np.int64)
    for start in range(0, m, _REFERENCES):
        progress("reference", start, m)
        part = np.asarray(reference[start : start + _REFERENCES], dtype=np.float32)
        rows[start : start + len(part)] = _search(pool, part, k, _Nearest(nearest, who, start))
    progress("reference", m, m)
    own = np.repeat(np.arange(m), k)
    distance = _distances(pool, rows.ravel(), reference, own).reshape(m, k)
    order = np.lexsort((rows, distance), axis=1)
    exact = _distances(pool, np.arange(n), reference, who)
    return Neighborhood(np.take_along_axis(rows, order, axis=1), np.take_along_axis(distance, order, axis=1), exact)


def nearest_distance(items: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Distance of every reference item to the nearest of some items: (m,) float32; infinite where there are none."""
    if not len(items):
        return np.full(len(reference), np.inf, np.float32)
    _require_same_space(items, reference)
    found = np.empty(len(reference), np.float32)
    for start in range(0, len(reference), _REFERENCES):
        part = np.asarray(reference[start : start + _REFERENCES], dtype=np.float32)
        rows = _search(items, part, 1, None)[:, 0]
        found[start : start + len(part)] = _distances(items, rows, part, np.arange(len(part)))
    return found


def typical_gap(pool: np.ndarray, *, seed: int = 0) -> float:
    """Median distance of an item of the pool to the nearest other one that is not its copy; 0 where all are copies.

    pool: (n, d). Measured at 1,000 items at most, chosen by the seed, against the whole pool.
    """
    n = len(pool)
    if n < 2:
        return 0.0
    chosen = np.sort(np.random.default_rng(seed).choice(n, min(n, _GAP_SAMPLE), replace=False))
    k, gaps = min(n, 1 + _COPIES), []
    for start in range(0, len(chosen), _REFERENCES):
        part = chosen[start : start + _REFERENCES]
        rows = _search(pool, np.asarray(pool[part], dtype=np.float32), k, None)
        distance = _distances(pool, rows.ravel(), pool, np.repeat(part, k)).reshape(len(part), k)
        gaps.append(np.where(distance > 0, distance, np.inf).min(axis=1))
    found = np.concatenate(gaps)
    found = found[np.isfinite(found)]
    return float(np.median(found)) if len(found) else 0.0


def shared_neighbors(
    first: np.ndarray, second: np.ndarray, rows: tuple[np.ndarray, np.ndarray], *, k: int = 10, seed: int = 0
) -> tuple[float, int, int]:
    """Mean share of an item's k nearest neighbours that two embeddings of the same items both find.

    first, second: (n_1, d_1) and (n_2, d_2). rows: (n,) int64 each, the same items in both. Measured at 1,000 items
    among 50,000 at most, chosen by the seed. Returns the share, how many items were looked up, and among how many.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(rows[0]), min(len(rows[0]), _SHARED_AMONG), replace=False))
    asked = np.sort(rng.choice(len(chosen), min(len(chosen), _GAP_SAMPLE), replace=False))
    k = min(k, len(chosen) - 1)
    if k < 1:
        return 1.0, len(asked), len(chosen)
    lists = []
    for vectors, place in ((first, rows[0]), (second, rows[1])):
        pool = np.asarray(vectors[place[chosen]], dtype=np.float32)
        lists.append(_others(pool, asked, k))
    both = np.sort(np.concatenate(lists, axis=1), axis=1)  # an item in both lists stands beside itself
    return float((both[:, 1:] == both[:, :-1]).sum() / (k * len(asked))), len(asked), len(chosen)


def _others(pool: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other rows of some rows: (b, k) int64."""
    found = np.concatenate(
        [
            _search(pool, pool[asked[start : start + _REFERENCES]], k + 1, None)
            for start in range(0, len(asked), _REFERENCES)
        ]
    )
    own = found == asked[:, None]
    own[~own.any(axis=1), -1] = True  # many copies: itself is not listed, so the last one goes
    others: np.ndarray = found[~own].reshape(len(asked), k)
    return others


@dataclass(frozen=True)
class _Nearest:
    """The least distance of every pool item to the reference items seen so far, squared; filled block by block."""

    squared: np.ndarray
    who: np.ndarray
    first: int

    def look(self, at: slice, squared: np.ndarray) -> None:
        """Take in a block: (p, b) squared distances of pool items `at`."""
        best = squared.argmin(axis=1)
        least = np.take_along_axis(squared, best[:, None], axis=1)[:, 0]
        nearer = least < self.squared[at]
        self.squared[at] = np.where(nearer, least, self.squared[at])
        self.who[at] = np.where(nearer, best + self.first, self.who[at])


def _search(pool: np.ndarray, queries: np.ndarray, k: int, nearest: _Nearest | None) -> np.ndarray:
    """Rows of the k nearest pool items of every query: (b, k) int64, nearest first."""
    centre = _centre(queries)
    asked = _widened(queries - centre, asking=True)
    width = max(k, _VALUES // len(queries))
    owner, column, gap = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    bound: np.ndarray = np.full(len(queries), np.inf, np.float32)
    for start in range(0, len(pool), width):
        block = np.asarray(pool[start : start + width], dtype=np.float32) - centre
        squared = _widened(block, asking=False) @ asked.T  # (p, b)
        if nearest is not None:
            nearest.look(slice(start, start + len(block)), squared)
        if not len(owner) and len(block) > k:
            bound = np.partition(squared, k - 1, axis=0)[k - 1]
        rows, owners = np.nonzero(squared <= bound)
        owner, column = np.concatenate((owner, owners)), np.concatenate((column, rows + start))
        gap = np.concatenate((gap, squared[rows, owners]))
        owner, column, gap = _first(k, owner, column, gap)
        if len(owner) == k * len(queries):
            bound = gap.reshape(len(queries), k)[:, -1]
    return column.reshape(len(queries), -1)


def _centre(queries: np.ndarray) -> np.ndarray:
    """A point amid the queries, (d,) float32: far from the origin, products of long vectors round short distances away.

    On a grid of powers of two about as wide as the queries spread, so that taking it off rounds as little as can be.
    """
    mean = queries.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.square(queries - mean).mean()))
    if not np.isfinite(spread) or spread <= 0:
        return np.asarray(mean, dtype=np.float32)
    grid = 2.0 ** np.floor(np.log2(spread))
    return np.asarray(np.round(mean / grid) * grid, dtype=np.float32)


def _widened(rows: np.ndarray, *, asking: bool) -> np.ndarray:
    """Rows (r, d) with two more columns, (r, d + 2), so that one product gives squared distances.

    (p, |p|^2, 1) of the pool times (-2 q, 1, |q|^2) of a query is |p|^2 - 2 p q + |q|^2.
    """
    wide = np.empty((len(rows), rows.shape[1] + 2), np.float32)
    np.multiply(rows, np.float32(-2.0 if asking else 1.0), out=wide[:, :-2])
    lengths, ones = (-1, -2) if asking else (-2, -1)
    np.einsum("rd,rd->r", rows, rows, out=wide[:, lengths])
    wide[:, ones] = 1.0
    return wide


def _first(k: int, owner: np.ndarray, column: np.ndarray, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k smallest gaps of every owner, in order of owner, then gap, then column."""
    order = np.lexsort((column, gap, owner))
    owner, column, gap = owner[order], column[order], gap[order]
    counts = np.bincount(owner)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = rank < k
    return owner[kept], column[kept], gap[kept]


def _distances(left: np.ndarray, rows: np.ndarray, right: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of pairs of rows: (p,) float32, from the differences."""
    found, width = np.empty(len(rows), np.float32), max(1, _PAIRS // left.shape[1])
    for start in range(0, len(rows), width):
        part = slice(start, start + width)
        gap = np.asarray(left[rows[part]], np.float32) - np.asarray(right[others[part]], np.float32)
        found[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap, dtype=np.float64))
    return found


def _require_same_space(pool: np.ndarray, reference: np.ndarray) -> None:
    if not len(pool) or not len(reference):
        raise ShapeError(f"the pool has {len(pool)} items and the reference set {len(reference)}; both need some")
    if pool.ndim != 2 or reference.ndim != 2 or pool.shape[1] != reference.shape[1]:
        raise ShapeError(
            f"the pool's vectors have shape {pool.shape}, those of the reference set {reference.shape}; embed both by "
            "the same embedder"
        )
