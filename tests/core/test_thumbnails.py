"""Thumbnails: one per content, small, whole, and never outside their folder."""

import pytest
from PIL import Image

from curation_core.errors import ConfigError
from curation_core.thumbnails import thumbnail_path, write_thumbnail

HASH = "ab" * 32


def test_a_thumbnail_is_a_small_webp_of_the_same_shape(tmp_path):
    image = Image.new("RGB", (400, 200), (0, 128, 255))
    path = write_thumbnail(image, tmp_path, HASH)
    assert path == tmp_path / "ab" / f"{HASH}.webp"
    with Image.open(path) as small:
        assert (small.format, small.size) == ("WEBP", (128, 64))
    assert image.size == (400, 200)


def test_small_images_are_not_enlarged(tmp_path):
    with Image.open(write_thumbnail(Image.new("RGB", (20, 10)), tmp_path, HASH)) as small:
        assert small.size == (20, 10)


def test_a_thumbnail_that_is_there_is_left_alone_and_nothing_else_is_left_behind(tmp_path):
    path = write_thumbnail(Image.new("RGB", (9, 9), "red"), tmp_path, HASH)
    first = path.read_bytes()
    write_thumbnail(Image.new("RGB", (9, 9), "blue"), tmp_path, HASH)
    assert path.read_bytes() == first
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize("wrong", ["", "ab", "../" * 8, "AB" * 32, "ab" * 33, "ab/" * 10, "g" * 64, "ab" * 32 + "\n"])
def test_only_hashes_become_paths(tmp_path, wrong):
    with pytest.raises(ConfigError, match="not a content hash"):
        thumbnail_path(tmp_path, wrong)


def test_a_thumbnail_that_a_power_cut_left_empty_is_written_again(tmp_path):
    path = write_thumbnail(Image.new("RGB", (9, 9), "red"), tmp_path, HASH)
    path.write_bytes(b"")
    assert write_thumbnail(Image.new("RGB", (9, 9), "red"), tmp_path, HASH).stat().st_size > 0
