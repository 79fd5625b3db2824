"""Record sets of Croissant: the rows of a manifest as typed fields, and the names of its splits."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from curation_core.card_facts import CardFacts
from curation_core.manifest import ExportContents

ITEMS, SPLITS = "items", "splits"
_ABOUT = {
    "item_id": "First 16 hex digits of the sha256 of the item's path.",
    "path": "Where the item lies below the source.",
    "sha256": "Of the item's bytes as they were read.",
    "row": "Row of the item in the tree.",
    "source_row": "Row in the source's table, or place in its listing.",
    "distance": "From the centroid of its finest cluster, in the prepared vectors.",
    "quota": "Items that its finest cluster gives to the draw.",
    "reason": "Why it was drawn.",
    "file": "The item's own file in this export.",
    "faces": "Faces found in the picture.",
    "faces_blurred": "Whether they are blurred in the file.",
    "duplicate_group": "Group of near-duplicates, none for an item that is alone.",
    "personal_masked": "Mail addresses and numbers masked in this row.",
    "kept": "Whether a person put it in at any size.",
    "review_label": "The name a person gave the item.",
    "split": "Part of the dataset the item belongs to.",
    "balance_group": "Value that the draw was balanced along.",
    "reference_rank": "Rank by nearness to the reference items.",
    "weight": "How often a training run should take the item.",
}
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("row", "source_row", "quota", "reference_rank"), pa.int64()),
    **dict.fromkeys(("faces", "duplicate_group", "personal_masked"), pa.int32()),
    **dict.fromkeys(("faces_blurred", "kept"), pa.bool_()),
    **dict.fromkeys(("distance", "weight"), pa.float32()),
}
_SPLIT_TYPES = {
    "train": "TrainingSplit",
    "val": "ValidationSplit",
    "validation": "ValidationSplit",
    "test": "TestSplit",
}


def record_sets(
    folder: Path, contents: ExportContents, run: Mapping[str, Any], files: Mapping[str, int], facts: CardFacts
) -> list[dict[str, Any]]:
    """The items, read from the best manifest there is, and the splits they refer to; none without a table."""
    file = next((f"manifest.{kind}" for kind in ("parquet", "jsonl", "csv") if f"manifest.{kind}" in files), None)
    if file is None:
        return []
    names = {shown: own for own, shown in run["columns"].items()}
    split = run["columns"].get("split") if facts.splits else None
    fields = list(_fields(_schema(folder / file, contents, run), file, names, split))
    key = {"key": {"@id": _id(run["columns"]["item_id"])}} if facts.n_drawn == facts.n_distinct else {}
    items = {
        "@type": "cr:RecordSet",
        "@id": ITEMS,
        "name": ITEMS,
        "description": "The drawn items.",
        **key,
        "field": fields,
    }
    return [*([_splits(facts)] if split else []), items]


def data_type(kind: pa.DataType) -> tuple[str, bool] | None:
    """Croissant's word for a type, and whether it is a list of such; None for what has no word: bytes, structures."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = data_type(kind.value_type)
        return None if inner is None or inner[1] else (inner[0], True)
    tests = (
        ("sc:Boolean", pa.types.is_boolean),
        ("sc:Integer", pa.types.is_integer),
        ("sc:Float", lambda one: pa.types.is_floating(one) or pa.types.is_decimal(one)),
        ("sc:Date", pa.types.is_date),
        ("sc:DateTime", pa.types.is_timestamp),
        ("sc:Text", lambda one: pa.types.is_string(one) or pa.types.is_large_string(one) or pa.types.is_null(one)),
    )
    return next(((word, False) for word, holds in tests if holds(kind)), None)


def _fields(schema: pa.Schema, file: str, names: Mapping[str, str], split: str | None) -> Iterator[dict[str, Any]]:
    for column in schema:
        found = data_type(column.type)
        if found is None:
            continue
        word, is_list = found
        own = names.get(column.name)
        yield {
            "@type": "cr:Field",
            "@id": _id(column.name),
            "name": column.name,
            "description": _ABOUT.get(own or "", _level(column.name) if own is None else ""),
            "dataType": word,
            **({"isArray": True, "arrayShape": "-1"} if is_list else {}),
            "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
            **({"references": {"field": {"@id": f"{SPLITS}/name"}}} if column.name == split else {}),
        }


def _level(name: str) -> str:
    level = name.removeprefix("curation_").removeprefix("cluster_")
    return (
        f"Cluster of level {level}; 1 is the finest." if level != name and level.isdecimal() else "Came with the data."
    )


def _id(name: str) -> str:
    return f"{ITEMS}/{quote(name, safe='')}"  # a column may be called anything


def _splits(facts: CardFacts) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "dataType": "cr:Split",
        "key": {"@id": f"{SPLITS}/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"{SPLITS}/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": f"{SPLITS}/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [
            {f"{SPLITS}/name": name, f"{SPLITS}/url": f"cr:{_SPLIT_TYPES.get(name, 'Split')}"}
            for name, _ in facts.splits
        ],
    }


def _schema(path: Path, contents: ExportContents, run: Mapping[str, Any]) -> pa.Schema:
    """Columns of a manifest and their types; of a format without types those that were written."""
    if path.suffix == ".parquet":
        return pq.read_schema(path)
    with path.open(newline="", encoding="utf-8") as file:
        names = next(csv.reader(file), []) if path.suffix == ".csv" else list(json.loads(file.readline() or "{}"))
    known = {run["columns"][own]: kind for own, kind in _TYPES.items() if own in run["columns"]}
    known |= dict.fromkeys(run["cluster_columns"], pa.int32())
    known |= {field.name: field.type for field in contents.catalog.metadata.schema}
    found = pa.schema([(name, known.get(name, pa.string())) for name in names])
    return _as_cells(found) if path.suffix == ".csv" else found


def _as_cells(schema: pa.Schema) -> pa.Schema:
    """Types as a CSV has them: lists and structures are texts there."""
    return pa.schema([(one.name, pa.string() if pa.types.is_nested(one.type) else one.type) for one in schema])
