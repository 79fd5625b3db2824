"""An export as its files tell it: the manifest in any of its formats, the rejected items, where it came from."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation_core.errors import ManifestMismatch

TABLES = ("parquet", "jsonl", "csv")  # of a manifest, the one that says most first
TYPES: dict[str, pa.DataType] = {
    "item_id": pa.string(),
    "path": pa.string(),
    "sha256": pa.string(),
    "row": pa.int64(),
    "source_row": pa.int64(),
    "cluster_1": pa.int32(),
    "distance": pa.float32(),
    "quota": pa.int64(),
    "eligible": pa.bool_(),
    "kept": pa.bool_(),
    "file": pa.string(),
    "faces_blurred": pa.bool_(),
    "duplicate_group": pa.int32(),
    "split": pa.string(),
    "balance_group": pa.int32(),
    "reference_rank": pa.int64(),
}  # our columns that are checked
_GUARD = r"^'([=+\-@\t\r])"  # what keeps a cell of a CSV from being computed
_BLOCK = 1 << 26  # bytes of JSON looked at at once; no row is longer


@dataclass(frozen=True)
class ReadExport:
    """The tables of an export, each read once. Columns have our names, whatever they are called in the files."""

    folder: Path

    @cached_property
    def run(self) -> dict[str, Any]:
        """run.json; raises ValueError where it is broken."""
        return read_run(self.folder)

    @cached_property
    def names(self) -> dict[str, str]:
        """Our names of columns -> those in the files."""
        found = {**self.run["columns"], "cluster_1": self.run["cluster_columns"][0], "eligible": "eligible"}
        return {name: found[name] for name in TYPES if name in found}

    @property
    def tables(self) -> list[str]:
        """Which tables of the manifest there are, the one that says most first."""
        return [kind for kind in TABLES if (self.folder / f"manifest.{kind}").is_file()]

    @cached_property
    def manifest(self) -> pa.Table:
        """Our columns of the manifest."""
        if not self.tables:
            raise ManifestMismatch("there is no manifest.parquet, .csv or .jsonl; export again with one of them")
        return self.table(f"manifest.{self.tables[0]}")

    @cached_property
    def rejected(self) -> pa.Table:
        """Our columns of the rejected items."""
        return self.table("rejected.parquet")

    @cached_property
    def tree(self) -> pa.Table:
        """The clusters of all levels."""
        return pq.read_table(self.folder / "tree.parquet")

    def table(self, name: str, wanted: Sequence[str] | None = None) -> pa.Table:
        """Our columns (default: all that are checked) of one table file."""
        names = {ours: theirs for ours, theirs in self.names.items() if wanted is None or ours in wanted}
        read = _ARROW[name.rpartition(".")[2]]
        table = read(self.folder / name, {theirs: TYPES[ours] for ours, theirs in names.items()})
        return table.rename_columns([ours for ours, theirs in names.items() if theirs in table.column_names])

    def numbers(self, table: pa.Table, name: str) -> np.ndarray:
        """A column of numbers, -1 for null (False for null)."""
        column = table.column(name)
        fill = False if pa.types.is_boolean(column.type) else -1
        found: np.ndarray = pc.fill_null(column, fill).to_numpy()
        return found


def columns_of(folder: Path) -> Mapping[str, str]:
    """Our names -> the names of the columns in this export; none where run.json is broken."""
    try:
        columns: dict[str, str] = read_run(folder)["columns"]
    except (ValueError, KeyError):
        return {}  # broken JSON: the checksums name the file
    return columns


def read_run(folder: Path) -> dict[str, Any]:
    """Where the export came from; raises ValueError for broken JSON."""
    run: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return run


def manifest_rows(folder: Path) -> dict[str, list[Any]]:
    """All columns of the manifest, from whichever format is there."""
    for kind in TABLES:
        if (folder / f"manifest.{kind}").is_file():
            return _READERS[kind](folder / f"manifest.{kind}")
    raise ManifestMismatch("there is no manifest.parquet, .csv or .jsonl; export again with one of them")


def read_csv_texts(path: Path) -> pa.Table:
    """A CSV with every cell as text, an empty one that is not in quotes as null; guards against formulas stay."""
    import pyarrow.csv as pa_csv

    with path.open(newline="", encoding="utf-8") as file:
        head = next(csv.reader(file), [])
    texts = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(head, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True), convert_options=texts)


def _arrow_parquet(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    file = pq.ParquetFile(path)
    there = [name for name in types if name in file.schema_arrow.names]
    return _typed(file.read(columns=there), types)


def _arrow_csv(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    table = read_csv_texts(path)
    names = [_unguarded(name) for name in table.column_names]
    table = table.rename_columns(names)
    columns = {name: pc.replace_substring_regex(table.column(name), _GUARD, r"\1") for name in types if name in names}
    return _typed(pa.table(columns), types)


def _arrow_jsonl(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    import pyarrow.json as pa_json

    with path.open("rb") as file:
        first = file.readline()
    if not first:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    types = {name: kind for name, kind in types.items() if name in json.loads(first)}
    wide = {pa.float32(): pa.float64()}
    schema = pa.schema([(name, wide.get(kind, kind)) for name, kind in types.items()])
    options = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    table = pa_json.read_json(path, read_options=pa_json.ReadOptions(block_size=_BLOCK), parse_options=options)
    return _typed(table.select(list(types)), types)


def _typed(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Columns in their types; a CSV says all of it in words."""
    return pa.table(
        {name: _cast(table.column(name), kind) for name, kind in types.items() if name in table.column_names}
    )


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        if pa.types.is_boolean(kind):
            column = pc.utf8_lower(column)
        elif pa.types.is_floating(kind):
            column = column.cast(pa.float64())
    return column.cast(kind, safe=not pa.types.is_floating(kind))


_ARROW: dict[str, Callable[[Path, Mapping[str, pa.DataType]], pa.Table]] = {
    "parquet": _arrow_parquet,
    "csv": _arrow_csv,
    "jsonl": _arrow_jsonl,
}


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    table = pq.read_table(path)
    return {name: table[name].to_pylist() for name in table.column_names}


def _read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return {_unguarded(name): [_unguarded(row[place]) for row in rows] for place, name in enumerate(head)}


def _unguarded(text: str) -> str:
    return re.sub(_GUARD, r"\1", text)


def _read_jsonl(path: Path) -> dict[str, list[Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else [])}


_READERS: dict[str, Callable[[Path], dict[str, list[Any]]]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "jsonl": _read_jsonl,
}
