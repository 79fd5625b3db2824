"""A reference set on disk: examples read and embedded as the items were, and what lies near them in the pool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core import expression, sources
from curation_core.artifacts import read_array, write_array
from curation_core.catalog import Catalog
from curation_core.config import EmbedConfig, IngestConfig, Modality, ReferenceConfig
from curation_core.embed import embed
from curation_core.embedders import Embedder
from curation_core.errors import ConfigError
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.locations import normal_source
from curation_core.progress import Progress
from curation_core.retrieval import Coverage, Neighborhood, nearest_distance

_OF_SOURCE = ("text_column", "image_column", "vector_column")
_COVER = 1 << 22  # numbers of drawn vectors in memory at once


@dataclass(frozen=True)
class ReferenceSet:
    """Trusted examples beside a pool of n items.

    catalog: of the examples' own source, or of the pool where they are items of it; rows: (m,) int64, the examples'
    rows in that catalog; in_pool: whether they are items of the pool. vectors: (m, d') float32 in the space of the
    tree. found: what lies near. gap: typical distance of a pool item to its nearest other one, the radius of coverage.
    """

    catalog: Catalog
    rows: np.ndarray
    in_pool: bool
    vectors: np.ndarray
    found: Neighborhood
    gap: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def coverage(self) -> Coverage:
        """By the whole pool."""
        return Coverage(self.found.distance[:, 0], self.gap)

    def coverage_by(self, pool: np.ndarray, rows: np.ndarray) -> Coverage:
        """By some items of the pool. pool: (n, d') the tree's vectors, memory maps welcome. rows: drawn, any order."""
        distance = np.full(len(self), np.inf, np.float32)
        ordered, width = np.unique(rows), max(1, _COVER // self.vectors.shape[1])
        for start in range(0, len(ordered), width):
            part = np.asarray(pool[ordered[start : start + width]], dtype=np.float32)
            distance = np.minimum(distance, nearest_distance(part, self.vectors))
        return Coverage(distance, self.gap)


def ingest_config(pool: IngestConfig, config: ReferenceConfig) -> IngestConfig:
    """How the examples' source is read: tiles are cut as the pool's are, columns are named anew."""
    options = {name: getattr(pool, name) for name in IngestConfig.model_fields if name.startswith("tile_")}
    named = {name: getattr(config, name) for name in _OF_SOURCE}
    where = normal_source(config.source, allow_http=pool.allow_http)
    return IngestConfig(source=where, allow_http=pool.allow_http, **options, **named)


def read_source(
    config: IngestConfig,
    modality: Modality,
    open_embedder: Callable[[], Embedder],
    settings: EmbedConfig,
    folder: Path,
    *,
    thumbnails: Path | None,
    progress: Progress,
) -> np.ndarray:
    """Read and embed the examples of a source into `folder`: (m, d) as the embedder gives them.

    Raises ConfigError when they are of another kind than the items.
    """
    for name in ("items", "vectors"):
        (folder / name).mkdir(exist_ok=True)
    catalog = sources.ingest(config, folder / "items", thumbnails=thumbnails, progress=progress)
    if catalog.modality != modality:
        raise ConfigError(
            f"the reference set holds {catalog.modality} items, the pool {modality} items; choose examples of its kind"
        )
    embedder = open_embedder()
    side = getattr(embedder, "image_side", sources.PAYLOAD_SIDE)
    with sources.read_payloads(config, catalog, max_side=side) as fetch:
        found = embed(catalog, fetch, embedder, settings, folder / "vectors", progress)
    write_array(folder / "rows.npy", np.asarray(found.rows, dtype=np.int64))
    return np.asarray(found.vectors)


def picked_rows(config: ReferenceConfig, catalog: Catalog, rows: np.ndarray) -> np.ndarray:
    """Tree rows of the items that are the examples: (m,) int64. rows: (n,) catalog row of every row of the tree.

    Raises ConfigError when none fits, or an id is not there.
    """
    if config.items:
        place = {catalog.item_id[row]: number for number, row in enumerate(rows.tolist())}
        missing = [item_id for item_id in config.items if item_id not in place]
        if missing:
            raise ConfigError(
                f"{len(missing)} of {len(config.items)} items of the reference set are not in the tree, the first "
                f"{missing[0]!r}; choose the set anew"
            )
        return np.array(sorted(place[item_id] for item_id in config.items), dtype=np.int64)
    found = np.flatnonzero(expression.evaluate(config.where, _columns(catalog, rows)))
    if not len(found):
        raise ConfigError(f"no item fits {config.where!r}; a reference set needs some, choose another condition")
    return found


def write_neighborhood(folder: Path, vectors: np.ndarray, found: Neighborhood) -> None:
    """Write what `read_reference` reads beside items and rows."""
    arrays = {"prepared": vectors, "neighbors": found.rows, "distance": found.distance, "nearest": found.nearest}
    for name, values in {**arrays, "ranks": found.ranks}.items():
        write_array(folder / f"{name}.npy", values)


def read_reference(folder: Path, meta: Mapping[str, Any], pool: Catalog) -> ReferenceSet:
    """What the step wrote, memory-mapped."""
    in_pool = not (folder / "items").is_dir()
    catalog = pool if in_pool else sources.read_catalog(folder / "items", pool.modality)
    found = Neighborhood(*(read_array(folder / f"{name}.npy") for name in ("neighbors", "distance", "nearest")))
    vectors = read_array(folder / "prepared.npy")
    return ReferenceSet(catalog, read_array(folder / "rows.npy"), in_pool, vectors, found, float(meta["gap"]))


def read_ranks(folder: Path) -> np.ndarray:
    """Place of every row of the tree in the order of retrieval: (n,) int64, memory-mapped."""
    return read_array(folder / "ranks.npy")


def _columns(catalog: Catalog, rows: np.ndarray) -> ItemColumns:
    """The user's columns, ids and paths on the tree's rows, for expressions."""
    tables = [catalog.metadata, catalog.items.select(["item_id", "uri", "text"])]
    taken = [(name, table.column(name).take(pa.array(rows))) for table in tables for name in table.column_names]
    return ItemColumns.of(len(rows), [_column(name, values.combine_chunks()) for name, values in taken])


def _column(name: str, values: pa.Array) -> ItemColumn:
    if pa.types.is_boolean(values.type):
        flags = values.fill_null(False).to_numpy(zero_copy_only=False)
        return ItemColumn(name, "flag", "yours", lambda: flags)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return ItemColumn(name, "number", "yours", lambda: values.cast(pa.float64()).to_numpy(zero_copy_only=False))
    try:
        texts = values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structs: as they are written
        texts = pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    return ItemColumn(name, "text", "yours", lambda: texts)
