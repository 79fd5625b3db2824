"""Folders and files that the `datasets` library of Hugging Face writes, read without it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation_core.errors import IngestError

SPLIT = "split"  # the column that says which split of a dataset a row comes from
_MAX_JSON = 1 << 26
_SHARD_NAME = re.compile(r"(\w+(?:\.\w+)*?)-\d{5}-of-\d{5}")  # train-00000-of-00002.parquet, as the hub names them


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder was written by Dataset.save_to_disk or DatasetDict.save_to_disk."""
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()


def saved_splits(folder: Path) -> dict[str, list[Path]]:
    """Arrow files of a saved dataset by split, in order; the split of a single dataset is ""."""
    if (folder / "state.json").is_file():
        return {"": _arrow_files(folder)}
    splits = _read_json(folder / "dataset_dict.json").get("splits")
    if not isinstance(splits, list) or not splits:
        raise IngestError(f"{folder.name}/dataset_dict.json names no splits; save the dataset again")
    return {str(split): _arrow_files(_inside(folder, str(split))) for split in splits}


def split_of(name: str) -> str:
    """The split that the name of a shard states; "" when it states none."""
    found = _SHARD_NAME.search(name.rpartition("/")[2])
    return found[1] if found else ""


def class_names(schema: pa.Schema, path: Path) -> dict[str, list[str]]:
    """Names of the classes of integer columns, from the file's own metadata or the dataset_info.json beside it."""
    features = _embedded_features(schema)
    beside = path.parent / "dataset_info.json"
    if not features and beside.is_file():
        features = _read_json(beside).get("features") or {}
    found = {name: _label_names(feature) for name, feature in features.items()}
    return {name: names for name, names in found.items() if names and name in schema.names}


def with_class_names(table: pa.Table, names: Mapping[str, list[str]]) -> pa.Table:
    """Integer codes replaced by the names of their classes; a code without a name (-1: unknown) is null."""
    for column, classes in names.items():
        if column not in table.column_names or not pa.types.is_integer(table.schema.field(column).type):
            continue
        codes = [code if code is not None and 0 <= code < len(classes) else None for code in _codes(table, column)]
        values = pa.array([None if code is None else classes[code] for code in codes], pa.string())
        place = table.column_names.index(column)
        table = table.set_column(place, pa.field(column, pa.string()), values)
    return table


def _codes(table: pa.Table, column: str) -> list[int | None]:
    return list(table.column(column).to_pylist())


def _arrow_files(folder: Path) -> list[Path]:
    files = _read_json(folder / "state.json").get("_data_files")
    names = [str(file.get("filename")) for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    if not names:
        raise IngestError(f"{folder.name}/state.json names no data files; save the dataset again")
    return [_inside(folder, name) for name in names]


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise IngestError(f"{folder.name} names {name!r}, which lies outside it; save the dataset again")
    if not path.exists():
        raise IngestError(f"{folder.name} names {name!r}, which is missing; save the dataset again")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise IngestError(f"{path.name} is larger than {_MAX_JSON >> 20} MB; save the dataset again")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise IngestError(f"{path.parent.name}/{path.name} cannot be read ({error}); save the dataset again") from None
    if not isinstance(found, dict):
        raise IngestError(f"{path.parent.name}/{path.name} holds no JSON object; save the dataset again")
    return found


def _embedded_features(schema: pa.Schema) -> dict[str, Any]:
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _label_names(feature: Any) -> list[str]:
    if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return []
