"""A part of a catalog as a reader gives it: items, the user's columns beside them, and what was refused."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA
from curation_core.config import Modality

Tick = Callable[[int], None]  # called with the count of items done within a shard


@dataclass(frozen=True)
class Shard:
    """Part of a catalog: items of ITEM_SCHEMA, the user's columns beside them, failures of FAILURE_SCHEMA.

    stamps: table of stamps.STAMP_SCHEMA for items that need not be read again while they stay as they are; None when
    the reader does not tell.
    """

    items: pa.Table
    metadata: pa.Table
    failures: pa.Table
    stamps: pa.Table | None = None


class Reader(Protocol):
    """A source, opened. n_unmatched: rows of metadata that name no item."""

    modality: Modality
    n_items: int
    schema: pa.Schema
    shard_size: int
    n_unmatched: int

    def shards(self, start: int, thumbnails: Path | None, tick: Tick) -> Iterator[Shard]:
        """Shards in order, from shard number `start` on; thumbnails of images go to that folder, if any."""

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""


def item_row(uri: str, content_hash: str, row: int, **values: Any) -> dict[str, Any]:
    """One row of ITEM_SCHEMA; the id hangs on the uri alone, so it is the same when the source is read again."""
    item_id = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return {"item_id": item_id, "uri": uri, "content_hash": content_hash, "source_row": row, **values}


def make_shard(
    items: list[dict[str, Any]],
    metadata: pa.Table,
    failures: list[dict[str, str]],
    stamps: pa.Table | None = None,
) -> Shard:
    """A shard from rows of items and failures."""
    return Shard(
        pa.Table.from_pylist(items, ITEM_SCHEMA),
        metadata.combine_chunks(),
        pa.Table.from_pylist(failures, FAILURE_SCHEMA),
        stamps,
    )


def no_columns() -> pa.Table:
    """The user's columns where there are none."""
    return pa.table({})
