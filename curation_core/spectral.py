"""Satellite features without weights: statistics per band, how bands go together, and the power spectrum of the FFT."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 64  # pixels the features look at
_PERCENTILES = (5, 25, 50, 75, 95)
_PAIRS = ((0, 1), (0, 2), (1, 2))  # of red, green, blue
_RINGS, _SECTORS = 12, 6  # of the spectrum: scales, and orientations of the half circle
_BANDS = 3 * (2 + len(_PERCENTILES))


class Spectral:
    """Band statistics, normalised differences and correlations of bands, and a radial power spectrum: 87 numbers.

    The largest central square is looked at, so that a border never looks like an edge of the land.
    """

    name, modality, preferred_batch = "spectral", "image", 64
    dim = _BANDS + 2 * len(_PAIRS) + 3 * _RINGS + (_RINGS // 3) * _SECTORS

    def __call__(self, batch: Sequence["Image"]) -> np.ndarray:
        """RGB images to (len(batch), dim) float32."""
        if not len(batch):
            return np.empty((0, self.dim), dtype=np.float32)
        pixels = np.stack([_central_square(image) for image in batch]).astype(np.float64) / 255.0  # (b, 64, 64, 3)
        return np.concatenate([_bands(pixels), _together(pixels), _spectrum(pixels)], axis=1).astype(np.float32)


def _central_square(image: "Image") -> np.ndarray:
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=box))


def _bands(pixels: np.ndarray) -> np.ndarray:
    """Mean, deviation and percentiles of each band: (b, 21), of the range 0 to 1."""
    flat = pixels.reshape(len(pixels), -1, 3)
    ranks = np.percentile(flat, _PERCENTILES, axis=1)  # (5, b, 3)
    parts = [flat.mean(axis=1), 2.0 * flat.std(axis=1), *ranks]
    return np.concatenate(parts, axis=1)


def _together(pixels: np.ndarray) -> np.ndarray:
    """Normalised differences and correlations of pairs of bands: (b, 6), between -1 and 1."""
    flat = pixels.reshape(len(pixels), -1, 3)
    mean, spread = flat.mean(axis=1), flat.std(axis=1)
    centred = flat - mean[:, None]
    found = []
    for one, other in _PAIRS:
        found.append((mean[:, one] - mean[:, other]) / (mean[:, one] + mean[:, other] + 0.01))
        both = (centred[..., one] * centred[..., other]).mean(axis=1)
        found.append(0.5 * both / (spread[:, one] * spread[:, other] + 1e-4))  # a flat band goes with none
    return np.stack(found, axis=1)


def _spectrum(pixels: np.ndarray) -> np.ndarray:
    """Logarithms of mean power per ring and band, and shares of power per sector of brightness: (b, 36 + 24)."""
    window = np.hanning(_SIDE)[:, None] * np.hanning(_SIDE)[None]
    centred = (pixels - pixels.mean(axis=(1, 2), keepdims=True)) * window[None, :, :, None]
    ring, sector = _rings_and_sectors()
    power = np.abs(np.fft.fft2(centred, axes=(1, 2))) ** 2 / _SIDE**2  # (b, 64, 64, 3)
    rings = np.stack([power[:, ring == number].mean(axis=1) for number in range(_RINGS)], axis=1)  # (b, rings, 3)
    logs = np.log10(rings + 1e-6) / 6.0 + 0.5  # noise of one grey level to full contrast: about 0 to 1
    grey = power.sum(axis=3)
    shares: list[np.ndarray] = []
    for third in range(_RINGS // 3):
        inside = ring // 3 == third
        total = grey[:, inside].sum(axis=1) + 1e-3
        shares.extend(grey[:, inside & (sector == number)].sum(axis=1) / total for number in range(_SECTORS))
    return np.concatenate([logs.reshape(len(pixels), -1), np.stack(shares, axis=1)], axis=1)


def _rings_and_sectors() -> tuple[np.ndarray, np.ndarray]:
    """Ring and sector of each frequency: (64, 64) each; -1 for what no ring holds."""
    frequency = np.fft.fftfreq(_SIDE) * _SIDE
    down, right = np.meshgrid(frequency, frequency, indexing="ij")
    radius = np.hypot(down, right)
    edges = np.geomspace(1.0, _SIDE / 2, _RINGS + 1)
    edges[0], edges[-1] = 0.5, _SIDE / 2 + 0.5
    ring: np.ndarray = np.asarray(np.searchsorted(edges, radius.ravel(), side="right") - 1).reshape(radius.shape)
    ring[(radius < edges[0]) | (ring >= _RINGS)] = -1
    sector: np.ndarray = np.floor(np.arctan2(down, right) % np.pi / np.pi * _SECTORS).astype(np.int64) % _SECTORS
    return ring, sector
