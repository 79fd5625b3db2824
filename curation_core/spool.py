"""Copies on the local disk of what cannot be read from the middle: unpacked tars, files of remote stores.

A copy is named by what it is a copy of, so that every step and every worker of a run uses the same one. Copies that no
one has used for a week are removed when the next one is made.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from curation_core.artifacts import explained
from curation_core.efficientnet import cache_folder
from curation_core.errors import IngestError

MAX_BYTES = 1 << 36  # 64 GB in one copy
_KEPT_SECONDS = 7 * 24 * 3600
_SPARE_BYTES = 1 << 30  # left free on the disk


def spooled(identity: str, name: str, chunks: Iterable[bytes]) -> Path:
    """A file of this name with these bytes; made once for an identity (an address and its stamp).

    Raises IngestError when it grows beyond 64 GB or the disk runs full.
    """
    place = _folder() / hashlib.sha256(identity.encode()).hexdigest()[:24]
    path = place / (name or "file")
    if path.exists():
        with contextlib.suppress(OSError):
            os.utime(place)
        return path
    _remove_old(place.parent)
    with explained(path):
        place.mkdir(parents=True, exist_ok=True)
        _write(path, chunks)
    return path


def spooled_folder(identity: str, name: str, files: Iterable[tuple[str, Iterable[bytes]]]) -> Path:
    """A folder of this name with these files, given by name and bytes; made once for an identity.

    Names must have been checked: none may lead out of the folder.
    """
    place = _folder() / hashlib.sha256(identity.encode()).hexdigest()[:24]
    whole = place / ".whole"
    if not whole.exists():
        _remove_old(place.parent)
        with explained(place):
            for file, chunks in files:
                path = place / (name or "folder") / file
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, chunks)
            whole.touch()
    with contextlib.suppress(OSError):
        os.utime(place)
    return place / (name or "folder")


def _folder() -> Path:
    return cache_folder() / "spool"


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = path.with_name(f".{os.getpid()}.tmp")
    n_bytes = 0
    try:
        with temporary.open("wb") as file:
            for chunk in chunks:
                n_bytes += len(chunk)
                if n_bytes > MAX_BYTES:
                    raise IngestError(f"{path.name} is larger than {MAX_BYTES >> 30} GB; split it or unpack it to disk")
                if shutil.disk_usage(path.parent).free < _SPARE_BYTES:
                    raise IngestError(f"the disk has no room for a copy of {path.name}; free some space, or unpack it")
                file.write(chunk)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for place in folder.iterdir():
            if time.time() - place.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
