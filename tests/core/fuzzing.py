"""Mutates a valid file many times and gives every mutation to the function that reads such files.

Run by test_fuzz.py in a process of its own, with a limit of memory: ``python fuzzing.py FORMAT COUNT FOLDER``. Every
mutation must be read or be refused with a CurationError; anything else ends the process with the mutation in FOLDER.
"""

import contextlib
import io
import json
import os
import re
import resource
import sys
import tarfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # the others set aside more addresses than the limit allows
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from curation_core import decoder
from curation_core.config import IngestConfig
from curation_core.errors import CurationError, IngestError
from curation_core.matrices import open_matrix
from curation_core.origins import open_items
from curation_core.tables import open_table, parse_table

MEMORY = 2 << 30  # of addresses, as in a decoder
SECONDS = 10.0  # of processor time for one mutation
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
HEADS = (
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\xff\xff\xff\xffWEBPVP8X",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
)
HEADS += (
    b"PK\x03\x04",
    b"PAR1",
    b"\x93NUMPY\x01\0",
    b"%!PS-Adobe",
    b"8BPS",
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b"[" * 300,
)


def picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (24, 32, 4), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x0112], found[0x010F] = 6, "maker"
    return found


def frames() -> dict[str, object]:
    return {"save_all": True, "append_images": [Image.new("RGB", (32, 24), "red")]}


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"a/{number}.png", picture("PNG", "L")[: 200 + number])
        archive.writestr("metadata.csv", "file_name,label\na/0.png,x\n")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (("0001.png", b"p" * 100), ("0001.json", b'{"label": 3}'), ("é" * 70 + ".png", b"q" * 20)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    table = pa.table(
        {"text": ["one", "two", None, "four"], "n": [1, 2, 3, 4], "v": [[1.0, 2.0]] * 4, "d": pa.array(["a", "b"] * 2)}
    )
    pa.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(24, dtype=np.float32).reshape(6, 4))
    return buffer.getvalue()


def geotiff() -> bytes:
    import rasterio
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    profile = {"driver": "GTiff", "width": 32, "height": 32, "count": 3, "dtype": "uint16", "nodata": 0}
    profile |= {"crs": "EPSG:32621", "transform": from_origin(500_000, 7_000_000, 30, 30), "compress": "deflate"}
    pixels = np.random.default_rng(2).integers(1, 4000, (3, 32, 32), dtype=np.uint16)
    with MemoryFile() as memory:
        with rasterio.open(memory, "w", **profile) as file:
            file.write(pixels)
        return bytes(memory.getbuffer())


VALID: dict[str, Callable[[], list[bytes]]] = {
    "jpeg": lambda: [picture("JPEG", exif=exif()), picture("JPEG", "CMYK"), picture("JPEG", progressive=True)],
    "png": lambda: [picture("PNG", "RGBA"), picture("PNG", "P"), picture("PNG", "I;16"), picture("PNG", exif=exif())],
    "webp": lambda: [picture("WEBP", "RGBA"), picture("WEBP", lossless=True), picture("WEBP", exif=exif(), **frames())],
    "gif": lambda: [picture("GIF", "P"), picture("GIF", "P", **frames()), picture("GIF", "L", interlace=0)],
    "bmp": lambda: [picture("BMP"), picture("BMP", "P"), picture("BMP", "1"), picture("BMP", "RGBA")],
    "tiff": lambda: [
        picture("TIFF"),
        picture("TIFF", "L", compression="tiff_lzw"),
        picture("TIFF", compression="jpeg"),
        picture("TIFF", "F", compression="tiff_deflate"),
        picture("TIFF", "RGBA", exif=exif()),
    ],
    "zip": lambda: [zipped()],
    "tar": lambda: [tarred()],
    "csv": lambda: [b'id,text,n\n1,"one, two",3\n2,\xc3\xa9,4.5\n3,,\n', b"text\r\nx\r\ny\r\n"],
    "jsonl": lambda: [b'{"id": 1, "text": "one", "v": [1.5, 2]}\n{"id": 2, "text": null, "o": {"a": "b"}}\n'],
    "parquet": lambda: [parquet()],
    "npy": lambda: [npy()],
    "geotiff": lambda: [geotiff()],
}
SUFFIX = {"geotiff": "tif"}


def decode(data: bytes, path: Path) -> None:
    """What a decoder process does with one picture."""
    how, width, height, reply = decoder.answer(decoder.THUMBNAIL, 0, data)
    if how == decoder.REFUSED:
        raise IngestError(reply.decode())
    assert width * height <= 50_000_000
    assert reply[:4] == b"RIFF"


def read_archive(data: bytes, path: Path) -> None:
    """List an archive and read all of it."""
    path.write_bytes(data)
    with open_items(IngestConfig(source=str(path))) as media:
        for name in (*media.names, *media.others):
            name.encode()
            media.stamp(name)
            with contextlib.suppress(CurationError):
                media.read(name)


