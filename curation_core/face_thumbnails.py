"""Thumbnails of pictures with faces: written blurred, rewritten when a person corrects, plain again when asked.

Beside a blurred thumbnail lies a small file with the hash of what was blurred in it. Whether a thumbnail is what is
wanted can be seen from that, however a run ended; like thumbnails, these files may be deleted at any time, together.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation_core.artifacts import write_bytes
from curation_core.blurring import blur_faces
from curation_core.config import FacesConfig
from curation_core.face_model import FaceDetector
from curation_core.face_results import Faces
from curation_core.thumbnails import MAX_SIDE, encode_thumbnail, has_thumbnail, save_thumbnail, thumbnail_path

if TYPE_CHECKING:
    from PIL.Image import Image


def is_current(folder: Path, content_hash: str, faces: Faces, config: FacesConfig) -> bool:
    """Whether the thumbnail of a content is as it should be. faces: of this content, with verdicts, at any score."""
    return has_thumbnail(folder, content_hash) and _mark(folder, content_hash) == _wanted(faces, config)


def put_thumbnail(
    image: "Image", folder: Path, content_hash: str, faces: Faces, config: FacesConfig, detector: FaceDetector
) -> None:
    """Write the thumbnail of a content, blurred where `config` asks for it and there are faces, in place of any other.

    image: RGB, at least as large as a thumbnail. An unblurred picture is never on the disk where a blurred one is
    wanted, not even for a moment.
    """
    wanted, mark = _wanted(faces, config), _mark_path(folder, content_hash)
    small = image.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
    if wanted:
        small = blur_faces(small, faces, config, detector).image
    save_thumbnail(encode_thumbnail(small), folder, content_hash)
    if wanted:  # the mark comes after what it says, and goes after what unsays it: a kill leaves work, never a lie
        write_bytes(mark, wanted.encode())
    else:
        mark.unlink(missing_ok=True)


def drop_unseen(folder: Path | None, content_hash: str, config: FacesConfig) -> None:
    """Remove the thumbnail of a picture that cannot be searched any more, where faces are to be blurred."""
    if folder is not None and config.blur:
        thumbnail_path(folder, content_hash).unlink(missing_ok=True)


def _mark_path(folder: Path, content_hash: str) -> Path:
    return thumbnail_path(folder, content_hash).with_suffix(".blurred")


def _mark(folder: Path, content_hash: str) -> str:
    try:
        return _mark_path(folder, content_hash).read_text()
    except OSError:
        return ""


def _wanted(faces: Faces, config: FacesConfig) -> str:
    """Hash of what is blurred; empty for a plain thumbnail."""
    boxes = faces.above(config.threshold).box
    if not config.blur or not len(boxes):
        return ""
    digest = hashlib.sha256(np.round(boxes, 5).tobytes())
    digest.update(np.round(faces.denied().box, 5).tobytes())
    digest.update(f"{config.threshold} {config.max_side}".encode())
    return digest.hexdigest()[:16]
