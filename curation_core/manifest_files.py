"""The formats of a manifest: Parquet, CSV that no spreadsheet runs, JSON lines, and rows of the source as .npy."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.artifacts import write_array, write_bytes, write_table
from curation_core.config import ManifestFormat

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_manifest(path: Path, kind: ManifestFormat, table: pa.Table, names: Mapping[str, str]) -> None:
    """Write a manifest, whole or absent. names: of our columns, as own_names gives them."""
    _WRITERS[kind](path, table, names)


def _write_parquet(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    write_table(path, table.replace_schema_metadata(None))


def _write_csv(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in table.column_names])
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        writer.writerows([safe_cell(value) for value in row] for row in zip(*columns, strict=True))
    write_bytes(path, sink.getvalue().encode())


def safe_cell(value: Any) -> Any:
    """A value for a CSV that no spreadsheet computes."""
    # a spreadsheet runs a cell that begins like this; the quote keeps it text
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def safe_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts for a CSV that no spreadsheet computes."""
    risky = pc.match_substring_regex(values, r"^[=+\-@\t\r]")
    return pc.if_else(pc.fill_null(risky, False), pc.binary_join_element_wise("'", values, ""), values)


def _write_jsonl(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    lines = (
        json.dumps(row, ensure_ascii=False, default=str)
        for batch in table.to_batches(max_chunksize=10_000)
        for row in batch.to_pylist()
    )
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def _write_npy(path: Path, table: pa.Table, names: Mapping[str, str]) -> None:
    write_array(path, table.column(names["source_row"]).to_numpy().astype(np.int64))


_WRITERS: dict[ManifestFormat, Callable[[Path, pa.Table, Mapping[str, str]], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "npy": _write_npy,
}
