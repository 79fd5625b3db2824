"""The picture in full: unchanged, upright, of bounded size, and never with a face that is to be blurred."""

import hashlib
import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from curation_core import pictures
from curation_core.config import FacesConfig
from curation_core.errors import IngestError
from curation_core.face_model import detector
from curation_core.face_results import make_faces

CONFIG = FacesConfig(blur=True)


def encoded(image, kind="PNG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def found_in(image, score=1.0):
    xywh = detector().detect(image, floor=0.35, max_side=640).xywh / np.tile(image.size, 2)
    return make_faces(np.zeros(len(xywh), np.int64), xywh, np.full(len(xywh), score, np.float32))


def test_bytes_that_were_changed_since_ingest_are_refused():
    right = hashlib.sha256(b"picture").hexdigest()
    assert pictures.original(lambda uri: b"picture", "a.png", right) == b"picture"
    with pytest.raises(IngestError, match="was changed"):
        pictures.original(lambda uri: b"another", "a.png", right)


def test_a_large_picture_comes_small_and_a_turned_one_upright():
    sideways = Image.new("RGB", (2400, 800), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = pictures.upright(encoded(sideways, "JPEG", exif=exif))
    assert shown.size == (533, 1600)
    assert decoded(pictures.as_webp(shown)).size == (533, 1600)


def test_what_is_no_picture_is_refused_with_a_reason():
    with pytest.raises(IngestError, match="not an image"):
        pictures.upright(b"<svg onload=alert(1)>")


def test_faces_are_gone_from_what_leaves():
    portrait = Image.fromarray(skimage.data.astronaut())
    shown = decoded(pictures.as_webp(pictures.without_faces(portrait, found_in(portrait), CONFIG)))
    assert len(detector().detect(portrait, floor=0.35, max_side=640)) == 1
    assert len(detector().detect(shown, floor=0.35, max_side=640)) == 0


def test_a_picture_without_faces_is_left_as_it_is():
    plain = Image.new("RGB", (64, 64), "green")
    assert (
        pictures.without_faces(plain, make_faces(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0)), CONFIG) is plain
    )


def test_where_blurring_does_not_hold_nothing_is_shown(monkeypatch):
    portrait = Image.fromarray(skimage.data.astronaut())
    faces = found_in(portrait)
    real = pictures.blur_faces
    monkeypatch.setattr(pictures, "blur_faces", lambda *given: type(real(*given))(portrait, np.zeros((0, 4)), False))
    with pytest.raises(IngestError, match="still shows a face"):
        pictures.without_faces(portrait, faces, CONFIG)
