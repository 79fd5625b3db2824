"""Blur faces: pixelated and softened beyond what the detector still takes for a face; every other pixel stays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation_core.config import FacesConfig
from curation_core.face_model import Boxes, FaceDetector, overlap
from curation_core.face_results import Faces

if TYPE_CHECKING:
    from PIL.Image import Image

# cells across a face, and how far beyond the face on every side, as a share of it: each round is stronger than the last
ROUNDS = ((10, 0.15), (6, 0.15), (4, 0.2), (3, 0.25), (2, 0.3), (1, 0.45), (1, 0.7), (1, 1.0))
MIN_CELL = 3  # pixels; in a small picture ten cells would leave the face as it is
SAFETY = 0.1  # a blurred face scores so far below the threshold: encoding and shrinking move scores a little
MAX_REPEATS = 40  # a face takes eight; more only where blurring one spot makes the detector see another
_SAME_FACE = 0.5  # intersection over union from which a detection is the one that a person has judged


@dataclass(frozen=True)
class Blurred:
    """A picture without faces. areas: (k, 4) int64, left, top, right, bottom of what was changed, in pixels.

    held: whether no face at or above the threshold is found in it any more.
    """

    image: "Image"
    areas: np.ndarray
    held: bool


def blur(
    image: "Image",
    xywh: np.ndarray,
    detector: FaceDetector,
    *,
    threshold: float,
    max_side: int,
    spared: np.ndarray | None = None,
) -> Blurred:
    """Blur boxes of an RGB picture until the detector finds no face there; what it finds besides is blurred too.

    xywh: (k, 4) faces in pixels. spared: (j, 4) likewise, what a person has said is no face. Every round starts from
    the original pixels; only faces that are still found are blurred more strongly. The picture given is not changed.
    """
    faces = _Faces(np.asarray(xywh, dtype=np.float32).reshape(-1, 4), np.zeros(len(xywh), dtype=np.int64))
    judged = np.zeros((0, 4), np.float32) if spared is None else spared
    scale = max_side / max(image.size)
    if scale < 1:  # the detector sees no more than this: how strong the blur must be can be found on a small copy
        small = image.resize([max(1, round(side * scale)) for side in image.size], reducing_gap=2.0)
        ratio = np.tile(np.array(small.size) / np.array(image.size), 2).astype(np.float32)  # (4,)
        found = _settled(
            small, _Faces(faces.xywh * ratio, faces.strength), judged * ratio, detector, threshold, max_side
        )
        faces = _Faces(found[0].xywh / ratio, found[0].strength)
    faces, result, held = _settled(image, faces, judged, detector, threshold, max_side)
    return Blurred(result, _areas(faces, image.size), held)


@dataclass(frozen=True)
class _Faces:
    """What is blurred: xywh (k, 4) float32 pixels, strength (k,) int64, a place in ROUNDS."""

    xywh: np.ndarray
    strength: np.ndarray


def _settled(
    image: "Image", faces: _Faces, spared: np.ndarray, detector: FaceDetector, threshold: float, max_side: int
) -> tuple[_Faces, "Image", bool]:
    """Blur, look, blur more, until nothing is found or nothing helps: faces, picture, whether it held."""
    for repeat in range(MAX_REPEATS):
        areas = _areas(faces, image.size)
        result = _pixelated(image, areas, faces.strength)
        found = detector.detect(result, floor=max(threshold - SAFETY, 0.01), max_side=max_side)
        found = _unjudged(found, spared)
        inside = _inside(found, areas)  # (f, k)
        weak = inside.any(axis=0) & (faces.strength < len(ROUNDS) - 1)
        new = ~inside.any(axis=1) & (found.score >= threshold)
        if repeat == MAX_REPEATS - 1 or not (weak.any() or new.any()):
            break
        strength = np.concatenate([faces.strength + weak, np.zeros(int(new.sum()), dtype=np.int64)])
        faces = _Faces(np.concatenate([faces.xywh, found.xywh[new]]), strength)
    return faces, result, not (found.score >= threshold).any()


def blur_faces(image: "Image", faces: Faces, config: FacesConfig, detector: FaceDetector) -> Blurred:
    """Blur what counts as a face in an RGB picture. faces: all of this picture, with people's verdicts."""
    size = np.array([*image.size, *image.size], dtype=np.float32)
    boxes, spared = faces.above(config.threshold).box * size, faces.denied().box * size
    return blur(image, boxes, detector, threshold=config.threshold, max_side=config.max_side, spared=spared)


def _areas(faces: _Faces, size: tuple[int, int]) -> np.ndarray:
    """Boxes enlarged by their round's share, on whole pixels of the picture: (k, 4) left, top, right, bottom."""
    start, extent = faces.xywh[:, :2], faces.xywh[:, 2:]
    margin = np.array([share for _, share in ROUNDS])[faces.strength][:, None] * extent
    low = np.clip(np.floor(start - margin), 0, size)
    high = np.clip(np.ceil(start + extent + margin), 0, size)
    found: np.ndarray = np.concatenate([low, high], axis=1).astype(np.int64)
    return found


def _pixelated(image: "Image", areas: np.ndarray, strength: np.ndarray) -> "Image":
    from PIL import Image, ImageFilter

    result = image.copy()
    for area, stage in zip(areas.tolist(), strength.tolist(), strict=True):
        width, height = area[2] - area[0], area[3] - area[1]
        if width <= 0 or height <= 0:
            continue
        part = result.crop(tuple(area))  # of the result: where faces overlap, the stronger blur must not come undone
        cells = [max(1, min(ROUNDS[stage][0], side // MIN_CELL)) for side in (width, height)]
        coarse = part.resize((cells[0], cells[1]), Image.Resampling.BOX).resize(part.size, Image.Resampling.NEAREST)
        radius = max(width / cells[0], height / cells[1]) / 2
        result.paste(coarse.filter(ImageFilter.GaussianBlur(radius)), (area[0], area[1]))
    return result


def _unjudged(found: Boxes, spared: np.ndarray) -> Boxes:
    """Detections but those that a person has said are no faces."""
    if not len(spared):
        return found
    judged = np.array([overlap(box, spared).max() >= _SAME_FACE for box in found.xywh], dtype=bool)
    return Boxes(found.xywh[~judged], found.score[~judged])


def _inside(found: Boxes, areas: np.ndarray) -> np.ndarray:
    """(f, k) bool: whether the middle of a detection lies in an area."""
    middle = found.xywh[:, None, :2] + found.xywh[:, None, 2:] / 2  # (f, 1, 2)
    low, high = areas[None, :, :2], areas[None, :, 2:]
    return np.asarray(((middle >= low) & (middle <= high)).all(axis=2))
