"""Parquet and Arrow files: read in order, or some rows where they lie, with no more in memory than is asked for."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation_core.hub import class_names, with_class_names
from curation_core.streams import broken, checked_values, resliced, unique_names

_BATCH_BYTES = 1 << 26  # about what is decoded of a Parquet file at once


class ParquetTable:
    """A Parquet file, read a slice at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        try:
            self._file = pyarrow.parquet.ParquetFile(path)
            schema = self._file.schema_arrow
            checked_values(schema.empty_table())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken(path.name, error) from None
        self.name = path.name
        self._classes = class_names(schema, path)
        self._stored: pa.Schema = schema.remove_metadata()
        self.schema: pa.Schema = with_class_names(self._stored.empty_table(), self._classes).schema
        self.n_rows: int = self._file.metadata.num_rows
        unique_names(self.schema.names, path.name)
        groups = [self._file.metadata.row_group(group) for group in range(self._file.num_row_groups)]
        self._starts = list(itertools.accumulate((group.num_rows for group in groups), initial=0))
        self.row_bytes: int = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
        self._lock, self._cursor = threading.Lock(), _Cursor()

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time."""
        names = self.schema.names if columns is None else list(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        n_at_once = max(1, min(size, _BATCH_BYTES // max(self.row_bytes, 1)))
        batches = self._batches(names, batch_size=n_at_once)
        return resliced((with_class_names(batch, self._classes) for batch in batches), size, schema)

    def read_rows(self, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        """Rows start to stop - 1; cheap when calls go forward through the file."""
        names = list(columns)
        with self._lock:
            found = [
                self._rows_of(group, max(start - first, 0), min(stop, end) - first, names)
                for group, (first, end) in enumerate(itertools.pairwise(self._starts))
                if first < stop and start < end
            ]
        schema = pa.schema([self._stored.field(name) for name in names])
        return with_class_names(pa.concat_tables(found or [schema.empty_table()]), self._classes)

    def read_leaf(self, column: str, leaf: str) -> pa.ChunkedArray:
        """One field of a column of structs, all rows."""
        try:
            found = self._file.read(columns=[f"{column}.{leaf}"], use_threads=False).column(column)
        except (pa.ArrowException, OSError) as error:
            raise broken(self.name, error) from None
        return pa.chunked_array([chunk.field(leaf) for chunk in found.chunks], found.type.field(leaf).type)

    def uri(self, row: int) -> str:
        """How a row is called."""
        return f"{self.name}#{row}"

    def _rows_of(self, group: int, start: int, stop: int, names: list[str]) -> pa.Table:
        cursor = self._cursor
        if cursor.group != group or cursor.names != names or start < cursor.first:
            n_at_once = max(1, min(1024, _BATCH_BYTES // max(self.row_bytes, 1)))
            cursor = _Cursor(group, names, 0, [], self._batches(names, batch_size=n_at_once, row_groups=[group]))
        self._cursor = cursor.forward(start, stop)
        if self._cursor.n_after < stop:
            raise broken(self.name, ValueError(f"row group {group} holds fewer rows than it states"))
        return self._cursor.rows(start, stop)

    def _batches(self, names: list[str], **options: Any) -> Iterator[pa.Table]:
        try:
            for batch in self._file.iter_batches(columns=names, use_threads=False, **options):
                yield checked_values(pa.Table.from_batches([batch]))
        except (pa.ArrowException, OSError) as error:
            raise broken(self.name, error) from None


class _Cursor:
    """A place in a row group: the batches that were read last, and those to come."""

    def __init__(
        self,
        group: int = -1,
        names: Sequence[str] = (),
        first: int = 0,
        held: Sequence[pa.Table] = (),
        coming: Iterator[pa.Table] = iter(()),  # noqa: B008 - an empty iterator has no state
    ) -> None:
        self.group, self.names, self.first, self.held, self.coming = group, names, first, list(held), coming

    def forward(self, start: int, stop: int) -> "_Cursor":
        """Read on until the rows are there, and let go of those long before them."""
        end = self.n_after
        for table in itertools.takewhile(lambda _: True, self.coming) if end < stop else ():
            self.held.append(table)
            end += table.num_rows
            if end >= stop:
                break
        while len(self.held) > 2 and self.first + self.held[0].num_rows + self.held[1].num_rows <= start:
            self.first += self.held.pop(0).num_rows
        return self

    @property
    def n_after(self) -> int:
        """Rows of the group up to the end of what is held."""
        return self.first + sum(int(table.num_rows) for table in self.held)

    def rows(self, start: int, stop: int) -> pa.Table:
        """Rows of the batches held, counted from the beginning of the row group."""
        return pa.concat_tables(self.held).slice(start - self.first, stop - start)


class ArrowTable:
    """An Arrow file or stream, memory-mapped: rows are read where they lie."""

    def __init__(self, path: Path) -> None:
        try:
            self._batches = _map_arrow(path)
            schema = self._batches[0].schema if self._batches else pa.schema([])
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken(path.name, error) from None
        self.name = path.name
        self._classes = class_names(schema, path)
        self._stored = schema.remove_metadata()
        self.schema: pa.Schema = with_class_names(self._stored.empty_table(), self._classes).schema
        unique_names(self.schema.names, path.name)
        self._starts = list(itertools.accumulate((batch.num_rows for batch in self._batches), initial=0))
        self.n_rows: int = self._starts[-1]
        self.row_bytes: int = path.stat().st_size // max(self.n_rows, 1)
        self._checked: set[int] = set()

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time."""
        names = self.schema.names if columns is None else list(columns)
        for start in range(0, self.n_rows, size):
            yield self.read_rows(start, min(start + size, self.n_rows), names)

    def read_rows(self, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        """Rows start to stop - 1."""
        found = [
            self._batch(number).slice(max(start - first, 0), min(stop, end) - max(start, first))
            for number, (first, end) in enumerate(itertools.pairwise(self._starts))
            if first < stop and start < end
        ]
        table = pa.Table.from_batches(found, None if found else self._stored).select(list(columns))
        return with_class_names(table.replace_schema_metadata(None), self._classes)

    def uri(self, row: int) -> str:
        """How a row is called."""
        return f"{self.name}#{row}"

    def _batch(self, number: int) -> pa.RecordBatch:
        batch = self._batches[number]
        if number not in self._checked:  # a file may lie about its offsets, which would be read past the end
            try:
                batch.validate(full=True)
            except pa.ArrowException as error:
                raise broken(self.name, error) from None
            self._checked.add(number)
        return batch


def _map_arrow(path: Path) -> list[pa.RecordBatch]:
    import pyarrow.ipc

    source = pa.memory_map(str(path))
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
    if is_file:
        opened = pyarrow.ipc.open_file(source)
        return [opened.get_batch(number) for number in range(opened.num_record_batches)]
    return list(pyarrow.ipc.open_stream(source))
