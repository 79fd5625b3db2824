"""Image features without weights see colour and shape."""

import numpy as np
from PIL import Image, ImageDraw

from curation_core.pixels import ColorHog, letterbox


def shape(kind, colour, shift=0):
    image = Image.new("RGB", (80, 80), "white")
    draw = ImageDraw.Draw(image)
    box = (20 + shift, 20, 60 + shift, 60)
    draw.ellipse(box, fill=colour) if kind == "disc" else draw.rectangle(box, fill=colour)
    return image


def test_the_whole_image_is_kept_and_centred_on_white():
    square = letterbox(Image.new("RGB", (40, 20), "black"), 8)
    assert square.shape == (8, 8, 3)
    assert square[:, 4, 0].tolist() == [255, 255, 0, 0, 0, 0, 255, 255]
    assert letterbox(Image.new("RGB", (1000, 1), "black"), 8).min() == 0


def test_a_shifted_shape_is_nearer_than_another_colour_or_another_shape():
    images = [shape("disc", "red"), shape("disc", "red", 3), shape("disc", "blue"), shape("square", "red")]
    vectors = ColorHog()(images)
    gaps = np.linalg.norm(vectors - vectors[0], axis=1)
    assert gaps[1] < gaps[3]
    assert gaps[1] < gaps[2]


def test_a_blank_image_has_a_vector_too():
    vector = ColorHog()([Image.new("RGB", (5, 5), "white")])
    assert vector.shape == (1, ColorHog.dim)
    assert np.isfinite(vector).all()
    assert vector.any()
    assert ColorHog()([]).shape == (0, ColorHog.dim)
