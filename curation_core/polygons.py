"""Which points lie in an outline, by the even-odd rule: exact, in a time that hardly grows with the vertices.

The outline is laid on a raster over its own bounding box. All points of a cell that the outline does not come near are
inside or outside together, as the cell's centre is; only the few points near the outline are tested one by one.
"""

from collections.abc import Iterable

import numpy as np

from curation_core.errors import ShapeError
from curation_core.selection import Area

GRID = 1024  # cells a side; a megabyte of raster stays in the cache of one core
_LARGEST = 1e30  # coordinates; beyond, products of them are no numbers any more
_BLOCK = 1 << 15  # points looked at together
_FEW = 4_096  # points; fewer are tested one by one without a raster


def in_polygon(xy: np.ndarray, polygon: np.ndarray, grid: int = GRID) -> np.ndarray:
    """Points (n, 2) in a polygon (v, 2), closed by itself: (n,) bool; a point that is not finite is outside.

    Raises ShapeError for a polygon of another shape or with coordinates that are no finite numbers.
    """
    outline = _checked(polygon)
    found = np.zeros(len(xy), dtype=bool)
    if len(outline) < 3:
        return found
    low, high = outline.min(axis=0), outline.max(axis=0)
    if (low == high).any():
        return found
    with np.errstate(over="ignore"):
        scale = grid / (high - low)
    raster = _Raster.of(outline, low, scale, grid) if len(xy) > _FEW and np.isfinite(scale).all() else None
    near = []
    for start in range(0, len(xy), _BLOCK):
        block = xy[start : start + _BLOCK].astype(np.float64)
        x, y = np.ascontiguousarray(block[:, 0]), np.ascontiguousarray(block[:, 1])
        boxed = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
        if raster is None:
            near.append(boxed + start)
            continue
        state = raster.states(x[boxed], y[boxed])
        found[start + boxed] = state == _INSIDE
        near.append(boxed[state == _NEAR] + start)
    rows = np.concatenate(near) if near else np.zeros(0, dtype=np.int64)
    found[rows] = _exact(xy[rows].astype(np.float64), outline)
    return found


def in_areas(xy: np.ndarray, areas: Iterable[Area]) -> np.ndarray:
    """Points (n, 2) in areas that are added and taken out in their order: (n,) bool."""
    found = np.zeros(len(xy), dtype=bool)
    for area in areas:
        if not area.adds and not found.any():
            continue
        within = in_polygon(xy, np.asarray(area.polygon, dtype=np.float64).reshape(-1, 2))
        found = found | within if area.adds else found & ~within
    return found


_OUTSIDE, _INSIDE, _NEAR = 0, 1, 2


class _Raster:
    """What is known of every cell of a polygon's bounding box: outside, inside, or near the outline."""

    def __init__(self, cells: np.ndarray, low: np.ndarray, scale: np.ndarray) -> None:
        self._cells, self._low, self._scale = cells.ravel(), low, scale
        self._grid = len(cells)

    @classmethod
    def of(cls, outline: np.ndarray, low: np.ndarray, scale: np.ndarray, grid: int) -> "_Raster":
        ends = (outline - low) * scale
        cells = _filled(ends, grid)
        cells[_touched(ends, grid)] = _NEAR
        return cls(cells, low, scale)

    def states(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The state of the cell of every point in the box: (m,) uint8."""
        columns = ((x - self._low[0]) * self._scale[0]).astype(np.int32)
        rows = ((y - self._low[1]) * self._scale[1]).astype(np.int32)
        np.minimum(columns, self._grid - 1, out=columns)
        np.minimum(rows, self._grid - 1, out=rows)
        found: np.ndarray = self._cells[rows * np.int32(self._grid) + columns]
        return found


def _filled(ends: np.ndarray, grid: int) -> np.ndarray:
    """Cells whose centre is inside: (grid, grid) uint8, rows are y. Each edge turns over all cells above it."""
    first, last = ends, np.roll(ends, -1, axis=0)
    swap = first[:, 0] > last[:, 0]
    left, right = np.where(swap[:, None], last, first), np.where(swap[:, None], first, last)
    start = np.ceil(left[:, 0] - 0.5).astype(np.int64).clip(0, grid)  # columns with left.x <= centre < right.x
    stop = np.ceil(right[:, 0] - 0.5).astype(np.int64).clip(0, grid)
    edges, columns = _ranges(start, stop)
    width = (right[:, 0] - left[:, 0])[edges]
    share = (columns + 0.5 - left[edges, 0]) / width
    height = left[edges, 1] + share * (right[edges, 1] - left[edges, 1])
    rows = np.ceil(height - 0.5).astype(np.int64).clip(0, grid)
    turned = np.bincount(rows * grid + columns, minlength=(grid + 1) * grid)[: grid * grid]
    cells = (turned & 1).astype(np.uint8).reshape(grid, grid)
    for row in range(1, grid):  # a running exclusive or, a whole row at a time
        np.bitwise_xor(cells[row], cells[row - 1], out=cells[row])
    return cells


def _touched(ends: np.ndarray, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Every cell the outline passes through, and all cells beside those: (rows, columns)."""
    step = np.roll(ends, -1, axis=0) - ends
    n_steps = np.ceil(2 * np.abs(step).max(axis=1)).astype(np.int64) + 1  # at most half a cell apart
    edges, numbers = _ranges(np.zeros(len(ends), dtype=np.int64), n_steps)
    places = ends[edges] + step[edges] * (numbers / n_steps[edges])[:, None]
    columns, rows = places.astype(np.int64).clip(0, grid - 1).T
    cells = np.unique(rows * grid + columns)
    rows, columns = np.divmod(cells, grid)
    around = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    near = (np.stack([rows, columns])[:, :, None] + around.T[:, None, :]).clip(0, grid - 1)
    return near[0].ravel(), near[1].ravel()


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers from start to stop of every range, one after the other: (which range, number)."""
    lengths = np.maximum(stop - start, 0)
    which = np.repeat(np.arange(len(start)), lengths)
    before = np.cumsum(lengths) - lengths
    return which, np.arange(len(which)) - before[which] + start[which]


def _exact(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The even-odd rule for every point: each edge looks only at the points in its span of y. (m,) bool."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order].T
    odd = np.zeros(len(points), dtype=bool)
    low, high = np.minimum(outline, np.roll(outline, -1, axis=0)), np.maximum(outline, np.roll(outline, -1, axis=0))
    # an edge counts for min(y1, y2) <= y < max(y1, y2)
    starts, stops = np.searchsorted(y, low[:, 1], "left"), np.searchsorted(y, high[:, 1], "left")
    for number in np.flatnonzero(starts < stops):
        span = slice(starts[number], stops[number])
        (x1, y1), (x2, y2) = outline[number], outline[(number + 1) % len(outline)]
        odd[span] ^= x[span] < (x2 - x1) * (y[span] - y1) / (y2 - y1) + x1
    found = np.empty(len(points), dtype=bool)
    found[order] = odd
    return found


def _checked(polygon: np.ndarray) -> np.ndarray:
    outline = np.asarray(polygon, dtype=np.float64)
    if outline.ndim != 2 or outline.shape[1] != 2:
        raise ShapeError(f"a polygon has shape {outline.shape}; expected (vertices, 2)")
    if not (np.abs(outline) <= _LARGEST).all():
        raise ShapeError(f"a polygon has coordinates that are not finite or above {_LARGEST:g}; draw it again")
    return outline
