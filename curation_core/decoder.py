"""What a decoder process runs: bytes of images in, pixels or a reason out, within limits of memory and time.

It is started by curation_core.decoding with little more than Pillow loaded, holds no secret and writes no file. What it
is asked comes through its standard input and what it answers goes to its standard output, as plain numbers and bytes:
whoever takes over a decoder through a hole in a codec finds nothing to unpickle on the other side.
"""

import contextlib
import importlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from curation_core.errors import IngestError
from curation_core.images import FORMATS, OUT_OF_MEMORY, decode_with_size, image_size
from curation_core.thumbnails import MAX_SIDE, encode_thumbnail

REQUEST = struct.Struct("<BIQ")  # what is wanted, longer side at most (0: as it is), bytes that follow
REPLY = struct.Struct("<BIIQ")  # how it went, width, height, bytes that follow
COUNT = struct.Struct("<I")  # items of a batch
SIZE, CHECK, THUMBNAIL, PIXELS = range(4)  # what is wanted
DONE, REFUSED = range(2)  # how it went: bytes are the answer, or the reason in UTF-8
_MAX_FILES = 64


def serve(memory: int, seconds: float) -> None:
    """Answer batches until the other side closes; dies of SIGPROF when one item takes more processor time."""
    requests, replies = _own_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    _preload()
    _limit(memory)
    _write(replies, (DONE, 0, 0, b""))  # ready
    for wanted, max_side, data in _received(requests):
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            reply = answer(wanted, max_side, data)
        except MemoryError:
            reply = REFUSED, 0, 0, OUT_OF_MEMORY.encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(replies, reply)


def answer(wanted: int, max_side: int, data: bytes) -> tuple[int, int, int, bytes]:
    """(how it went, width, height, bytes): sizes are those of the whole picture, for PIXELS those of the answer."""
    try:
        if wanted == SIZE:
            return (DONE, *image_size(data), b"")
        if wanted == PIXELS:
            image, size = decode_with_size(data, max_side=max_side or None)
            return (DONE, *image.size, image.tobytes())
        image, size = decode_with_size(data, max_side=MAX_SIDE, draft_side=2 * MAX_SIDE)
        return (DONE, *size, encode_thumbnail(image) if wanted == THUMBNAIL else b"")
    except IngestError as error:
        return REFUSED, 0, 0, str(error).encode()


def _received(requests: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Items of batch after batch. A batch is read whole first: the parent writes all of it before it reads."""
    while head := requests.read(COUNT.size):
        batch = []
        for _ in range(COUNT.unpack(head)[0]):
            wanted, max_side, n_bytes = REQUEST.unpack(requests.read(REQUEST.size))
            batch.append((wanted, max_side, requests.read(n_bytes)))
        batch.reverse()
        while batch:
            yield batch.pop()  # and forget it: one picture at a time


def _write(replies: BinaryIO, reply: tuple[int, int, int, bytes]) -> None:
    how, width, height, data = reply
    replies.write(REPLY.pack(how, width, height, len(data)))
    replies.write(data)
    replies.flush()


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under other numbers, so that nothing a codec prints can mix with the answers."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return requests, replies


def _preload() -> None:
    """Codecs, loaded before the limits hold."""
    from PIL import Image

    Image.preinit()
    for name in FORMATS:
        importlib.import_module(f"PIL.{name.title().replace('Webp', 'WebP')}ImagePlugin")


def _limit(memory: int) -> None:
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: _MAX_FILES}
    if sys.platform == "linux":  # elsewhere the address space is not limited, or cannot be
        limits[resource.RLIMIT_AS] = memory
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):  # a stricter limit from outside stays
            resource.setrlimit(kind, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard),) * 2)
