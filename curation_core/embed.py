"""Embed: items to vectors, shard by shard, so that a killed run goes on where it was."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import explained, read_array, read_table, write_array, write_table
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.config import EmbedConfig
from curation_core.embedders import Embedder
from curation_core.errors import IngestError, ShapeError
from curation_core.matrices import refused_vectors
from curation_core.progress import Progress, silent

DEFAULT_BATCH = 32

Fetch = Callable[[Sequence[int]], list[Any]]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of all items that have one.

    vectors: (m, d) float32, memory-mapped, as the embedder gave them. rows: (m,) int64, ascending, their rows in the
    catalog. model: name of the embedder. failures: table of FAILURE_SCHEMA, items without a vector and why.
    """

    vectors: np.ndarray
    rows: np.ndarray
    model: str
    failures: pa.Table

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.rows):
            raise ShapeError(f"vectors have shape {self.vectors.shape} for {len(self.rows)} rows; embed again")

    def __len__(self) -> int:
        return len(self.rows)


def embed(
    catalog: Catalog,
    fetch: Fetch,
    embedder: Embedder,
    config: EmbedConfig,
    folder: Path,
    progress: Progress = silent,
) -> Embeddings:
    """Embed every item of a catalog into `folder`; whole shards of an earlier, killed run are kept.

    fetch: rows of the catalog -> what the embedder takes; may raise IngestError. Writes part-NNNNN.npy per shard, at
    the end vectors.npy, rows.npy and failures.parquet. Batches never cross a shard's border, so a resumed run gives
    the same bytes. Raises IngestError when no item gives a vector, ShapeError when the embedder breaks its promise.
    """
    if not (folder / "failures.parquet").is_file():
        starts = range(0, len(catalog), config.shard_size)
        speed = _Speed(progress, len(catalog))
        for number, start in enumerate(starts):
            stop = min(start + config.shard_size, len(catalog))
            if (folder / f"part-{number:05d}.npy").is_file():
                speed.skip(stop)
            else:
                _write_part(folder, number, _embed_shard(catalog, fetch, embedder, range(start, stop), config, speed))
        _join(folder, len(starts), embedder.name)
    for part in folder.glob("part-*"):
        part.unlink()
    return read_embeddings(folder, embedder.name)


def read_embeddings(folder: Path, model: str) -> Embeddings:
    """What embed wrote, memory-mapped; raises StaleArtifact when a file is missing or torn."""
    failures = read_table(folder / "failures.parquet")
    return Embeddings(read_array(folder / "vectors.npy"), read_array(folder / "rows.npy"), model, failures)


class _Speed:
    """Reports items done and items per second of this run."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total
        self._done, self._embedded, self._began = 0, 0, time.perf_counter()
        progress("embed", 0, total)

    def skip(self, done: int) -> None:
        """Items up to `done` are there from an earlier run."""
        self._done = done
        self._progress("embed", done, self._total)

    def add(self, n_items: int) -> None:
        """So many more items have been embedded."""
        self._done, self._embedded = self._done + n_items, self._embedded + n_items
        seconds = max(time.perf_counter() - self._began, 1e-9)
        self._progress("embed", self._done, self._total, items_per_s=self._embedded / seconds)


@dataclass(frozen=True)
class _Part:
    vectors: np.ndarray
    rows: np.ndarray
    failures: pa.Table


def _embed_shard(
    catalog: Catalog, fetch: Fetch, embedder: Embedder, rows: range, config: EmbedConfig, speed: _Speed
) -> _Part:
    vectors: list[np.ndarray] = []
    kept: list[int] = []
    refused: dict[int, str] = {}
    size = config.batch_size or DEFAULT_BATCH
    for start in range(rows.start, rows.stop, size):
        batch = range(start, min(start + size, rows.stop))
        readable, payloads, unreadable = _fetch(fetch, batch)
        found = _call(embedder, payloads)
        bad = refused_vectors(found, found.shape[1])
        usable = [place for place in range(len(readable)) if place not in bad]
        vectors.append(found[usable])
        kept.extend(readable[place] for place in usable)
        refused.update(unreadable)
        refused.update({readable[place]: reason for place, reason in bad.items()})
        speed.add(len(batch))
    uris = catalog.items.column("uri")
    failures = [{"uri": uris[row].as_py(), "reason": refused[row]} for row in sorted(refused)]
    matrix = np.concatenate([part for part in vectors if len(part)] or [np.empty((0, embedder.dim), np.float32)])
    return _Part(matrix, np.array(kept, dtype=np.int64), pa.Table.from_pylist(failures, FAILURE_SCHEMA))


def _fetch(fetch: Fetch, batch: Sequence[int]) -> tuple[list[int], list[Any], dict[int, str]]:
    """Rows that can be read, their payloads, and the reasons of the others."""
    try:
        return list(batch), fetch(batch), {}
    except IngestError:
        pass  # one item spoils the batch: find out which
    readable, payloads, unreadable = [], [], {}
    for row in batch:
        try:
            payloads.extend(fetch([row]))
            readable.append(row)
        except IngestError as error:
            unreadable[row] = str(error)
    return readable, payloads, unreadable


def _call(embedder: Embedder, payloads: list[Any]) -> np.ndarray:
    if not payloads:
        return np.empty((0, embedder.dim), dtype=np.float32)
    found = np.asarray(embedder(payloads))
    if found.ndim != 2 or len(found) != len(payloads) or (embedder.dim and found.shape[1] != embedder.dim):
        wanted = f"({len(payloads)}, {embedder.dim or 'd'})"
        raise ShapeError(f"embedder {embedder.name} gave shape {found.shape}, expected {wanted}; mend the embedder")
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, and is then refused as such
        return found.astype(np.float32, copy=False)


def _write_part(folder: Path, number: int, part: _Part) -> None:
    write_table(folder / f"part-{number:05d}-failures.parquet", part.failures)
    write_array(folder / f"part-{number:05d}-rows.npy", part.rows)
    write_array(folder / f"part-{number:05d}.npy", part.vectors)  # last: it marks the shard as whole


def _join(folder: Path, n_parts: int, model: str) -> None:
    rows = [read_array(folder / f"part-{number:05d}-rows.npy") for number in range(n_parts)]
    failures = [read_table(folder / f"part-{number:05d}-failures.parquet") for number in range(n_parts)]
    refused = pa.concat_tables([FAILURE_SCHEMA.empty_table(), *failures])
    n_rows = sum(len(part) for part in rows)
    if not n_rows:
        first = f", the first because {refused.column('reason')[0]}" if len(refused) else ""
        raise IngestError(f"{model} gave no vector for any of {len(refused)} items{first}; choose another embedder")
    parts = (read_array(folder / f"part-{number:05d}.npy") for number in range(n_parts) if len(rows[number]))
    _write_stacked(folder / "vectors.npy", parts, n_rows)
    write_array(folder / "rows.npy", np.concatenate(rows))
    write_table(folder / "failures.parquet", refused)  # last: it marks the whole as done


def _write_stacked(path: Path, parts: Iterator[np.ndarray], n_rows: int) -> None:
    """One .npy of all parts below each other, with one part in memory at a time; whole or absent."""
    first = next(parts)
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, first.shape[1])}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            with temporary.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                file.write(first.astype("<f4", copy=False).tobytes())
                for part in parts:
                    if part.shape[1] != first.shape[1]:
                        raise ShapeError(
                            f"vectors of {part.shape[1]} and {first.shape[1]} numbers; embed again from the start"
                        )
                    file.write(part.astype("<f4", copy=False).tobytes())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
