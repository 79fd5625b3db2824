"""Colours that stay apart for most eyes, in light and in dark, and text that stays readable on them."""

import numpy as np

# any two of them, and each with the grey of OTHER, stay apart for eyes without red or green cones
CATEGORIES = (
    "#4269d0",
    "#efb118",
    "#ff7253",
    "#6cbf9a",
    "#3aad4e",
    "#ff98ca",
    "#9067ff",
    "#98bdf8",
    "#9b6c51",
    "#8365a4",
)
OTHER = "#9498a0"
ACCENT = "#4269d0"
CONTEXT = "#9498a0"
MARKED = "#ff725c"
DECISIONS = {"keep": "#3ca951", "drop": "#d1495b", "pending": "#9498a0"}
# anchors of a perceptually ordered scale from pale to deep blue; lightness falls evenly
_SEQUENCE = np.array(
    [[233, 238, 249], [182, 203, 240], [122, 162, 226], [66, 105, 208], [38, 62, 140], [22, 33, 84]], dtype=np.float64
)
DARK_TEXT, LIGHT_TEXT = "#000000", "#ffffff"  # any softer black fails 4.5:1 on mid-blues


def sequential(values: np.ndarray) -> list[str]:
    """Hex colours of values (n,) in [0, 1], pale to deep."""
    return [_hex(colour) for colour in _interpolate(np.asarray(values, dtype=np.float64))]


def colorscale() -> list[list[float | str]]:
    """The same scale in plotly's form."""
    stops = np.linspace(0.0, 1.0, len(_SEQUENCE))
    return [[float(stop), _hex(colour)] for stop, colour in zip(stops, _SEQUENCE, strict=True)]


def text_on(colours: list[str]) -> list[str]:
    """Black or white for every background, whichever contrasts more (WCAG relative luminance)."""
    return [
        DARK_TEXT if _contrast(colour, DARK_TEXT) >= _contrast(colour, LIGHT_TEXT) else LIGHT_TEXT for colour in colours
    ]


def lightened(colour: str, share: float) -> str:
    """A colour mixed with white; share in [0, 1]."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
    return _hex(rgb + (255.0 - rgb) * share)


def _contrast(first: str, second: str) -> float:
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _interpolate(values: np.ndarray) -> np.ndarray:
    stops = np.linspace(0.0, 1.0, len(_SEQUENCE))
    clipped = np.clip(np.nan_to_num(values), 0.0, 1.0)
    return np.stack([np.interp(clipped, stops, _SEQUENCE[:, channel]) for channel in range(3)], axis=1)


def _hex(rgb: np.ndarray) -> str:
    red, green, blue = (round(float(channel)) for channel in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"
