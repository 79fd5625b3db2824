"""Spectral features tell scale, direction and colour."""

import numpy as np
from PIL import Image

from curation_core.spectral import Spectral

BANDS, PAIRS, RINGS = slice(0, 21), slice(21, 27), slice(27, 63)


def waves(period, angle=0.0, colour=(255, 255, 255)):
    down, right = np.mgrid[0:64, 0:64]
    phase = 2 * np.pi * (right * np.cos(angle) + down * np.sin(angle)) / period
    shade = (0.5 + 0.4 * np.sin(phase))[..., None] * np.array(colour)
    return Image.fromarray(shade.astype(np.uint8))


def test_a_flat_picture_is_its_colour():
    (found,) = Spectral()([Image.new("RGB", (50, 50), (255, 51, 0))])
    assert found.shape == (Spectral.dim,) == (87,)
    assert np.allclose(found[:3], [1, 0.2, 0])
    assert np.allclose(found[3:6], 0, atol=1e-6)
    assert np.isclose(found[21], (1 - 0.2) / (1 + 0.2 + 0.01))
    assert found[RINGS].max() < -0.45


def test_the_ring_with_most_power_is_that_of_the_period():
    peaks = [int(Spectral()([waves(period)])[0][RINGS].reshape(12, 3).mean(axis=1).argmax()) for period in (2.5, 5, 16)]
    assert peaks == sorted(peaks, reverse=True)
    assert len(set(peaks)) == 3


def test_the_sector_with_most_power_turns_with_the_picture():
    level, upright, slanted = Spectral()([waves(8, 0), waves(8, np.pi / 2), waves(8, np.pi / 4)])
    sectors = [found[63:].reshape(4, 6).sum(axis=0).argmax() for found in (level, upright, slanted)]
    assert len(set(sectors)) == 3


def test_the_middle_square_is_looked_at_and_brightness_hardly_moves_the_correlations():
    wide = Image.new("RGB", (192, 64), "white")
    wide.paste(waves(8), (64, 0))
    assert np.array_equal(Spectral()([wide])[0], Spectral()([waves(8)])[0])
    bright, dark = Spectral()([waves(8), waves(8, colour=(180, 180, 180))])
    assert np.abs(bright[PAIRS] - dark[PAIRS]).max() < 0.01
