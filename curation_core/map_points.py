"""The map as the browser draws it: points in an order in which every beginning is a fair sample, in two bytes a side.

The order is a random permutation; inside each chunk of it points follow a Morton curve, so that what is drawn together
lies together. Rows without a place (NaN or infinite) are left out and counted.
"""

from dataclasses import dataclass

import numpy as np

from curation_core.errors import ShapeError

CHUNK = 65_536  # points; the first paint, and the grain of a fair sample
SEED = 0
_TOP = 65_535  # the largest position


@dataclass(frozen=True)
class MapPoints:
    """m placed points of n rows.

    order: (m,) uint32, the row of every point. positions: (m, 2) uint16, x and y from 0 to 65,535 over the box. box:
    (x0, y0, x1, y1), a square in the map's units around all points. n: rows, placed or not. seed: of the permutation.
    """

    order: np.ndarray
    positions: np.ndarray
    box: tuple[float, float, float, float]
    n: int
    seed: int = SEED

    def __len__(self) -> int:
        return len(self.order)

    @property
    def n_unplaced(self) -> int:
        """Rows that have no place on the map."""
        return self.n - len(self.order)

    @classmethod
    def of(cls, xy: np.ndarray, seed: int = SEED) -> "MapPoints":
        """Order and quantise (n, 2) places; equal places and seed give equal bytes. Raises ShapeError."""
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise ShapeError(f"a map has shape {xy.shape}; expected (items, 2)")
        if len(xy) > np.iinfo(np.uint32).max:
            raise ShapeError(f"a map of {len(xy):,} items; at most {np.iinfo(np.uint32).max:,} fit into 4-byte rows")
        placed = _placed(xy)
        box = _square(xy, placed)
        order = placed[np.random.default_rng([seed, len(xy)]).permutation(len(placed)).astype(np.uint32)]
        positions = np.empty((len(order), 2), dtype=np.uint16)
        for start in range(0, len(order), CHUNK):
            part = slice(start, start + CHUNK)
            positions[part] = quantised(xy[order[part]], box)
            along = _along_morton(positions[part])
            order[part], positions[part] = order[part][along], positions[part][along]
        order.flags.writeable = positions.flags.writeable = False
        return cls(order, positions, box, len(xy), seed)

    def taken(self, column: np.ndarray) -> np.ndarray:
        """A column of n rows in map order: (m,)."""
        if len(column) != self.n:
            raise ShapeError(f"the column has {len(column):,} rows, the map {self.n:,}; give one value for each row")
        found: np.ndarray = np.take(column, self.order)
        return found

    def bits(self, mask: np.ndarray) -> bytes:
        """A mask (n,) bool in map order, one bit a point, the lowest bit first."""
        return np.packbits(self.taken(mask), bitorder="little").tobytes()


def _placed(xy: np.ndarray) -> np.ndarray:
    """Rows with a place: (m,) uint32, ascending."""
    finite = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
    return np.flatnonzero(finite).astype(np.uint32) if not finite.all() else np.arange(len(xy), dtype=np.uint32)


def _square(xy: np.ndarray, placed: np.ndarray) -> tuple[float, float, float, float]:
    """The smallest square around all placed rows, centred on them; of side 1 where all lie in one place."""
    if not len(placed):
        return 0.0, 0.0, 1.0, 1.0
    rows = xy if len(placed) == len(xy) else xy[placed]
    low, high = (np.array([bound(rows[:, axis]) for axis in (0, 1)], dtype=np.float64) for bound in (np.min, np.max))
    side = float((high - low).max()) or 1.0
    x0, y0 = ((low + high - side) / 2).tolist()
    return x0, y0, x0 + side, y0 + side


def quantised(xy: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Places as positions in a box: (m, 2) uint16. xy: (m, 2), finite."""
    x0, y0, x1, _ = box
    scaled = (xy.astype(np.float64) - (x0, y0)) * (_TOP / (x1 - x0))
    quantised: np.ndarray = np.clip(np.rint(scaled), 0, _TOP).astype(np.uint16)
    return quantised


def _along_morton(positions: np.ndarray) -> np.ndarray:
    """Places of a chunk along the Morton curve (bits of x and y in turn), ties in their order: (c,) int64."""
    codes = _spread(positions[:, 0]) | (_spread(positions[:, 1]) << np.uint64(1))
    packed = (codes << np.uint64(16)) | np.arange(len(positions), dtype=np.uint64)  # unique, so any sort gives the same
    packed.sort()
    along: np.ndarray = (packed & np.uint64(0xFFFF)).astype(np.int64)
    return along


def _spread(values: np.ndarray) -> np.ndarray:
    """The 16 bits of every value with a gap before each: (c,) uint64."""
    wide = values.astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        wide = (wide | (wide << np.uint64(shift))) & np.uint64(mask)
    return wide
