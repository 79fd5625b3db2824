"""The nearest centroid by products in bfloat16 on a GPU; the answer is the float32 one, as that of the processor.

The device names, for every point, the centroid of the lowest lower end (see `half_rows`) and the others that float32
could still find nearer: those whose lower ends do not lie above the first one's score, which float64 gives. The
processor settles them. While it does, the device is at the next block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core import settling
from curation_core.half_rows import HalfRows, HalfTable

if TYPE_CHECKING:
    from torch import Tensor

    from curation_core.fused_products import FusedTable
else:
    Tensor = Any

_ROWS = 1 << 16  # points on the device at once, times two
_SCORES = 1 << 28  # lower ends written at once where they are (512 MB)
SLOTS = 48  # centroids listed for a point; where more are near, a float32 product on the processor thins them out


@dataclass(frozen=True)
class Open:
    """What a block of m points leaves to be settled: its first centroids, and pairs of a place and another centroid.

    first: (m,) int64. place, label: (p,) int64. crowded: (c,) int64, places with more than SLOTS centroids.
    """

    first: Tensor
    place: Tensor
    label: Tensor
    crowded: Tensor


@dataclass(frozen=True)
class DeviceSearch:
    """A table (k, d + 1) float32 kept on a device. scores_of: the chain that settles. fused: by kernels in Triton."""

    table: np.ndarray
    scores_of: settling.Scores
    device: str = "cuda"
    fused: bool = False

    @cached_property
    def _ready(self) -> "Screen":
        return Screen.of(self.table, self.device, fused=self.fused)

    def lowest(
        self, x: np.ndarray, rows: np.ndarray | None = None, bar: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `kernels.Search.lowest`."""
        index = np.arange(len(x)) if rows is None else rows
        best = settling.Best(x, index, self.table, self.scores_of)
        for start, found in self._looks(x, index, bar):
            best.weigh(start + np.arange(len(found.first)), _host(found.first))
            best.weigh(start + _host(found.place), _host(found.label))
            crowded = start + _host(found.crowded)
            if len(crowded):
                labels, scores = settling.lowest(x, self.table, index[crowded], self.scores_of)
                best.take(crowded, labels, scores)
        return best.labels, best.scores

    def _looks(self, x: np.ndarray, index: np.ndarray, bar: np.ndarray | None) -> Iterator[tuple[int, Open]]:
        """What the device finds, block by block; one block ahead of what is taken."""
        ready, ahead = self._ready, None
        for start in range(0, len(index), _ROWS):
            part = slice(start, start + _ROWS)
            points = self._sent(x[index[part], :-1])
            reach = None if bar is None else self._sent(bar[part].astype(np.float64))
            begun = ready.begin(points, reach)
            if ahead is not None:
                yield ahead[0], ready.finish(ahead[1])
            ahead = start, begun
        if ahead is not None:
            yield ahead[0], ready.finish(ahead[1])

    def _sent(self, array: np.ndarray) -> Tensor:
        """An array on the device; from pinned memory the copy does not wait for the work before it."""
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor if self.device == "cpu" else tensor.pin_memory().to(self.device, non_blocking=True)


@dataclass(frozen=True)
class Begun:
    """A block at which the device is: first (m,) int64 and score (m,) float64, which others must be able to reach.

    seconds: (m,) float32 second lowest lower ends, where the fused kernel found them.
    """

    rows: HalfRows
    first: Tensor
    score: Tensor
    seconds: Tensor | None


@dataclass(frozen=True)
class Screen:
    """A table on a device: as rounded, and exact in float32 with its bias apart."""

    half: HalfTable
    exact: Tensor
    bias: Tensor
    lengths: Tensor
    fused: bool

    @classmethod
    def of(cls, table: np.ndarray, device: str, *, fused: bool) -> "Screen":
        """Send a table (k, d + 1) float32."""
        import torch

        exact = torch.from_numpy(np.ascontiguousarray(table[:, :-1])).to(device)
        bias = torch.from_numpy(np.ascontiguousarray(table[:, -1])).double().to(device)
        lengths = torch.linalg.vector_norm(exact, dim=1).double()
        return cls(HalfTable.of(table, device), exact, bias, lengths, fused)

    @cached_property
    def _folded(self) -> Tensor:
        return self.half.folded()

    @cached_property
    def _fused(self) -> "FusedTable":
        from curation_core.fused_products import FusedTable

        return FusedTable.of(self.half)

    def begin(self, points: Tensor, bar: Tensor | None) -> Begun:
        """Ask for the first centroids of points (m, d) float32, and how low the others' ends must be. Does not wait."""
        rows = self.half.rows(points)
        first, seconds = self._fused.two_lowest(rows) if self.fused else (self._lowest(rows), None)
        score = self._upper(points, rows, first)
        return Begun(rows, first, score if bar is None else score.minimum(bar), seconds)

    def finish(self, begun: Begun) -> Open:
        """Wait, and list the centroids that are near."""
        if begun.seconds is None:
            return Open(begun.first, *self._listed(begun.rows, begun.score))
        return Open(begun.first, *self._fused.near(begun.rows, begun.score, begun.seconds, SLOTS))

    def _upper(self, points: Tensor, rows: HalfRows, first: Tensor) -> Tensor:
        """At least what the chain gives for points and their first centroids: (m,) float64."""
        score = (points.double() * self.exact[first].double()).sum(dim=1) + self.bias[first]
        size = rows.length.double() * self.lengths[first] + self.bias[first].abs()
        return score + 1.01 * (points.shape[1] + 8) * 2.0**-24 * size + 1e-37

    def _lowest(self, rows: HalfRows) -> Tensor:
        import torch

        folded, width = rows.folded(), self._width()
        return torch.cat([self._product(folded[s : s + width]).argmin(1) for s in range(0, len(folded), width)])

    def _listed(self, rows: HalfRows, score: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs of a place and a centroid that is near, and places with too many of them."""
        import torch

        folded, width = rows.folded(), self._width()
        reach = (score + self.half.room(rows)).float().bfloat16()
        places, labels, crowded = [], [], []
        for start in range(0, len(folded), width):
            near = self._product(folded[start : start + width]) <= reach[start : start + width, None]
            many = near.sum(dim=1) > SLOTS
            near[many] = False
            place, label = near.nonzero(as_tuple=True)
            places.append(start + place)
            labels.append(label)
            crowded.append(start + many.nonzero()[:, 0])
        return torch.cat(places), torch.cat(labels), torch.cat(crowded)

    def _width(self) -> int:
        return max(16, _SCORES // len(self.exact))

    def _product(self, folded: Tensor) -> Tensor:
        """Lower ends, (b, k) bfloat16. Partial sums stay in float32: torch may else round them in between."""
        import torch

        settings = torch.backends.cuda.matmul
        before = settings.allow_bf16_reduced_precision_reduction
        settings.allow_bf16_reduced_precision_reduction = False
        try:
            return folded @ self._folded.T
        finally:
            settings.allow_bf16_reduced_precision_reduction = before


def _host(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy()
    return array
