"""Reader of images: one read and one decode per item give hash, size and thumbnail; what is known is not read again."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from curation_core.config import Modality
from curation_core.decoder_process import Decoded, Job, Result
from curation_core.decoding import check_job, decoders, size_job, thumbnail_job
from curation_core.errors import IngestError
from curation_core.media import Media
from curation_core.origins import Metadata
from curation_core.remote import RemoteMedia
from curation_core.shards import Shard, Tick, item_row, make_shard, no_columns
from curation_core.stamps import Earlier, make_stamps
from curation_core.threads import side_by_side
from curation_core.thumbnails import has_thumbnail, save_thumbnail

_REMOTE_READERS = 8  # files fetched from a store at once: each waits much and works little
CHANGING = "it changed while it was read, twice; ingest again when it is whole"


@dataclass
class _Row:
    """One item on its way: stamp is empty when it must be read again next time."""

    row: int
    name: str
    stamp: str = ""
    content_hash: str = ""


class ImageReader:
    """Images of any source: one read and one decode per item give hash, size and thumbnail.

    earlier: what need not be read again; set it before shards are taken.
    """

    modality: Modality = "image"
    shard_size = 1024

    def __init__(self, media: Media, metadata: Metadata | None) -> None:
        self._media, self._metadata = media, metadata
        self.earlier = Earlier()
        self.n_items = len(media.names)
        self.schema: pa.Schema = self._columns(range(0)).schema
        self.n_unmatched = metadata.n_unmatched(media.names) if metadata else 0

    def shards(self, start: int, thumbnails: Path | None, tick: Tick) -> Iterator[Shard]:
        """Shards in order, from shard number `start` on; without a folder everything is decoded and nothing written."""
        for first in range(start * self.shard_size, self.n_items, self.shard_size):
            yield self._shard(range(first, min(first + self.shard_size, self.n_items)), thumbnails, tick)

    def first_names(self, n: int) -> list[str]:
        """Uris of the first items."""
        return list(self._media.names[:n])

    def first_rows(self, n: int) -> pa.Table:
        """The user's columns of the first items."""
        return self._columns(range(min(n, self.n_items)))

    def _columns(self, rows: "range | list[int]") -> pa.Table:
        """The source's own columns and those of the metadata, which win where both have a name."""
        own = self._media.columns.take(pa.array(rows, pa.int64())) if self._media.columns is not None else no_columns()
        if self._metadata is None:
            return own
        joined = self._metadata.rows_for([self._media.names[row] for row in rows])
        kept = [field for field in own.schema if field.name not in joined.column_names]
        columns = [own.column(field.name) for field in kept] + joined.columns
        return pa.table(columns, schema=pa.schema([*kept, *joined.schema]))

    def _shard(self, rows: range, thumbnails: Path | None, tick: Tick) -> Shard:
        items, failures, stamps = [], [], {}
        for item, found in decoders().map(self._jobs(rows, thumbnails)):
            if isinstance(found, str):
                failures.append({"uri": item.name, "reason": found})
            else:
                if found.data and thumbnails is not None:
                    save_thumbnail(found.data, thumbnails, item.content_hash)
                size = {"width": found.width, "height": found.height}
                items.append(item_row(item.name, item.content_hash, item.row, **size))
            stamps[item.name] = item.stamp
            tick(item.row - rows.start + 1)
        return make_shard(items, self._columns([item["source_row"] for item in items]), failures, make_stamps(stamps))

    def _jobs(self, rows: range, thumbnails: Path | None) -> Iterator[tuple[_Row, Job | Result]]:
        if not isinstance(self._media, RemoteMedia):
            yield from (self._row(thumbnails, row) for row in rows)
            return
        yield from side_by_side(partial(self._row, thumbnails), rows, n_threads=_REMOTE_READERS)

    def _row(self, thumbnails: Path | None, row: int) -> tuple[_Row, Job | Result]:
        item = _Row(row, self._media.names[row])
        stamp = self._media.stamp(item.name)
        return item, self._known(item, stamp, thumbnails) or self._job(item, stamp, thumbnails)

    def _known(self, item: _Row, stamp: str, thumbnails: Path | None) -> Result | None:
        """What an earlier ingest found, if nothing has changed and no thumbnail is missing."""
        known = self.earlier.find(item.name, stamp)
        if known is None or (known.content_hash and thumbnails and not has_thumbnail(thumbnails, known.content_hash)):
            return None
        item.stamp, item.content_hash = stamp, known.content_hash
        return known.reason or Decoded(known.width, known.height)

    def _job(self, item: _Row, stamp: str, thumbnails: Path | None) -> Job | Result:
        try:
            data, stamp = self._read(item.name, stamp)
        except IngestError as error:
            return str(error)  # no stamp: it may be readable next time
        item.stamp, item.content_hash = stamp, hashlib.sha256(data).hexdigest()
        if thumbnails is None:
            return check_job(data)
        if has_thumbnail(thumbnails, item.content_hash):  # then the same bytes were decoded whole before
            return size_job(data)
        return thumbnail_job(data)

    def _read(self, name: str, stamp: str) -> tuple[bytes, str]:
        """Bytes and stamp; raises IngestError when it cannot be read or changes under our hands."""
        for _ in range(2):
            data, before, stamp = self._media.read(name), stamp, self._media.stamp(name)
            if stamp == before:
                return data, stamp
        raise IngestError(CHANGING)
