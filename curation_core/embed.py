"""Embed: items to vectors, shard by shard, so that a killed run goes on where it was."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_array, read_table
from curation_core.batching import LARGEST, default_batch, fitting_batch, is_tried
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.config import EmbedConfig
from curation_core.devices import is_out_of_memory, release_memory
from curation_core.embedders import Embedder
from curation_core.errors import CurationError, IngestError, ShapeError
from curation_core.matrices import refused_vectors
from curation_core.parts import Notes, Part, has_part, join_parts, read_notes, remove_parts, write_notes, write_part
from curation_core.prefetch import ahead
from curation_core.progress import Progress, silent

FETCHED = 64  # rows asked for at once, or one batch where that is more: readers have enough to share out

Fetch = Callable[[Sequence[int]], list[Any]]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of all items that have one.

    vectors: (m, d) float32 or float16, memory-mapped, as the embedder gave them. rows: (m,) int64, ascending, their
    rows in the catalog. model: name of the embedder. failures: table of FAILURE_SCHEMA, items without a vector and
    why. facts: of the run that made them (device, batch_size, items_per_s); empty when they are read again.
    """

    vectors: np.ndarray
    rows: np.ndarray
    model: str
    failures: pa.Table
    facts: Mapping[str, Any] = field(default_factory=dict)

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

    fetch: rows of the catalog -> what the embedder takes; may raise IngestError; called in another thread, one call at
    a time. Writes part-NNNNN.npy per shard, at the end vectors.npy, rows.npy and failures.parquet. Batches never cross
    a shard's border, and a resumed run keeps to the batch size of its first part, so it gives the same bytes. Raises
    IngestError when no item gives a vector, ShapeError when the embedder breaks its promise, CurationError when not
    even one item fits into memory.
    """
    speed = _Speed(progress, len(catalog), str(getattr(embedder, "device", "cpu")))
    if not (folder / "failures.parquet").is_file():
        progress("embed", 0, len(catalog))
        run = _Run(catalog, fetch, embedder, folder, speed, _notes(catalog, fetch, embedder, config, folder))
        starts = range(0, len(catalog), config.shard_size)
        for number, start in enumerate(starts):
            rows = range(start, min(start + config.shard_size, len(catalog)))
            if has_part(folder, number):
                speed.skip(rows.stop)
            else:
                run = _embed_part(run, number, rows)
        join_parts(folder, len(starts), embedder.name)
        speed.batch_size = run.notes.batch_size
    remove_parts(folder)
    return replace(read_embeddings(folder, embedder.name), facts=speed.facts())


def read_embeddings(folder: Path, model: str) -> Embeddings:
    """What embed wrote, memory-mapped; raises StaleArtifact when a file is missing or torn."""
    failures = read_table(folder / "failures.parquet")
    return Embeddings(read_array(folder / "vectors.npy"), read_array(folder / "rows.npy"), model, failures)


class _Speed:
    """Reports items done, items per second of this run, and the batch size."""

    def __init__(self, progress: Progress, total: int, device: str) -> None:
        self._progress, self._total, self._device = progress, total, device
        self._done, self._embedded, self._began = 0, 0, time.perf_counter()
        self.batch_size = 0

    def skip(self, done: int) -> None:
        """Items up to `done` are there from an earlier run."""
        self._done = done
        self._progress("embed", done, self._total)

    def add(self, n_items: int) -> None:
        """So many more items have been embedded."""
        self._done, self._embedded = self._done + n_items, self._embedded + n_items
        self._progress("embed", self._done, self._total, items_per_s=self._rate, batch_size=self.batch_size)

    def take_back(self, done: int) -> None:
        """A shard is begun again after `done` items."""
        self._embedded -= self._done - done
        self._done = done

    def facts(self) -> dict[str, Any]:
        """Device, batch size and items per second of what was embedded; empty where nothing was."""
        if not self._embedded:
            return {}
        return {"device": self._device, "batch_size": self.batch_size, "items_per_s": round(self._rate, 1)}

    @property
    def _rate(self) -> float:
        return self._embedded / max(time.perf_counter() - self._began, 1e-9)


@dataclass(frozen=True)
class _Run:
    catalog: Catalog
    fetch: Fetch
    embedder: Embedder
    folder: Path
    speed: _Speed
    notes: Notes


def _notes(catalog: Catalog, fetch: Fetch, embedder: Embedder, config: EmbedConfig, folder: Path) -> Notes:
    """What shards are made by: as an earlier run noted it, where that was the same work, else chosen and written."""
    asked = config.batch_size
    found = read_notes(folder)
    if found is not None and (asked is None or found.batch_size <= asked):  # less: memory had run out
        same = replace(found, batch_size=0) == Notes(embedder.name, config.shard_size, config.storage, 0)
        if same:
            return found
    remove_parts(folder)
    if asked is None and is_tried(embedder):
        readable = _fetch(fetch, range(min(LARGEST, len(catalog))))[1]
        asked = fitting_batch(embedder, readable) if readable else None
    notes = Notes(embedder.name, config.shard_size, config.storage, asked or default_batch(embedder))
    write_notes(folder, notes)
    return notes


def _embed_part(run: _Run, number: int, rows: range) -> _Run:
    """Write one shard. Where memory runs out it is begun again with half the batch, which later shards keep."""
    while True:
        run.speed.batch_size = run.notes.batch_size
        try:
            part = _embed_rows(run, rows)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            run = _halved(run, error)
            run.speed.take_back(rows.start)
        else:
            write_part(run.folder, number, part)
            return run


def _halved(run: _Run, error: Exception) -> _Run:
    release_memory()
    size = run.notes.batch_size // 2
    if not size:
        raise CurationError(
            f"memory ran out in {run.embedder.name} with one item at a time ({str(error)[:120]}); choose a smaller "
            "model, or device cpu"
        ) from None
    notes = replace(run.notes, batch_size=size)
    write_notes(run.folder, notes)
    return replace(run, notes=notes)


def _embed_rows(run: _Run, rows: range) -> Part:
    vectors: list[np.ndarray] = []
    kept: list[int] = []
    refused: dict[int, str] = {}
    # closed here and now, so that no thread still fetches when the caller closes its source
    with contextlib.closing(_batches(run.fetch, rows, run.notes.batch_size)) as batches:
        for batch, readable, payloads, unreadable in batches:
            found, bad = _stored(_call(run.embedder, payloads), run.notes.storage)
            usable = [place for place in range(len(readable)) if place not in bad]
            vectors.append(found[usable])
            kept.extend(readable[place] for place in usable)
            refused.update(unreadable)
            refused.update({readable[place]: reason for place, reason in bad.items()})
            run.speed.add(len(batch))
    uris = run.catalog.items.column("uri")
    failures = [{"uri": uris[row].as_py(), "reason": refused[row]} for row in sorted(refused)]
    none = np.empty((0, run.embedder.dim), run.notes.storage)
    matrix = np.concatenate([part for part in vectors if len(part)] or [none])
    return Part(matrix, np.array(kept, dtype=np.int64), pa.Table.from_pylist(failures, FAILURE_SCHEMA))


def _batches(
    fetch: Fetch, rows: range, size: int
) -> Generator[tuple[range, list[int], list[Any], dict[int, str]], None, None]:
    """Per batch its rows, those that can be read, their payloads, and why the others cannot; fetched ahead."""
    n_fetched = max(1, FETCHED // size) * size
    pieces = [rows[start : start + n_fetched] for start in range(0, len(rows), n_fetched)]
    with contextlib.closing(ahead(lambda piece: _fetch(fetch, piece), pieces)) as fetched:
        for piece, (readable, payloads, unreadable) in zip(pieces, fetched, strict=True):
            payload_of = dict(zip(readable, payloads, strict=True))
            for start in range(0, len(piece), size):
                batch = piece[start : start + size]
                here = [row for row in batch if row in payload_of]
                reasons = {row: unreadable[row] for row in batch if row in unreadable}
                yield batch, here, [payload_of.pop(row) for row in here], reasons


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


def _stored(vectors: np.ndarray, storage: str) -> tuple[np.ndarray, dict[int, str]]:
    """Vectors (b, d) in the numbers they are stored in, and which rows are refused and why."""
    refused = refused_vectors(vectors, vectors.shape[1])
    if storage == "float32":
        return vectors, refused
    with np.errstate(over="ignore", under="ignore"):
        stored = vectors.astype(storage)
    lost = refused_vectors(stored, vectors.shape[1])
    reason = f"does not fit into {storage}, whose numbers reach from 6e-8 to 65,504; use storage float32"
    return stored, {**dict.fromkeys(lost, reason), **refused}
