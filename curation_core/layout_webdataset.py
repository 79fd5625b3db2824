"""WebDataset: new tar shards of the drawn items, or a list of which samples to take from the shards there are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ConfigError
from curation_core.export_folder import ExportFolder
from curation_core.manifest import ExportContents
from curation_core.manifest_files import TableFile
from curation_core.manifest_parts import ManifestParts, Part, taken
from curation_core.payloads import Outgoing
from curation_core.personal import mask_column
from curation_core.table_text import json_rows
from curation_core.tar_shards import TarShard

FOLDER = "webdataset"
SIZES = f"{FOLDER}/sizes.json"
_AT_ONCE = 64  # samples between two looks at whether to stop
_SHARD = r"^(?P<shard>.*?\.tar(?:\.[a-z0-9]+)?|.*?\.tgz)/(?P<rest>.+)$"


class ShardWriter:
    """Tar shards by part of the dataset: per sample a picture or text, and its row of the manifest as JSON.

    Keys are item ids, 16 hex digits: short, without dots, unlike each other; a second draw of an item adds "-2".
    Finished shards are kept by an interrupted export.
    """

    def __init__(
        self,
        folder: ExportFolder,
        contents: ExportContents,
        outgoing: Outgoing | None,
        shard_bytes: int,
        tick: Callable[[], None],
    ) -> None:
        self.needed = not folder.holds(SIZES)
        self._folder, self._contents, self._outgoing = folder, contents, outgoing
        self._bytes, self._tick = shard_bytes, tick
        self._splits = [_Split(folder, name) for name in contents.split_names]
        self._last_row, self._copy = -1, 1
        self.failures: dict[str, str] = {}
        for split in self._splits:
            self.failures.update(split.failures)

    def write(self, part: Part) -> None:
        """Take the next rows."""
        keys = self._keys(part)
        codes = self._contents.split_of(part.tree_rows)
        for code, split in enumerate(self._splits):
            places = split.ahead(np.flatnonzero(codes == code))
            if len(places):
                self._write_some(part, places, keys, split)

    def finish(self) -> None:
        """Close the last shards and tell how many samples each holds, as WebDataset's tools read it."""
        for split in self._splits:
            split.finish()
        sizes = {name: count for split in self._splits for name, count in split.sizes.items()}
        self._folder.write(SIZES, (json.dumps(sizes, indent=2) + "\n").encode(), failures=self.failures)

    def close(self) -> None:
        """Give up the shards that are not finished."""
        for split in self._splits:
            split.close()

    def _write_some(self, part: Part, places: np.ndarray, keys: list[str], split: "_Split") -> None:
        rows = json_rows(part.table.take(pa.array(places)), end="}").to_pylist()
        for place, row, (data, told) in zip(places.tolist(), rows, self._samples(part, places), strict=True):
            if place % _AT_ONCE == 0:
                self._tick()
            if data is None:
                uri = self._contents.catalog.uri[part.catalog_rows[place]]
                self.failures[uri] = split.failed[uri] = told
                split.rows += 1
            else:
                split.add(keys[place], told, data, row.encode(), self._bytes)

    def _samples(self, part: Part, places: np.ndarray) -> Iterator[tuple[bytes | None, str]]:
        """Bytes and ending of each, or None and why there are none."""
        rows = part.catalog_rows[places]
        if self._outgoing is None:
            column = taken(self._contents.catalog.items.select(["text"]), rows).column("text")
            texts = mask_column(column)[0] if self._contents.masked else column
            return ((text.encode(), "txt") for text in texts.to_pylist())
        return self._outgoing.stream(rows.tolist())

    def _keys(self, part: Part) -> list[str]:
        keys = []
        for row, key in zip(part.catalog_rows.tolist(), _ids(self._contents, part.catalog_rows), strict=True):
            self._copy = self._copy + 1 if row == self._last_row else 1
            self._last_row = row
            keys.append(key if self._copy == 1 else f"{key}-{self._copy}")
        return keys


