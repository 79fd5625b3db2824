"""One item's picture for a person to look at: from the source, unchanged, decoded apart, no larger than a screen.

Where faces are to be blurred they are blurred before anything is encoded; a picture that still shows one is refused.
"""

import hashlib
import io
from typing import TYPE_CHECKING

from curation_core.blurring import blur_faces
from curation_core.config import FacesConfig
from curation_core.decoding import decode_apart
from curation_core.errors import IngestError
from curation_core.face_model import detector
from curation_core.face_results import Faces
from curation_core.unchanged import Read

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 1600  # pixels
_QUALITY = 85


def original(read: Read, uri: str, content_hash: str) -> bytes:
    """The bytes that were ingested; raises IngestError when they are gone or others."""
    data = read(uri)
    if hashlib.sha256(data).hexdigest() != content_hash:
        raise IngestError("was changed since it was ingested; ingest again")
    return data


def upright(data: bytes) -> "Image":
    """A picture of at most 1600 px a side, turned as its EXIF says, from a decoder process; raises IngestError."""
    return decode_apart(data, max_side=MAX_SIDE)


def without_faces(image: "Image", faces: Faces, config: FacesConfig) -> "Image":
    """The picture with its faces blurred. faces: all detections of this picture, with people's verdicts.

    Raises IngestError where the detector still finds a face afterwards: such a picture is not to be shown.
    """
    if not len(faces.above(config.threshold)):
        return image
    done = blur_faces(image, faces, config, detector())
    if not done.held:
        raise IngestError("still shows a face after blurring; check its boxes")
    return done.image


def as_webp(image: "Image") -> bytes:
    """A picture as the browser gets it, at most 1600 px a side."""
    shown = image
    if max(image.size) > MAX_SIDE:
        shown = image.copy()
        shown.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
    encoded = io.BytesIO()
    shown.save(encoded, "WEBP", quality=_QUALITY, method=2)
    return encoded.getvalue()
