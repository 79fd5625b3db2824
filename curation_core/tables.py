"""Tables that a person brings: CSV, JSONL and Parquet, read as Arrow without touching names or types."""

import difflib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from curation_core.errors import ConfigError, IngestError

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")


def is_table_name(name: str) -> bool:
    """Whether a name ends like a table that we read."""
    return name.lower().endswith(TABLE_SUFFIXES)


def parse_table(data: bytes, name: str) -> pa.Table:
    """A whole table from its bytes; the name's ending says the format. Raises IngestError when it is broken."""
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    suffix = Path(name).suffix.lower()
    try:
        if suffix == ".csv":
            parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
            table = pyarrow.csv.read_csv(io.BytesIO(data), parse_options=parse)
        elif suffix == ".jsonl":
            whole = pyarrow.json.ReadOptions(block_size=max(len(data), 1))  # a block must hold the longest line
            table = pyarrow.json.read_json(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")), read_options=whole)
        else:
            table = pyarrow.parquet.read_table(io.BytesIO(data))
        names = _unique(table.column_names, name)  # decodes the names, which may fail
    except (pa.ArrowException, OSError, ValueError) as error:
        raise IngestError(_broken(name, error)) from None
    for field in table.schema:
        if suffix == ".csv" and pa.types.is_binary(field.type):  # what Arrow makes of a text that is not UTF-8
            raise IngestError(f"column {field.name!r} of {name} is not UTF-8; save the file again as UTF-8")
    return table.replace_schema_metadata(None).rename_columns(names)


def open_table(path: Path) -> "TableFile":
    """Open a table by its ending; raises IngestError when it is broken, ConfigError for another kind of file."""
    if path.suffix.lower() == ".parquet":
        return ParquetTable(path)
    if path.suffix.lower() in TABLE_SUFFIXES:
        return MemoryTable(path)
    raise ConfigError(f"{path.name} is not a table; expected one of {', '.join(TABLE_SUFFIXES)}")


class MemoryTable:
    """A CSV or JSONL file, read whole: its types are known only when the last row has been seen."""

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise IngestError(f"{path.name} cannot be read ({error.strerror}); check the path") from None
        self.name, self._table = path.name, parse_table(data, path.name)
        self.schema: pa.Schema = self._table.schema
        self.n_rows: int = self._table.num_rows

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time."""
        table = self._table if columns is None else self._table.select(list(columns))
        for start in range(0, self.n_rows, size):
            yield table.slice(start, size)


class ParquetTable:
    """A Parquet file, read a slice at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise IngestError(_broken(path.name, error)) from None
        self.name = path.name
        self.schema: pa.Schema = self._file.schema_arrow.remove_metadata()
        self.n_rows: int = self._file.metadata.num_rows
        _unique(self.schema.names, path.name)

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time; batches of the file that are shorter are put together."""
        names = self.schema.names if columns is None else list(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        waiting, n_waiting = [], 0
        try:
            for batch in self._file.iter_batches(batch_size=size, columns=names):
                waiting.append(batch)
                n_waiting += batch.num_rows
                while n_waiting >= size:
                    table = pa.Table.from_batches(waiting).cast(schema)
                    yield table.slice(0, size)
                    waiting, n_waiting = table.slice(size).to_batches(), n_waiting - size
        except (pa.ArrowException, OSError) as error:
            raise IngestError(_broken(self.name, error)) from None
        if n_waiting:
            yield pa.Table.from_batches(waiting).cast(schema)


TableFile = MemoryTable | ParquetTable


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


def _unique(names: Sequence[str], table: str) -> list[str]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise IngestError(f"{table} has the column {twice[0]!r} more than once; rename one of them")
    return list(names)


def _broken(name: str, error: Exception) -> str:
    what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return f"{name} cannot be read as {Path(name).suffix[1:].upper()} ({what}); mend the file or save it again as UTF-8"
