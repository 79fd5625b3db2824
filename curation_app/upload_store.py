"""Uploads on disk: promised, written chunk by chunk, resumed, and a source when the last byte is there.

An upload is one stream of bytes, its files one after the other in the order of its list, so that one number says how
far it came and ten thousand small files travel in a few chunks::

    .uploads/<id>.json   what was promised: paths and sizes (written once)
    .uploads/<id>.at     how many bytes are there (replaced after every whole chunk)
    .uploads/<id>.part/  the files while they come
    .uploads/<id>/       the finished upload: one file or one folder, a source like any other

Names come from a browser and are never trusted: they are made safe before the first byte, and every file is created
by us, below a folder of ours, without following links.
"""

import bisect
import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from curation_app.places import workspaces_folder
from curation_app.upload_limits import Limits
from curation_app.upload_names import File, arranged
from curation_core.errors import CurationError

CHUNK = 8_000_000  # bytes in one request
STALE = 24 * 3_600  # seconds after which an unfinished upload is removed
_ID = re.compile(r"[0-9a-f]{32}")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOCK = threading.Lock()


class UploadRefused(CurationError):
    """An upload or a chunk of it cannot be taken. status: the HTTP status; offset: where to go on, if that helps."""

    def __init__(self, status: int, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.status, self.offset = status, offset


@dataclass(frozen=True)
class Upload:
    """A promised upload: its id, which is also the right to write to it, and its files in the order of the stream."""

    id: str
    files: tuple[File, ...]

    @cached_property
    def starts(self) -> list[int]:
        """Offset of each file in the stream."""
        return [0, *accumulate(file.size for file in self.files)][:-1]

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def uploads_folder() -> Path:
    """Where uploads lie: beside the workspaces, hidden from their list."""
    return workspaces_folder() / ".uploads"


def reserve(files: Sequence[File], allowed: Limits) -> Upload:
    """Promise room for an upload; raises UploadRefused when it is too large, too many, empty, or the disk is full."""
    named = arranged(files)
    upload = Upload(secrets.token_hex(16), named)
    with _LOCK:
        remove_stale()
        _check_room(upload, allowed)
        folder = uploads_folder()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{upload.id}.part").mkdir(mode=0o700)
        _replace(folder / f"{upload.id}.at", b"0")
        promised = {"files": [[file.path, file.size] for file in named]}
        _replace(folder / f"{upload.id}.json", json.dumps(promised).encode())
    return upload


def find(upload_id: str) -> Upload:
    """A promised or finished upload; raises UploadRefused (404) for an id that was never given or is stale."""
    try:
        if not _ID.fullmatch(upload_id):
            raise FileNotFoundError
        promised = json.loads((uploads_folder() / f"{upload_id}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        raise UploadRefused(404, "this upload is not known here any more; start it again") from None
    return Upload(upload_id, tuple(File(path, size) for path, size in promised["files"]))


def received(upload: Upload) -> int:
    """Bytes that are there; an upload whose last chunk came just before the server was stopped is finished now."""
    folder = uploads_folder()
    try:
        at = int((folder / f"{upload.id}.at").read_text())
    except FileNotFoundError:
        if (folder / upload.id).is_dir():
            return upload.total
        raise UploadRefused(404, "this upload is not there any more; start it again") from None
    if at == upload.total:
        _finish(upload)
    return at


def source(upload_id: str) -> Path:
    """The one file or folder of a finished upload; raises UploadRefused (404) when it is not whole."""
    upload = find(upload_id)
    top = uploads_folder() / upload.id / upload.files[0].path.partition("/")[0]
    if received(upload) < upload.total or not top.exists():
        raise UploadRefused(404, "the upload is not there any more; upload it again")
    return top


def discard(upload: Upload) -> None:
    """Forget an unfinished upload and what came of it; a finished one may be a workspace's source and stays."""
    folder = uploads_folder()
    if (folder / upload.id).exists():
        raise UploadRefused(409, "this upload is finished and may be in use; remove it where the workspaces lie")
    _remove(upload.id)


def finished() -> list[Upload]:
    """Uploads that are whole, the newest first."""
    folder = uploads_folder()
    whole = [path for path in folder.glob("*.json") if _ID.fullmatch(path.stem) and (folder / path.stem).is_dir()]
    return [find(path.stem) for path in sorted(whole, key=lambda path: -path.stat().st_mtime_ns)]


def remove(upload: Upload) -> None:
    """Remove a finished upload with its files; whoever calls this knows that no workspace reads it."""
    (uploads_folder() / f"{upload.id}.json").unlink(missing_ok=True)
    shutil.rmtree(uploads_folder() / upload.id, ignore_errors=True)


def remove_stale(now: float | None = None) -> list[str]:
    """Remove uploads that got no byte for a day; returns their ids."""
    then = (time.time() if now is None else now) - STALE
    stale = {path.stem for path in _open_uploads() if path.stat().st_mtime < then}
    for upload_id in stale:
        _remove(upload_id)
    return sorted(stale)


class ChunkWriter:
    """Writes one chunk at its offset, across the borders of files; nothing counts before `commit`.

    A chunk that breaks off or arrives changed leaves the offset where it was: the same bytes are sent again.
    """

    def __init__(self, upload: Upload, offset: int, *, keep_free: int) -> None:
        at = received(upload)
        if offset != at:
            raise UploadRefused(409, f"the next byte is {at:,}, got a chunk at {offset:,}; go on from there", at)
        if at == upload.total:
            raise UploadRefused(409, "this upload is finished", at)
        if _free() < keep_free + min(CHUNK, upload.total - at):
            raise UploadRefused(507, _disk_full())
        self._upload, self._at, self._checksum = upload, at, 0
        self._folder = uploads_folder() / f"{upload.id}.part"
        self._limit = min(upload.total, at + CHUNK)

    def write(self, data: bytes) -> None:
        """The next bytes of the chunk; raises UploadRefused when they are more than promised or the disk is full."""
        if self._at + len(data) > self._limit:
            raise UploadRefused(413, f"a chunk has at most {CHUNK:,} bytes and ends where the upload ends")
        self._checksum = zlib.crc32(data, self._checksum)
        left = memoryview(data)
        try:
            while left:
                left = left[self._into_file(left) :]
        except OSError as error:
            if error.errno in _FULL:
                raise UploadRefused(507, _disk_full()) from None
            raise

    def commit(self, checksum: int) -> int:
        """Count the chunk, and finish the upload with the last one; returns the bytes that are there now."""
        if checksum != self._checksum:
            at = received(self._upload)
            raise UploadRefused(422, "the chunk arrived changed (its checksum differs); it is sent again", at)
        try:
            _replace(uploads_folder() / f"{self._upload.id}.at", str(self._at).encode())
        except OSError as error:
            raise UploadRefused(507, _disk_full()) if error.errno in _FULL else error from None
        return received(self._upload)

    def _into_file(self, data: memoryview) -> int:
        number = bisect.bisect_right(self._upload.starts, self._at) - 1
        file, within = self._upload.files[number], self._at - self._upload.starts[number]
        path = self._folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            n_written = os.pwrite(descriptor, data[: file.size - within], within)
        finally:
            os.close(descriptor)
        self._at += n_written
        return n_written


def _finish(upload: Upload) -> None:
    folder = uploads_folder()
    with contextlib.suppress(FileNotFoundError):  # another request finished it a moment ago
        (folder / f"{upload.id}.part").rename(folder / upload.id)
    (folder / f"{upload.id}.at").unlink(missing_ok=True)


def _check_room(upload: Upload, allowed: Limits) -> None:
    if upload.total > allowed.max_upload:
        raise UploadRefused(
            413,
            f"the upload has {_gb(upload.total)}, at most {_gb(allowed.max_upload)} are taken; mount the folder",
        )
    if len(upload.files) > allowed.max_files:
        raise UploadRefused(
            413,
            f"the upload has {len(upload.files):,} files, at most {allowed.max_files:,} are taken; "
            "upload them as one zip or mount the folder",
        )
    promised, coming = _promised()
    if promised + upload.total > allowed.quota:
        raise UploadRefused(
            507,
            f"uploads here already hold {_gb(promised)} of {_gb(allowed.quota)}; mount the folder, or remove old ones",
        )
    if _free() - coming - allowed.keep_free < upload.total:
        raise UploadRefused(
            507, f"the server's disk has no room for {_gb(upload.total)}; free some, or mount the folder"
        )


def _promised() -> tuple[int, int]:
    """Bytes of all uploads, and those of them that are still to come."""
    promised = coming = 0
    for path in uploads_folder().glob("*.json"):
        with contextlib.suppress(UploadRefused, OSError, ValueError):
            upload = find(path.stem)
            at = received(upload)  # raises for an upload whose files somebody removed: it takes no room
            promised += upload.total
            coming += upload.total - at
    return promised, coming


def _open_uploads() -> list[Path]:
    """What unfinished uploads leave; a promise that was killed halfway left only a folder."""
    folder = uploads_folder()
    parts = [path for path in folder.glob("*.part") if not (folder / f"{path.stem}.at").exists()]
    return [path for path in (*folder.glob("*.at"), *parts) if _ID.fullmatch(path.stem)]


def _remove(upload_id: str) -> None:
    folder = uploads_folder()
    (folder / f"{upload_id}.json").unlink(missing_ok=True)  # first: no chunk is taken from here on
    (folder / f"{upload_id}.at").unlink(missing_ok=True)
    shutil.rmtree(folder / f"{upload_id}.part", ignore_errors=True)


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _free() -> int:
    folder = next(place for place in (uploads_folder(), *uploads_folder().parents) if place.exists())
    return shutil.disk_usage(folder).free


def _disk_full() -> str:
    return "the server's disk is full; what came so far is kept: free some space and go on"


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 10**9:.1f} GB" if n_bytes >= 10**9 else f"{n_bytes / 10**6:.1f} MB"
