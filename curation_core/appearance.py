"""How alike two pictures look, or two texts read: short signatures that copies share, whatever an embedder makes of it.

A picture's signature is a small blurred copy, 16 x 16 in luminance and 8 x 8 in each colour, with the means taken out.
They stand beside it as directions of a fixed length, that of noise. A plain picture's signature is its mean colours, a
rich one's its structure: noise on a plain sky hardly counts, nor does the brightness of a street scene. A text's
signature counts its runs of five characters, hashed. Both are rows of length 1, so that one search by cosine finds what
is alike.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 16  # luminance cells per side
_COLOUR = 8  # colour cells per side
_NOISE = 32.0  # grey levels; less contrast than that is little structure
_TURN = np.pi / 2 / np.array([128.0, 64.0, 64.0])  # a right angle for the largest usual mean, so that no two meet
_N_MEANS = 2 * len(_TURN)
IMAGE_DIM = _SIDE**2 + 2 * _COLOUR**2 + _N_MEANS

TEXT_DIM = 512
_RUN = 5  # characters
_LONGEST = 1 << 17  # characters that count; books differ before that
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, _RUN + 1)], dtype=np.uint64)


def image_looks(images: Sequence["Image"]) -> np.ndarray:
    """Signatures of RGB images of any size: (len(images), 390) float32 rows of length 1."""
    if not images:
        return np.empty((0, IMAGE_DIM), dtype=np.float32)
    small = np.stack([_small(image) for image in images])  # (b, 16, 16, 3)
    grey = small[..., 0]
    fold = _SIDE // _COLOUR
    colour = small[..., 1:].reshape(-1, _COLOUR, fold, _COLOUR, fold, 2).mean(axis=(2, 4))  # (b, 8, 8, 2)
    means = np.concatenate([grey.mean(axis=(1, 2))[:, None], colour.mean(axis=(1, 2))], axis=1)  # (b, 3)
    structure = np.concatenate(
        [
            (grey - means[:, None, None, 0]).reshape(len(small), -1) / _SIDE,
            np.moveaxis(colour - means[:, None, None, 1:], 3, 1).reshape(len(small), -1) / _COLOUR,
        ],
        axis=1,
    )
    length = np.hypot(np.linalg.norm(structure, axis=1, keepdims=True), _NOISE)
    angle = means * _TURN * (_NOISE / length)  # the more structure, the less the means count
    noise = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * (_NOISE / np.sqrt(len(_TURN)))
    unit: np.ndarray = np.concatenate([structure, noise], axis=1) / length
    return unit.astype(np.float32)


def mirrored(looks: np.ndarray) -> np.ndarray:
    """Signatures of the same images seen in a mirror: (n, 390)."""
    grey = looks[:, : _SIDE**2].reshape(-1, _SIDE, _SIDE)[:, :, ::-1]
    colour = looks[:, _SIDE**2 : -_N_MEANS].reshape(-1, 2, _COLOUR, _COLOUR)[..., ::-1]
    parts = (grey.reshape(len(looks), -1), colour.reshape(len(looks), -1), looks[:, -_N_MEANS:])
    return np.concatenate(parts, axis=1)


def likeness(cosine: np.ndarray) -> np.ndarray:
    """Similarity of pictures from the cosine of their signatures: 1 - the distance between them, float32.

    The cosine itself crowds all that is alike into the last percent; this spreads it out, for a slider.
    """
    alike: np.ndarray = 1.0 - np.sqrt(np.maximum(2.0 - 2.0 * np.asarray(cosine, dtype=np.float64), 0.0))
    return alike.astype(np.float32)


def cosine_of(similarity: float) -> float:
    """The cosine of signatures at which pictures have a similarity: the inverse of `likeness`."""
    return 1.0 - (1.0 - similarity) ** 2 / 2


def text_looks(texts: Sequence[str]) -> np.ndarray:
    """Signatures of texts: (len(texts), 512) float32 rows of length 1, zeros for a text without a letter or digit.

    Case, punctuation and the width of spaces do not count.
    """
    looks = np.zeros((len(texts), TEXT_DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        words = "".join(letter if letter.isalnum() else " " for letter in text[:_LONGEST].casefold()).split()
        if words:
            looks[row] = _text_signature(" ".join(words))
    return looks


def _small(image: "Image") -> np.ndarray:
    """16 x 16 luminance and colour around 0, blurred enough that another size or encoder gives the same."""
    from PIL import Image

    small = image.convert("RGB").convert("YCbCr").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32) - 128.0


def _text_signature(text: str) -> np.ndarray:
    codes = np.frombuffer(f" {text:<{_RUN - 2}} ".encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, _RUN)
    hashes = (windows * _FACTORS).sum(axis=1, dtype=np.uint64)  # wraps around, as is meant
    hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    runs, counts = np.unique(hashes ^ (hashes >> np.uint64(32)), return_counts=True)
    sign = np.where(runs >> np.uint64(40) & np.uint64(1), 1.0, -1.0)
    summed = np.bincount((runs % np.uint64(TEXT_DIM)).astype(np.int64), sign * np.sqrt(counts), TEXT_DIM)
    norm = float(np.linalg.norm(summed))
    return summed / norm if norm > 0 else summed
