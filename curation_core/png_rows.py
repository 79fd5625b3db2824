"""Whether a PNG holds all the rows that its header promises, which Pillow does not ask: it leaves the rest black."""

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation_core.errors import IngestError

if TYPE_CHECKING:
    from PIL.Image import Image

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_HEADER = struct.Struct(">IIBBBBB")
_PIECE = 1 << 20


def check_rows(data: bytes, image: "Image") -> None:
    """Raises IngestError when rows are missing; unpacks the data a second time only where the last row is all zero."""
    width, height = image.size
    if any(image.crop((0, height - 1, width, height)).tobytes()):
        return
    columns, rows, depth, colour, _, _, interlaced = _HEADER.unpack_from(data, 16)
    if interlaced or (columns, rows) != (width, height):
        return
    promised = rows * (1 + (columns * depth * _CHANNELS.get(colour, 0) + 7) // 8)
    if _unpacked_size(data, promised) < promised:
        raise IngestError("cannot be decoded (it holds fewer rows than its header says)")


def _unpacked_size(data: bytes, enough: int) -> int:
    """Bytes that the picture data unpack to, counted up to `enough`; no more than a megabyte is held at once."""
    unpacker, found = zlib.decompressobj(), 0
    for packed in _picture_data(data):
        waiting = packed
        while waiting and found < enough and not unpacker.eof:
            found += len(unpacker.decompress(waiting, _PIECE))
            waiting = unpacker.unconsumed_tail
    return found + len(unpacker.flush())


def _picture_data(data: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if kind == b"IDAT":
            yield data[place + 8 : place + 8 + length]
        place += 12 + length
