"""Rows rounded to bfloat16, with what the rounding may have cost: the lower end of every score by one product.

A score is s = x.t + b, for a centroid c = -t. Centroids belong to groups with means m_g (one group with mean 0 unless
asked otherwise) and only e = c - m_g is rounded, so that where centroids crowd the margin is that of their distances
from each other, not from the origin: s = (|m_g|^2 / 2 - x.m_g) - x.e + (b - |m_g|^2 / 2). With x^ and e^ the rounded
rows, |x.e - x^.e^| <= |x - x^| |e| + |x^| |e - e^| (Cauchy and Schwarz). To it are added the sums in float32, 2^-22 a
term (four times what rounding to nearest asks for: matrix units truncate), and those of the float32 score itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any

WIDEST = 4096  # columns: up to here the factors below cover the sums of lengths
N_GROUPS = 32
_UP, _DOWN = (
    1 + 2.0**-7,
    1 - 2.0**-6,
)  # more than rounding to bfloat16, 2^-8, and the sums of the columns below take back
_SUM = 2.0**-22  # a term of a float32 sum on any device
_CHAIN = 2.0**-24  # a term of the float32 score
_FLUSHED = 1e-30  # more than all products that are too small for a normal number
_LARGEST = 1e15  # entries of a table: squares of larger ones leave float32
_PARTS = 3  # numbers of 8 bits that make one of 24
_ROWS = 1024  # of a table rounded at once


@dataclass(frozen=True)
class HalfRows:
    """Points: half (m, d + groups) bfloat16; loss and length, (m,) float32, at least |x - x^| and |x|.

    shift: (m,) float64, of all scores of the row: it brings the lowest close to 0, where bfloat16 is fine. origin:
    (m,) float64, the part of it that no product holds.
    """

    half: Tensor
    loss: Tensor
    length: Tensor
    shift: Tensor
    origin: Tensor

    def folded(self) -> Tensor:
        """All as columns of one matrix: times those of the table, the lower ends of score + shift."""
        import torch

        ones = torch.ones((len(self.half), _PARTS), dtype=torch.bfloat16, device=self.half.device)
        sides = torch.stack([self.loss, self.length], dim=1) * _UP
        return torch.cat([self.half, sides.bfloat16(), ones, split(self.origin)], dim=1)


@dataclass(frozen=True)
class HalfTable:
    """Centroids: half (k, d + groups) bfloat16; norm, slack (k,) float32; bias (k,) float64 less its share of margin.

    The margin of centroid j at point i is loss_i norm_j + length_i slack_j. means: (g, d) float32; radius: (g,)
    float32, how far the farthest centroid of the group lies.
    """

    half: Tensor
    norm: Tensor
    slack: Tensor
    bias: Tensor
    means: Tensor
    radius: Tensor

    @classmethod
    def of(cls, table: np.ndarray, device: str = "cpu", *, grouped: bool = False) -> "HalfTable":
        """Of a (k, d + 1) float32 table, see `Points.table`. grouped: subtract the means of a few groups first."""
        import torch

        k, dim = len(table), table.shape[1] - 1
        group, means = _groups(table) if grouped else (np.zeros(k, np.int64), np.zeros((1, dim), np.float32))
        parts = [_rounded(table[s : s + _ROWS], group[s : s + _ROWS], means) for s in range(0, k, _ROWS)]
        half, norm, slack, bias = (torch.cat(part) for part in zip(*parts, strict=True))
        radius = np.zeros(len(means), np.float32)
        np.maximum.at(radius, group, norm.numpy())
        if grouped:  # a column a group: 1 for its own centroids
            half = torch.cat([half, torch.from_numpy(np.eye(len(means))[group]).bfloat16()], dim=1)
        arrays = (half, norm, slack, bias, torch.from_numpy(means), torch.from_numpy(radius))
        return cls(*(array.to(device) for array in arrays))

    def folded(self) -> Tensor:
        """All as columns of one matrix (k, d + groups + 8), see `HalfRows.folded`."""
        import torch

        ones = torch.ones((len(self.half), _PARTS), dtype=torch.bfloat16, device=self.half.device)
        sides = torch.stack([self.norm, self.slack], dim=1) * -_UP
        return torch.cat([self.half, sides.bfloat16(), split(self.bias), ones], dim=1)

    def rows(self, x: Tensor) -> HalfRows:
        """Round points (m, d) float32 that lie where the table lies."""
        import torch

        half = x.bfloat16()
        loss, length = (torch.linalg.vector_norm(one, dim=1) for one in (x - half.float(), x))
        gain = torch.addmm((self.means**2).sum(dim=1) / 2, x, self.means.T, alpha=-1)  # (m, g)
        base = gain.min(dim=1).values
        square = length**2 / 2
        distance = (2 * (square[:, None] + gain)).clamp(min=0).sqrt()
        nearest = (distance - self.radius).clamp(min=0).min(dim=1).values ** 2 / 2
        if len(self.means) > 1:
            half = torch.cat([half, ((gain - base[:, None]) * _DOWN).bfloat16()], dim=1)
        origin = split((square + base - nearest).double()).double().sum(dim=1)
        return HalfRows(half, loss, length, origin - base, origin)

    def room(self, rows: HalfRows) -> Tensor:
        """What a score, plus this, may be at most where the lower end of its sum with the shift is: (m,) float64."""
        terms, farthest = self.half.shape[1] + 16, float((self.means**2).sum(dim=1).max().sqrt())
        sums = rows.origin.abs() + farthest * (rows.length.double() + farthest)  # what was added in float32 for the row
        return rows.shift + terms * _SUM * sums + 1e-9 * rows.shift.abs()


def fits(table: np.ndarray) -> bool:
    """Whether the margins hold for a table: not too wide, no entry beyond what squares can hold."""
    return table.shape[1] <= WIDEST and bool(np.abs(table).max() < _LARGEST)  # not so for NaN either


def split(values: Tensor) -> Tensor:
    """Float64 numbers (m,) as sums of three bfloat16 each, within 2^-24: (m, 3)."""
    import torch

    parts = []
    for _ in range(_PARTS):
        parts.append(values.bfloat16())
        values = values - parts[-1].double()
    return torch.stack(parts, dim=1)


def _rounded(table: np.ndarray, group: np.ndarray, means: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Half, norm, slack and bias of some centroids."""
    import torch

    rows = torch.from_numpy(table[:, :-1].astype(np.float64) + means[group])  # -(c - m)
    half = rows.float().bfloat16()
    lost, norm, length = (
        torch.linalg.vector_norm(one, dim=1)
        for one in (rows - half.double(), rows, torch.from_numpy(table[:, :-1]).double())
    )
    terms, dim = table.shape[1] + N_GROUPS + 16, table.shape[1]
    slack = 1.01 * (lost + terms * _SUM * norm + (dim + 8) * _CHAIN * length)  # |x^| is at most 1.01 |x|
    given = torch.from_numpy(table[:, -1].astype(np.float64))
    bias = given - torch.from_numpy((means.astype(np.float64)[group] ** 2).sum(axis=1) / 2)
    fixed = terms * _SUM * bias.abs() + (dim + 8) * _CHAIN * given.abs() + _FLUSHED
    return half, norm.float(), slack.float(), bias - fixed


def _groups(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A few rounds of k-means on the centroids: group of each, (k,) int64, and means, (g, d) float32.

    Any groups give the same answer; good ones give it sooner.
    """
    centroids = -table[:, :-1]
    means = centroids[np.linspace(0, len(table) - 1, min(N_GROUPS, len(table))).astype(np.int64)]
    for _ in range(4):
        bias = np.einsum("ij,ij->i", means, means) / 2
        group = (bias - centroids @ means.T).argmin(axis=1)
        filled = np.unique(group)
        means = np.stack([centroids[group == one].mean(axis=0) for one in filled])
        group = np.searchsorted(filled, group)
    return group, means
