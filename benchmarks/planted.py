"""Copies planted among sample pictures, and how well they are found again: recall and precision of near-duplicates."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from curation_core.appearance import cosine_of, image_looks, likeness, mirrored
from curation_core.grouping import NearDuplicates
from curation_core.images import decode_image
from curation_core.neighbors import near_duplicates
from curation_core.sources import PAYLOAD_SIDE

SAMPLES = Path(__file__).parent.parent / "sample_data"
ALIKE = 5.0  # mean difference of two originals, in grey levels of 255, below which nobody tells them apart at once


def encoded(image: Image.Image, encoder: str, quality: int) -> Image.Image:
    """The image after another lossy encoding."""
    data = io.BytesIO()
    image.save(data, encoder, quality=quality)
    return decode_image(data.getvalue(), max_side=PAYLOAD_SIDE)


def resized(image: Image.Image, factor: float) -> Image.Image:
    """The image at another size, as the payload of a workspace would be."""
    size = tuple(max(1, round(side * factor)) for side in image.size)
    scaled = image.resize(size, Image.Resampling.LANCZOS)
    scaled.thumbnail((PAYLOAD_SIDE, PAYLOAD_SIDE))
    return scaled


def cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The image without 5 % of its width and of its height, cut off where chance has it."""
    width, height = (round(side * 0.95) for side in image.size)
    x, y = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


Variant = Callable[[Image.Image, np.random.Generator], Image.Image]
COPIES: dict[str, Variant] = {
    "resized 0.5x": lambda image, _: resized(image, 0.5),
    "resized 0.75x": lambda image, _: resized(image, 0.75),
    "resized 1.5x": lambda image, _: resized(image, 1.5),
    "JPEG q 50": lambda image, _: encoded(image, "JPEG", 50),
    "JPEG q 75": lambda image, _: encoded(image, "JPEG", 75),
    "JPEG q 90": lambda image, _: encoded(image, "JPEG", 90),
    "WebP q 60": lambda image, _: encoded(image, "WEBP", 60),
}
OTHERS: dict[str, Variant] = {
    "brightness ±10 %": lambda image, rng: ImageEnhance.Brightness(image).enhance(float(rng.choice([0.9, 1.1]))),
    "cropped 5 %": cropped,
    "flipped": lambda image, _: ImageOps.mirror(image),
}


@dataclass(frozen=True)
class Planted:
    """Originals first, then copies. family: (n,) row of the original. kind: name of the variant, '' for originals."""

    images: list[Image.Image]
    family: np.ndarray
    kind: np.ndarray

    def only(self, kinds: Sequence[str]) -> "Planted":
        """The originals and some kinds of copies."""
        kept = np.flatnonzero(np.isin(self.kind, ["", *kinds]))
        return Planted([self.images[row] for row in kept], self.family[kept], self.kind[kept])


def load(sample: str, limit: int | None = None) -> list[Image.Image]:
    """Different pictures of a sample archive, in the order of their names."""
    with zipfile.ZipFile(SAMPLES / f"{sample}.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith(".csv"))
        step = 1 if limit is None else max(1, len(names) // limit)
        images = [decode_image(archive.read(name), max_side=PAYLOAD_SIDE) for name in names[::step]]
    return list({image.tobytes(): image for image in images}.values())


def plant(originals: list[Image.Image], n_families: int, seed: int = 0) -> Planted:
    """Every kind of copy of n_families originals, drawn at random."""
    rng = np.random.default_rng([seed, len(originals)])
    chosen = np.sort(rng.choice(len(originals), min(n_families, len(originals)), replace=False))
    images, family, kind = list(originals), list(range(len(originals))), [""] * len(originals)
    for name, variant in {**COPIES, **OTHERS}.items():
        images.extend(variant(originals[row], rng) for row in chosen)
        family.extend(chosen.tolist())
        kind.extend([name] * len(chosen))
    return Planted(images, np.array(family), np.array(kind))


def pixel_gap(originals: list[Image.Image], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean absolute difference of two originals over all pixels and colours, in grey levels: (m,) float32."""
    pixels = np.stack([np.asarray(image.resize((64, 64)), dtype=np.int16).ravel() for image in originals])
    gap = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), 2048):
        part = slice(start, start + 2048)
        gap[part] = np.abs(pixels[first[part]] - pixels[second[part]]).mean(axis=1)
    return gap


@dataclass(frozen=True)
class Precision:
    """Pairs found: planted, of originals that nobody tells apart at once, and others. Shares with both countings."""

    planted: int
    alike: int
    other: int

    @property
    def strict(self) -> float:
        """Every pair that was not planted counts as wrong."""
        return self.planted / max(1, self.planted + self.alike + self.other)

    @property
    def fair(self) -> float:
        """Pairs of originals that nobody tells apart at once do not count."""
        return self.planted / max(1, self.planted + self.other)


def precision(found: NearDuplicates, planted: Planted) -> Precision:
    """What the pairs found are."""
    ends = planted.family[found.pairs]
    strange = ends[ends[:, 0] != ends[:, 1]]
    originals = planted.images[: int((planted.kind == "").sum())]
    alike = int((pixel_gap(originals, strange[:, 0], strange[:, 1]) < ALIKE).sum())
    return Precision(len(ends) - len(strange), alike, len(strange) - alike)


def recall(found: NearDuplicates, planted: Planted) -> dict[str, float]:
    """Share of the copies of each kind that are paired with their original."""
    ends = planted.family[found.pairs]
    direct = found.pairs[(ends[:, 0] == ends[:, 1]) & (planted.kind[found.pairs[:, 0]] == ""), 1]
    kinds = [kind for kind in dict.fromkeys(planted.kind.tolist()) if kind]
    hit = np.isin(np.arange(len(planted.kind)), direct)
    return {kind: float(hit[planted.kind == kind].mean()) for kind in kinds}


def find_images(planted: Planted, floor: float, *, flips: bool = False) -> NearDuplicates:
    """What the step of a workspace finds, at the floor."""
    looks = image_looks(planted.images).astype(np.float16)
    turned = mirrored(looks) if flips else None
    found = near_duplicates(looks, cosine_of(floor), flipped=turned)
    similarity = np.where(found.similarity < 1, np.maximum(likeness(found.similarity), np.float32(floor)), 1)
    return NearDuplicates.of(len(found), found.pairs, similarity.astype(np.float32), floor)
