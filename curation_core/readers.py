"""Readers of the three kinds of source: each gives its items a shard at a time, and what it had to refuse."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA
from curation_core.config import IngestConfig, Modality
from curation_core.errors import IngestError
from curation_core.executors import n_cpus
from curation_core.images import decode_image, image_size
from curation_core.matrices import Matrix, ParquetMatrix, open_matrix, refused_vectors
from curation_core.media import Media, open_media
from curation_core.origins import Metadata, Origin, find_metadata, metadata_by_row
from curation_core.tables import TableFile, open_table, text_column
from curation_core.thumbnails import MAX_SIDE, has_thumbnail, write_thumbnail

Tick = Callable[[int], None]  # called with the count of items done within a shard
_MAX_THREADS = 8  # each may hold a picture of 50 million pixels
_AT_ONCE = 64


@dataclass(frozen=True)
class Shard:
    """Part of a catalog: items of ITEM_SCHEMA, the user's columns beside them, failures of FAILURE_SCHEMA."""

    items: pa.Table
    metadata: pa.Table
    failures: pa.Table


class Reader(Protocol):
    """A source, opened. n_unmatched: rows of metadata that name no item."""

    modality: Modality
    n_items: int
    schema: pa.Schema
    shard_size: int
    n_unmatched: int

    def shards(self, start: int, thumbnails: Path, tick: Tick) -> Iterator[Shard]:
        """Shards in order, from shard number `start` on."""

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""


@contextlib.contextmanager
def open_reader(origin: Origin, config: IngestConfig) -> Iterator[Reader]:
    """Open a source for reading; raises IngestError or ConfigError when it cannot be read as configured."""
    if origin.modality == "image":
        with open_media(origin.path) as media:
            yield ImageReader(media, find_metadata(media, config))
    elif origin.modality == "text":
        yield TextReader(open_table(origin.path), config)
    else:
        yield VectorReader(open_matrix(origin.path, config.vector_column), origin.path, config)


class ImageReader:
    """Images of a folder or zip: one read and one decode per item give hash, size and thumbnail."""

    modality: Modality = "image"
    shard_size = 1024

    def __init__(self, media: Media, metadata: Metadata | None) -> None:
        self._media, self._metadata = media, metadata
        self.n_items = len(media.names)
        self.schema: pa.Schema = metadata.table.schema if metadata else pa.schema([])
        self.n_unmatched = metadata.n_unmatched(media.names) if metadata else 0

    def shards(self, start: int, thumbnails: Path, tick: Tick) -> Iterator[Shard]:
        """Shards in order, from shard number `start` on."""
        with ThreadPoolExecutor(min(_MAX_THREADS, n_cpus())) as pool:  # the codecs let other threads run meanwhile
            for first in range(start * self.shard_size, self.n_items, self.shard_size):
                yield self._shard(first, thumbnails, pool, tick)

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return list(self._media.names[:n])

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        return self._rows(self.first_names(n))

    def _rows(self, names: list[str]) -> pa.Table:
        return self._metadata.rows_for(names) if self._metadata else _no_columns()

    def _shard(self, first: int, thumbnails: Path, pool: ThreadPoolExecutor, tick: Tick) -> Shard:
        items, failures = [], []
        rows = range(first, min(first + self.shard_size, self.n_items))
        for start in range(0, len(rows), _AT_ONCE):  # a few at once, so that a cancel need not wait for the shard
            for row, found in pool.map(partial(self._read, thumbnails), rows[start : start + _AT_ONCE]):
                if isinstance(found, str):
                    failures.append({"uri": self._media.names[row], "reason": found})
                else:
                    items.append(found)
                tick(row - first + 1)
        return _shard(items, self._rows([item["uri"] for item in items]), failures)

    def _read(self, thumbnails: Path, row: int) -> tuple[int, dict[str, Any] | str]:
        """An item, or the reason why it is none."""
        try:
            return row, self._item(row, self._media.names[row], thumbnails)
        except IngestError as error:
            return row, str(error)

    def _item(self, row: int, name: str, thumbnails: Path) -> dict[str, Any]:
        data = self._media.read(name)
        content_hash = hashlib.sha256(data).hexdigest()
        width, height = image_size(data)
        if not has_thumbnail(thumbnails, content_hash):  # else the same bytes were decoded whole before
            write_thumbnail(decode_image(data, max_side=2 * MAX_SIDE), thumbnails, content_hash)
        return _item(name, content_hash, row, width=width, height=height)


