"""Pixels from bytes: upright, 8-bit RGB, of formats and sizes that are safe to decode; the rest is refused."""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from curation_core.errors import IngestError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # an allow-list: EPS would run Ghostscript, PSD has had holes
MAX_PIXELS = 50_000_000


def decode_image(data: bytes, *, max_side: int | None = None) -> "Image":
    """First frame of an image as upright 8-bit RGB, transparency over white.

    max_side: when given, the longer side comes out at most so long (JPEGs are decoded small, which is faster).
    Raises IngestError with a short reason for anything that is not a whole image of at most 50 million pixels.
    """
    if not data:
        raise IngestError("the file is empty")
    try:
        return _decode(data, max_side)
    except IngestError:
        raise
    except Exception as error:  # hostile bytes come back from the codecs as any kind of error
        raise IngestError(_reason(error)) from None


def image_size(data: bytes) -> tuple[int, int]:
    """Upright (width, height) in pixels from the header alone; raises IngestError like decode_image."""
    try:
        with _opened(data) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5  # orientations 5 to 8 lie on their side
    except IngestError:
        raise
    except Exception as error:  # as above
        raise IngestError(_reason(error)) from None
    return (height, width) if turned else (width, height)


def _decode(data: bytes, max_side: int | None) -> "Image":
    from PIL import Image, ImageOps

    with _opened(data) as image:
        if max_side is not None:
            image.draft("RGB" if image.mode != "L" else "L", (max_side, max_side))
        image.load()
        upright = ImageOps.exif_transpose(image)
        rgb = _rgb(upright)
    if max_side is not None and max(rgb.size) > max_side:
        rgb.thumbnail((max_side, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    rgb.info = {}
    return rgb


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator["Image"]:
    from PIL import Image

    with _quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise IngestError(f"{image.width} × {image.height} pixels are more than {MAX_PIXELS // 10**6} million")
        yield image


class _Quiet:
    """Ignores warnings while any thread is inside: Pillow warns of sizes that we refuse and of odd metadata.

    Python's own catch_warnings, entered by several threads, would put the filters back in the wrong order.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()


def _rgb(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bit(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    """16-bit greys by their full range, anything else (float, 32-bit) stretched between its extremes."""
    if pixels.dtype == np.uint16 or (pixels.dtype.kind in "iu" and 255 < pixels.max() <= 65_535 and pixels.min() >= 0):
        return (pixels.astype(np.uint32) >> 8).astype(np.uint8)
    if pixels.dtype.kind in "iu" and pixels.min() >= 0 and pixels.max() <= 255:
        return pixels.astype(np.uint8)
    finite = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, span = finite.min(), np.ptp(finite)
    stretched: np.ndarray = (finite - low) * (255.0 / span if span else 0.0)
    return stretched.astype(np.uint8)


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF)"
    return f"cannot be decoded ({str(error)[:120] or type(error).__name__})"
