"""Products in bfloat16 and what is sought in them in one pass, in Triton: the matrix of scores is never written.

A program takes a tile of points past all centroids, tile by tile, and keeps the lowest lower end with its centroid and
the second lowest in registers. A second kernel looks again at points that this leaves open and lists what is near.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

from curation_core.half_rows import HalfRows, HalfTable

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any

_FAR = tl.constexpr(3.0e38)
_STEP = 64  # columns of a step; rows and centroids are padded to it with zeros
_EMULATED = os.environ.get("TRITON_INTERPRET") == "1"  # on the processor, where bfloat16 is multiplied as float32


@triton.jit
def _lower_ends(points, table, bias, slope, length, row, first, n, k, width, TILE: tl.constexpr):
    """The lower ends of a tile of points and the tile of centroids from `first` on; _FAR beyond the last one."""
    ROWS: tl.constexpr = TILE[0]
    COLUMNS: tl.constexpr = TILE[1]
    STEP: tl.constexpr = TILE[2]
    column = first + tl.arange(0, COLUMNS)
    inner = tl.arange(0, STEP)
    a = points + row[:, None].to(tl.int64) * width + inner[None, :]
    b = table + column[None, :].to(tl.int64) * width + inner[:, None]
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for step in range(0, width, STEP):
        left = tl.load(a + step, mask=row[:, None] < n, other=0.0)
        right = tl.load(b + step, mask=column[None, :] < k, other=0.0)
        if TILE[3]:  # the interpreter multiplies the bits of bfloat16
            left = left.to(tl.float32)
            right = right.to(tl.float32)
        total = tl.dot(left, right, total)
    offset = tl.load(bias + column, mask=column < k, other=0.0)
    margin = tl.load(slope + column, mask=column < k, other=0.0)
    low = total + (offset[None, :] - length[:, None] * margin[None, :])
    return tl.where(column[None, :] < k, low, _FAR)


@triton.jit
def _two_lowest(
    points,
    table,
    bias,
    slope,
    lengths,
    label,
    second,
    n,
    k,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STEP: tl.constexpr,
    EMULATED: tl.constexpr,
):
    """Per point the centroid of the lowest lower end, the first at ties, and the second lowest lower end."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + row, mask=row < n, other=0.0)
    best = tl.full((ROWS,), _FAR, tl.float32)
    after = tl.full((ROWS,), _FAR, tl.float32)
    best_label = tl.zeros((ROWS,), dtype=tl.int32)
    inner = tl.arange(0, COLUMNS)[None, :]
    for first in range(0, k, COLUMNS):
        low = _lower_ends(points, table, bias, slope, length, row, first, n, k, width, (ROWS, COLUMNS, STEP, EMULATED))
        here = tl.min(low, axis=1)
        place = tl.min(tl.where(low == here[:, None], inner, COLUMNS), axis=1)
        there = tl.min(tl.where(inner == place[:, None], _FAR, low), axis=1)
        after = tl.minimum(tl.maximum(best, here), tl.minimum(after, there))
        best_label = tl.where(here < best, first + place, best_label)
        best = tl.minimum(best, here)
    tl.store(label + row, best_label, mask=row < n)
    tl.store(second + row, after, mask=row < n)


