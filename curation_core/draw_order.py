"""The random orders that every draw from a tree follows, fixed by the seed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_core.hierarchy import Hierarchy
from curation_core.sorting import lexsort

_NUMBERS = 1 << 20  # random numbers drawn at once


@dataclass(frozen=True)
class DrawOrder:
    """What a draw needs of a tree and a seed, whatever is decided and however much is drawn: made once, used often."""

    hierarchy: Hierarchy
    seed: int

    @cached_property
    def priority(self) -> np.ndarray:
        """A random order of the items, see `item_priority`."""
        return item_priority(self.hierarchy.n_items, self.seed)

    @cached_property
    def ties(self) -> tuple[np.ndarray, ...]:
        """Which cluster gets the remainder first, per level: (k_l,) float64, lowest first.

        A random number of each cluster's first item by priority, so that it does not depend on the cluster's number;
        infinite where a cluster has no item.
        """
        n, tree = self.hierarchy.n_items, self.hierarchy
        sizes = tree.sizes(1)
        found, first = [], _firsts(self.by_chance, sizes, np.cumsum(sizes) - sizes)
        for number in range(1, tree.n_levels + 1):
            if number > 1:
                parent = tree.parents(number - 1)
                rank = np.where(first >= 0, self.priority[first], n)
                count = np.bincount(parent, minlength=tree.n_clusters[number - 1])
                first = _firsts(first[lexsort((rank, parent))], count, np.cumsum(count) - count)
            found.append(_random_numbers([self.seed, number], first, n))
        return tuple(found)

    @cached_property
    def by_chance(self) -> np.ndarray:
        """Items leaf by leaf, in a leaf by priority: (n,) int32, int64 from 2^31 items on."""
        return lexsort((self.priority, self.hierarchy.levels[0].assignment))

    @cached_property
    def by_distance(self) -> np.ndarray:
        """Items leaf by leaf, in a leaf the nearest to its centroid first, equals by priority: as `by_chance`."""
        level = self.hierarchy.levels[0]
        return lexsort((self.priority, level.distance, level.assignment))


def item_priority(n: int, seed: int) -> np.ndarray:
    """A random order of n items fixed by the seed: (n,) ranks, lowest first; int32, int64 from 2^31 items on."""
    rank = np.arange(n, dtype=np.int32 if n <= 1 << 31 else np.int64)
    np.random.default_rng([seed, 0]).shuffle(rank)
    return rank


def _firsts(rows: np.ndarray, count: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The first row of each group, -1 of an empty one: (k,) int64. rows: (n,) group by group."""
    found = np.full(len(count), -1, dtype=np.int64)
    found[count > 0] = rows[start[count > 0]]
    return found


def _random_numbers(stream: list[int], rows: np.ndarray, n: int) -> np.ndarray:
    """The numbers that some of n rows have in a random stream: (k,) float64; infinite for row -1."""
    rng, found = np.random.default_rng(stream), np.full(len(rows), np.inf)
    wanted = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[wanted], np.arange(0, n + _NUMBERS, _NUMBERS))
    for start, first, last in zip(range(0, n, _NUMBERS), ends[:-1], ends[1:], strict=False):
        numbers, mine = rng.random(min(_NUMBERS, n - start)), wanted[first:last]
        found[mine] = numbers[rows[mine] - start]
    return found
