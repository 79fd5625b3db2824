"""Sources on remote stores: s3 and gs through Arrow, other stores through fsspec, http where it is allowed.

Images of a folder are read one by one. A single file, and the tables or vectors of a folder, are copied to the local
disk first, once per version, and opened there.
"""

import contextlib
import functools
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from curation_core.errors import ConfigError, IngestError, MissingExtra
from curation_core.media import (
    MAX_MEMBER_BYTES,
    MAX_MEMBERS,
    check_listed,
    is_hidden,
    is_image_name,
    sorted_names,
    text_name,
    unsafe_name,
)
from curation_core.spool import MAX_BYTES, spooled, spooled_folder
from curation_core.web import fetch_chunks, is_web, server_of, stamp_of

_ARROW_SCHEMES = ("s3", "gs", "gcs", "hdfs", "abfs", "abfss")
_LOCAL_SCHEMES = ("file", "local", "dir", "simplecache", "filecache", "blockcache", "reference", "zip", "tar")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_CHUNK = 1 << 20


def is_remote(source: str) -> bool:
    """Whether a source is an address, such as s3://bucket/folder, and no path."""
    return _ADDRESS.match(source) is not None


def remote_name(source: str) -> str:
    """The last part of an address, without what stands behind a question mark."""
    return urlsplit(source).path.rstrip("/").rpartition("/")[2] or urlsplit(source).netloc


def check_address(source: str, *, allow_http: bool) -> None:
    """Raises ConfigError for addresses that are not read, and for those that hold a password."""
    scheme, parts = source.partition("://")[0].lower(), urlsplit(source)
    if "@" in parts.netloc or "::" in source or re.search(r"(?i)[?&](access_key|secret_key|password|token)=", source):
        raise ConfigError(
            f"the address of {remote_name(source)} holds a key or chains stores; give a plain address, and keys "
            "through the environment"
        )
    if scheme in _LOCAL_SCHEMES:
        raise ConfigError(f"{scheme}:// names files of this machine; give the path itself")
    if is_web(source) and not allow_http:
        raise ConfigError(f"{scheme}:// is not read unless allow_http is set; set it, or download the file")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a store: its path there, bytes, and what changes when it does."""

    path: str
    size: int
    stamp: str


class RemoteStore:
    """A file or folder of a store, opened. filesystem: pyarrow.fs.FileSystem, None for http."""

    def __init__(self, address: str, filesystem: Any, path: str) -> None:
        self.address, self._fs, self._path = address, filesystem, path.rstrip("/")
        self.name = remote_name(address)
        self.is_folder = False if filesystem is None else _is_folder(filesystem, self._path, address)

    @functools.cached_property
    def files(self) -> dict[str, RemoteFile]:
        """All files by name below the folder, hidden ones left out."""
        return dict(sorted(self._listing()))

    @property
    def images(self) -> list[str]:
        """Names that end like images."""
        return [name for name in self.files if is_image_name(name)]

    def read(self, file: RemoteFile) -> bytes:
        """The bytes of one file; raises IngestError with a short reason."""
        if file.size > MAX_MEMBER_BYTES:
            raise IngestError(f"file of {file.size >> 20} MB is larger than {MAX_MEMBER_BYTES >> 20} MB")
        data = b"".join(self._chunks(file))
        if len(data) != file.size:
            raise IngestError(f"has {len(data):,} bytes, the listing said {file.size:,}; it changed meanwhile")
        return data

    def local_copy(self) -> Path:
        """The file, or the folder with its tables, vectors and archives, on the local disk."""
        if self._fs is None:
            identity = f"{self.address}\0{stamp_of(self.address, trusted=self.address)}"
            return spooled(identity, self.name, _named(fetch_chunks(self.address), self.name))
        if not self.is_folder:
            info = self._fs.get_file_info(self._path)
            file = RemoteFile(self._path, info.size, f"{info.size}:{info.mtime_ns}")
            return spooled(f"{self.address}\0{file.stamp}", self.name, self._chunks(file))
        total = sum(file.size for file in self.files.values())
        if total > MAX_BYTES:
            raise IngestError(
                f"{self.name} holds {total >> 30} GB, at most {MAX_BYTES >> 30} GB are copied; mount the store instead"
            )
        identity = f"{self.address}\0{self.fingerprint()}"
        return spooled_folder(
            identity,
            self.name,
            ((name, self._chunks(file)) for name, file in self.files.items() if not unsafe_name(name)),
        )

    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and times; reads no file."""
        if self._fs is None:
            parts = [stamp_of(self.address, trusted=self.address)]
        elif self.is_folder:
            parts = [f"{name}\0{file.stamp}" for name, file in self.files.items()]
        else:
            info = self._fs.get_file_info(self._path)
            parts = [f"{info.size}:{info.mtime_ns}"]
        return hashlib.sha256("\n".join([self.name, *parts]).encode()).hexdigest()[:16]

    def _listing(self) -> Iterator[tuple[str, RemoteFile]]:
        import pyarrow.fs

        with _explained(self.address):
            infos = self._fs.get_file_info(pyarrow.fs.FileSelector(self._path, recursive=True))
        if len(infos) > MAX_MEMBERS:
            raise IngestError(f"{self.name} holds {len(infos):,} files, at most {MAX_MEMBERS:,} are read; split it")
        for info in infos:
            name = text_name(info.path.removeprefix(self._path).lstrip("/"))
            if info.type == pyarrow.fs.FileType.File and not is_hidden(name):
                yield name, RemoteFile(info.path, info.size, f"{info.size}:{info.mtime_ns}")

    def _chunks(self, file: RemoteFile) -> Iterator[bytes]:
        with _explained(self.address), self._fs.open_input_stream(file.path) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


