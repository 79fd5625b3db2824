"""Images that a table brings: stored in a column, or named by paths beside the table."""

import functools
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pyarrow as pa

from curation_core.errors import ConfigError, IngestError
from curation_core.media import (
    MAX_MEMBER_BYTES,
    another_name,
    check_listed,
    file_fingerprint,
    is_image_name,
    read_inside,
)
from curation_core.table_columns import is_string, list_names, require_column
from curation_core.tables import RandomTable, TableFile, stored_names
from curation_core.web import fetch, is_web, stamp_of

FILE_NAME = "file_name"  # the column that keeps the names stored beside images
_CHUNK_BYTES = 1 << 25
_CHUNK_ROWS = 256
_N_CHUNKS = 4
_LOOKED_AT = 200  # rows whose values say whether a column holds paths


class CellMedia:
    """Images stored in a column of a table, as bytes or as Hugging Face's struct of bytes and path."""

    others: tuple[str, ...] = ()

    def __init__(self, table: RandomTable, column: str, paths: Sequence[Path]) -> None:
        self._table, self._column, self._paths = table, column, list(paths)
        self.names = tuple(table.uri(row) for row in range(table.n_rows))
        self._row_of = {name: row for row, name in enumerate(self.names)}
        self._n_at_once = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // max(table.row_bytes, 1)))
        self._chunks: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()

    @functools.cached_property
    def columns(self) -> pa.Table | None:
        """The table's other columns, and the stored names of the images."""
        kind = self._table.schema.field(self._column).type
        has_names = pa.types.is_struct(kind) and kind.get_field_index("path") >= 0
        own = [name for name in self._table.schema.names if name != self._column]
        parts = list(self._table.slices(8192, own)) if own else []
        schema = pa.schema([self._table.schema.field(name) for name in own])
        table = pa.concat_tables([schema.empty_table(), *parts]) if own else None
        if has_names and FILE_NAME not in own:
            names = stored_names(self._table, self._column)
            if names.null_count < len(names):
                table = pa.table({FILE_NAME: names}) if table is None else table.append_column(FILE_NAME, names)
        return table

    def read(self, uri: str) -> bytes:
        """Bytes of one image; raises IngestError with a short reason."""
        check_listed(uri, self._row_of, {})
        row = self._row_of[uri]
        cell = self._chunk(row // self._n_at_once)[row % self._n_at_once]
        if pa.types.is_struct(cell.type):
            cell = cell["bytes"] if cell.is_valid else None
        if cell is None or not cell.is_valid:
            raise IngestError(f"column {self._column!r} holds no image here")
        data = cell.as_buffer()
        if data.size > MAX_MEMBER_BYTES:
            raise IngestError(f"image of {data.size >> 20} MB is larger than {MAX_MEMBER_BYTES >> 20} MB")
        return bytes(data)

    def stamp(self, uri: str) -> str:
        """The files' fingerprint: a table does not say which of its rows changed."""
        return self._fingerprint if uri in self._row_of else ""

    def fingerprint(self) -> str:
        """16 hex digits over the files' names, sizes and times."""
        return files_fingerprint(self._paths)

    @functools.cached_property
    def _fingerprint(self) -> str:
        return self.fingerprint()

    def _chunk(self, number: int) -> pa.ChunkedArray:
        with self._lock:
            if number not in self._chunks:
                start = number * self._n_at_once
                stop = min(start + self._n_at_once, self._table.n_rows)
                self._chunks[number] = self._table.read_rows(start, stop, [self._column]).column(self._column)
                if len(self._chunks) > _N_CHUNKS:
                    self._chunks.popitem(last=False)
            self._chunks.move_to_end(number)
            return self._chunks[number]


class PathMedia:
    """Images that a column of paths names, relative to the table's folder or to the source; none outside is read."""

    others: tuple[str, ...] = ()

    def __init__(self, table: TableFile, column: str, root: Path, paths: Sequence[Path], links: "WebLinks") -> None:
        self._table, self._column, self._paths, self._links = table, column, list(paths), links
        self._root = root.resolve()
        self._known: dict[str, Path] = {}
        self._on_web: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        places = [*(folder.resolve() for folder in _folders_of(paths)), self._root]
        self.names = tuple(self._name(row, value, places) for row, value in enumerate(self._values()))

    @functools.cached_property
    def columns(self) -> pa.Table | None:
        """All columns of the table, the paths as they are written among them."""
        return pa.concat_tables([self._table.schema.empty_table(), *self._table.slices(8192)])

    def read(self, uri: str) -> bytes:
        """Bytes of one image; raises IngestError with a short reason."""
        if uri in self._on_web:
            return fetch(self._on_web[uri], most=MAX_MEMBER_BYTES, trusted=self._links.base)
        check_listed(uri, self._known, self._refused)
        return read_inside(self._root, self._known[uri])

    def place(self, uri: str) -> Path | None:
        """Where one file lies; None for an address."""
        return self._known.get(uri)

    def stamp(self, uri: str) -> str:
        """Size and time of one file; of an address what its server says."""
        if uri in self._on_web:
            return stamp_of(self._on_web[uri], trusted=self._links.base)
        try:
            status = self._known[uri].stat()
        except (OSError, KeyError, ValueError):
            return ""
        return f"{status.st_size}:{status.st_mtime_ns}"

    def fingerprint(self) -> str:
        """16 hex digits over the tables' and the images' names, sizes and times."""
        digest = hashlib.sha256(files_fingerprint(self._paths).encode())
        for name in self._known:
            digest.update(f"{name}\0{self.stamp(name)}\n".encode())
        return digest.hexdigest()[:16]

    def _values(self) -> Iterable[str | None]:
        for part in self._table.slices(8192, [self._column]):
            yield from part.column(self._column).cast(pa.string()).to_pylist()

    def _name(self, row: int, value: str | None, folders: Sequence[Path]) -> str:
        """The uri of a row; what cannot be read is noted with its reason."""
        if not value or not value.strip():
            return self._refuse(self._table.uri(row), f"column {self._column!r} is empty here")
        address = self._links.address(value.strip())
        if address is not None and not self._links.allowed:
            return self._refuse(f"{self._table.uri(row)} {value[:200]}", "lies on the web; set allow_http to read it")
        if address is not None and value.strip() not in self._on_web:
            self._on_web[value.strip()] = address
            return value.strip()
        path = _place(value.strip(), folders, self._root) if address is None else Path(self._root, value.strip())
        if path is None:
            return self._refuse(f"{self._table.uri(row)} {value[:200]}", "leads out of the source folder")
        name = path.relative_to(self._root).as_posix()
        if name in self._known or address is not None:
            return self._refuse(name, "an earlier row names this file; the first one counts")
        self._known[name] = path
        return name

    def _refuse(self, name: str, reason: str) -> str:
        if name in self._known or name in self._refused:
            name = another_name(name, self._refused)
        self._refused[name] = reason
        return name


@dataclass(frozen=True)
class WebLinks:
    """How addresses in a table are read. allowed: whether at all; base: where the table itself lies on the web."""

    allowed: bool
    base: str | None = None

    def address(self, value: str) -> str | None:
        """The address that a value names; None where it names a file."""
        if is_web(value):
            return value
        return urljoin(self.base, value) if self.base is not None else None


def files_fingerprint(paths: Sequence[Path]) -> str:
    """16 hex digits over files' names, sizes and times."""
    parts = "\n".join(file_fingerprint(path) for path in paths)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def cell_column(schema: pa.Schema) -> str | None:
    """The only column whose cells look like stored images: structs of bytes and path, else bytes."""
    structs = [field.name for field in schema if _is_image_struct(field.type)]
    binary = [field.name for field in schema if _is_bytes(field.type)]
    found = structs or binary
    return str(found[0]) if len(found) == 1 else None


def path_column(table: TableFile, files: Sequence[Path], links: WebLinks) -> str | None:
    """The first column whose values mostly end like images, some of which lie beside the table; None without one."""
    strings = [field.name for field in table.schema if is_string(field.type)]
    if not strings or not table.n_rows:
        return None
    rows = next(table.slices(_LOOKED_AT, strings))
    for name in strings:
        values = [value.strip() for value in rows.column(name).cast(pa.string()).drop_null().to_pylist()]
        likely = [value for value in values if is_image_name(value) and len(value) < 1000]
        if (
            values
            and 2 * len(likely) >= len(values)
            and any(links.address(value) is not None or _exists(value, _folders_of(files)) for value in likely)
        ):
            return str(name)
    return None


def is_cell_column(schema: pa.Schema, column: str, name: str) -> bool:
    """Whether a column given by name holds images (else paths); raises ConfigError when it holds neither."""
    require_column(schema, column, name)
    kind = schema.field(column).type
    if _is_image_struct(kind) or _is_bytes(kind):
        return True
    if is_string(kind):
        return False
    fitting = [field.name for field in schema if is_string(field.type) or _is_image_struct(field.type)]
    raise ConfigError(
        f"column {column!r} of {name} holds {kind}, neither images nor paths; such columns are {list_names(fitting)}"
    )


def has_image_structs(schema: pa.Schema) -> bool:
    """Whether a column holds images as Hugging Face stores them: structs of bytes and path."""
    return any(_is_image_struct(field.type) for field in schema)


def _is_image_struct(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    return _is_bytes(kind.field("bytes").type) and {kind.field(i).name for i in range(kind.num_fields)} <= {
        "bytes",
        "path",
    }


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _place(value: str, folders: Sequence[Path], root: Path) -> Path | None:
    """Where a path that a table states lies: the first folder that has it, else the first; None outside the root."""
    if "\0" in value:
        return None
    places = [Path(os.path.normpath(folder / value.replace("\\", "/"))) for folder in folders]
    inside = [place for place in places if place.is_relative_to(root) and place != root]
    return next((place for place in inside if _is_file(place)), inside[0] if inside else None)


def _folders_of(files: Sequence[Path]) -> list[Path]:
    return list(dict.fromkeys(file.parent for file in files))


def _exists(value: str, folders: Sequence[Path]) -> bool:
    return any(_is_file(folder / value.replace("\\", "/")) for folder in folders)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False
