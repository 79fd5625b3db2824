"""Tables that a person brings: CSV, JSONL, Parquet and Arrow, one or many, names and types as they are."""

import bisect
import difflib
import itertools
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation_core.errors import ConfigError, IngestError
from curation_core.hub import SPLIT, class_names, is_saved_dataset, saved_splits, split_of, with_class_names
from curation_core.lance_table import LanceTable, is_lance
from curation_core.media import open_media
from curation_core.streams import StreamTable, broken, checked_values, resliced, unique_names

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet", ".arrow")
_BATCH_BYTES = 1 << 26  # about what is decoded of a Parquet file at once


def is_table_name(name: str) -> bool:
    """Whether a name ends like a table that we read."""
    return name.lower().endswith(TABLE_SUFFIXES)


def parse_table(data: bytes, name: str) -> pa.Table:
    """A whole small table from its bytes; the name's ending says the format. Raises IngestError when it is broken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(data)
        return whole_table(path)


def whole_table(path: Path) -> pa.Table:
    """A table read whole; raises IngestError when it is broken."""
    opened = open_table(path)
    return pa.concat_tables([opened.schema.empty_table(), *opened.slices(1 << 16)]).combine_chunks()


def open_table(path: Path) -> "TableFile":
    """Open a table by its ending, or a folder of tables; raises IngestError when it is broken.

    Raises ConfigError for another kind of file.
    """
    if is_lance(path):
        return LanceTable(path)
    if path.is_dir():
        return _open_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return ParquetTable(path)
    if suffix == ".arrow":
        return ArrowTable(path)
    if suffix in TABLE_SUFFIXES:
        return StreamTable(path)
    raise ConfigError(f"{path.name} is not a table; expected one of {', '.join(TABLE_SUFFIXES)}")


def table_files(folder: Path) -> list[tuple[str, Path]]:
    """Tables below a folder with the split each belongs to, sorted by name; of a saved dataset those that it names."""
    if is_saved_dataset(folder):
        return [(split, path) for split, paths in saved_splits(folder).items() for path in paths]
    lance = sorted(path for path in folder.iterdir() if is_lance(path))
    with open_media(folder) as media:
        files = [folder / name for name in media.others if is_table_name(name)]
    return [(split_of(path.name), path) for path in lance or files]


def _open_folder(folder: Path) -> "TableFile":
    files = table_files(folder)
    if not files:
        raise IngestError(f"{folder.name} holds no table; give a folder of {', '.join(TABLE_SUFFIXES)} files")
    names = [path.relative_to(folder).as_posix() for _, path in files]
    if len({path.suffix.lower() for _, path in files}) > 1:
        raise IngestError(
            f"{folder.name} holds no image and {len(files)} data files ({list_names(names, 5)}); give one of them"
        )
    return ManyTables(folder.name, [open_table(path) for _, path in files], names, [split for split, _ in files])


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


class ManyTables:
    """Tables of the same columns, one after the other. extra: a column that is constant within each of them."""

    row_bytes: int

    def __init__(self, name: str, tables: Sequence["TableFile"], uris: Sequence[str], splits: Sequence[str]) -> None:
        self.name, self.parts, self._uris = name, list(tables), list(uris)
        has_splits = len(set(splits)) > 1 and SPLIT not in tables[0].schema.names
        self._splits = list(splits) if has_splits else []
        self.parts = _of_one_schema(self.parts, self._uris)
        fields = list(_common_schema(self.parts, self._uris))
        self._schema = pa.schema(fields)
        self.schema: pa.Schema = pa.schema([*fields, *([(SPLIT, pa.string())] if self._splits else [])])
        self._starts = list(itertools.accumulate((table.n_rows for table in self.parts), initial=0))
        self.n_rows: int = self._starts[-1]
        self.row_bytes = max(table.row_bytes for table in self.parts)

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time, across the tables."""
        names = self.schema.names if columns is None else list(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        own = [name for name in names if name in self._schema.names]
        return resliced(
            (
                self._complete(part, number, names)
                for number, table in enumerate(self.parts)
                for part in table.slices(size, own)
            ),
            size,
            schema,
        )

    def read_rows(self, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        """Rows start to stop - 1; the tables must be Parquet or Arrow."""
        found = [
            self._complete(
                random_table(table).read_rows(max(start - first, 0), min(stop, end) - first, columns), number, columns
            )
            for number, (table, (first, end)) in enumerate(
                zip(self.parts, itertools.pairwise(self._starts), strict=True)
            )
            if first < stop and start < end
        ]
        return pa.concat_tables(found) if found else self.schema.empty_table().select(list(columns))

    def uri(self, row: int) -> str:
        """How a row is called: by its own file and its row there."""
        number = bisect.bisect_right(self._starts, row, hi=len(self.parts)) - 1
        return f"{self._uris[number]}#{row - self._starts[number]}"

    def _complete(self, part: pa.Table, number: int, names: Sequence[str]) -> pa.Table:
        if self._splits and SPLIT in names:
            part = part.append_column(SPLIT, pa.array([self._splits[number]] * part.num_rows, pa.string()))
        return part.select(list(names)).cast(pa.schema([self.schema.field(name) for name in names]))


TableFile = StreamTable | ParquetTable | ArrowTable | LanceTable | ManyTables
RandomTable = ParquetTable | ArrowTable | LanceTable | ManyTables


def random_table(table: TableFile) -> RandomTable:
    """The table, if single rows of it can be read; raises ConfigError for CSV and JSONL."""
    if isinstance(table, StreamTable):
        raise ConfigError(f"{table.name} holds no images; images lie in Parquet or Arrow files")
    return table


def stored_names(table: TableFile, column: str) -> pa.ChunkedArray:
    """The names stored beside the images of a column, without reading the images."""
    if isinstance(table, ManyTables):
        return pa.chunked_array(
            [chunk for part in table.parts for chunk in stored_names(part, column).chunks], pa.string()
        )
    if isinstance(table, ParquetTable):
        return table.read_leaf(column, "path").cast(pa.string())
    cells = random_table(table).read_rows(0, table.n_rows, [column]).column(column)
    return pa.chunked_array(
        [cells_of_chunk.field("path").cast(pa.string()) for cells_of_chunk in cells.chunks], pa.string()
    )


def _map_arrow(path: Path) -> list[pa.RecordBatch]:
    import pyarrow.ipc

    source = pa.memory_map(str(path))
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
    if is_file:
        opened = pyarrow.ipc.open_file(source)
        return [opened.get_batch(number) for number in range(opened.num_record_batches)]
    return list(pyarrow.ipc.open_stream(source))


def _of_one_schema(tables: list[TableFile], names: Sequence[str]) -> list[TableFile]:
    """CSV and JSONL files whose guessed types differ are opened again, with texts where they do."""
    first = tables[0].schema
    for table, name in zip(tables, names, strict=True):
        if set(table.schema.names) != set(first.names):
            raise IngestError(
                f"{name} has the columns {list_names(table.schema.names)}, but {names[0]} has "
                f"{list_names(first.names)}; give tables of the same columns, or one of them"
            )
    clashing = {
        name: pa.string()
        for name in first.names
        if _joined([table.schema.field(name).type for table in tables]) is None
    }
    return [
        StreamTable(table.path, clashing) if isinstance(table, StreamTable) and clashing else table for table in tables
    ]


def _common_schema(tables: Sequence[TableFile], names: Sequence[str]) -> pa.Schema:
    fields = []
    for name in tables[0].schema.names:
        kind = _joined([table.schema.field(name).type for table in tables])
        if kind is None:
            other = next(
                i
                for i, table in enumerate(tables)
                if table.schema.field(name).type != tables[0].schema.field(name).type
            )
            raise IngestError(
                f"column {name!r} is {tables[0].schema.field(name).type} in {names[0]}, but "
                f"{tables[other].schema.field(name).type} in {names[other]}; make them the same, or give one of them"
            )
        fields.append((name, kind))
    return pa.schema(fields)


def _joined(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """The type that holds all of these without loss; None when there is none."""
    if len(set(kinds)) == 1:
        return kinds[0]
    try:
        schemas = [pa.schema([("column", kind)]) for kind in kinds]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def require_column(schema: pa.Schema, column: str, name: str) -> None:
    """Raises ConfigError, with the columns there are and the nearest one, unless the column exists."""
    if column not in schema.names:
        near = difflib.get_close_matches(column, schema.names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"{name} has no column {column!r}; {hint}its columns are {list_names(schema.names)}")


def text_column(schema: pa.Schema, wanted: str | None, name: str) -> str:
    """The column that holds the text: the one asked for, else `text`, else the only one of strings.

    Raises ConfigError when it is not there, holds no strings, or cannot be told.
    """
    strings = [field.name for field in schema if is_string(field.type)]
    strings = strings or [field.name for field in schema if pa.types.is_null(field.type)]  # columns without any value
    if wanted is not None:
        require_column(schema, wanted, name)
        if wanted not in strings:
            found = schema.field(wanted).type
            raise ConfigError(
                f"column {wanted!r} of {name} holds {found}, not text; text columns: {list_names(strings)}"
            )
        return wanted
    if "text" in strings:
        return "text"
    if len(strings) == 1:
        return str(strings[0])
    raise ConfigError(
        f"{name} has {len(strings)} text columns; set text_column to one of {list_names(strings or schema.names)}"
    )


def is_string(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    if pa.types.is_dictionary(kind):
        return is_string(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def list_names(names: Sequence[str], most: int = 20) -> str:
    """Names for an error message, not too many."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
