"""The files of a run of embed that is under way: whole shards, one after the other, and the notes they were made by."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_array, read_table, write_array, write_json, write_stacked, write_table
from curation_core.catalog import FAILURE_SCHEMA
from curation_core.errors import IngestError


@dataclass(frozen=True)
class Part:
    """One shard. vectors: (m, d) as stored. rows: (m,) int64 rows of the catalog. failures: FAILURE_SCHEMA."""

    vectors: np.ndarray
    rows: np.ndarray
    failures: pa.Table


@dataclass(frozen=True)
class Notes:
    """What shards were made by: a run that goes on keeps to it, so that its bytes are those of an unbroken run."""

    model: str
    shard_size: int
    storage: str
    batch_size: int


def read_notes(folder: Path) -> Notes | None:
    """The notes of an earlier, killed run; None where there are none or they cannot be read."""
    try:
        return Notes(**json.loads((folder / "part-notes.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_notes(folder: Path, notes: Notes) -> None:
    """Written before the first shard, and again when memory forces smaller batches."""
    write_json(folder / "part-notes.json", asdict(notes))


def has_part(folder: Path, number: int) -> bool:
    """Whether a shard is whole."""
    return (folder / f"part-{number:05d}.npy").is_file()


def write_part(folder: Path, number: int, part: Part) -> None:
    """Write a shard; its vectors come last and mark it as whole."""
    write_table(folder / f"part-{number:05d}-failures.parquet", part.failures)
    write_array(folder / f"part-{number:05d}-rows.npy", part.rows)
    write_array(folder / f"part-{number:05d}.npy", part.vectors)


def remove_parts(folder: Path) -> None:
    """Delete all shards and the notes; the marks of whole shards go first."""
    for part in sorted(folder.glob("part-*"), key=lambda path: path.suffix != ".npy"):
        part.unlink()


def join_parts(folder: Path, n_parts: int, model: str) -> None:
    """One vectors.npy, rows.npy and failures.parquet from all shards; raises IngestError when there is no vector."""
    rows = [read_array(folder / f"part-{number:05d}-rows.npy") for number in range(n_parts)]
    failures = [read_table(folder / f"part-{number:05d}-failures.parquet") for number in range(n_parts)]
    refused = pa.concat_tables([FAILURE_SCHEMA.empty_table(), *failures])
    n_rows = sum(len(part) for part in rows)
    if not n_rows:
        first = f", the first because {refused.column('reason')[0]}" if len(refused) else ""
        raise IngestError(f"{model} gave no vector for any of {len(refused)} items{first}; choose another embedder")
    parts = (read_array(folder / f"part-{number:05d}.npy") for number in range(n_parts) if len(rows[number]))
    write_stacked(folder / "vectors.npy", parts, n_rows)
    write_array(folder / "rows.npy", np.concatenate(rows))
    write_table(folder / "failures.parquet", refused)  # last: it marks the whole as done
