"""Vectors that a person brings: a .npy matrix, or a Parquet column of lists; rows as float32."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from curation_core.errors import ConfigError, IngestError, ShapeError
from curation_core.tables import list_names, require_column


class Matrix(Protocol):
    """n vectors of d numbers on disk."""

    name: str
    n_rows: int
    dim: int

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32; NaN where the file holds no vector of d numbers."""


def open_matrix(path: Path, vector_column: str | None = None) -> Matrix:
    """Open a .npy file or the vector column of a Parquet file; raises IngestError when it is broken."""
    if path.suffix.lower() == ".npy":
        return NpyMatrix(path)
    if path.suffix.lower() == ".parquet":
        return ParquetMatrix(path, vector_column)
    raise ConfigError(f"{path.name} holds no vectors; expected a .npy file or a .parquet file with a column of lists")


class NpyMatrix:
    """A memory-mapped .npy file of whole or floating numbers, two-dimensional."""

    def __init__(self, path: Path) -> None:
        shape, dtype = _npy_header(path)
        if dtype.kind not in "fiu":
            raise IngestError(f"{path.name} holds {dtype}; expected whole or floating numbers, saved with numpy.save")
        if len(shape) != 2 or shape[1] == 0:
            raise IngestError(f"{path.name} has shape {shape}; expected (items, dimensions)")
        try:
            self._array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise IngestError(f"{path.name} cannot be mapped ({error}); save it again with numpy.save") from None
        self.name, (self.n_rows, self.dim) = path.name, shape

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32."""
        _check_rows(rows, self.n_rows, self.name)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is then refused as such
            return np.ascontiguousarray(self._array[rows], dtype=np.float32)


class ParquetMatrix:
    """A column of lists in a Parquet file; keeps the row group it read last, so reading in order is cheap."""

    def __init__(self, path: Path, vector_column: str | None) -> None:
        import pyarrow.parquet

        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise IngestError(f"{path.name} cannot be read as Parquet ({error}); save it again") from None
        self.name = path.name
        self.column = choose_vector_column(self._file.schema_arrow, vector_column, path.name)
        groups = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(groups)]).astype(np.int64)
        self.n_rows = int(self._starts[-1])
        self._cached: tuple[int, np.ndarray] | None = None
        self.dim = self._first_length()

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some rows: (len(rows), d) float32; NaN where the list is null or of another length."""
        rows = np.asarray(rows, dtype=np.int64)
        _check_rows(rows, self.n_rows, self.name)
        found = np.empty((len(rows), self.dim), dtype=np.float32)
        group_of = np.searchsorted(self._starts, rows, side="right") - 1
        for group in np.unique(group_of):
            here = group_of == group
            found[here] = self._group(int(group))[rows[here] - self._starts[group]]
        return found

    def _group(self, group: int) -> np.ndarray:
        if self._cached is None or self._cached[0] != group:
            self._cached = group, _dense(self._lists(group), self.dim)
        return self._cached[1]

    def _lists(self, group: int) -> pa.Array:
        try:
            column = self._file.read_row_group(group, columns=[self.column]).column(self.column)
        except (pa.ArrowException, OSError) as error:
            raise IngestError(f"{self.name} cannot be read ({error}); save it again") from None
        value = pa.list_(column.type.value_type)
        return pa.concat_arrays(column.cast(value).chunks) if column.num_chunks else pa.array([], value)

    def _first_length(self) -> int:
        for group in range(self._file.num_row_groups):
            for vector in self._lists(group):
                if vector.is_valid and len(vector):
                    return len(vector)
        raise IngestError(f"column {self.column!r} of {self.name} holds no vector; choose another vector_column")


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
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            n_bytes = path.stat().st_size - file.tell()
    except Exception as error:  # numpy parses the header as Python and lets tokenizer and syntax errors through
        raise IngestError(f"{path.name} is not a .npy file ({error}); save it with numpy.save") from None
    if dtype.hasobject:
        raise IngestError(f"{path.name} holds Python objects, which are never read; save numbers with numpy.save")
    expected = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
    if n_bytes != expected:
        raise IngestError(
            f"{path.name} is torn: its header promises {expected:,} bytes, there are {n_bytes:,}; save it again"
        )
    return shape, dtype


def _check_rows(rows: np.ndarray, n_rows: int, name: str) -> None:
    if len(rows) and (np.min(rows) < 0 or np.max(rows) >= n_rows):
        raise ShapeError(f"{name} has {n_rows} rows now, row {int(np.max(rows))} was asked for; ingest again")
