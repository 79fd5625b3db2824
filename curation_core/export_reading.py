"""An export as its files tell it: the manifest in any of its formats, the rejected items, where it came from."""

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation_core.errors import ManifestMismatch


def columns_of(folder: Path) -> Mapping[str, str]:
    """Our names -> the names of the columns in this export; none where run.json is broken."""
    try:
        columns: dict[str, str] = read_run(folder)["columns"]
    except (ValueError, KeyError):
        return {}  # broken JSON: the checksums name the file
    return columns


def read_run(folder: Path) -> dict[str, Any]:
    """Where the export came from; raises ValueError for broken JSON."""
    run: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return run


def read_ids(folder: Path, kind: str) -> list[str] | None:
    """Ids of the items that a format of the manifest lists, None where there is no such file."""
    path = folder / f"manifest.{kind}"
    return (
        [str(value) for value in _READERS[kind](path).get(read_run(folder)["columns"]["item_id"], ())]
        if path.is_file()
        else None
    )


def read_manifest(folder: Path) -> dict[str, np.ndarray]:
    """The numbers of the manifest, from whichever format is there."""
    return _numbers(manifest_rows(folder), read_run(folder))


def read_rejected(folder: Path) -> dict[str, np.ndarray]:
    """The numbers of the rejected items."""
    return _numbers(_read_parquet(folder / "rejected.parquet"), read_run(folder))


def _numbers(table: Mapping[str, list[Any]], run: Mapping[str, Any]) -> dict[str, np.ndarray]:
    names = {**run["columns"], "cluster_1": run["cluster_columns"][0], "eligible": "eligible"}
    there = [name for name in _DTYPES if name in names]
    columns = {name: [-1 if value is None else value for value in table.get(names[name], ())] for name in there}
    return {name: _typed(values, _DTYPES[name]) for name, values in columns.items()}


def _typed(values: list[Any], dtype: type) -> np.ndarray:
    """Values of a column; a CSV says True and False in words."""
    if dtype is bool and values and isinstance(values[0], str):
        return np.array([value.lower() == "true" for value in values])
    return np.asarray(values).astype(dtype)


_DTYPES = {
    "row": np.int64,
    "source_row": np.int64,
    "cluster_1": np.int32,
    "distance": np.float32,
    "eligible": bool,
    "kept": bool,
}


def manifest_rows(folder: Path) -> dict[str, list[Any]]:
    """The columns of the manifest, from whichever format is there."""
    for kind in ("parquet", "jsonl", "csv"):
        if (folder / f"manifest.{kind}").is_file():
            return _READERS[kind](folder / f"manifest.{kind}")
    raise ManifestMismatch("there is no manifest.parquet, .csv or .jsonl; export again with one of them")


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    table = pq.read_table(path)
    return {name: table[name].to_pylist() for name in table.column_names}


def _read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return {name: [_FORMULA_GUARD.sub("", row[place]) for row in rows] for place, name in enumerate(head)}


def _read_jsonl(path: Path) -> dict[str, list[Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else [])}


_FORMULA_GUARD = re.compile(r"^'(?=[=+\-@\t\r])")
_READERS: dict[str, Callable[[Path], dict[str, list[Any]]]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "jsonl": _read_jsonl,
}