def read_table(data: bytes, path: Path) -> None:
    """Read a table from bytes and from a file, whole."""
    path.write_bytes(data)
    with contextlib.suppress(CurationError):
        parse_table(data, path.name)
    for table in open_table(path).slices(3):
        table.to_pylist()


def read_parquet(data: bytes, path: Path) -> None:
    """Read a Parquet file as a table and as vectors."""
    with contextlib.suppress(CurationError):
        read_table(data, path)
    read_matrix(data, path)


def read_matrix(data: bytes, path: Path) -> None:
    """Open vectors and read all of them."""
    path.write_bytes(data)
    matrix = open_matrix(path)
    if matrix.n_rows < 1000:
        matrix.read(np.arange(matrix.n_rows))


def read_tiles(data: bytes, path: Path) -> None:
    """Cut a scene into tiles and read all of them."""
    path.write_bytes(data)
    refused = None
    with open_items(IngestConfig(source=str(path), kind="tiles", tile_size=16)) as media:
        for name in media.names[:20]:
            try:
                decode(media.read(name), path)
            except CurationError as error:
                refused = error
    if refused is not None:
        raise refused


READ: dict[str, Callable[[bytes, Path], None]] = {
    **dict.fromkeys(("jpeg", "png", "webp", "gif", "bmp", "tiff"), decode),
    **dict.fromkeys(("zip", "tar"), read_archive),
    **dict.fromkeys(("csv", "jsonl"), read_table),
    "parquet": read_parquet,
    "npy": read_matrix,
    "geotiff": read_tiles,
}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three kinds of damage, one after the other."""
    for _ in range(int(rng.integers(1, 4))):
        data = DAMAGES[int(rng.integers(len(DAMAGES)))](data or b"\0", rng)
    return data


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 9))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def spliced(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of it, put in or written over another place, or cut out."""
    start, stop = sorted(int(place) for place in rng.integers(0, len(data) + 1, 2))
    place, piece = int(rng.integers(len(data) + 1)), data[start : min(stop, start + 2000)]
    put_in, over = data[:place] + piece + data[place:], data[:place] + piece + data[place + len(piece) :]
    return (put_in, over, data[:start] + data[stop:])[int(rng.integers(3))]


def lying(data: bytes, rng: np.random.Generator) -> bytes:
    """An extreme number where a length may be."""
    width, order = int(rng.choice((1, 2, 4, 8))), str(rng.choice(("little", "big")))
    number = EXTREMES[int(rng.integers(len(EXTREMES)))] % (1 << 8 * width)
    place = int(rng.integers(min(len(data), 512) if rng.random() < 0.7 else len(data)))
    return data[:place] + number.to_bytes(width, order) + data[place + width :]


def beheaded(data: bytes, rng: np.random.Generator) -> bytes:
    """The head of another kind of file."""
    head = HEADS[int(rng.integers(len(HEADS)))]
    return head + data[len(head) if rng.random() < 0.5 else 0 :]


def noised(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes that mean something to a parser of text, or nothing at all."""
    words = (b'"', b"\n", b"\0", b",", b"{", b"}", b"[" * 2000, b"1e999", b"\xff\xfe", b"-9" * 400, b"null", b"\\ud800")
    place = int(rng.integers(len(data) + 1))
    word = words[int(rng.integers(len(words)))] if rng.random() < 0.8 else rng.bytes(int(rng.integers(1, 64)))
    return data[:place] + word + data[place:]


DAMAGES = (truncated, flipped, spliced, lying, beheaded, noised, flipped, lying)


def fuzz(kind: str, count: int, folder: Path) -> dict[str, float]:
    """Read `count` mutations; returns how many were refused, and the most seconds and megabytes it took."""
    valid, path, n_refused, slowest = VALID[kind](), folder / f"case.{SUFFIX.get(kind, kind)}", 0, 0.0
    for data in valid:
        READ[kind](data, path)  # what is not damaged must be read
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in range(count):
        rng = np.random.default_rng([20, number])
        data = mutated(valid[number % len(valid)], rng)
        (folder / "mutation").write_bytes(data)  # what a crash leaves behind
        began = time.process_time()
        try:
            READ[kind](data, path)
        except CurationError:
            n_refused += 1
        slowest = max(slowest, time.process_time() - began)
    peak = _peak_kilobytes() / 1024
    return {"n": count, "refused": n_refused, "slowest_s": round(slowest, 3), "peak_mb": round(peak)}


def _peak_kilobytes() -> int:
    """Of this process alone: what getrusage tells begins with the memory of the process that started it."""
    with contextlib.suppress(OSError):
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    try:
        print(json.dumps(fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))  # noqa: T201 - for test_fuzz
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
