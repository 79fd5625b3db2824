"""A picture of how many points lie where: what is shown where a browser cannot draw the points themselves."""

import io

import numpy as np

from curation_core.errors import ShapeError

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in the map's units
MOST_SIDE = 4_096  # pixels
_TABLE = 1 << 16  # counts
_BLOCK = 1 << 18  # points counted together
_DOTS = ((5_000, 3), (50_000, 2), (200_000, 1))  # up to so many points: radius of a dot in pixels; above, one pixel
# anchors of two perceptually ordered scales, from one point to the most: away from the page's ground
_ON_LIGHT = np.array([[178, 199, 238], [122, 162, 226], [66, 105, 208], [38, 62, 140], [22, 33, 84]], dtype=np.float64)
_ON_DARK = np.array([[38, 62, 120], [58, 98, 190], [104, 146, 236], [166, 196, 250], [233, 240, 255]], dtype=np.float64)


def density_counts(xy: np.ndarray, box: Box, shape: tuple[int, int]) -> np.ndarray:
    """Points (n, 2) per pixel of a box: (h, w) uint32, the first row is the top (largest y). Raises ShapeError."""
    height, width = shape
    x0, y0, x1, y1 = box
    if not (0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE):
        raise ShapeError(f"a picture of {width} x {height} pixels; give 1 to {MOST_SIDE:,} a side")
    if not (x0 < x1 and y0 < y1 and np.isfinite([x0, y0, x1, y1]).all() and x1 - x0 > 1e-30 and y1 - y0 > 1e-30):
        raise ShapeError(f"the box {box} holds nothing; expected x0 < x1 and y0 < y1")
    counts = np.zeros(height * width, dtype=np.uint32)
    for start in range(0, len(xy), _BLOCK):
        block = xy[start : start + _BLOCK]
        x, y = block[:, 0].astype(np.float64), block[:, 1].astype(np.float64)
        boxed = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
        if not len(boxed):
            continue
        columns = ((x[boxed] - x0) * (width / (x1 - x0))).astype(np.int32)
        rows = ((y1 - y[boxed]) * (height / (y1 - y0))).astype(np.int32)
        np.minimum(columns, width - 1, out=columns)
        np.minimum(rows, height - 1, out=rows)
        counts += np.bincount(rows * np.int32(width) + columns, minlength=len(counts)).astype(np.uint32)
    return counts.reshape(height, width)


def density_levels(counts: np.ndarray) -> np.ndarray:
    """Counts on a logarithmic scale: (h, w) uint8, 0 for none, 255 for the most; equal counts are equal levels.

    Where hardly any points share a pixel, a single one is drawn strongly, since there is nothing to set it off from.
    """
    most = int(counts.max(initial=0))
    if not most:
        return np.zeros(counts.shape, dtype=np.uint8)
    least = max(1.0, 150.0 - 30.0 * np.log(most))
    levels = np.arange(1, min(most, _TABLE) + 1) if most <= _TABLE else counts.clip(1)  # a table where it is shorter
    scaled = least + (255.0 - least) * np.log(levels) / max(np.log(most), 1e-9)
    rounded = np.rint(scaled).astype(np.uint8)
    found: np.ndarray = np.r_[np.uint8(0), rounded][counts] if most <= _TABLE else np.where(counts > 0, rounded, 0)
    return found.astype(np.uint8)


def density_png(xy: np.ndarray, box: Box, shape: tuple[int, int], *, dark: bool = False) -> bytes:
    """The density of points (n, 2) in a box as a PNG of shape (h, w), clear where no point is.

    Few points are drawn as dots, so that each is seen. dark: colours for a dark ground.
    """
    from PIL import Image

    counts = density_counts(xy, box, shape)
    levels = _dotted(density_levels(counts), int(counts.sum()))
    picture = Image.frombytes("P", (levels.shape[1], levels.shape[0]), levels.tobytes())
    picture.putpalette(_scale(_ON_DARK if dark else _ON_LIGHT).tobytes())
    made = io.BytesIO()
    picture.save(made, "PNG", transparency=0, compress_level=3)
    return made.getvalue()


def _scale(anchors: np.ndarray) -> np.ndarray:
    """A colour for each of 256 levels: (256, 3) uint8."""
    places, stops = np.linspace(0, 1, 256), np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(places, stops, anchors[:, channel]) for channel in range(3)], axis=1).astype(np.uint8)


def _dotted(levels: np.ndarray, n_points: int) -> np.ndarray:
    """Every point as a round dot; where dots meet the higher level shows."""
    radius = next((radius for most, radius in _DOTS if n_points <= most), 0)
    if not radius:
        return levels
    padded, found = np.pad(levels, radius), levels.copy()
    height, width = levels.shape
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius + 1:
                np.maximum(found, padded[radius + dy :, radius + dx :][:height, :width], out=found)
    return found
