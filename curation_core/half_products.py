"""The nearest centroid by products in bfloat16 on the processor, through torch; the answer is the float32 one.

Products give the lower end of every score (see `half_rows`), rounded once more, to bfloat16. The centroid of the lowest
one is scored in float32; a centroid whose lower end lies above that score cannot be nearer. Few are left; they are
scored in float32 too. Rounding keeps the order, so lower ends and limits are compared as bfloat16, in fact as the whole
numbers of their bits, which numpy does 32 at a time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core import settling
from curation_core.half_rows import HalfRows, HalfTable

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any

_ROWS, _COLUMNS = 512, 4096  # of one product: what it writes (4 MB) stays in the cache; fewer columns, more rows
_MOST_ROWS = 4096
_FEWEST = 16  # rows of a product: below, torch takes another path, which is slower and sums otherwise
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
        half, left, scratch = self._plain, 0, _Scratch.of(n, len(self.table))
        for start in range(0, n, scratch.n_rows):
            part = slice(start, min(start + scratch.n_rows, n))
            index = np.arange(part.start, part.stop) if rows is None else rows[part]
            best = settling.Best(x, index, self.table, self.scores_of)
            block = x[part, :-1] if rows is None else x[index, :-1]
            left += self._look(best, block, half, None if bar is None else bar[part], scratch)
            labels[part], scores[part] = best.labels, best.scores
            if start == 0 and left > _GROUPED * len(index) and len(self.table) > _COLUMNS // 16:
                half = self._by_groups
        return labels, scores

    def _look(
        self,
        best: settling.Best,
        block: np.ndarray,
        ready: tuple[HalfTable, Tensor],
        bar: np.ndarray | None,
        scratch: "_Scratch",
    ) -> int:
        """Find the best of a block (m, d) of points; returns how many centroids bfloat16 left open."""
        import torch

        half, folded = ready
        rows = half.rows(torch.from_numpy(block))
        wide, place, n_left = _at_least(rows.folded()), np.arange(len(block)), 0
        limit = _bits(half, rows, np.full(len(block), np.inf) if bar is None else bar)
        for first in range(0, len(folded), _COLUMNS):
            part = folded[first : first + _COLUMNS]
            out, near = scratch.shaped(len(wide), len(part))
            low = torch.mm(wide, part.t(), out=out).view(torch.int16).numpy()[: len(block)]
            lowest = low.argmin(axis=1)
            hopeful = np.flatnonzero(low[place, lowest] <= limit)
            best.weigh(hopeful, first + lowest[hopeful])
            reach = best.scores if bar is None else np.minimum(best.scores, bar)
            limit = _bits(half, rows, reach)
            near = np.less_equal(low, limit[:, None], out=near[: len(block)])
            near[place, lowest] = False
            n_left += self._settle(best, near, first)
        return n_left

    def _settle(self, best: settling.Best, near: np.ndarray, first: int) -> int:
        """Weigh the centroids that are near (m, c); where they are many, a float32 product thins them out."""
        found = np.flatnonzero(near)
        if len(found) > _MANY * len(near):
            crowded = np.flatnonzero(near.sum(axis=1) > _MANY)
            some = best.rows[crowded]
            labels, scores = settling.lowest(best.x, self.table[first : first + near.shape[1]], some, self.scores_of)
            best.take(crowded, (first + labels).astype(np.int32), scores)
            near[crowded] = False
            left, found = len(found), np.flatnonzero(near)
        else:
            left = len(found)
        place, label = np.divmod(found, near.shape[1])
        best.weigh(place, first + label)
        return left


@dataclass(frozen=True)
class _Scratch:
    """Room for the lower ends of a block of points and for which of them are near."""

    n_rows: int
    low: Tensor
    near: np.ndarray

    @classmethod
    def of(cls, n: int, k: int) -> "_Scratch":
        import torch

        n_columns = min(_COLUMNS, k)
        n_rows = min(_MOST_ROWS, _ROWS * _COLUMNS // n_columns)
        size = max(_FEWEST, min(n, n_rows)) * n_columns
        return cls(n_rows, torch.empty(size, dtype=torch.bfloat16), np.empty(size, dtype=bool))

    def shaped(self, n_rows: int, n_columns: int) -> tuple[Tensor, np.ndarray]:
        size = n_rows * n_columns
        return self.low[:size].view(n_rows, n_columns), self.near[:size].reshape(n_rows, n_columns)


def _ready(table: np.ndarray, *, grouped: bool) -> tuple[HalfTable, Tensor]:
    half = HalfTable.of(table, grouped=grouped)
    return half, half.folded()


def _at_least(rows: Tensor) -> Tensor:
    """Rows (m, w) with zeros below them where they are too few for a matrix product."""
    import torch

    lack = _FEWEST - len(rows)
    return rows if lack <= 0 else torch.cat([rows, rows.new_zeros((lack, rows.shape[1]))])


def _bits(half: HalfTable, rows: HalfRows, score: np.ndarray) -> np.ndarray:
    """Limits as the whole numbers of their bits as bfloat16, in order from 0 up: (m,) int16. Below 0 all are 0."""
    import torch

    limit = half.limit(rows, torch.from_numpy(score).double()).clamp(min=1e-30)
    bits: np.ndarray = limit.float().bfloat16().view(torch.int16).numpy()
    return bits
