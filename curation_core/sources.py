"""Ingest: from a folder, zip, table or matrix to the catalog of a workspace, shard by shard."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_table, write_table
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.config import IngestConfig, Modality
from curation_core.errors import IngestError
from curation_core.executors import n_cpus
from curation_core.images import decode_image
from curation_core.matrices import open_matrix
from curation_core.media import file_fingerprint, open_media
from curation_core.origins import Origin, find_origin
from curation_core.progress import Progress, silent
from curation_core.readers import open_reader
from curation_core.shards import Reader, Shard

PAYLOAD_SIDE = 256  # pixels; embedders get images no larger, which JPEGs are decoded to directly
_UNMATCHED = b"unmatched_rows"

Fetch = Callable[[Sequence[int]], list[Any]]


@dataclass(frozen=True)
class ColumnPreview:
    """One of the user's columns: its name, its type in words of Arrow, a few values."""

    name: str
    type: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SourcePreview:
    """What a source holds, before it is read: unmatched_rows counts rows of metadata that name no item."""

    kind: str
    modality: Modality
    n_items: int
    columns: tuple[ColumnPreview, ...]
    names: tuple[str, ...]
    unmatched_rows: int = 0


def preview(config: IngestConfig) -> SourcePreview:
    """Look at a source without reading its items; raises IngestError or ConfigError like ingest."""
    origin = find_origin(config)
    kind = {"image": "images", "text": "text", "vector": "vectors"}[origin.modality]
    with open_reader(origin, config) as reader:
        rows = reader.first_rows(5)
        columns = tuple(
            ColumnPreview(
                field.name, str(field.type), tuple(str(value)[:80] for value in rows.column(field.name).to_pylist())
            )
            for field in reader.schema
        )
        return SourcePreview(
            kind, origin.modality, reader.n_items, columns, tuple(reader.first_names(5)), reader.n_unmatched
        )


def fingerprint(config: IngestConfig) -> str:
    """16 hex digits that change when the source's or the metadata's listing, sizes or times change; reads no item."""
    path = Path(config.source).expanduser()
    if path.is_dir():
        with open_media(path) as media:
            parts = [media.fingerprint()]
    else:
        parts = [file_fingerprint(path)]
    if config.metadata is not None:
        parts.append(file_fingerprint(Path(config.metadata).expanduser()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def ingest(config: IngestConfig, folder: Path, *, thumbnails: Path, progress: Progress = silent) -> Catalog:
    """Read every item once: hash, size, thumbnail, the user's columns. Returns the catalog, as written to `folder`.

    Writes items-NNNNN.parquet and metadata-NNNNN.parquet per shard and failures.parquet at the end; a killed run
    goes on after its last whole shard. The same source gives the same bytes. Raises IngestError when no item can be
    read, ConfigError when a column is not there.
    """
    origin = find_origin(config)
    with open_reader(origin, config) as reader:
        done = _whole_shards(folder)
        counted = min(done * reader.shard_size, reader.n_items)
        progress("ingest", counted, reader.n_items)

        def tick(within: int) -> None:
            progress("ingest", counted + within, reader.n_items)

        for number, shard in enumerate(reader.shards(done, thumbnails, tick), start=done):
            _write_shard(folder, number, shard)
            counted = min((number + 1) * reader.shard_size, reader.n_items)
        return _finish(origin, reader, folder)


def read_catalog(folder: Path, modality: Modality) -> Catalog:
    """The catalog that ingest wrote; raises StaleArtifact when a file is missing or torn."""
    items = _read_all(sorted(folder.glob("items-*.parquet")), ITEM_SCHEMA)
    metadata = _read_all(sorted(folder.glob("metadata-*.parquet")), pa.schema([]))
    return Catalog(modality, items, metadata, read_table(folder / "failures.parquet"))


def unmatched_rows(catalog: Catalog) -> int:
    """Rows of the metadata table that named no item when the source was read."""
    return int((catalog.failures.schema.metadata or {}).get(_UNMATCHED, 0))


def read_vectors(config: IngestConfig, rows: np.ndarray) -> np.ndarray:
    """Rows of a vector source by source_row: (len(rows), d) float32."""
    return open_matrix(find_origin(config).path, config.vector_column).read(rows)


@contextlib.contextmanager
def read_payloads(config: IngestConfig, catalog: Catalog) -> Iterator[Fetch]:
    """Give ``fetch(rows of the catalog)``: RGB images (longer side at most 256 px), strings, or float32 rows.

    Fetch raises IngestError when one of the rows cannot be read any more.
    """
    if catalog.modality == "text":
        texts = catalog.text
        yield lambda rows: [texts[row] or "" for row in rows]
    elif catalog.modality == "vector":
        matrix = open_matrix(find_origin(config).path, config.vector_column)
        source_rows = catalog.items.column("source_row").to_numpy()
        yield lambda rows: list(matrix.read(source_rows[np.asarray(rows, dtype=np.int64)]))
    else:
        uris = catalog.uri
        with open_media(Path(config.source).expanduser()) as media, ThreadPoolExecutor(min(8, n_cpus())) as pool:
            yield lambda rows: list(
                pool.map(lambda row: decode_image(media.read(uris[row]), max_side=PAYLOAD_SIDE), rows)
            )


def _finish(origin: Origin, reader: Reader, folder: Path) -> Catalog:
    parts = sorted(folder.glob(".failures-*.parquet"))
    n_shards = -(-reader.n_items // reader.shard_size)
    # fewer parts than shards: a run was killed after it had put them together, while it removed them
    failures = _read_all(parts, FAILURE_SCHEMA) if len(parts) == n_shards else read_table(folder / "failures.parquet")
    failures = failures.replace_schema_metadata({_UNMATCHED: str(reader.n_unmatched)})
    write_table(folder / "failures.parquet", failures)
    for part in parts:
        part.unlink()
    catalog = read_catalog(folder, origin.modality)
    if not len(catalog):
        first = f": {failures.column('uri')[0]} {failures.column('reason')[0]}" if len(failures) else ""
        raise IngestError(
            f"no item of {origin.path.name} can be read, {len(failures)} were refused{first}; choose another source"
        )
    return catalog


def _write_shard(folder: Path, number: int, shard: Shard) -> None:
    write_table(folder / f"metadata-{number:05d}.parquet", shard.metadata)
    write_table(folder / f".failures-{number:05d}.parquet", shard.failures)
    write_table(folder / f"items-{number:05d}.parquet", shard.items)  # last: it marks the shard as whole


def _whole_shards(folder: Path) -> int:
    """Shards at the start of the folder that are whole; what lies after a gap is written again."""
    done = 0
    while (folder / f"items-{done:05d}.parquet").is_file():
        done += 1
    return done


def _read_all(paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
    tables = [read_table(path) for path in paths]
    return pa.concat_tables(tables) if tables else schema.empty_table()
