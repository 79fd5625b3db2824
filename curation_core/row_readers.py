"""Readers of rows: the texts of a table, the vectors of a matrix, with the columns beside them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.config import IngestConfig, Modality
from curation_core.matrices import Matrix, refused_vectors
from curation_core.metadata import metadata_by_row, row_metadata
from curation_core.shards import Shard, Tick, item_row, make_shard, no_columns
from curation_core.table_columns import text_column
from curation_core.tables import TableFile

MAX_TEXT = 1 << 24  # characters of one text
_SHARD_ROWS = 8192
_SHARD_BYTES = 1 << 27  # of a shard, where rows are long


class TextReader:
    """Texts of a table; rows without text are failures."""

    modality: Modality = "text"

    def __init__(self, table: TableFile, config: IngestConfig) -> None:
        self._table = table
        self._column = text_column(table.schema, config.text_column, table.name)
        self._beside = metadata_by_row(config, table.n_rows, table.schema.names)
        self.n_items = table.n_rows
        self.schema: pa.Schema = pa.schema([*table.schema, *(self._beside.schema if self._beside else ())])
        self.n_unmatched = 0
        self.shard_size = max(16, min(_SHARD_ROWS, _SHARD_BYTES // max(table.row_bytes, 1)))

    def shards(self, start: int, thumbnails: Path | None, tick: Tick) -> Iterator[Shard]:  # noqa: ARG002 - texts have none
        """Shards in order, from shard number `start` on."""
        for number, table in enumerate(self._table.slices(self.shard_size)):
            if number >= start:
                yield self._shard(table, number * self.shard_size)
                tick(table.num_rows)

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return [self._table.uri(row) for row in range(min(n, self.n_items))]

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        first = next(self._table.slices(n), None)
        return self.schema.empty_table() if first is None else self._with_beside(first, 0)

    def _shard(self, table: pa.Table, first: int) -> Shard:
        texts = table.column(self._column).cast(pa.string()).to_pylist()
        items, failures = [], []
        for row, text in enumerate(texts):
            uri = self._table.uri(first + row)
            if reason := self._refusal(text):
                failures.append({"uri": uri, "reason": reason})
            else:
                items.append(item_row(uri, hashlib.sha256(text.encode()).hexdigest(), first + row, text=text))
        kept = pa.array([item["source_row"] - first for item in items], pa.int64())
        return make_shard(items, self._with_beside(table, first).take(kept), failures)

    def _refusal(self, text: str | None) -> str:
        """Why a cell is no item; "" when it is one."""
        if not text or not text.strip():
            return f"column {self._column!r} is empty here"
        if len(text) > MAX_TEXT:
            return f"text of {len(text):,} characters is longer than {MAX_TEXT:,}; cut it into pieces"
        return ""

    def _with_beside(self, table: pa.Table, first: int) -> pa.Table:
        return _beside(table, self._beside, first)


class VectorReader:
    """Rows of a matrix; rows that no distance can be computed from are failures."""

    modality: Modality = "vector"
    shard_size = 8192

    def __init__(self, matrix: Matrix, config: IngestConfig) -> None:
        self._matrix, self._table = matrix, matrix.table
        own = list(self._table.schema) if self._table else []
        # the vectors themselves stay where they are: as a column they would be written twice
        self._own = [field for field in own if field.name != matrix.column]
        names = [field.name for field in own]
        beside = row_metadata(config) if matrix.table is None else config
        self._beside = metadata_by_row(beside, matrix.n_rows, names)
        self.n_items, self.dim = matrix.n_rows, matrix.dim
        self.schema: pa.Schema = pa.schema([*self._own, *(self._beside.schema if self._beside else ())])
        self.n_unmatched = 0

    def shards(self, start: int, thumbnails: Path | None, tick: Tick) -> Iterator[Shard]:  # noqa: ARG002 - vectors have none
        """Shards in order, from shard number `start` on."""
        for number, table in enumerate(self._tables(self.shard_size)):
            if number >= start:
                yield self._shard(table, number * self.shard_size)
                tick(min(self.shard_size, self.n_items - number * self.shard_size))

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return [self._matrix.uri(row) for row in range(min(n, self.n_items))]

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        first = next(self._tables(n), None)
        if first is None:
            return self.schema.empty_table()
        return _beside(first, self._beside, 0, min(n, self.n_items))

    def _tables(self, size: int) -> Iterator[pa.Table]:
        if self._table is not None and self._own:
            return self._table.slices(size, [field.name for field in self._own])
        return (no_columns() for _ in range(0, self.n_items, size))

    def _shard(self, table: pa.Table, first: int) -> Shard:
        rows = np.arange(first, min(first + self.shard_size, self.n_items))
        vectors = self._matrix.read(rows)
        refused = refused_vectors(vectors, self.dim)
        usable = np.setdiff1d(np.arange(len(rows)), list(refused))
        items = [
            item_row(
                self._matrix.uri(first + int(row)),
                hashlib.sha256(vectors[row].tobytes()).hexdigest(),
                first + int(row),
            )
            for row in usable
        ]
        failures = [{"uri": self._matrix.uri(first + row), "reason": refused[row]} for row in sorted(refused)]
        columns = _beside(table, self._beside, first, len(rows))
        return make_shard(items, columns.take(pa.array(usable)) if columns.num_columns else columns, failures)


def _beside(table: pa.Table, other: pa.Table | None, first: int, n_rows: int | None = None) -> pa.Table:
    """The columns of two tables next to each other; `other` is cut to the rows of `table`."""
    if other is None:
        return table
    if not table.num_columns:
        return other.slice(first, n_rows)
    cut = other.slice(first, n_rows or table.num_rows)
    return pa.table([*table.columns, *cut.columns], schema=pa.schema([*table.schema, *other.schema]))
