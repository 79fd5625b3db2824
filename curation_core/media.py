"""Bytes of images from a folder or a zip; names that lead out of it and archives that explode are refused.

What a listing holds but must not be read (a link that leads out, a pipe, a name that is no text, a name that is there
twice) stays in the listing: reading it raises IngestError with the reason, so that it becomes a row of the failures.
"""

import contextlib
import hashlib
import itertools
import os
import stat
import zipfile
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa

from curation_core.errors import IngestError
from curation_core.images import decode_image as decode_image
from curation_core.regular_files import MAX_MEMBER_BYTES as MAX_MEMBER_BYTES
from curation_core.regular_files import read_inside as read_inside

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MAX_MEMBERS = 2_000_000  # files in one zip
MAX_TOTAL_BYTES = 1 << 38  # 256 GB for a whole zip, unpacked
MAX_RATIO = 100  # unpacked to packed; photographs stay below 2
_RATIO_FREE_BYTES = 1 << 20  # small files may compress as they like: 1 MB cannot fill a memory


class Media(Protocol):
    """The images of a source, opened. Reading is safe from several threads.

    names: uris of the images, unique; of files they are sorted, of a table's rows in the order of the rows. others: all
    other files.
    """

    names: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def columns(self) -> pa.Table | None:
        """The source's own columns, one row per name in the order of names; None when it has none."""

    def read(self, uri: str) -> bytes:
        """Bytes of one listed file; raises IngestError with a short reason."""

    def stamp(self, uri: str) -> str:
        """A short string that changes when the item's bytes may have changed; reads no item. "" when it is gone."""

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
    """Regular files below a folder; hidden ones are left out, links that lead out of it are refused."""

    columns: pa.Table | None = None

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        found = dict(_walk(self._root))
        self._refused = {name: reason for name, reason in found.items() if reason and is_image_name(name)}
        self._known = frozenset(name for name, reason in found.items() if not reason)
        self.names, self.others = sorted_names(self._known, self._refused)

    def read(self, uri: str) -> bytes:
        """Bytes of one listed file; raises IngestError with a short reason."""
        check_listed(uri, self._known, self._refused)
        return read_inside(self._root, self._root / uri)

    def place(self, uri: str) -> Path:
        """Where one listed file lies; raises IngestError when it is none of the listing."""
        check_listed(uri, self._known, self._refused)
        return self._root / uri

    def stamp(self, uri: str) -> str:
        """Size and time of one file."""
        try:
            status = (self._root / uri).stat()
        except OSError:  # gone since the listing
            return ""
        return f"{status.st_size}:{status.st_mtime_ns}"

    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and times; reads no file."""
        digest = hashlib.sha256()
        for name in (*self.names, *self.others):
            digest.update(f"{name}\0{self.stamp(name)}\n".encode())
        return digest.hexdigest()[:16]


class ZipMedia:
    """Members of a zip with safe names; nothing is ever unpacked to disk."""

    columns: pa.Table | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            members = self._zip.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise IngestError(f"{path.name} is not a readable zip ({error}); make the archive again") from None
        _check_archive(path.name, members)
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._refused: dict[str, str] = {}
        for member in members:
            self._list(member)
        self.names, self.others = sorted_names(self._members, self._refused)

    def _list(self, member: zipfile.ZipInfo) -> None:
        name = text_name(member.filename)
        if not name or member.is_dir() or is_hidden(name):
            return
        reason = unsafe_name(member.filename) or ("a link" if stat.S_ISLNK(member.external_attr >> 16) else "")
        if not reason and name in self._members:
            name, reason = another_name(name, self._refused), "this name is in the archive before; the first one counts"
        if not reason:
            self._members[name] = member
        elif is_image_name(member.filename):
            self._refused[name] = reason

    def read(self, uri: str) -> bytes:
        """Unpacked bytes of one member; raises IngestError with a short reason."""
        check_listed(uri, self._members, self._refused)
        member = self._members[uri]
        if member.flag_bits & 0x1:
            raise IngestError("is encrypted")
        if member.file_size > MAX_MEMBER_BYTES:
            raise IngestError(f"unpacks to {member.file_size >> 20} MB, more than {MAX_MEMBER_BYTES >> 20} MB")
        try:
            with self._zip.open(member) as file:
                data = file.read(member.file_size + 1)
        except Exception as error:  # hostile archives come back from zipfile and its codecs as any kind of error
            raise IngestError(f"cannot be unpacked ({str(error)[:120] or type(error).__name__})") from None
        if len(data) != member.file_size:
            raise IngestError(f"unpacks to another size than the {member.file_size} bytes it states")
        return data

    def stamp(self, uri: str) -> str:
        """Checksum and size of one member, as the archive states them."""
        member = self._members.get(uri)
        return f"{member.CRC:08x}:{member.file_size}" if member else ""

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


def sorted_names(names: Iterable[str], refused: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of images, with all that was refused among them, and of all other files, both sorted."""
    readable = frozenset(names)
    images = {name for name in readable if is_image_name(name)}
    return tuple(sorted(images | refused.keys())), tuple(sorted(readable - images - refused.keys()))


def check_listed(uri: str, known: Container[str], refused: Mapping[str, str]) -> None:
    """Raises IngestError when a uri was refused, or is none of the listing."""
    if uri in refused:
        raise IngestError(refused[uri])
    if uri not in known:
        raise IngestError("not a file of this source")


def text_name(name: str) -> str:
    """A name that can be written to a table: bytes that are not UTF-8 are spelled out."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def unsafe_name(name: str) -> str:
    """Why a member of an archive must not be read by this name; "" when it may."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name or ":" in name[:2]:
        return "its name leads out of the archive"
    return "" if name == text_name(name) else "its name is not UTF-8; rename it"


def another_name(name: str, taken: Container[str]) -> str:
    """A name for one more entry of the same name: "a.png (entry 2)"."""
    return next(other for other in (f"{name} (entry {number})" for number in itertools.count(2)) if other not in taken)


def is_hidden(name: str) -> bool:
    """Whether a part of a name begins with a dot, or is what macOS adds to archives."""
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Files below a folder with why they must not be read, "" where they may; hidden ones and folders' links not."""
    waiting, start = [str(root)], len(os.path.join(root, ""))  # noqa: PTH118 - strings: a million paths take long
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if folder == str(root):
                raise IngestError(f"{root} cannot be listed ({error.strerror}); check its permissions") from None
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif not _links_to_folder(entry):  # such a link could lead in circles
                name = entry.path[start:].replace(os.sep, "/")
                yield text_name(name), _refusal(entry, name, root)


def _links_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link to itself
        return False


def _refusal(entry: os.DirEntry[str], name: str, root: Path) -> str:
    if name != text_name(name):
        return "its name is not UTF-8; rename it"
    try:
        if entry.is_symlink():
            target = Path(entry.path).resolve(strict=True)
            if not target.is_relative_to(root):
                return "a link that leads out of the source folder"
        return "" if entry.is_file() else "not a regular file"
    except (OSError, RuntimeError):
        return "a link that leads nowhere"


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
