"""Image features that need no weights: colour histogram, mean colours and oriented gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 64  # pixels the features look at
_CELL = 8  # pixels per side of a gradient cell
_ORIENTATIONS = 9  # of the half circle
_COLOUR_BINS = 6  # per channel of the joint histogram
_MEAN_GRID = 4  # mean colours on a 4 x 4 grid


def letterbox(image: "Image", side: int) -> np.ndarray:
    """The whole image, centred on a white square: (side, side, 3) uint8."""
    from PIL import Image

    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    small = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    square.paste(small, ((side - width) // 2, (side - height) // 2))
    return np.asarray(square)


class ColorHog:
    """Colour histogram, mean colours and histograms of oriented gradients (Dalal and Triggs 2005), each of norm 1."""

    name, modality, preferred_batch = "color-hog", "image", 64
    dim = _COLOUR_BINS**3 + 3 * _MEAN_GRID**2 + _ORIENTATIONS * (_SIDE // _CELL) ** 2

    def __call__(self, batch: Sequence["Image"]) -> np.ndarray:
        """RGB images to (len(batch), 840) float32."""
        if not len(batch):
            return np.empty((0, self.dim), dtype=np.float32)
        pixels = np.stack([letterbox(image, _SIDE) for image in batch])  # (b, 64, 64, 3) uint8
        parts = (_colour_histogram(pixels), _mean_colours(pixels), _gradients(pixels))
        return np.concatenate([_unit(part) for part in parts], axis=1).astype(np.float32)


def _colour_histogram(pixels: np.ndarray) -> np.ndarray:
    """Square roots of a joint RGB histogram: (b, 216); roots keep a plain background from drowning the rest."""
    bins = pixels.astype(np.int64) * _COLOUR_BINS // 256
    joint = (bins[..., 0] * _COLOUR_BINS + bins[..., 1]) * _COLOUR_BINS + bins[..., 2]
    n_bins = _COLOUR_BINS**3
    shifted = joint.reshape(len(pixels), -1) + n_bins * np.arange(len(pixels))[:, None]
    counts = np.bincount(shifted.ravel(), minlength=n_bins * len(pixels)).reshape(len(pixels), n_bins)
    return np.sqrt(counts.astype(np.float64))


def _mean_colours(pixels: np.ndarray) -> np.ndarray:
    """Mean colour per field of a 4 x 4 grid, as distance from white: (b, 48)."""
    step = _SIDE // _MEAN_GRID
    fields = (255.0 - pixels).reshape(-1, _MEAN_GRID, step, _MEAN_GRID, step, 3)
    means: np.ndarray = fields.mean(axis=(2, 4))
    return means.reshape(len(pixels), -1)


def _gradients(pixels: np.ndarray) -> np.ndarray:
    """Gradient strength per cell and orientation, each cell set against its neighbourhood: (b, 576)."""
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    down, right = np.gradient(grey, axis=(1, 2))  # (b, 64, 64)
    angle = np.arctan2(down, right) % np.pi / np.pi * _ORIENTATIONS
    lower = np.floor(angle).astype(np.int64)
    strength, share = np.hypot(down, right), angle - lower
    cells = _SIDE // _CELL
    found = np.empty((len(pixels), cells, cells, _ORIENTATIONS))
    for orientation in range(_ORIENTATIONS):
        weight = np.where(lower % _ORIENTATIONS == orientation, 1 - share, 0.0)
        weight += np.where((lower + 1) % _ORIENTATIONS == orientation, share, 0.0)
        found[..., orientation] = (weight * strength).reshape(-1, cells, _CELL, cells, _CELL).sum(axis=(2, 4))
    around = _sum_of_neighbours((found**2).sum(axis=3))
    return np.minimum(found / np.sqrt(around + 1.0)[..., None], 0.4).reshape(len(pixels), -1)


def _sum_of_neighbours(energy: np.ndarray) -> np.ndarray:
    """Sum over the 3 x 3 cells around each cell: (b, cells, cells)."""
    padded = np.pad(energy, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    total: np.ndarray = windows.sum(axis=(3, 4))
    return total


def _unit(features: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.where(norms > 0, norms, 1.0)
    return unit