class TextReader:
    """Texts of a table; rows without text are failures."""

    modality: Modality = "text"
    shard_size = 8192

    def __init__(self, table: TableFile, config: IngestConfig) -> None:
        self._table = table
        self._column = text_column(table.schema, config.text_column, table.name)
        self._beside = metadata_by_row(config, table.n_rows, table.schema.names)
        self.n_items = table.n_rows
        self.schema: pa.Schema = pa.schema([*table.schema, *(self._beside.schema if self._beside else ())])
        self.n_unmatched = 0

    def shards(self, start: int, thumbnails: Path, tick: Tick) -> Iterator[Shard]:  # noqa: ARG002 - texts have none
        """Shards in order, from shard number `start` on."""
        for number, table in enumerate(self._table.slices(self.shard_size)):
            if number >= start:
                yield self._shard(table, number * self.shard_size)
                tick(table.num_rows)

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return [_row_uri(self._table.name, row) for row in range(min(n, self.n_items))]

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        first = next(self._table.slices(n), None)
        return self.schema.empty_table() if first is None else self._with_beside(first, 0)

    def _shard(self, table: pa.Table, first: int) -> Shard:
        texts = table.column(self._column).cast(pa.string()).to_pylist()
        has_text = np.array([bool(text and text.strip()) for text in texts], dtype=bool)
        items = [_text_item(self._table.name, first + row, texts[row]) for row in np.flatnonzero(has_text).tolist()]
        failures = [
            {"uri": _row_uri(self._table.name, first + row), "reason": f"column {self._column!r} is empty here"}
            for row in np.flatnonzero(~has_text).tolist()
        ]
        return _shard(items, self._with_beside(table, first).filter(pa.array(has_text)), failures)

    def _with_beside(self, table: pa.Table, first: int) -> pa.Table:
        return _beside(table, self._beside, first)


class VectorReader:
    """Rows of a matrix; rows that no distance can be computed from are failures."""

    modality: Modality = "vector"
    shard_size = 8192

    def __init__(self, matrix: Matrix, path: Path, config: IngestConfig) -> None:
        self._matrix = matrix
        self._table = open_table(path) if isinstance(matrix, ParquetMatrix) else None
        own = list(self._table.schema) if self._table else []
        # the vectors themselves stay where they are: as a column they would be written twice
        self._own = [field for field in own if field.name != getattr(matrix, "column", None)]
        self._beside = metadata_by_row(config, matrix.n_rows, [field.name for field in own])
        self.n_items, self.dim = matrix.n_rows, matrix.dim
        self.schema: pa.Schema = pa.schema([*self._own, *(self._beside.schema if self._beside else ())])
        self.n_unmatched = 0

    def shards(self, start: int, thumbnails: Path, tick: Tick) -> Iterator[Shard]:  # noqa: ARG002 - vectors have none
        """Shards in order, from shard number `start` on."""
        for number, table in enumerate(self._tables(self.shard_size)):
            if number >= start:
                yield self._shard(table, number * self.shard_size)
                tick(min(self.shard_size, self.n_items - number * self.shard_size))

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return [_row_uri(self._matrix.name, row) for row in range(min(n, self.n_items))]

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        first = next(self._tables(n), None)
        return self.schema.empty_table() if first is None else _beside(first, self._beside, 0, self.n_items)

    def _tables(self, size: int) -> Iterator[pa.Table]:
        if self._table is not None and self._own:
            return self._table.slices(size, [field.name for field in self._own])
        return (_no_columns() for _ in range(0, self.n_items, size))

    def _shard(self, table: pa.Table, first: int) -> Shard:
        rows = np.arange(first, min(first + self.shard_size, self.n_items))
        vectors = self._matrix.read(rows)
        refused = refused_vectors(vectors, self.dim)
        usable = np.setdiff1d(np.arange(len(rows)), list(refused))
        items = [
            _item(
                _row_uri(self._matrix.name, first + int(row)),
                hashlib.sha256(vectors[row].tobytes()).hexdigest(),
                first + int(row),
            )
            for row in usable
        ]
        failures = [
            {"uri": _row_uri(self._matrix.name, first + row), "reason": refused[row]} for row in sorted(refused)
        ]
        columns = _beside(table, self._beside, first, len(rows))
        return _shard(items, columns.take(pa.array(usable)) if columns.num_columns else columns, failures)


def _item(uri: str, content_hash: str, row: int, **values: Any) -> dict[str, Any]:
    item_id = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return {"item_id": item_id, "uri": uri, "content_hash": content_hash, "source_row": row, **values}


def _text_item(name: str, row: int, text: str) -> dict[str, Any]:
    return _item(_row_uri(name, row), hashlib.sha256(text.encode()).hexdigest(), row, text=text)


def _row_uri(name: str, row: int) -> str:
    return f"{name}#{row}"


def _shard(items: list[dict[str, Any]], metadata: pa.Table, failures: list[dict[str, str]]) -> Shard:
    return Shard(
        pa.Table.from_pylist(items, ITEM_SCHEMA),
        metadata.combine_chunks(),
        pa.Table.from_pylist(failures, FAILURE_SCHEMA),
    )


def _beside(table: pa.Table, other: pa.Table | None, first: int, n_rows: int | None = None) -> pa.Table:
    """The columns of two tables next to each other; `other` is cut to the rows of `table`."""
    if other is None:
        return table
    if not table.num_columns:
        return other.slice(first, n_rows)
    cut = other.slice(first, n_rows or table.num_rows)
    return pa.table([*table.columns, *cut.columns], schema=pa.schema([*table.schema, *other.schema]))


def _no_columns() -> pa.Table:
    return pa.table({})
