"""Pictures as a vision model wants them, by its preprocessor_config.json; Pillow and numpy only, no torchvision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_BILINEAR, _BICUBIC = 2, 3  # Pillow's numbers, which the files use


@dataclass(frozen=True)
class ImageInputs:
    """How a picture becomes an array.

    side: shorter side after resizing, or (height, width); None leaves the size. crop: (height, width) cut from the
    middle, None cuts nothing. scale: factor on 0-255. mean, std: per channel, after scaling. resample: Pillow's number.
    """

    side: int | tuple[int, int] | None
    crop: tuple[int, int] | None
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int

    def __call__(self, images: Sequence["Image"]) -> np.ndarray:
        """RGB images to (len(images), 3, height, width) float32."""
        pixels = np.stack([self._one(image) for image in images])  # (b, height, width, 3) uint8
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        scaled = (pixels.astype(np.float32) * np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    @property
    def longest_side(self) -> int:
        """Longer side in pixels up to which a picture of at most 2 to 1 gains from more of them."""
        if self.side is None:
            return 2 * max(self.crop or (256,))
        return 2 * self.side if isinstance(self.side, int) else max(self.side)

    def _one(self, image: "Image") -> np.ndarray:
        image = image if image.mode == "RGB" else image.convert("RGB")
        if self.side is not None:
            width, height = _resized(image.size, self.side)
            image = image.resize((width, height), self.resample)
        return np.asarray(image) if self.crop is None else _central(np.asarray(image), self.crop)


def image_inputs(settings: Mapping[str, Any], model_type: str) -> ImageInputs:
    """Read preprocessor_config.json; what it leaves out is the default of its kind of processor.

    Raises ConfigError when there is no usable size.
    """
    kind = str(settings.get("image_processor_type") or settings.get("feature_extractor_type") or model_type).lower()
    like_clip = any(family in kind for family in ("clip", "bit", "chinese"))
    siglip = "siglip" in kind
    cropped = bool(settings.get("do_center_crop", like_clip and not siglip))
    mean, std = (_CLIP_MEAN, _CLIP_STD) if like_clip and not siglip else (_IMAGENET_MEAN, _IMAGENET_STD)
    if siglip or kind.startswith("vit"):
        mean = std = (0.5, 0.5, 0.5)
    normalised = settings.get("do_normalize", True)
    return ImageInputs(
        side=_side(settings.get("size"), cropped) if settings.get("do_resize", True) else None,
        crop=_pair(settings.get("crop_size", settings.get("size"))) if cropped else None,
        scale=float(settings.get("rescale_factor", 1 / 255)) if settings.get("do_rescale", True) else 1.0,
        mean=_three(settings.get("image_mean"), mean) if normalised else (0.0, 0.0, 0.0),
        std=_three(settings.get("image_std"), std) if normalised else (1.0, 1.0, 1.0),
        resample=int(settings.get("resample", _BICUBIC if like_clip or siglip else _BILINEAR)),
    )


def _side(size: Any, cropped: bool) -> int | tuple[int, int]:
    """A bare number is the shorter side where the middle is cut out afterwards, else both sides."""
    if isinstance(size, Mapping) and "shortest_edge" in size and not size.get("longest_edge"):
        return _whole(size["shortest_edge"], size)
    if isinstance(size, int) and cropped:
        return _whole(size, size)
    return _pair(size)


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping) and "height" in size and "width" in size:
        return _whole(size["height"], size), _whole(size["width"], size)
    if isinstance(size, Mapping) and "shortest_edge" in size:
        size = size["shortest_edge"]
    return _whole(size, size), _whole(size, size)


def _whole(value: Any, size: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
        raise ConfigError(
            f"preprocessor_config.json gives the size {size!r}; expected a number of pixels, height and width, or "
            "shortest_edge"
        )
    return value


def _three(given: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    if given is None:
        return default
    values = tuple(float(value) for value in (given if isinstance(given, Sequence) else [given] * 3))
    if len(values) != 3:
        raise ConfigError(f"preprocessor_config.json gives {len(values)} means or deviations; expected 3, RGB")
    return values


def _resized(size: tuple[int, int], side: int | tuple[int, int]) -> tuple[int, int]:
    """Width and height after resizing; the longer side is rounded down, as the models were trained."""
    if isinstance(side, tuple):
        return side[1], side[0]
    width, height = size
    short, long = min(size), max(size)
    longer = max(1, int(side * long / short))
    return (side, longer) if width <= height else (longer, side)


def _central(pixels: np.ndarray, crop: tuple[int, int]) -> np.ndarray:
    """The middle (height, width) of an array (h, w, 3); black where the picture is smaller."""
    height, width = max(pixels.shape[0], crop[0]), max(pixels.shape[1], crop[1])
    if (height, width) != pixels.shape[:2]:
        framed = np.zeros((height, width, 3), np.uint8)
        top, left = -(-(height - pixels.shape[0]) // 2), -(-(width - pixels.shape[1]) // 2)
        framed[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        pixels = framed
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    return pixels[top : top + crop[0], left : left + crop[1]]
