"""Tables that a person brings: CSV, JSONL, Parquet and Arrow, one or many, names and types as they are."""

import bisect
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from curation_core.errors import ConfigError, IngestError
from curation_core.hub import SPLIT, is_saved_dataset, saved_splits, split_of
from curation_core.lance_table import LanceTable, is_lance
from curation_core.media import open_media
from curation_core.streams import StreamTable, resliced
from curation_core.table_columns import list_names
from curation_core.table_files import ArrowTable, ParquetTable

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet", ".arrow")


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
