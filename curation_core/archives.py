"""Images in tar files, WebDataset shards among them: members are read from where they lie, nothing is unpacked by name.

A WebDataset sample is the members whose names are the same up to the first dot of the last part. Images of a sample are
items; its .cls, .txt and .json become columns.
"""

import bz2
import functools
import gzip
import hashlib
import json
import lzma
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa

from curation_core.errors import IngestError
from curation_core.media import (
    MAX_MEMBER_BYTES,
    MAX_MEMBERS,
    MAX_RATIO,
    another_name,
    check_listed,
    file_fingerprint,
    is_hidden,
    is_image_name,
    sorted_names,
    text_name,
    unsafe_name,
)
from curation_core.spool import spooled

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_CHUNK = 1 << 20
_MAX_SIBLING_BYTES = 1 << 20  # a label or a caption is smaller
_MAX_KEYS = 256  # columns that the .json of all samples may give
_RATIO_FREE_BYTES = 1 << 26
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


def is_tar_name(name: str) -> bool:
    """Whether a name ends like a tar, packed or not."""
    return name.lower().endswith(TAR_SUFFIXES)


def expand_braces(pattern: str) -> list[str]:
    """Names of shards: "s-{008..010}.tar" gives s-008.tar, s-009.tar, s-010.tar; a name without braces itself."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    first, last = int(found[1]), int(found[2])
    if last < first or last - first >= 1_000_000:
        raise IngestError(f"{found[0]} counts from {first} to {last}; give at most a million shards, lowest first")
    numbers = (str(number).zfill(len(found[1])) for number in range(first, last + 1))
    return [
        name for number in numbers for name in expand_braces(pattern[: found.start()] + number + pattern[found.end() :])
    ]


@dataclass(frozen=True)
class _Member:
    archive: int
    offset: int
    size: int
    time: float


class TarMedia:
    """Members of one or many tars. names_of: what goes before the names of each tar's members, "" for a single one."""

    def __init__(self, paths: Sequence[Path], prefixes: Sequence[str]) -> None:
        self._given = list(paths)
        self._plain = [_plain_tar(path) for path in paths]
        self._members: dict[str, _Member] = {}
        self._refused: dict[str, str] = {}
        for number, (path, prefix) in enumerate(zip(paths, prefixes, strict=True)):
            self._list(number, path, prefix)
        self.names, self.others = sorted_names(self._members, self._refused)

    @functools.cached_property
    def columns(self) -> pa.Table | None:
        """What stands beside the images of each sample: cls, txt, and the keys of json."""
        return _sample_columns(self)

    def read(self, uri: str) -> bytes:
        """Bytes of one member; raises IngestError with a short reason."""
        check_listed(uri, self._members, self._refused)
        member = self._members[uri]
        if member.size > MAX_MEMBER_BYTES:
            raise IngestError(f"file of {member.size >> 20} MB is larger than {MAX_MEMBER_BYTES >> 20} MB")
        try:
            with self._plain[member.archive].open("rb") as file:
                file.seek(member.offset)
                data = file.read(member.size)
        except OSError as error:
            raise IngestError(f"cannot be read ({error.strerror or type(error).__name__})") from None
        if len(data) != member.size:
            raise IngestError("the archive ends within this file")
        return data

    def stamp(self, uri: str) -> str:
        """Place, size and time of one member; where it has no time, the archive's."""
        member = self._members.get(uri)
        if member is None:
            return ""
        time = member.time or self._given[member.archive].stat().st_mtime_ns
        return f"{member.offset}:{member.size}:{time}"

    def fingerprint(self) -> str:
        """16 hex digits over the archives' names, sizes and times."""
        parts = "\n".join(file_fingerprint(path) for path in self._given)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def sizes(self) -> dict[str, int]:
        """Bytes of every member that can be read."""
        return {name: member.size for name, member in self._members.items()}

    def _list(self, number: int, path: Path, prefix: str) -> None:
        try:
            with self._plain[number].open("rb") as file, _tar(file) as archive:
                for info in archive:
                    self._add(number, prefix, info)
                    archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every header
                    if len(self._members) > MAX_MEMBERS:
                        raise IngestError(f"{path.name} holds more than {MAX_MEMBERS:,} files; split the archive")
        except IngestError:
            raise
        except Exception as error:  # hostile headers come back from tarfile as any kind of error
            if not any(member.archive == number for member in self._members.values()):
                raise IngestError(f"{path.name} is not a readable tar ({error}); make the archive again") from None
            self._refused[f"{path.name} (the end)"] = (
                f"the archive is broken after {len(self._members)} files ({error})"
            )

    def _add(self, number: int, prefix: str, info: tarfile.TarInfo) -> None:
        inner = text_name(info.name.removeprefix("./"))
        name, reason = prefix + inner, unsafe_name(info.name)
        if info.isdir() or is_hidden(inner):
            return
        if info.issym() or info.islnk():
            reason = reason or "a link"
        elif not info.isreg() or info.sparse:
            reason = reason or "not a regular file"
        if not reason and name in self._members:
            name, reason = another_name(name, self._refused), "this name is in the archive before; the first one counts"
        if not reason:
            self._members[name] = _Member(number, info.offset_data, info.size, info.mtime)
        elif is_image_name(info.name):
            self._refused[name] = reason


