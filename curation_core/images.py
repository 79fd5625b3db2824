"""Pixels from bytes: upright, 8-bit RGB, of formats and sizes that are safe to decode; the rest is refused.

Hostile bytes belong into a decoder process (curation_core.decoding), which runs these functions under limits.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation_core.errors import IngestError
from curation_core.png_rows import check_rows

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # an allow-list: EPS would run Ghostscript, PSD has had holes
MAX_PIXELS = 50_000_000
OUT_OF_MEMORY = "needs more memory to decode than is allowed"
_ORIENTATION = 0x0112  # the EXIF tag


def decode_image(data: bytes, *, max_side: int | None = None) -> "Image":
    """First frame of an image as upright 8-bit RGB, transparency over white.

    max_side: when given, the longer side comes out at most so long (JPEGs are decoded small, which is faster).
    Raises IngestError with a short reason for anything that is not a whole image of at most 50 million pixels.
    """
    return decode_with_size(data, max_side=max_side)[0]


def decode_with_size(
    data: bytes, *, max_side: int | None = None, draft_side: int | None = None
) -> tuple["Image", tuple[int, int]]:
    """Like decode_image, and the upright (width, height) in pixels that the file has in full.

    draft_side: a JPEG is decoded to no less than this before it is made smaller; max_side when not given.
    """
    with _opened(data) as image:
        width, height = image.size
        if max_side is not None:
            draft = draft_side or max_side
            image.draft("RGB" if image.mode != "L" else "L", (draft, draft))
        image.load()
        if image.format == "PNG":
            check_rows(data, image)
        orientation = _orientation(image)
        rgb = _turned(_over_white(_shrunk(_plain(image), max_side)), orientation)
    rgb.info = {}
    return rgb, (height, width) if orientation >= 5 else (width, height)


def image_size(data: bytes) -> tuple[int, int]:
    """Upright (width, height) in pixels, from the header where it tells; raises IngestError like decode_image."""
    with _opened(data) as image:
        width, height = image.size
        if image.format == "PNG":
            image.load()  # the metadata may lie behind the pixels; Pillow would load them unasked, and forget an error
        return (height, width) if _orientation(image) >= 5 else (width, height)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator["Image"]:
    from PIL import Image

    if not data:
        raise IngestError("the file is empty")
    _check_pixels(_webp_size(data))
    try:
        with _quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_pixels(image.size)
            yield image
    except IngestError:
        raise
    except Exception as error:  # hostile bytes come back from the codecs as any kind of error
        raise IngestError(_reason(error)) from None


def _check_pixels(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise IngestError(f"{size[0]} × {size[1]} pixels are more than {MAX_PIXELS // 10**6} million")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas of an extended WebP, for which Pillow takes memory before we could ask for the size; else (0, 0)."""
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30:
        return 0, 0
    return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1


def _orientation(image: "Image") -> int:
    """1 to 8; 1 (upright) also where the metadata are damaged, which costs no pixel."""
    if image.format == "TIFF":  # Pillow turns these itself
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # parsing hostile metadata may raise anything
        return 1


def _turned(image: "Image", orientation: int) -> "Image":
    from PIL.Image import Transpose

    turns = {2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM}
    turns |= {5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90}
    return image.transpose(turns[orientation]) if orientation in turns else image


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


def _plain(image: "Image") -> "Image":
    """RGB, or RGBA where anything may be transparent, 8 bit."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        import numpy as np

        image = Image.fromarray(_eight_bit(np.asarray(image)))
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _shrunk(image: "Image", max_side: int | None) -> "Image":
    """RGB, or RGBA with colours multiplied by alpha (RGBa), when it was too large; else as it was."""
    from PIL.Image import Resampling

    if max_side is None or max(image.size) <= max_side:
        return image
    if image.mode == "RGBA":
        image = image.convert("RGBa")  # averages must not mix in the colour of what cannot be seen
    image.thumbnail((max_side, max_side), Resampling.BICUBIC, reducing_gap=2.0)
    return image


def _over_white(image: "Image") -> "Image":
    from PIL import Image

    if image.mode == "RGBa":
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(pixels: "np.ndarray") -> "np.ndarray":
    """16-bit greys by their full range, anything else (float, 32-bit) stretched between its extremes."""
    import numpy as np

    if pixels.dtype == np.uint16 or (pixels.dtype.kind in "iu" and 255 < pixels.max() <= 65_535 and pixels.min() >= 0):
        return (pixels.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
    if pixels.dtype.kind in "iu" and pixels.min() >= 0 and pixels.max() <= 255:
        return pixels.astype(np.uint8)
    stretched = np.nan_to_num(pixels.astype(np.float64), copy=False, posinf=0.0, neginf=0.0)
    low, span = stretched.min(), np.ptp(stretched)
    stretched -= low
    stretched *= 255.0 / span if span else 0.0
    return stretched.astype(np.uint8)


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError
    from PIL.Image import DecompressionBombError

    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF)"
    if isinstance(error, DecompressionBombError):
        return f"its size in pixels is far more than {MAX_PIXELS // 10**6} million"
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return f"cannot be decoded ({str(error)[:120] or type(error).__name__})"
