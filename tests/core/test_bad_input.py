"""docs/bad-input.md and the code say the same: every row of its table is provoked here."""

import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from curation_core import decoder_process, decoding, media
from curation_core.config import IngestConfig
from curation_core.errors import CurationError
from curation_core.sources import ingest, unmatched_rows

DOCS = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"


def documented():
    """(group, what) -> message, from the tables of the page."""
    rows, group = {}, ""
    for line in DOCS.read_text().splitlines():
        if line.startswith("## "):
            group = line[3:].strip()
        cells = [cell.strip() for cell in line.replace("\\|", "¦").strip("| ").split(" | ")]
        if line.startswith("| ") and len(cells) == 2 and cells[0] != "what" and group:
            rows[group, cells[0]] = cells[1].replace("¦", "|")
    return rows


def picture(kind="PNG", size=(64, 48), **options):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def png_of(width, height):
    data = bytearray(picture())
    data[16:24] = struct.pack(">II", width, height)  # the size in the header, and its checksum
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def tall_jpeg(height):
    data = bytearray(picture("JPEG"))
    place = data.find(b"\xff\xc0") + 5
    data[place : place + 2] = struct.pack(">H", height)
    return bytes(data)


def webp_of(side):
    data = bytearray(picture("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    data[24:30] = (side - 1).to_bytes(3, "little") * 2
    return bytes(data)


def take_in(source, tmp_path, **options):
    """What ingest says: "uri: reason" per refused item, or its error, or what it counted."""
    (folder := tmp_path / "step").mkdir(exist_ok=True)
    try:
        found = ingest(IngestConfig(source=str(source), **options), folder, thumbnails=tmp_path / "thumbs")
    except CurationError as error:
        return f"error: {error}"
    if found.failures.num_rows:
        return "; ".join(row["reason"] for row in found.failures.to_pylist())
    unmatched = unmatched_rows(found)
    return f"read: {len(found)} items" + (f", {unmatched} rows match none" if unmatched else "")


CASES: dict[tuple[str, str], Callable[..., str]] = {}


def case(group, what):
    """Mark what provokes a row of the page."""

    def mark(function):
        CASES[group, what] = function
        return function

    return mark


def image_case(what, name, data):
    """A bad file in a folder, beside a good one."""

    def provoke(tmp_path, monkeypatch):
        folder = tmp_path / "p"
        folder.mkdir()
        (folder / "good.png").write_bytes(picture())
        (folder / name).write_bytes(data() if callable(data) else data)
        return take_in(folder, tmp_path)

    CASES["Pictures", what] = provoke


image_case("empty file", "a.jpg", b"")
image_case("text named .jpg", "a.jpg", b"not a picture at all")
image_case("EPS named .png", "a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
image_case("PNG named .jpg", "a.jpg", picture())
image_case("truncated JPEG", "a.jpg", lambda: picture("JPEG")[:1500])
image_case("truncated PNG", "a.png", lambda: picture()[:3000])
image_case("truncated WebP", "a.webp", lambda: picture("WEBP")[:1000])
image_case("truncated GIF", "a.gif", lambda: picture("GIF")[:1500])
image_case("truncated BMP", "a.bmp", lambda: picture("BMP")[:3000])
image_case("truncated TIFF", "a.tif", lambda: picture("TIFF")[:3000])
image_case("PNG that claims 100,000 x 100,000 pixels", "a.png", lambda: png_of(100_000, 100_000))
image_case("PNG that claims more rows than it has", "a.png", lambda: png_of(64, 6000))
image_case("JPEG that claims more rows than it has", "a.jpg", lambda: tall_jpeg(200))
image_case("WebP that claims 16,384 x 16,384 pixels", "a.webp", lambda: webp_of(16_384))
image_case("damaged EXIF", "a.jpg", lambda: picture("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))


@case("Pictures", "file of more than 512 MB")
def _(tmp_path, monkeypatch):
    (folder := tmp_path / "p").mkdir()
    (folder / "good.png").write_bytes(picture())
    (folder / "a.png").touch()
    os.truncate(folder / "a.png", 600 << 20)  # a hole: it takes no space
    return take_in(folder, tmp_path)


@case("Pictures", "file that changes while it is read")
def _(tmp_path, monkeypatch):
    (folder := tmp_path / "p").mkdir()
    for name in ("a.png", "good.png"):
        (folder / name).write_bytes(picture())
    read = media.FolderMedia.read

    def growing(self, uri):
        data = read(self, uri)
        if uri == "a.png":
            (folder / uri).write_bytes(data + b"more")
        return data

    monkeypatch.setattr(media.FolderMedia, "read", growing)
    return take_in(folder, tmp_path)


def codec_case(what, hole, **limits):
    """A codec with a hole, in a real decoder process."""

    def provoke(tmp_path, monkeypatch):
        (folder := tmp_path / "p").mkdir()
        (folder / "a.png").write_bytes(b"evil")
        (folder / "good.png").write_bytes(picture())
        patch = f"import ctypes; whole = decoder.answer\ndef answer(*a):\n    if a[2] == b'evil':\n        {hole}\n"
        patch += "    return whole(*a)\ndecoder.answer = answer\n"
        program = decoder_process.PROGRAM.replace("decoder.serve", patch + "decoder.serve")
        with decoding.Decoders(1, program=program, **limits) as pool:
            monkeypatch.setattr("curation_core.image_reader.decoders", lambda: pool)
            return take_in(folder, tmp_path)

    CASES["Pictures", what] = provoke


codec_case("picture that crashes its decoder", "ctypes.string_at(0)")
codec_case("picture that keeps its decoder busy for ever", "while True: pass", seconds=0.3)
codec_case("picture that wants more than 2 GB of memory", "bytearray(1 << 40)")


# ---- names and kinds of files


def name_case(what, make):
    def provoke(tmp_path, monkeypatch):
        (folder := tmp_path / "p").mkdir()
        (folder / "good.png").write_bytes(picture())
        make(folder)
        return take_in(folder, tmp_path)

    CASES["Names and kinds of files", what] = provoke


def two_names(folder):
    for name in ("é.png", "e\u0301.png"):
        (folder / name).write_bytes(picture())


def not_utf8(folder):
    with open(os.path.join(os.fsencode(folder), b"bad\xff.png"), "wb") as file:  # noqa: PTH118, PTH123 - bytes
        file.write(picture())


def device(folder):
    try:
        os.mknod(folder / "a.png", 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root may make a device file")


name_case("name of 255 bytes", lambda folder: (folder / ("é" * 125 + "a.png")).write_bytes(picture()))
name_case("two names that differ only in how é is written", two_names)
name_case("name that is not UTF-8", not_utf8)
name_case("link that leads out of the folder", lambda folder: (folder / "a.png").symlink_to("/etc/hostname"))
name_case("link to itself", lambda folder: (folder / "a.png").symlink_to(folder / "a.png"))
name_case("link to nothing", lambda folder: (folder / "a.png").symlink_to(folder / "gone.png"))
name_case("pipe", lambda folder: os.mkfifo(folder / "a.png"))
name_case("device file", device)


# ---- archives


def archive_case(what, suffix, write, **options):
    def provoke(tmp_path, monkeypatch):
        path = tmp_path / f"p{suffix}"
        write(path)
        return take_in(path, tmp_path, **options)

    CASES["Archives", what] = provoke


def zip_of(*members, compression=zipfile.ZIP_STORED, cut=None, change=lambda data: data):
    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in (("good.png", picture()), *members):
                archive.writestr(name, data)
        path.write_bytes(change(path.read_bytes())[:cut])

    return write


def link_member():
    info = zipfile.ZipInfo("a.png")
    info.external_attr = 0o120777 << 16
    return info


def encrypted(data):
    place = data.rfind(b"PK\x01\x02")  # of the last member
    flag = data.rfind(b"PK\x03\x04") + 6
    changed = bytearray(data)
    changed[flag] |= 1
    changed[place + 8] |= 1
    return bytes(changed)


def twins(data):
    return data.replace(b"twin.png", b"good.png")


def lying_size(data):
    place = data.rfind(b"PK\x01\x02") + 24
    return data[:place] + struct.pack("<I", 9999) + data[place + 4 :]


def tar_of(*infos, cut=None, data=b""):
    def write(path):
        with tarfile.open(path, "w") as archive:
            good = tarfile.TarInfo("good.png")
            good.size = len(picture())
            archive.addfile(good, io.BytesIO(picture()))
            for name, kind in infos:
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.size = kind, "/etc/passwd", len(data) if kind == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(data))
        path.write_bytes(path.read_bytes()[:cut])

    return write


archive_case("zip with a name that leads out of it", ".zip", zip_of(("../../evil.png", picture())))
archive_case("zip with an absolute name", ".zip", zip_of(("/etc/evil.png", picture())))
archive_case("zip with a link", ".zip", zip_of((link_member(), b"/etc/passwd")))
archive_case("zip with the same name twice", ".zip", zip_of(("twin.png", b"x"), change=twins))
archive_case(
    "zip with a damaged member", ".zip", zip_of(("a.png", b"A" * 99), change=lambda d: d.replace(b"AAA", b"AAx", 1))
)
archive_case("zip with an encrypted member", ".zip", zip_of(("a.png", picture()), change=encrypted))
archive_case("zip with a member that lies about its size", ".zip", zip_of(("a.png", b"A" * 99), change=lying_size))
archive_case("zip bomb", ".zip", zip_of(("a.png", bytes(5_000_000)), compression=zipfile.ZIP_DEFLATED))
archive_case("truncated zip", ".zip", zip_of(cut=300))
archive_case("text named .zip", ".zip", lambda path: path.write_bytes(b"no archive"))
archive_case("tar with a name that leads out of it", ".tar", tar_of(("../evil.png", tarfile.REGTYPE)))
archive_case("tar with a link", ".tar", tar_of(("a.png", tarfile.SYMTYPE)))
archive_case("tar with a device file", ".tar", tar_of(("a.png", tarfile.CHRTYPE)))
archive_case("truncated tar", ".tar", tar_of(("a.png", tarfile.REGTYPE), data=b"x" * 5000, cut=12_000))
archive_case("text named .tar", ".tar", lambda path: path.write_bytes(b"no archive at all"))


# ---- tables and vectors


def file_case(group, what, name, write, **options):
    def provoke(tmp_path, monkeypatch):
        path = tmp_path / name
        data = write(path) if callable(write) else write
        if isinstance(data, bytes):
            path.write_bytes(data)
        return take_in(path, tmp_path, **options)

    CASES[group, what] = provoke


def parquet_bytes(table):
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer)
    return buffer.getvalue()


def npy_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def huge_header():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 64), }"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header


TABLES, VECTORS = "Tables", "Vectors"
file_case(TABLES, "empty CSV", "t.csv", b"")
file_case(TABLES, "CSV that is not UTF-8", "t.csv", b"text\ncaf\xe9\n")
file_case(TABLES, "CSV with rows of other lengths", "t.csv", b"id,text\n1,a\n2,b,c\n")
file_case(TABLES, "CSV with a column twice", "t.csv", b"text,n,n\na,1,2\n")
file_case(TABLES, "CSV with numbers and words in one column", "t.csv", b"text,n\na,1\nb,two\nc,3.5\n")
file_case(TABLES, "CSV with a quote that never closes", "t.csv", lambda path: b'text\n"a' + b"x" * (40 << 20))
file_case(TABLES, "CSV with a cell of 100 MB", "t.csv", lambda path: b"text\na\n" + b"x" * (100 << 20) + b"\nb\n")
file_case(TABLES, "CSV with empty texts", "t.csv", b'id,text\n1,a\n2,"  "\n')
file_case(TABLES, "JSONL with a broken line", "t.jsonl", b'{"text": "a"}\n{"text": "b"\n')
file_case(
    TABLES,
    "JSONL with other types from line to line",
    "t.jsonl",
    b'{"text": "a", "n": 1}\n{"text": "b", "n": {"x": 2}}\n',
)
file_case(TABLES, "JSONL with a text that is not UTF-8", "t.jsonl", b'{"text": "a\xff"}\n')
file_case(TABLES, "truncated Parquet", "t.parquet", lambda path: parquet_bytes(pa.table({"text": ["a"] * 500}))[:200])
file_case(
    TABLES,
    "Parquet with a text of 100 MB",
    "t.parquet",
    lambda path: parquet_bytes(pa.table({"text": ["x" * (100 << 20), "b"]})),
)
file_case(TABLES, "text named .parquet", "t.parquet", b"not a Parquet file")


@case(TABLES, "metadata that names a file twice, and one that is not there")
def _(tmp_path, monkeypatch):
    (folder := tmp_path / "p").mkdir()
    (folder / "a.png").write_bytes(picture())
    (folder / "metadata.csv").write_text("file_name,n\na.png,1\na.png,2\ngone.png,3\n")
    return take_in(folder, tmp_path)


@case(TABLES, "table of images that names a file twice, one outside, and one that is not there")
def _(tmp_path, monkeypatch):
    (folder := tmp_path / "p").mkdir()
    (folder / "a.png").write_bytes(picture())
    (tmp_path / "out.png").write_bytes(picture())
    (folder / "t.csv").write_text("image,n\na.png,1\na.png,2\n../out.png,3\ngone.png,4\n")
    return take_in(folder / "t.csv", tmp_path, image_column="image")


file_case(VECTORS, "object array", "v.npy", lambda path: npy_bytes(np.array([{}, []], dtype=object), allow_pickle=True))
file_case(VECTORS, "header that claims 256 TB", "v.npy", lambda path: huge_header())
file_case(VECTORS, "truncated .npy", "v.npy", lambda path: npy_bytes(np.ones((9, 4)))[:200])
file_case(VECTORS, "text named .npy", "v.npy", b"no numbers")
file_case(VECTORS, "array of three dimensions", "v.npy", lambda path: npy_bytes(np.ones((2, 3, 4))))
file_case(VECTORS, "array of texts", "v.npy", lambda path: npy_bytes(np.array([["a", "b"]])))
file_case(
    VECTORS,
    "rows with NaN, infinity or only zeros",
    "v.npy",
    lambda path: npy_bytes(np.array([[1, 2], [np.nan, 1], [np.inf, 1], [0, 0.0]])),
)
file_case(
    VECTORS,
    "Parquet with vectors of other lengths",
    "v.parquet",
    lambda path: parquet_bytes(pa.table({"v": [[1.0, 2.0], [1.0], None]})),
)


def pattern(message):
    """A message of the page; an ellipsis stands for anything."""
    return ".+".join(re.escape(part) for part in message.split("…"))


def test_every_row_of_the_page_is_provoked_and_everything_provoked_is_on_the_page():
    assert set(CASES) == set(documented())


@pytest.mark.parametrize(("group", "what"), list(CASES))
def test_bad_input_gets_the_message_that_the_page_states(group, what, tmp_path, monkeypatch):
    said = CASES[group, what](tmp_path, monkeypatch)
    assert re.fullmatch(pattern(documented()[group, what]), said), said


def test_a_cell_of_400_mb_does_not_come_into_memory(tmp_path):
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(b"text\na\n")
        for _ in range(400):
            file.write(b"x" * (1 << 20))
    code = (
        "import re, sys; sys.path.insert(0, sys.argv[1])\n"
        "def peak(): return re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
        "from curation_core import IngestConfig, CurationError, sources\n"
        "try: sources.preview(IngestConfig(source=sys.argv[2]))\n"
        "except CurationError as error: print(peak(), error)"
    )
    command = [sys.executable, "-c", code, str(DOCS.parents[1]), str(tmp_path / "t.csv")]
    kilobytes, _, said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition(" ")
    assert "a row is longer than 8 MB" in said
    assert int(kilobytes) < 350_000


def test_the_page_names_this_test():
    assert "tests/core/test_bad_input.py" in DOCS.read_text()