class _Split:
    """The shards of one part of the dataset."""

    def __init__(self, folder: ExportFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self.sizes: dict[str, int] = {}
        self.failed: dict[str, str] = {}  # in the shard that is being written
        self.failures: dict[str, str] = {}  # in those that are finished
        self.rows = self._skipped = 0
        self._shard: TarShard | None = None
        while folder.holds(self._file):
            facts = folder.entries[self._file].facts
            self.sizes[self._file.removeprefix(f"{FOLDER}/")] = facts["samples"]
            self.failures.update(facts["failures"])
            self.rows = facts["rows"]
        self._done = self.rows

    @property
    def _file(self) -> str:
        return f"{FOLDER}/{self._name}-{len(self.sizes):06d}.tar"

    def ahead(self, places: np.ndarray) -> np.ndarray:
        """Of the next rows of this part of the dataset, those that no finished shard has."""
        skip = min(len(places), self._done - self._skipped)
        self._skipped += skip
        return places[skip:]

    def add(self, key: str, ending: str, data: bytes, row: bytes, most: int) -> None:
        if self._shard is None:
            self._shard, self._n = TarShard(self._folder, self._file), 0
        self._shard.add((f"{key}.{ending or 'bin'}", data), (f"{key}.json", row))
        self._n += 1
        self.rows += 1
        if self._shard.size >= most:
            self.finish()

    def finish(self) -> None:
        if self._shard is not None:
            name = self._file
            self._shard.finish(rows=self.rows, samples=self._n, failures=self.failed)
            self._shard, self.failed = None, {}
            self.sizes[name.removeprefix(f"{FOLDER}/")] = self._n

    def close(self) -> None:
        if self._shard is not None:
            self._shard.close()


class SelectionList:
    """Which samples of the pool's own shards were drawn: a CSV of key and shard, for pools that came from tars.

    Raises ConfigError when the pool did not.
    """

    def __init__(self, folder: ExportFolder, parts: ManifestParts, source: str) -> None:
        self._parts, self._source = parts, source
        schema = pa.schema([("key", pa.string()), ("shard", pa.string()), ("item_id", pa.string())])
        if "split" in parts.names:
            schema = schema.append(pa.field("split", pa.string()))
        if len(parts.contents.catalog):
            selected(parts.contents.catalog.items.column("uri").slice(0, 1).combine_chunks(), source)
        self._file = TableFile(folder, "wds-index.csv", schema)
        self.needed = self._file.needed

    def write(self, part: Part) -> None:
        """Take the next rows."""
        names = self._parts.names
        key, shard = selected(part.table.column(names["path"]).combine_chunks(), self._source)
        columns: dict[str, Any] = {"key": key, "shard": shard, "item_id": part.table.column(names["item_id"])}
        if "split" in names:
            columns["split"] = part.table.column(names["split"])
        self._file.write_table(pa.table(columns))

    def finish(self) -> None:
        """Put the list in its place."""
        self._file.finish()

    def close(self) -> None:
        """Give it up unless it is finished."""
        self._file.close()


def selected(uris: pa.Array, source: str) -> tuple[pa.Array, pa.Array]:
    """Key and shard of samples by their uri: ("a/7", "s-001.tar") of "s-001.tar/a/7.left.jpg".

    source: the name of the pool, the shard of all where it is one tar. Raises ConfigError for uris that no tar gave.
    """
    found = pc.extract_regex(uris, _SHARD)
    shard, rest = pc.struct_field(found, "shard"), pc.struct_field(found, "rest")
    if shard.null_count:
        if not source.lower().endswith((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")):
            raise ConfigError(
                f"wds-index lists samples of tar shards, but this pool came from {source!r}; choose webdataset for "
                "new shards"
            )
        shard, rest = shard.fill_null(source), pc.coalesce(rest, uris)
    return pc.replace_substring_regex(rest, r"^((?:.*/)?[^/.]*)\.[^/]*$", r"\1"), shard


def _ids(contents: ExportContents, rows: np.ndarray) -> list[str]:
    ids: list[str] = taken(contents.catalog.items.select(["item_id"]), rows).column("item_id").to_pylist()
    return ids
