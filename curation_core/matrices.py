"""Vectors that a person brings: .npy, .npz, columns of lists, Lance; one file or shards; rows as float32."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import pyarrow as pa

from curation_core.errors import ConfigError, IngestError, ShapeError
from curation_core.lance_table import is_lance
from curation_core.media import open_media
from curation_core.spool import spooled
from curation_core.streams import StreamTable
from curation_core.table_columns import list_names, require_column
from curation_core.tables import TableFile, open_table

MATRIX_SUFFIXES = (".npy", ".npz")
_BLOCK_ROWS = 4096  # read of a table at once
_MAX_UNPACKED_RATIO = 1000


class Matrix(Protocol):
    """n vectors of d numbers on disk."""

    name: str
    n_rows: int
    dim: int
    table: TableFile | None  # the table whose column the vectors are
    column: str | None

    def uri(self, row: int) -> str:
        """How a row is called."""

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32; NaN where the file holds no vector of d numbers."""


def is_matrix_name(name: str) -> bool:
    """Whether a name ends like a file of vectors and nothing else."""
    return name.lower().endswith(MATRIX_SUFFIXES)


def open_matrix(path: Path, vector_column: str | None = None) -> Matrix:
    """Open a file of vectors, or a folder of shards of them; raises IngestError when it is broken.

    vector_column: the column of a table, or the array of an .npz. Raises MissingExtra for Lance without pylance.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return NpyMatrix(path)
    if suffix == ".npz":
        return NpyMatrix(_array_file(path, vector_column), path.name)
    if path.is_dir() and not is_lance(path):
        return _open_shards(path, vector_column)
    if suffix in (".parquet", ".arrow", ".lance"):
        return TableMatrix(open_table(path), vector_column)
    raise ConfigError(
        f"{path.name} holds no vectors; expected .npy, .npz, .lance, or .parquet or .arrow with a column of lists"
    )


def _open_shards(folder: Path, vector_column: str | None) -> Matrix:
    with open_media(folder) as media:
        names = [name for name in media.others if is_matrix_name(name)]
    if names:
        return ManyMatrices(folder.name, [open_matrix(folder / name, vector_column) for name in names], names)
    return TableMatrix(open_table(folder), vector_column)


class NpyMatrix:
    """A memory-mapped .npy file of whole or floating numbers, two-dimensional."""

    table: TableFile | None = None
    column: str | None = None

    def __init__(self, path: Path, name: str | None = None) -> None:
        shape, dtype = _npy_header(path)
        if dtype.kind not in "fiu":
            raise IngestError(f"{path.name} holds {dtype}; expected whole or floating numbers, saved with numpy.save")
        if len(shape) != 2 or shape[1] == 0:
            raise IngestError(f"{path.name} has shape {shape}; expected (items, dimensions)")
        try:
            self._array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise IngestError(f"{path.name} cannot be mapped ({error}); save it again with numpy.save") from None
        self.name, (self.n_rows, self.dim) = name or path.name, shape

    def uri(self, row: int) -> str:
        """How a row is called."""
        return f"{self.name}#{row}"

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32."""
        _check_rows(rows, self.n_rows, self.name)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is then refused as such
            return np.ascontiguousarray(self._array[rows], dtype=np.float32)


class TableMatrix:
    """A column of lists in a table; keeps the block it read last, so reading in order is cheap."""

    def __init__(self, table: TableFile, vector_column: str | None) -> None:
        if isinstance(table, StreamTable):
            raise ConfigError(
                f"{table.name} holds no vectors; columns of vectors are read from Parquet and Arrow files"
            )
        self.table: TableFile | None = table
        self._table, self.name, self.n_rows = table, table.name, table.n_rows
        self._column = choose_vector_column(table.schema, vector_column, table.name)
        self.column: str | None = self._column
        self._cached: tuple[int, np.ndarray] | None = None
        self.dim = self._first_length()

    def uri(self, row: int) -> str:
        """How a row is called."""
        return self._table.uri(row)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32; NaN where the list is null or of another length."""
        rows = np.asarray(rows, dtype=np.int64)
        _check_rows(rows, self.n_rows, self.name)
        found = np.empty((len(rows), self.dim), dtype=np.float32)
        block_of = rows // _BLOCK_ROWS
        for block in np.unique(block_of):
            here = block_of == block
            found[here] = self._block(int(block))[rows[here] - block * _BLOCK_ROWS]
        return found

    def _block(self, block: int) -> np.ndarray:
        if self._cached is None or self._cached[0] != block:
            self._cached = block, _dense(self._lists(block), self.dim)
        return self._cached[1]

    def _lists(self, block: int) -> pa.Array:
        start = block * _BLOCK_ROWS
        column = self._table.read_rows(start, min(start + _BLOCK_ROWS, self.n_rows), [self._column]).column(
            self._column
        )
        value = pa.list_(column.type.value_type)
        return pa.concat_arrays(column.cast(value).chunks) if column.num_chunks else pa.array([], value)

    def _first_length(self) -> int:
        for block in range(-(-self.n_rows // _BLOCK_ROWS)):
            for vector in self._lists(block):
                if vector.is_valid and len(vector):
                    return len(vector)
        raise IngestError(f"column {self.column!r} of {self.name} holds no vector; choose another vector_column")


class ManyMatrices:
    """Matrices of one dimension, one after the other in the order of their names."""

    table: TableFile | None = None
    column: str | None = None

    def __init__(self, name: str, matrices: Sequence[Matrix], names: Sequence[str]) -> None:
        self.name, self._matrices, self._names = name, list(matrices), list(names)
        self.dim = self._matrices[0].dim
        for matrix, file in zip(self._matrices, names, strict=True):
            if matrix.dim != self.dim:
                raise IngestError(
                    f"{file} holds vectors of {matrix.dim} numbers, but {names[0]} of {self.dim}; "
                    "give shards of one dimension, or one of the files"
                )
        self._starts = np.cumsum([0, *(matrix.n_rows for matrix in self._matrices)])
        self.n_rows = int(self._starts[-1])

    def uri(self, row: int) -> str:
        """How a row is called: by its own file and its row there."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return f"{self._names[number]}#{row - int(self._starts[number])}"

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32."""
        rows = np.asarray(rows, dtype=np.int64)
        _check_rows(rows, self.n_rows, self.name)
        found = np.empty((len(rows), self.dim), dtype=np.float32)
        number_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(number_of):
            here = number_of == number
            found[here] = self._matrices[number].read(rows[here] - self._starts[number])
        return found


def _array_file(path: Path, wanted: str | None) -> Path:
    """One array of an .npz as a .npy file: stored ones are packed, so that a copy is made to map it."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name = _choose_array(archive, infos, wanted, path.name)
            status, info = path.stat(), infos[name]
            if info.file_size > _MAX_UNPACKED_RATIO * max(info.compress_size, 1) and info.file_size > 1 << 30:
                raise IngestError(f"{path.name} looks like a bomb: {name!r} unpacks to {info.file_size >> 30} GB")
            identity = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{name}"
            with archive.open(info) as file:
                return spooled(identity, "array.npy", iter(lambda: file.read(1 << 20), b""))
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError, NotImplementedError) as error:
        raise IngestError(f"{path.name} is not a readable .npz ({error}); save it with numpy.savez") from None


