"""Colours for many classes and for numbers, in OKLab, where equal steps look equal (Ottosson 2020).

Ten classes take the ten of the palette. More follow the tree: a family has one hue, its members stand apart by
lightness. Nothing here is lighter or darker than can be seen on a light and on a dark page alike.
"""

from functools import cache

import numpy as np

from curation_app.palette import CATEGORIES

LIGHTEST, DARKEST = 0.86, 0.44  # lightness in OKLab
SCALE_STEPS = 255
_TURN = 0.6180339887498949  # of the way round; consecutive numbers fall far apart (golden section)
_TO_CONES = np.array(  # linear sRGB -> cone responses, and their cube roots -> L, a, b; Ottosson 2020
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colours: list[str] | tuple[str, ...]) -> np.ndarray:
    """Hex colours as linear sRGB: (k, 3) float64 in [0, 1]."""
    channels = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours]) / 255.0
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(colours: list[str] | tuple[str, ...]) -> np.ndarray:
    """Hex colours as lightness, a and b: (k, 3) float64."""
    lab: np.ndarray = np.cbrt(linear(colours) @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def from_oklch(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> list[str]:
    """Hex colours of lightness, chroma and hue (degrees), (k,) each; what a screen cannot show is made less vivid."""
    lightness, chroma, hue = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lightness, chroma, hue)))
    low: np.ndarray = np.zeros(lightness.shape)
    high: np.ndarray = chroma.copy()
    fits: np.ndarray = _shown(_linear_of(lightness, high, hue))
    for _ in range(16):  # halving: the most vivid that fits
        middle = (low + high) / 2
        good: np.ndarray = _shown(_linear_of(lightness, middle, hue))
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    rgb = np.clip(_linear_of(lightness, np.where(fits, chroma, low), hue), 0, 1)
    channels = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return ["#{:02x}{:02x}{:02x}".format(*row) for row in np.rint(channels * 255).astype(int).tolist()]


def distinct(k: int) -> list[str]:
    """K colours, as far apart as so many can be: the ten first, then hues that go round and change lightness."""
    more = np.arange(max(0, k - len(CATEGORIES)))
    lightness = np.array([0.60, 0.82, 0.48])[more % 3]
    return [*CATEGORIES[:k], *from_oklch(lightness, np.full(len(more), 0.13), 360 * ((0.05 + more * _TURN) % 1))]


def shades(colour: str, k: int) -> list[str]:
    """K members of one family: the colour itself first, then lighter and darker ones of its hue, neighbours apart."""
    if k < 2:
        return [colour][:k]
    lightness, a, b = oklab([colour])[0]
    low, high = max(DARKEST, lightness - 0.2), min(LIGHTEST, lightness + 0.2)
    number = np.arange(1, k)
    way = ((lightness - low) / (high - low) + number * _TURN) % 1.0
    hue = np.degrees(np.arctan2(b, a)) + 24 * (((number * _TURN * _TURN) % 1.0) - 0.5)
    return [colour, *from_oklch(low + way * (high - low), np.full(k - 1, max(0.06, float(np.hypot(a, b)))), hue)]


def quiet(colour: str) -> str:
    """A colour of the same hue that steps back: for what is left over of a family."""
    _, a, b = oklab([colour])[0]
    return from_oklch(np.array([0.7]), np.array([0.6 * np.hypot(a, b)]), np.array([np.degrees(np.arctan2(b, a))]))[0]


@cache
def scale(k: int = SCALE_STEPS) -> tuple[str, ...]:
    """A perceptually uniform scale: lightness rises evenly while the hue goes from violet to yellow."""
    way = np.linspace(0, 1, k)
    return tuple(from_oklch(DARKEST + way * (LIGHTEST - DARKEST), np.full(k, 0.13), 280 - way * 175))


def _linear_of(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    angle = np.radians(hue)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    rgb: np.ndarray = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T
    return rgb


def _shown(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(((rgb >= -1e-6) & (rgb <= 1 + 1e-6)).all(axis=-1))
