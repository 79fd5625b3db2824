"""Ingest: from a folder, zip, table or matrix to the catalog of a workspace, shard by shard."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_table, write_table
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.columns import ColumnSummary, correct, correct_schema, summarise
from curation_core.config import IngestConfig, Modality
from curation_core.decoder_process import Decoded, Job
from curation_core.decoding import decoders, image_of, pixels_job
from curation_core.errors import IngestError
from curation_core.image_reader import ImageReader
from curation_core.listing import source_fingerprint
from curation_core.matrices import open_matrix
from curation_core.media import Media
from curation_core.origins import Origin, find_origin, open_items
from curation_core.progress import Progress, silent
from curation_core.readers import open_reader
from curation_core.shards import Reader, Shard
from curation_core.stamps import Earlier

if TYPE_CHECKING:
    from PIL.Image import Image

PAYLOAD_SIDE = 256  # pixels; embedders get images no larger, which JPEGs are decoded to directly
_PREVIEW_ROWS = 1000  # what the meaning of columns is found from
_UNMATCHED = b"unmatched_rows"

Fetch = Callable[[Sequence[int]], list[Any]]


@dataclass(frozen=True)
class SourcePreview:
    """What a source holds, before it is read: unmatched_rows counts rows of metadata that name no item.

    columns: the user's, with name, Arrow type, meaning, examples and counts over the first 1,000 items.
    """

    kind: str
    modality: Modality
    n_items: int
    columns: tuple[ColumnSummary, ...]
    names: tuple[str, ...]
    unmatched_rows: int = 0


def preview(config: IngestConfig) -> SourcePreview:
    """Look at a source without reading its items; raises IngestError or ConfigError like ingest."""
    origin = find_origin(config)
    kind = {"image": "images", "text": "text", "vector": "vectors"}[origin.modality]
    with open_reader(origin, config) as reader:
        correct_schema(reader.schema, config.column_types)
        found = summarise(correct(reader.first_rows(_PREVIEW_ROWS), config.column_types))
        columns = tuple(
            dataclasses.replace(column, meaning=config.column_types.get(column.name, column.meaning))
            for column in found
        )
        return SourcePreview(
            kind, origin.modality, reader.n_items, columns, tuple(reader.first_names(5)), reader.n_unmatched
        )


def fingerprint(config: IngestConfig) -> str:
    """16 hex digits that change when the source's or the metadata's listing, sizes or times change; reads no item."""
    return source_fingerprint(config)


def ingest(
    config: IngestConfig,
    folder: Path,
    *,
    thumbnails: Path | None,
    previous: Path | None = None,
    progress: Progress = silent,
) -> Catalog:
    """Read every item once: hash, size, thumbnail, the user's columns. Returns the catalog, as written to `folder`.

    thumbnails: their folder; None decodes and checks every image and writes no thumbnail. previous: the folder of an
    earlier ingest; images that have not changed since are taken over from it without reading them.

    Writes items-NNNNN.parquet, metadata-NNNNN.parquet and, of images, stamps-NNNNN.parquet per shard, and
    failures.parquet at the end; a killed run goes on after its last whole shard. The same source gives the same bytes,
    with or without `previous`. Raises IngestError when no item can be read, ConfigError when a column is not there.
    """
    origin = find_origin(config)
    with open_reader(origin, config) as reader:
        correct_schema(reader.schema, config.column_types)
        if isinstance(reader, ImageReader):
            reader.earlier = Earlier(previous)
        done = _whole_shards(folder)
        tick = _Ticker(progress, reader.n_items, min(done * reader.shard_size, reader.n_items))
        for number, shard in enumerate(reader.shards(done, thumbnails, tick), start=done):
            columns = correct(shard.metadata, config.column_types, first_row=tick.counted)
            _write_shard(folder, number, dataclasses.replace(shard, metadata=columns))
            tick.counted = min((number + 1) * reader.shard_size, reader.n_items)
        return _finish(origin, reader, folder)


class _Ticker:
    """Reports items done within a shard, and items per second since the start. counted: items of whole shards."""

    def __init__(self, progress: Progress, n_items: int, counted: int) -> None:
        self._progress, self._n_items, self._began = progress, n_items, time.perf_counter()
        self._at_first = self.counted = counted
        progress("ingest", counted, n_items)

    def __call__(self, within: int) -> None:
        done, seconds = self.counted + within, time.perf_counter() - self._began
        rate = (done - self._at_first) / seconds if seconds else 0.0
        self._progress("ingest", done, self._n_items, items_per_s=round(rate, 1))


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
def read_payloads(config: IngestConfig, catalog: Catalog, *, max_side: int | None = PAYLOAD_SIDE) -> Iterator[Fetch]:
    """Give ``fetch(rows of the catalog)``: RGB images, strings, or float32 rows, in the order of the rows.

    max_side: longer side of the images in pixels at most; None gives them whole. Images are decoded in processes of
    their own (curation_core.decoding). Fetch raises IngestError when one of the rows cannot be read any more.
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
        with open_items(config) as media:
            yield lambda rows: list(_images(media, [uris[row] for row in rows], max_side))


def _images(media: Media, uris: Sequence[str], max_side: int | None) -> Iterator["Image"]:
    for _, found in decoders().map((uri, _pixels_job(media, uri, max_side)) for uri in uris):
        yield image_of(found)


def _pixels_job(media: Media, uri: str, max_side: int | None) -> Job | Decoded | str:
    try:
        return pixels_job(media.read(uri), max_side)
    except IngestError as error:
        return str(error)


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
    if shard.stamps is not None:
        write_table(folder / f"stamps-{number:05d}.parquet", shard.stamps)
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
