"""CSV and JSONL files read block by block: memory holds a few blocks, whatever the size of the file.

The types of a column are known only when the last row has been seen, so a file is read twice: once for its types and
the count of its rows, once for the rows themselves. The types are those that reading the whole file at once would give.
"""

import functools
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from curation_core.errors import IngestError

BLOCK_BYTES = 1 << 23  # 8 MB: also the longest row, for a row must lie in one block
_BOM = b"\xef\xbb\xbf"
# the order in which Arrow tries types; a column has the first one that all of its values fit
_CSV_TYPES = (
    pa.null(),
    pa.int64(),
    pa.bool_(),
    pa.date32(),
    pa.time32("s"),
    pa.timestamp("s"),
    pa.timestamp("ns"),
    pa.float64(),
    pa.string(),
)


@dataclass(frozen=True)
class Scan:
    """What the first reading of a file found."""

    schema: pa.Schema
    n_rows: int


class StreamTable:
    """A CSV or JSONL file, its schema and its rows; forced: types of columns that must not be guessed."""

    def __init__(self, path: Path, forced: Mapping[str, pa.DataType] | None = None) -> None:
        try:
            status = path.stat()
        except OSError as error:
            raise IngestError(f"{path.name} cannot be read ({error.strerror}); check the path") from None
        self.path, self.name = path, path.name
        scan = _scanned(path, status.st_size, status.st_mtime_ns, tuple((forced or {}).items()))
        self.schema, self.n_rows = scan.schema, scan.n_rows
        self.row_bytes = status.st_size // max(scan.n_rows, 1)  # on average

    def uri(self, row: int) -> str:
        """How a row is called."""
        return f"{self.name}#{row}"

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time."""
        names = self.schema.names if columns is None else list(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        return resliced((block.select(names) for block in _blocks(self.path, self.schema)), size, schema)


def resliced(blocks: Iterable[pa.Table], size: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of `size` rows, the last one shorter, from tables of any size."""
    waiting: list[pa.Table] = []
    n_waiting = 0
    for block in blocks:
        waiting.append(block)
        n_waiting += block.num_rows
        while n_waiting >= size:
            table = pa.concat_tables(waiting).cast(schema)
            yield table.slice(0, size)
            waiting, n_waiting = [table.slice(size)], n_waiting - size
    if n_waiting:
        yield pa.concat_tables(waiting).cast(schema)


def checked_values(table: pa.Table) -> pa.Table:
    """The table; raises ArrowInvalid or UnicodeDecodeError for texts and names that are not UTF-8, and false lengths.

    Arrow lets all of these by until somebody looks at them.
    """
    table.validate(full=True)
    table.schema.empty_table()  # decodes all names, also those of fields within fields
    return table


def broken(name: str, error: Exception) -> IngestError:
    """What is said of a table that cannot be read."""
    what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    if "straddl" in what:
        what = f"a row is longer than {BLOCK_BYTES >> 20} MB, or a quote is never closed"
    return IngestError(
        f"{name} cannot be read as {Path(name).suffix[1:].upper()} ({what}); mend the file or save it again as UTF-8"
    )


