"""Scores of single pictures: brightness, sharpness, information, colour; plain numbers from one decoded image each.

In the spirit of CleanVision (docs/quality.md says where and why we differ), on a copy of at most 128 pixels per side.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = ("brightest", "darkest", "sharpness", "information", "colour")
_SIDE = 128  # pixels of the longer side at which everything is judged, so that a picture's own size counts little
_RED, _GREEN, _BLUE = 0.241, 0.691, 0.068  # weights of squared channels in perceived brightness (Finley 2006)
_SPREAD = 2.0  # grey levels of standard deviation below which sharp and blurred mean nothing
_WINDOW = 9  # pixels of the blur that sharpness is measured against


def image_scores(images: Sequence["Image"]) -> np.ndarray:
    """Scores of RGB images: (len(images), 5) float32, in the order of COLUMNS.

    brightest, darkest: 99th and 5th percentile of the pixels' brightness, 0 to 1. sharpness: 0 to 1, NaN for a plain
    picture. information: entropy of the colour values, tenths of bits, 0 to 0.96. colour: 99th percentile of a pixel's
    distance between its strongest and its weakest channel, 0 to 1.
    """
    scores = np.empty((len(images), len(COLUMNS)), dtype=np.float32)
    for row, image in enumerate(images):
        small = _small(image)
        pixels = np.asarray(small)
        dark, bright = _brightness(pixels)
        chroma = pixels.max(axis=2) - pixels.min(axis=2)
        scores[row] = (bright, dark, sharpness(pixels), small.entropy() / 10, np.percentile(chroma, 99) / 255)
    return scores


def sharpness(pixels: np.ndarray) -> float:
    """How much a picture loses when it is blurred: 0 (was blurred before) to 1; NaN for a plain one.

    pixels: (h, w, 3) uint8. After Crete et al. 2007: differences of neighbours before and after a box blur, along the
    axis where less is lost.
    """
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    if grey.std() < _SPREAD or min(grey.shape) < _WINDOW:
        return float("nan")
    return min(_lost(grey), _lost(grey.T))


def _small(image: "Image") -> "Image":
    from PIL import Image

    small = image.convert("RGB")
    if max(small.size) > _SIDE:
        small = small.copy()
        small.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC, reducing_gap=None)
    return small


def _brightness(pixels: np.ndarray) -> tuple[float, float]:
    squared = pixels.astype(np.float32) ** 2 @ np.array([_RED, _GREEN, _BLUE], dtype=np.float32)
    low, high = np.percentile(squared, (5, 99))
    return float(np.sqrt(low)) / 255, float(np.sqrt(high)) / 255


def _lost(grey: np.ndarray) -> float:
    """Share of the differences down the columns that a box blur takes away."""
    summed = np.cumsum(np.pad(grey, ((_WINDOW // 2 + 1, _WINDOW // 2), (0, 0)), mode="edge"), axis=0)
    blurred = (summed[_WINDOW:] - summed[:-_WINDOW]) / _WINDOW  # (h, w)
    before, after = np.abs(np.diff(grey, axis=0)), np.abs(np.diff(blurred, axis=0))
    total = float(before.sum())
    return float(np.maximum(before - after, 0.0).sum()) / total if total > 0 else 0.0
