"""Signatures of pictures and texts, and what they are worth on planted copies."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.planted import COPIES, find_images, load, plant, precision, recall
from curation_core.appearance import IMAGE_DIM, TEXT_DIM, cosine_of, image_looks, likeness, mirrored, text_looks
from curation_core.neighbors import default_threshold


def alike(first: Image.Image, second: Image.Image) -> float:
    looks = image_looks([first, second])
    return float(likeness(looks[0] @ looks[1]))


def plain(*colour: int) -> Image.Image:
    return Image.new("RGB", (40, 40), tuple(colour))


def picture(seed: int, side: int = 120) -> Image.Image:
    coarse = np.random.default_rng([seed]).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def test_signatures_have_length_one_whatever_the_size_of_the_picture():
    looks = image_looks([picture(0), picture(1, 9), plain(0, 0, 0), Image.new("RGB", (300, 1))])
    assert looks.shape == (4, IMAGE_DIM)
    assert looks.dtype == np.float32
    assert np.linalg.norm(looks, axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    assert image_looks([]).shape == (0, IMAGE_DIM)


def test_size_and_a_little_brightness_do_not_count_but_content_does():
    original = picture(0)
    assert alike(original, original.resize((60, 60))) > 0.97
    assert alike(original, ImageEnhance.Brightness(original).enhance(1.05)) > 0.94
    assert alike(original, picture(1)) < 0.5


def test_plain_pictures_differ_by_their_colour():
    assert alike(plain(30, 60, 140), plain(31, 60, 139)) > 0.97
    assert alike(plain(30, 60, 140), plain(40, 75, 155)) < 0.94
    assert alike(plain(0, 0, 0), plain(255, 255, 255)) < 0.5


def test_a_mirrored_signature_is_that_of_the_mirrored_picture():
    original = picture(2)
    assert mirrored(image_looks([original])) == pytest.approx(image_looks([ImageOps.mirror(original)]), abs=0.01)
    assert np.array_equal(mirrored(mirrored(image_looks([original]))), image_looks([original]))


def test_similarity_and_cosine_are_each_others_inverse():
    assert likeness(np.array([cosine_of(s) for s in (0.5, 0.9, 1.0)])) == pytest.approx([0.5, 0.9, 1.0])


def test_case_and_punctuation_of_a_text_do_not_count_but_words_do():
    one, two, three = text_looks(
        ["The cat sat on the mat.", "the CAT,  sat on the mat", "The dog lay under the table."]
    )
    assert one @ two == pytest.approx(1.0)
    assert one @ three < 0.5
    assert text_looks([]).shape == (0, TEXT_DIM)


def test_texts_without_letters_have_no_signature_and_short_ones_do():
    looks = text_looks(["", "?!", "a", "日本語のテキスト"])
    assert np.linalg.norm(looks, axis=1) == pytest.approx([0, 0, 1, 1])


def test_signatures_of_texts_never_change():
    assert np.argsort(-np.abs(text_looks(["never change"])[0]), kind="stable")[:4].tolist() == [180, 246, 304, 314]


@pytest.mark.slow
@pytest.mark.parametrize("sample", ["emoji", "blue_marble"])
def test_resized_and_re_encoded_copies_are_found_and_little_else(sample: str):
    planted = plant(load(sample, 1200), 100)
    copies = planted.only(list(COPIES))
    found = find_images(copies, default_threshold("image"))
    shares = recall(found, copies)
    assert min(shares.values()) >= 0.95
    assert precision(found, copies).fair >= 0.95
    flips = recall(find_images(planted, default_threshold("image"), flips=True), planted)
    assert flips["flipped"] >= 0.95