def unique_names(names: Sequence[str], table: str) -> list[str]:
    """The names as a list; raises IngestError when one is there twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise IngestError(f"{table} has the column {twice[0]!r} more than once; rename one of them")
    return list(names)


@functools.lru_cache(maxsize=64)
def _scanned(path: Path, size: int, time: int, forced: tuple[tuple[str, pa.DataType], ...]) -> Scan:  # noqa: ARG001
    """Schema and rows of a file; size and time are there so that a file that changes is read again."""
    try:
        scan = _scan_csv if path.suffix.lower() == ".csv" else _scan_jsonl
        return scan(path, dict(forced))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise broken(path.name, error) from None


def _blocks(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """All rows, with the types that the first reading found."""
    try:
        if path.suffix.lower() == ".csv":
            with _open_csv(path, {field.name: field.type for field in schema}) as reader:
                yield from (pa.Table.from_batches([batch]).cast(schema) for batch in reader)
        else:
            yield from (_parse_lines(block, schema) for block in _line_blocks(path))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise broken(path.name, error) from None


# ---- CSV


def _open_csv(path: Path, types: Mapping[str, pa.DataType]) -> pa.RecordBatchReader:
    import pyarrow.csv

    return pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict(types)),
    )


def _scan_csv(path: Path, forced: Mapping[str, pa.DataType]) -> Scan:
    """Read with the types of the first block; where a later value does not fit, go on to the next type and again."""
    types = dict(forced)
    names: list[str] = []
    while True:
        try:
            with _open_csv(path, types) as reader:
                names = unique_names(reader.schema.names, path.name)
                types = {name: _csv_type(reader.schema.field(name).type) for name in names}
                n_rows = sum(batch.num_rows for batch in reader)
        except pa.ArrowInvalid as error:
            _widen(types, names, path.name, error)
        else:
            return Scan(_checked_utf8(pa.schema(list(types.items())), path.name), n_rows)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    return pa.binary() if pa.types.is_binary(kind) else kind


def _widen(types: dict[str, pa.DataType], names: Sequence[str], table: str, error: pa.ArrowInvalid) -> None:
    """Give the column that an error of conversion names its next type; any other error is raised again."""
    found = re.search(r"In CSV column #(\d+):(?: Row #\d+:)? CSV conversion error to ([^:]+):", str(error))
    if found is None or int(found[1]) >= len(names):
        raise error
    name = names[int(found[1])]
    if types[name] not in _CSV_TYPES[:-1]:
        raise IngestError(f"column {name!r} of {table} is not UTF-8; save the file again as UTF-8")
    types[name] = _CSV_TYPES[_CSV_TYPES.index(types[name]) + 1]


def _checked_utf8(schema: pa.Schema, table: str) -> pa.Schema:
    for column in schema:
        if pa.types.is_binary(column.type):  # what Arrow makes of a text that is not UTF-8
            raise IngestError(f"column {column.name!r} of {table} is not UTF-8; save the file again as UTF-8")
    return schema


# ---- JSONL


def _line_blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, about a block at a time; blocks without any text are left out."""
    with path.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        for block in _cut(file, path.name):
            if block.strip():
                yield block


def _cut(file: BinaryIO, name: str) -> Iterator[bytes]:
    rest = b""
    while more := file.read(BLOCK_BYTES):
        whole, newline, tail = more.rpartition(b"\n")
        if not newline and len(rest) + len(more) > BLOCK_BYTES:
            raise IngestError(f"{name} has a line longer than {BLOCK_BYTES >> 20} MB; shorten it or leave it out")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest += more
    yield rest


def _parse_lines(data: bytes, schema: pa.Schema | None = None) -> pa.Table:
    import pyarrow.json

    whole = pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1)  # a block must hold the longest line
    if schema is None:
        return checked_values(pyarrow.json.read_json(io.BytesIO(data), read_options=whole))
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    table = pyarrow.json.read_json(io.BytesIO(data), read_options=whole, parse_options=parse)
    return checked_values(table.select(schema.names))


def _scan_jsonl(path: Path, forced: Mapping[str, pa.DataType]) -> Scan:
    types: dict[str, pa.DataType] = {}
    n_rows = 0
    for block in _line_blocks(path):
        table = _parse_lines(block)
        n_rows += table.num_rows
        for column in table.schema:
            types[column.name] = _wider(types.get(column.name, pa.null()), column.type, column.name)
    if not types:
        raise pa.ArrowInvalid("Empty JSON file")
    return Scan(pa.schema(list({**types, **forced}.items())), n_rows)


def _wider(one: pa.DataType, other: pa.DataType, name: str) -> pa.DataType:
    """The type that holds the values of both; dates and texts together are texts."""
    if one == other:
        return one
    if {one.id, other.id} <= {pa.timestamp("s").id, pa.string().id, pa.date32().id}:
        return pa.string()
    try:
        both = [pa.schema([(name, one)]), pa.schema([(name, other)])]
        return pa.unify_schemas(both, promote_options="permissive").field(name).type
    except pa.ArrowException:
        raise pa.ArrowInvalid(f"column {name!r} changes from {one} to {other}") from None
