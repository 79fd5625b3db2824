"""Reader of images: one read and one decode per item give hash, size and thumbnail."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation_core.config import Modality
from curation_core.errors import IngestError
from curation_core.executors import n_cpus
from curation_core.images import decode_image, image_size
from curation_core.media import Media
from curation_core.origins import Metadata
from curation_core.shards import Shard, Tick, item_row, make_shard, no_columns
from curation_core.thumbnails import MAX_SIDE, has_thumbnail, write_thumbnail

_MAX_THREADS = 8  # each may hold a picture of 50 million pixels
_AT_ONCE = 64


class ImageReader:
    """Images of a folder or zip: one read and one decode per item give hash, size and thumbnail."""

    modality: Modality = "image"
    shard_size = 1024

    def __init__(self, media: Media, metadata: Metadata | None) -> None:
        self._media, self._metadata = media, metadata
        self.n_items = len(media.names)
        self.schema: pa.Schema = metadata.table.schema if metadata else pa.schema([])
        self.n_unmatched = metadata.n_unmatched(media.names) if metadata else 0

    def shards(self, start: int, thumbnails: Path, tick: Tick) -> Iterator[Shard]:
        """Shards in order, from shard number `start` on."""
        with ThreadPoolExecutor(min(_MAX_THREADS, n_cpus())) as pool:  # the codecs let other threads run meanwhile
            for first in range(start * self.shard_size, self.n_items, self.shard_size):
                yield self._shard(first, thumbnails, pool, tick)

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return list(self._media.names[:n])

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        return self._rows(self.first_names(n))

    def _rows(self, names: list[str]) -> pa.Table:
        return self._metadata.rows_for(names) if self._metadata else no_columns()

    def _shard(self, first: int, thumbnails: Path, pool: ThreadPoolExecutor, tick: Tick) -> Shard:
        items, failures = [], []
        rows = range(first, min(first + self.shard_size, self.n_items))
        for start in range(0, len(rows), _AT_ONCE):  # a few at once, so that a cancel need not wait for the shard
            for row, found in pool.map(partial(self._read, thumbnails), rows[start : start + _AT_ONCE]):
                if isinstance(found, str):
                    failures.append({"uri": self._media.names[row], "reason": found})
                else:
                    items.append(found)
                tick(row - first + 1)
        return make_shard(items, self._rows([item["uri"] for item in items]), failures)

    def _read(self, thumbnails: Path, row: int) -> tuple[int, dict[str, Any] | str]:
        """An item, or the reason why it is none."""
        try:
            return row, self._item(row, self._media.names[row], thumbnails)
        except IngestError as error:
            return row, str(error)

    def _item(self, row: int, name: str, thumbnails: Path) -> dict[str, Any]:
        data = self._media.read(name)
        content_hash = hashlib.sha256(data).hexdigest()
        width, height = image_size(data)
        if not has_thumbnail(thumbnails, content_hash):  # else the same bytes were decoded whole before
            write_thumbnail(decode_image(data, max_side=2 * MAX_SIDE), thumbnails, content_hash)
        return item_row(name, content_hash, row, width=width, height=height)