def _choose_array(archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo], wanted: str | None, name: str) -> str:
    """The array asked for, else the only two-dimensional one."""
    if wanted is not None:
        if wanted not in infos:
            raise ConfigError(f"{name} has no array {wanted!r}; its arrays are {list_names(list(infos))}")
        return wanted
    fitting = []
    for array, info in infos.items():
        with archive.open(info) as file:
            shape, dtype = _read_header(file, f"{array} of {name}")
        if len(shape) == 2 and dtype.kind in "fiu":
            fitting.append(array)
    if len(fitting) != 1:
        raise ConfigError(
            f"{name} has {len(fitting)} two-dimensional arrays of numbers among {list_names(list(infos))}; "
            "set vector_column to one of its arrays"
        )
    return fitting[0]


def choose_vector_column(schema: pa.Schema, wanted: str | None, name: str) -> str:
    """The column asked for, else the only one of lists of numbers; raises ConfigError when it cannot be told."""
    lists = vector_columns(schema)
    if wanted is not None:
        require_column(schema, wanted, name)
        if wanted not in lists:
            found = schema.field(wanted).type
            raise ConfigError(
                f"column {wanted!r} of {name} holds {found}, not lists of numbers; those are {list_names(lists)}"
            )
        return wanted
    if len(lists) == 1:
        return lists[0]
    raise ConfigError(f"{name} has {len(lists)} columns of vectors ({list_names(lists)}); set vector_column")


def vector_columns(schema: pa.Schema) -> Sequence[str]:
    """Columns whose cells are lists of numbers."""
    return [field.name for field in schema if _is_vector(field.type)]


def refused_vectors(vectors: np.ndarray, dim: int) -> dict[int, str]:
    """Rows that no distance can be computed from, with the reason: NaN, infinite, or all zeros."""
    finite = np.isfinite(vectors).all(axis=1)
    reasons = dict.fromkeys(np.flatnonzero(~finite).tolist(), f"not a vector of {dim} finite numbers")
    zero = finite & ~vectors.any(axis=1)
    return reasons | dict.fromkeys(np.flatnonzero(zero).tolist(), "all numbers of the vector are zero")


def _is_vector(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _dense(lists: pa.Array, dim: int) -> np.ndarray:
    lengths = lists.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False)
    whole = lengths == dim
    found = np.full((len(lists), dim), np.nan, dtype=np.float32)
    values = lists.filter(pa.array(whole)).flatten().cast(pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        found[whole] = values.reshape(-1, dim)
    return found


def _npy_header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype, checked against the file's size: a header may claim more than there is."""
    try:
        with path.open("rb") as file:
            shape, dtype = _read_header(file, path.name)
            n_bytes = path.stat().st_size - file.tell()
    except OSError as error:
        raise IngestError(f"{path.name} cannot be read ({error.strerror}); check the path") from None
    if dtype.hasobject:
        raise IngestError(f"{path.name} holds Python objects, which are never read; save numbers with numpy.save")
    expected = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
    if n_bytes != expected:
        raise IngestError(
            f"{path.name} is torn: its header promises {expected:,} bytes, there are {n_bytes:,}; save it again"
        )
    return shape, dtype


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except Exception as error:  # numpy parses the header as Python and lets tokenizer and syntax errors through
        raise IngestError(f"{name} is not a .npy file ({error}); save it with numpy.save") from None
    return shape, dtype


def _check_rows(rows: np.ndarray, n_rows: int, name: str) -> None:
    if len(rows) and (np.min(rows) < 0 or np.max(rows) >= n_rows):
        raise ShapeError(f"{name} has {n_rows} rows now, row {int(np.max(rows))} was asked for; ingest again")
