"""How far two partitions of the same items agree: adjusted Rand index and adjusted mutual information.

Both are 1 for the same partition under other names and 0 on average for two that have nothing to do with each other.
Work and memory follow the pairs of clusters that share an item, never all pairs: a million items in ten thousand
clusters take about a second.
"""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError

_NOTHING = float(np.finfo(np.float64).eps)
_TAIL = (
    10.0,
    40.0,
)  # standard deviations and items beyond the mean of an overlap that are summed; the rest is below 1e-20


@dataclass(frozen=True)
class PartitionAgreement:
    """Two partitions of n items. clusters: those of each that hold an item."""

    n: int
    clusters: tuple[int, int]
    adjusted_rand: float
    adjusted_mutual_information: float


@dataclass(frozen=True)
class _Contingency:
    """Items shared by pairs of clusters that share any. a, b: (p,) positions in sizes; shared: (p,) int64, n in all."""

    a: np.ndarray
    b: np.ndarray
    shared: np.ndarray
    sizes: tuple[np.ndarray, np.ndarray]

    @property
    def n(self) -> int:
        return int(self.shared.sum())


def agreement(a: np.ndarray, b: np.ndarray) -> PartitionAgreement:
    """Compare two partitions. a, b: (n,) whole numbers, the cluster of every item; raises ShapeError unless as long.

    The mutual information is divided by the mean of the two entropies. Sources: Hubert and Arabie 1985; Vinh, Epps and
    Bailey 2010.
    """
    if len(a) != len(b):
        raise ShapeError(f"the partitions are of {len(a)} and {len(b)} items; compare them on the same items")
    table = _contingency(np.asarray(a), np.asarray(b))
    counts = len(table.sizes[0]), len(table.sizes[1])
    return PartitionAgreement(len(a), counts, _adjusted_rand(table), _adjusted_mutual_information(table))


def _contingency(a: np.ndarray, b: np.ndarray) -> _Contingency:
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    sizes = np.bincount(a), np.bincount(b)
    pairs, shared = np.unique(a.astype(np.int64) * max(1, len(sizes[1])) + b, return_counts=True)
    rows, columns = np.divmod(pairs, max(1, len(sizes[1])))
    return _Contingency(rows, columns, shared.astype(np.int64), sizes)


def _adjusted_rand(table: _Contingency) -> float:
    together = _pairs(table.shared)
    first, second = (_pairs(sizes) for sizes in table.sizes)
    everything = _pairs(np.array([table.n]))
    chance = first * second / everything if everything else 0.0
    most = (first + second) / 2
    return 1.0 if most == chance else float((together - chance) / (most - chance))


def _pairs(sizes: np.ndarray) -> float:
    """Pairs of items within clusters of these sizes."""
    counts = sizes.astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _adjusted_mutual_information(table: _Contingency) -> float:
    n, (first, second) = table.n, table.sizes
    if len(table.shared) == len(first) == len(second):
        return 1.0  # the same partition, also where chance gives nothing else: one cluster, or each item its own
    told = table.shared / n
    product = np.log(first[table.a].astype(np.float64)) + np.log(second[table.b].astype(np.float64))
    information = float((told * (np.log(table.shared * float(n)) - product)).sum())
    chance = _expected_information(first, second, n)
    mean_entropy = (_entropy(first, n) + _entropy(second, n)) / 2
    gap = mean_entropy - chance
    return float((information - chance) / (gap if abs(gap) > _NOTHING else np.copysign(_NOTHING, gap)))


def _entropy(sizes: np.ndarray, n: int) -> float:
    share = sizes / n
    return float(-(share * np.log(share)).sum())


def _expected_information(first: np.ndarray, second: np.ndarray, n: int) -> float:
    """Mutual information to expect of clusters of these sizes dealt at random, nats.

    Clusters of one size count together, and of each overlap only what is not next to impossible is summed.
    """
    from scipy.special import gammaln

    logs = gammaln(np.arange(n + 2, dtype=np.float64))  # logs[i + 1] = log(i!)
    sizes_a, times_a = np.unique(first, return_counts=True)
    sizes_b, times_b = np.unique(second, return_counts=True)
    expected = 0.0
    for size, times in zip(sizes_a.tolist(), times_a.tolist(), strict=True):
        expected += times * _expected_row(size, sizes_b, times_b, n, logs)
    return expected


def _expected_row(size: int, others: np.ndarray, times: np.ndarray, n: int, logs: np.ndarray) -> float:
    """The share of one cluster size against all sizes of the other partition: hypergeometric overlaps."""
    mean = size * others / n
    reach = _TAIL[0] * np.sqrt(mean) + _TAIL[1]
    low = np.maximum(np.maximum(1, size + others - n), np.floor(mean - reach)).astype(np.int64)
    high = np.minimum(np.minimum(size, others), np.ceil(mean + reach)).astype(np.int64)
    lengths = np.maximum(high - low + 1, 0)
    owner = np.repeat(np.arange(len(others)), lengths)
    shared = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + low[owner]
    other = others[owner]
    chance = (
        (logs[size + 1] + logs[n - size + 1] - logs[n + 1])
        + (logs[other + 1] + logs[n - other + 1])
        - (logs[shared + 1] + logs[size - shared + 1] + logs[other - shared + 1] + logs[n - size - other + shared + 1])
    )
    told = shared / n * np.log(shared * (n / size) / other)
    return float((times[owner] * told * np.exp(chance)).sum())
