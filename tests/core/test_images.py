"""Decoding: every format upright as RGB, everything hostile refused."""

import contextlib
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from curation_core.errors import IngestError
from curation_core.images import decode_image, image_size


def encoded(image=None, kind="PNG", **options):
    buffer = io.BytesIO()
    (image or Image.new("RGB", (8, 6), (200, 30, 40))).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "PNG"), ("P", "GIF"), ("RGBA", "WEBP"), ("1", "BMP")]
)
def test_every_format_comes_out_as_rgb(mode, kind):
    image = decode_image(encoded(Image.new(mode, (8, 6)), kind))
    assert (image.mode, image.size) == ("RGB", (8, 6))


def test_transparency_lies_over_white():
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    decoded = decode_image(encoded(image))
    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (255, 0, 0)]


def test_sixteen_bit_grey_keeps_its_range():
    pixels = np.array([[0, 32768, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        decoded = np.asarray(decode_image(encoded(Image.fromarray(pixels), kind)))
        assert decoded[0, :, 0].tolist() == [0, 128, 255]


def test_float_tiffs_are_stretched_to_eight_bit():
    pixels = np.array([[-1.0, 0.0, np.nan, 1.0]], dtype=np.float32)
    decoded = np.asarray(decode_image(encoded(Image.fromarray(pixels), "TIFF")))
    assert decoded[0, :, 0].tolist() == [0, 127, 127, 255]


def test_cmyk_white_is_white():
    decoded = decode_image(encoded(Image.new("CMYK", (4, 4), (0, 0, 0, 0)), "JPEG"))
    assert decoded.getpixel((1, 1)) == (255, 255, 255)


def test_a_picture_taken_sideways_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    data = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif)
    assert decode_image(data).size == (20, 40)
    assert decode_image(data, max_side=10).size == (5, 10)
    assert image_size(data) == (20, 40)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_max_side_bounds_the_longer_side_and_never_enlarges(kind):
    data = encoded(Image.new("RGB", (600, 300), (10, 200, 30)), kind)
    assert decode_image(data, max_side=100).size == (100, 50)
    assert decode_image(data, max_side=1000).size == (600, 300)


@pytest.mark.parametrize("side", [8_000, 100_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side):
    data = bytearray(encoded(Image.new("1", (1, 1))))
    data[16:24] = struct.pack(">II", side, side)  # the size in the PNG header, and its checksum
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    with pytest.raises(IngestError, match="pixels"):
        decode_image(bytes(data))


def test_other_formats_are_refused_whatever_the_name():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    for data in (b"", b"hello", eps, b"\x00" * 1000):
        with pytest.raises(IngestError):
            decode_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_damaged_images_give_an_ingest_error_or_an_image_and_nothing_else(kind):
    rng = np.random.default_rng([7, len(kind)])
    pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(pixels), kind)
    damaged = [whole[: 1 << bits] for bits in range(len(whole).bit_length() - 1)]
    for _ in range(40):
        flipped = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            flipped[place] = int(rng.integers(256))
        damaged.append(bytes(flipped))
    refused = 0
    for data in damaged:
        with contextlib.suppress(IngestError):
            decode_image(data, max_side=64)
            continue
        refused += 1
    assert refused >= 5


def test_decoding_in_several_threads_leaves_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    data = encoded(Image.new("RGB", (64, 64)))
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(decode_image, [data] * 200))) == 200
    assert warnings.filters == before


def test_a_truncated_jpeg_is_refused():
    data = encoded(Image.effect_noise((200, 200), 50).convert("RGB"), "JPEG")
    with pytest.raises(IngestError, match="cannot be decoded"):
        decode_image(data[: len(data) // 2], max_side=64)


def damaged_end(data):
    """A PNG whose picture data end in a wrong checksum."""
    place = data.index(b"IEND") - 12
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_png_with_damaged_data_is_refused_and_not_half_black():
    data = encoded(Image.effect_noise((40, 30), 60))
    assert decode_image(data).size == (40, 30)
    for read in (decode_image, image_size):
        with pytest.raises(IngestError, match="cannot be decoded"):
            read(damaged_end(data))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_png_that_holds_fewer_rows_than_its_header_says_is_refused_and_a_black_one_is_not(mode):
    data = bytearray(encoded(Image.new(mode, (37, 21))))
    assert decode_image(bytes(data)).size == (37, 21)
    data[20:24] = struct.pack(">I", 22)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    with pytest.raises(IngestError, match=r"fewer rows|truncated"):
        decode_image(bytes(data))


def test_a_tiff_on_its_side_has_its_upright_size():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (40, 20)), "TIFF", exif=exif)
    assert decode_image(data).size == image_size(data) == (20, 40)


def test_a_large_transparent_picture_made_small_lies_over_white():
    image = Image.new("RGBA", (600, 400), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 300, 400))
    small = decode_image(encoded(image), max_side=60)
    assert (small.size, small.getpixel((5, 20)), small.getpixel((55, 20))) == ((60, 40), (0, 0, 255), (255, 255, 255))
    assert small.getpixel((30, 20))[1] == small.getpixel((30, 20))[0]  # at the edge: blue and white, no red
