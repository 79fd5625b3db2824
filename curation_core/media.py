"""Bytes of images from a folder or a zip; names that lead out of it and archives that explode are refused."""

import contextlib
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from curation_core.errors import IngestError
from curation_core.images import decode_image as decode_image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MAX_MEMBERS = 2_000_000  # files in one zip
MAX_MEMBER_BYTES = 1 << 29  # 512 MB for one file, in a folder or unpacked from a zip
MAX_TOTAL_BYTES = 1 << 38  # 256 GB for a whole zip, unpacked
MAX_RATIO = 100  # unpacked to packed; photographs stay below 2
_RATIO_FREE_BYTES = 1 << 20  # small files may compress as they like: 1 MB cannot fill a memory


class Media(Protocol):
    """The files of a source. names: image paths below the source, forward slashes, sorted; others: all other files."""

    names: tuple[str, ...]
    others: tuple[str, ...]

    def read(self, uri: str) -> bytes:
        """Bytes of one listed file; raises IngestError with a short reason."""

    def fingerprint(self) -> str:
        """16 hex digits that change when names, sizes or times change; reads no file."""


@contextlib.contextmanager
def open_media(source: Path) -> Iterator[Media]:
    """Open a folder (searched through) or a .zip of images; raises IngestError when it is neither or is broken."""
    if source.is_dir():
        yield FolderMedia(source)
    elif source.is_file() and source.suffix.lower() == ".zip":
        media = ZipMedia(source)
        with contextlib.closing(media):
            yield media
    elif source.exists():
        raise IngestError(f"{source.name} is neither a folder nor a .zip; give a folder or a zip of images")
    else:
        raise IngestError(f"{source} does not exist; check the path")


class FolderMedia:
    """Regular files below a folder; hidden ones and links that lead out of it are left out."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        names = sorted(_walk(self._root))
        self.names = tuple(name for name in names if is_image_name(name))
        self.others = tuple(name for name in names if not is_image_name(name))
        self._known = frozenset(names)

    def read(self, uri: str) -> bytes:
        """Bytes of one listed file; raises IngestError with a short reason."""
        if uri not in self._known:
            raise IngestError("not a file of this source")
        path = self._root / uri
        try:
            if not path.resolve().is_relative_to(self._root):  # a link may have changed since the listing
                raise IngestError("leads out of the source folder")
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # non-blocking: it may have become a pipe
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise IngestError("not a regular file")
                if status.st_size > MAX_MEMBER_BYTES:
                    raise IngestError(f"file of {status.st_size >> 20} MB is larger than {MAX_MEMBER_BYTES >> 20} MB")
                return file.read()
        except OSError as error:
            raise IngestError(f"cannot be read ({error.strerror or type(error).__name__})") from None

    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and times; reads no file."""
        digest = hashlib.sha256()
        for name in (*self.names, *self.others):
            with contextlib.suppress(OSError):  # gone since the listing: the digest then differs, as it should
                status = (self._root / name).stat()
                digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]


class ZipMedia:
    """Members of a zip with safe names; nothing is ever unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            members = self._zip.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise IngestError(f"{path.name} is not a readable zip ({error}); make the archive again") from None
        _check_archive(path.name, members)
        self._members = {member.filename: member for member in members if _is_safe_member(member)}
        names = sorted(self._members)
        self.names = tuple(name for name in names if is_image_name(name))
        self.others = tuple(name for name in names if not is_image_name(name))

    def read(self, uri: str) -> bytes:
        """Unpacked bytes of one member; raises IngestError with a short reason."""
        member = self._members.get(uri)
        if member is None:
            raise IngestError("not a file of this source")
        if member.flag_bits & 0x1:
            raise IngestError("is encrypted")
        if member.file_size > MAX_MEMBER_BYTES:
            raise IngestError(f"unpacks to {member.file_size >> 20} MB, more than {MAX_MEMBER_BYTES >> 20} MB")
        try:
            with self._zip.open(member) as file:
                data = file.read(member.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise IngestError(f"cannot be unpacked ({error})") from None
        if len(data) != member.file_size:
            raise IngestError(f"unpacks to another size than the {member.file_size} bytes it states")
        return data

    def fingerprint(self) -> str:
        """16 hex digits over the archive's size and time."""
        return file_fingerprint(self._path)

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()


def file_fingerprint(path: Path) -> str:
    """16 hex digits over a file's name, size and time; raises IngestError when it is not there."""
    try:
        status = path.stat()
    except OSError:
        raise IngestError(f"{path} does not exist; check the path") from None
    return hashlib.sha256(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:16]


def is_image_name(name: str) -> bool:
    """Whether a name ends like an image that we read."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(folder) / name
            if not name.startswith(".") and _is_inside(path, root):
                yield path.relative_to(root).as_posix()


def _is_inside(path: Path, root: Path) -> bool:
    """A regular file, encodable as text, that a link does not place outside the root."""
    try:
        str(path).encode()  # names that are not UTF-8 cannot be written to a table
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return path.resolve(strict=True).is_relative_to(root) and path.is_file()
        return stat.S_ISREG(status.st_mode)
    except (OSError, RuntimeError, UnicodeEncodeError):
        return False


def _is_safe_member(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    unsafe = member.filename.startswith("/") or ".." in parts or "\\" in member.filename or ":" in member.filename[:2]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not (member.is_dir() or is_link or unsafe or hidden)


def _check_archive(name: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise IngestError(f"{name} holds {len(members):,} files, at most {MAX_MEMBERS:,} are read; split the archive")
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise IngestError(
            f"{name} unpacks to {total >> 30} GB, at most {MAX_TOTAL_BYTES >> 30} GB are read; split the archive"
        )
    for member in members:
        if member.file_size > _RATIO_FREE_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise IngestError(
                f"{name} looks like a zip bomb: {member.filename!r} unpacks to more than {MAX_RATIO} times its size; "
                "remove that file"
            )
