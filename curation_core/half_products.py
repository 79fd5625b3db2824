"""The nearest centroid by products in bfloat16 on the processor, through torch; the answer is the float32 one.

Products give the lower end of every score (see `half_rows`), rounded once more, to bfloat16. The centroid of the lowest
one is scored in float32; a centroid whose lower end lies above that score cannot be nearer. Few are left; they are
scored in float32 too. Rounding keeps the order, so lower ends and limits are compared as bfloat16, in fact as the whole
numbers of their bits, which numpy does 32 at a time.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core import settling
from curation_core.half_rows import HalfTable

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any

_ROWS, _COLUMNS = 1024, 4096  # of one product, which writes 8 MB; with fewer columns more rows
_MOST_ROWS = 4096
_FIRST = 256  # points that show whether centroids crowd
_FEWEST = 16  # rows of a product: below, torch takes another path, which is slower and sums otherwise
_WEIGHED = np.iinfo(np.int16).max  # above all numbers
_MANY = 32  # centroids a row that are left: more are narrowed down by a float32 product
_GROUPED = 2.0  # centroids a row that are left: with more, subtracting the means of groups pays


@dataclass(frozen=True)
class HalfSearch:
    """A table (k, d + 1) float32 made ready. scores_of: the chain that settles."""

    table: np.ndarray
    scores_of: settling.Scores

    @cached_property
    def _plain(self) -> tuple[HalfTable, Tensor]:
        return _ready(self.table, grouped=False)

    @cached_property
    def _by_groups(self) -> tuple[HalfTable, Tensor]:
        return _ready(self.table, grouped=True)

    def lowest(
        self, x: np.ndarray, rows: np.ndarray | None = None, bar: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `kernels.Search.lowest`; in one thread or more, the same bytes."""
        n = len(x) if rows is None else len(rows)
        labels, scores = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.float32)
        half, left, (width, scratch) = self._plain, 0, _scratch(n, len(self.table))
        for start, stop in pairwise([0, *range(min(n, _FIRST), n, width), n]):
            part = slice(start, stop)
            index = np.arange(part.start, part.stop) if rows is None else rows[part]
            best = settling.Best(x, index, self.table, self.scores_of)
            block = x[part, :-1] if rows is None else x[index, :-1]
            left += self._look(best, block, half, None if bar is None else bar[part], scratch)
            labels[part], scores[part] = best.labels, best.scores
            if stop == _FIRST and left > _GROUPED * len(index) and len(self.table) > _COLUMNS // 16:
                half = self._by_groups
        return labels, scores

    def _look(
        self,
        best: settling.Best,
        block: np.ndarray,
        ready: tuple[HalfTable, Tensor],
        bar: np.ndarray | None,
        scratch: Tensor,
    ) -> int:
        """Find the best of a block (m, d) of points; returns how many centroids bfloat16 left open."""
        import torch

        half, folded = ready
        rows = half.rows(torch.from_numpy(block))
        wide, place, n_left = _at_least(rows.folded()), np.arange(len(block)), 0
        room = half.room(rows).numpy()
        limit = np.full(len(block), _WEIGHED - 1, np.int16) if bar is None else _bits(bar + room)
        for first in range(0, len(folded), _COLUMNS):
            part = folded[first : first + _COLUMNS]
            low = torch.mm(wide, part.t(), out=scratch[: len(wide) * len(part)].view(len(wide), len(part)))
            bits = low.view(torch.int16).numpy()[: len(block)]
            lowest = bits.argmin(axis=1)
            hopeful = np.flatnonzero(bits[place, lowest] <= limit)
            best.weigh(hopeful, first + lowest[hopeful])
            reach = best.scores if bar is None else np.minimum(best.scores, bar)
            limit = _bits(reach + room)
            bits[place, lowest] = _WEIGHED
            some = np.flatnonzero(bits.min(axis=1) <= limit)
            n_left += self._settle(best, some, bits[some] <= limit[some, None], first)
        return n_left

    def _settle(self, best: settling.Best, some: np.ndarray, near: np.ndarray, first: int) -> int:
        """Weigh the centroids near some places, (s, c); a float32 product thins them out where they are many."""
        found = np.flatnonzero(near)
        n_left = len(found)
        if n_left > _MANY * len(near):
            crowded = np.flatnonzero(near.sum(axis=1) > _MANY)
            part, rows = self.table[first : first + near.shape[1]], best.rows[some[crowded]]
            labels, scores = settling.lowest(best.x, part, rows, self.scores_of)
            best.take(some[crowded], (first + labels).astype(np.int32), scores)
            near[crowded] = False
            found = np.flatnonzero(near)
        place, label = np.divmod(found, near.shape[1])
        best.weigh(some[place], first + label)
        return n_left


@cache
def sums_in_float32() -> bool:
    """Whether torch adds up products of bfloat16 in float32 here: what the margins are made for."""
    import torch

    width = 2048
    rows = torch.full((_FEWEST, width), 2.0**-8, dtype=torch.bfloat16)
    rows[:, 0] = 1  # a sum that began with 1 and was kept in bfloat16 would never leave it
    sums = torch.mm(rows, torch.ones((32, width), dtype=torch.bfloat16).t())
    return bool(((sums.float() - (1 + (width - 1) * 2.0**-8)).abs() <= 2.0**-5).all())


def _scratch(n: int, k: int) -> tuple[int, Tensor]:
    """How many points make a block, and room for its lower ends."""
    import torch

    n_columns = min(_COLUMNS, k)
    width = min(_MOST_ROWS, _ROWS * _COLUMNS // n_columns)
    return width, torch.empty(max(_FIRST, min(n, width)) * n_columns, dtype=torch.bfloat16)


def _ready(table: np.ndarray, *, grouped: bool) -> tuple[HalfTable, Tensor]:
    half = HalfTable.of(table, grouped=grouped)
    return half, half.folded()


def _at_least(rows: Tensor) -> Tensor:
    """Rows (m, w) with zeros below them where they are too few for a matrix product."""
    import torch

    lack = _FEWEST - len(rows)
    return rows if lack <= 0 else torch.cat([rows, rows.new_zeros((lack, rows.shape[1]))])


def _bits(limit: np.ndarray) -> np.ndarray:
    """Limits, (m,) float64, as the whole numbers of their bits as bfloat16, in order from 0 up. Below 0 all are 0."""
    import torch

    bits: np.ndarray = torch.from_numpy(np.maximum(limit, 1e-30)).bfloat16().view(torch.int16).numpy()
    return bits