@triton.jit
def _near(
    points,
    table,
    bias,
    slope,
    lengths,
    limits,
    count,
    found,
    n,
    k,
    width,
    SLOTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STEP: tl.constexpr,
    EMULATED: tl.constexpr,
):
    """Per point how many lower ends do not lie above its limit, and the first SLOTS of their centroids."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + row, mask=row < n, other=0.0)
    limit = tl.load(limits + row, mask=row < n, other=0.0)
    seen = tl.zeros((ROWS,), dtype=tl.int32)
    for first in range(0, k, COLUMNS):
        low = _lower_ends(points, table, bias, slope, length, row, first, n, k, width, (ROWS, COLUMNS, STEP, EMULATED))
        column = first + tl.arange(0, COLUMNS)
        near = (low <= limit[:, None]) & (column[None, :] < k) & (row[:, None] < n)
        one = near.to(tl.int32)
        slot = seen[:, None] + tl.cumsum(one, axis=1) - one
        place = found + row[:, None].to(tl.int64) * SLOTS + slot
        tl.store(place, column[None, :] + tl.zeros((ROWS, 1), tl.int32), mask=near & (slot < SLOTS))
        seen += tl.sum(one, axis=1)
    tl.store(count + row, seen, mask=row < n)


def _shape(rows: int, columns: int, warps: int, stages: int) -> Any:
    shape = {"ROWS": rows, "COLUMNS": columns, "STEP": _STEP, "EMULATED": False}
    return triton.Config(shape, num_warps=warps, num_stages=stages)


CONFIGS = [_shape(128, 128, 8, 3), _shape(128, 128, 8, 4), _shape(64, 256, 8, 3), _shape(64, 128, 4, 3)]
_tuned = _two_lowest if _EMULATED else triton.autotune(CONFIGS, key=["width"])(_two_lowest)
_SMALL = {"ROWS": 128, "COLUMNS": 64, "STEP": _STEP, "EMULATED": True} if _EMULATED else {}
_LISTING = _SMALL or {"ROWS": 64, "COLUMNS": 64, "STEP": _STEP, "EMULATED": False, "num_warps": 4, "num_stages": 3}


@dataclass(frozen=True)
class FusedTable:
    """A rounded table as the kernels want it: rows (k, w) bfloat16 with w a multiple of the step; bias (k,) float32."""

    half: HalfTable
    rows: Tensor
    bias: Tensor

    @classmethod
    def of(cls, half: HalfTable) -> "FusedTable":
        """Pad a table."""
        return cls(half, _padded(half.half), half.bias.float())

    def two_lowest(self, rows: HalfRows) -> tuple[Tensor, Tensor]:
        """Centroid of the lowest lower end, (m,) int64, and the second lowest lower end, (m,) float32."""
        import torch

        label = torch.empty(len(rows.half), dtype=torch.int32, device=rows.half.device)
        second = torch.empty(len(rows.half), dtype=torch.float32, device=rows.half.device)
        points, slope = _padded(rows.half), self._slope(rows)
        shape = len(points), len(self.rows), self.rows.shape[1]
        _tuned[_grid](points, self.rows, self.bias, slope, rows.length, label, second, *shape, **_SMALL)
        return label.long(), second

    def near(self, rows: HalfRows, score: Tensor, seconds: Tensor, slots: int) -> tuple[Tensor, Tensor, Tensor]:
        """Places and centroids that are near, (p,) int64, and places, (c,) int64, with more than `slots` of them.

        score: (m,) float64 that a centroid must be able to reach.
        """
        import torch

        limit = (score + self.half.room(rows) - rows.origin).float()
        undecided = (seconds <= limit).nonzero()[:, 0]
        count = torch.empty(len(undecided), dtype=torch.int32, device=limit.device)
        found = torch.empty((len(undecided), slots), dtype=torch.int32, device=limit.device)
        if len(undecided):
            points, length = _padded(rows.half[undecided]), rows.length[undecided]
            shape = len(points), len(self.rows), self.rows.shape[1]
            given = self.rows, self.bias, self._slope(rows), length, limit[undecided]
            _near[_grid](points, *given, count, found, *shape, SLOTS=slots, **_LISTING)
        held = torch.where(count > slots, 0, count)
        place, slot = (torch.arange(slots, device=limit.device) < held[:, None]).nonzero(as_tuple=True)
        return undecided[place], found[place, slot].long(), undecided[count > slots]

    def _slope(self, rows: HalfRows) -> Tensor:
        """The margin of a centroid for each unit of a point's length: (k,) float32."""
        share = (rows.loss / rows.length.clamp(min=1e-30)).max() * (1 + 2.0**-7)
        return self.half.norm * share + self.half.slack * (1 + 2.0**-10)


def _grid(shape: dict[str, int]) -> tuple[int]:
    return (triton.cdiv(shape["n"], shape["ROWS"]),)


def _padded(half: Tensor) -> Tensor:
    import torch

    return torch.nn.functional.pad(half, (0, -half.shape[1] % _STEP)).contiguous()