class RemoteMedia:
    """The images of a folder on a store; each is fetched when it is read."""

    columns: pa.Table | None = None

    def __init__(self, store: RemoteStore) -> None:
        self._store = store
        self._refused = {name: reason for name in store.images if (reason := unsafe_name(name))}
        self._known = {name: file for name, file in store.files.items() if not unsafe_name(name)}
        self.names, self.others = sorted_names(self._known, self._refused)

    def read(self, uri: str) -> bytes:
        """Bytes of one listed file; raises IngestError with a short reason."""
        check_listed(uri, self._known, self._refused)
        return self._store.read(self._known[uri])

    def stamp(self, uri: str) -> str:
        """Size and time of one file, as the listing said."""
        file = self._known.get(uri)
        return file.stamp if file else ""

    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and times; reads no file."""
        return self._store.fingerprint()


@contextlib.contextmanager
def open_store(source: str, *, allow_http: bool) -> Iterator[RemoteStore]:
    """Open what lies at an address.

    Raises ConfigError for addresses that must not be read, MissingExtra when a package for the store is missing,
    IngestError when the store cannot be reached or holds nothing there.
    """
    check_address(source, allow_http=allow_http)
    if is_web(source):
        server_of(source)
        yield RemoteStore(source, None, urlsplit(source).path)
        return
    filesystem, path = _filesystem(source)
    yield RemoteStore(source, filesystem, path)


def _filesystem(source: str) -> tuple[Any, str]:
    import pyarrow.fs

    scheme = source.partition("://")[0].lower()
    with _explained(source):
        if scheme in _ARROW_SCHEMES:
            filesystem, path = pyarrow.fs.FileSystem.from_uri(source)
            return filesystem, str(path)
        try:
            import fsspec

            found, path = fsspec.core.url_to_fs(source)
        except ImportError as error:
            raise MissingExtra(
                f"{scheme}:// needs another package ({error}); install fsspec and that package"
            ) from None
        return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(found)), path


def _is_folder(filesystem: Any, path: str, address: str) -> bool:
    import pyarrow.fs

    with _explained(address):
        info = filesystem.get_file_info(path)
    if info.type == pyarrow.fs.FileType.NotFound:
        raise IngestError(f"there is nothing at {address.partition('?')[0]}; check the address")
    return bool(info.type == pyarrow.fs.FileType.Directory)


def _named(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from chunks
    except IngestError as error:
        raise IngestError(f"{name}: {error}") from None


@contextlib.contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turn what stores say into a sentence; their own message may hold keys, so only its beginning is told."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError) as error:
        what = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise IngestError(
            f"{address.partition('?')[0]} cannot be read ({what}); check address, keys and network"
        ) from None