def _tar(file: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], _Bounded(file)), mode="r:")


class _Bounded:
    """A file that refuses to read much at once: a header may claim to be gigabytes long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, n_bytes: int) -> bytes:
        if n_bytes > 1 << 24:
            raise tarfile.ReadError(f"a header of {n_bytes >> 20} MB")
        return self._file.read(n_bytes)


def _plain_tar(path: Path) -> Path:
    """The tar itself; of a packed one an unpacked copy, for packed files can only be read from the start."""
    suffix = path.name.lower().rpartition(".")[2]
    if suffix == "tar":
        return path
    try:
        status = path.stat()
    except OSError as error:
        raise IngestError(f"{path.name} cannot be read ({error.strerror}); check the path") from None
    identity = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    return spooled(identity, "unpacked.tar", _unpacked(path, suffix, status.st_size))


def _unpacked(path: Path, suffix: str, packed: int) -> Iterator[bytes]:
    n_bytes = 0
    try:
        with _opened(path, suffix) as file:
            while chunk := file.read(_CHUNK):
                n_bytes += len(chunk)
                if n_bytes > max(_RATIO_FREE_BYTES, MAX_RATIO * packed):
                    raise IngestError(
                        f"{path.name} looks like a bomb: it unpacks to more than {MAX_RATIO} times its size; "
                        "unpack it yourself if you trust it"
                    )
                yield chunk
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise IngestError(f"{path.name} cannot be unpacked ({error}); make the archive again") from None


def _opened(path: Path, suffix: str) -> Any:
    if suffix in ("gz", "tgz"):
        return gzip.open(path)
    if suffix == "bz2":
        return bz2.open(path)
    if suffix == "xz":
        return lzma.open(path)
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


# ---- columns of samples


def _sample_columns(media: TarMedia) -> pa.Table | None:
    siblings: dict[str, dict[str, str]] = {}
    sizes = media.sizes()
    for name in media.others:
        key, suffix = _sample_key(name)
        if suffix in ("cls", "txt", "text", "json") and sizes[name] <= _MAX_SIBLING_BYTES:
            siblings.setdefault(key, {})[suffix] = name
    keys = [_sample_key(name)[0] for name in media.names]
    wanted = set(keys)
    found = {key: _values(media, names) for key, names in siblings.items() if key in wanted}
    columns = dict.fromkeys(column for values in found.values() for column in values)
    if not columns:
        return None
    if len(columns) > _MAX_KEYS:
        raise IngestError(f"the .json files of the samples have {len(columns):,} keys, at most {_MAX_KEYS} are columns")
    return pa.table({name: column_of([found.get(key, {}).get(name) for key in keys]) for name in columns})


def _sample_key(name: str) -> tuple[str, str]:
    """What the members of a sample have in common, and the rest: ("a/b.c/7", "left.jpg") of "a/b.c/7.left.jpg"."""
    folder, slash, last = name.rpartition("/")
    key, _, suffix = last.partition(".")
    return folder + slash + key, suffix.lower()


def _values(media: TarMedia, names: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for suffix, name in names.items():
        text = media.read(name).decode("utf-8", "replace").strip()
        parsed = _parsed(text) if suffix == "json" else None
        if isinstance(parsed, dict):
            found.update({str(key): value for key, value in parsed.items()})
        else:
            found[suffix] = int(text) if suffix == "cls" and re.fullmatch(r"-?\d{1,18}", text) else text
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def column_of(values: Sequence[Any]) -> pa.Array:
    """Values of any kind as a column: as they are where all are alike, else as text (lists and objects as JSON)."""
    if any(isinstance(value, dict | list) for value in values):
        values = [json.dumps(value) if isinstance(value, dict | list) else value for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
