"""The layouts of Hugging Face `datasets`: Parquet shards with a README, and a folder of images with their metadata."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ConfigError
from curation_core.export_folder import ExportFolder
from curation_core.manifest import ExportContents
from curation_core.manifest_files import ParquetRows, TableFile
from curation_core.manifest_parts import ManifestParts, Part
from curation_core.payloads import Outgoing
from curation_core.table_columns import is_string

FOLDER, IMAGES, FILE_NAME = "datasets", "imagefolder", "file_name"
_README = f"{FOLDER}/README.md"
_GROUP_BYTES = 1 << 26  # of pictures in one row group, and in memory
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_AT_ONCE = 64  # pictures between two looks at whether to stop


class DatasetsWriter:
    """``data/<split>-00000-of-00002.parquet`` and a README.md, which ``datasets.load_dataset(folder)`` reads offline.

    With outgoing the pictures are inside, in a column `image`; one that could not be read is null there.
    """

    def __init__(
        self,
        folder: ExportFolder,
        parts: ManifestParts,
        outgoing: Outgoing | None,
        shard_bytes: int,
        tick: Callable[[], None],
    ) -> None:
        self.needed = not folder.holds(_README)
        self._folder, self._parts, self._outgoing, self._tick = folder, parts, outgoing, tick
        self.failures: dict[str, str] = {}
        schema = parts.schema
        if outgoing is not None:
            self._image = "curation_image" if "image" in schema.names else "image"
            told = json.dumps({"info": {"features": {self._image: {"_type": "Image"}}}})
            schema = schema.append(pa.field(self._image, _IMAGE)).with_metadata({"huggingface": told})
        names = parts.contents.split_names
        self._splits = [_Shards(folder, name, schema, shard_bytes) for name in names]
        for split in self._splits:
            self.failures.update(split.failures)

    def write(self, part: Part) -> None:
        """Take the next rows."""
        codes = self._parts.contents.split_of(part.tree_rows)
        for code, split in enumerate(self._splits):
            places = split.ahead(np.flatnonzero(codes == code))
            if not len(places):
                continue
            table = part.table.take(pa.array(places))
            if self._outgoing is None:
                split.write(table, table.nbytes, {})
            else:
                self._write_with_images(split, table, part.catalog_rows[places])

    def finish(self) -> None:
        """Number the shards, and write the README that names them."""
        if not any(split.rows for split in self._splits):
            self._splits[0].write(self._splits[0].schema.empty_table(), 0, {})  # a dataset of no rows still has columns
        there = [(split.name, split.rows) for split in self._splits if split.finish()]
        self._folder.write(_README, _readme(there).encode(), failures=self.failures)

    def close(self) -> None:
        """Give up the shards that are not finished."""
        for split in self._splits:
            split.close()

    def _write_with_images(self, split: "_Shards", table: pa.Table, rows: np.ndarray) -> None:
        assert self._outgoing is not None
        start, held, images, failed = 0, 0, list[dict[str, Any] | None](), dict[str, str]()
        ids = table.column(self._parts.names["item_id"]).to_pylist()
        for place, (data, told) in enumerate(self._outgoing.stream(rows.tolist())):
            if data is None:
                failed[self._parts.contents.catalog.uri[rows[place]]] = told
            images.append(None if data is None else {"bytes": data, "path": f"{ids[place]}.{told or 'bin'}"})
            held += len(data or b"")
            if held >= _GROUP_BYTES or place == len(rows) - 1:
                whole = table.slice(start, len(images)).append_column(self._image, pa.array(images, _IMAGE))
                self.failures.update(failed)
                split.write(whole, held, failed)
                start, held, images, failed = place + 1, 0, [], {}
            if place % _AT_ONCE == 0:
                self._tick()


class _Shards:
    """The Parquet shards of one part of the dataset; their number is in their names once it is known."""

    def __init__(self, folder: ExportFolder, name: str, schema: pa.Schema, most: int) -> None:
        self._folder, self.name, self.schema, self._most = folder, name, schema, most
        self.failures: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self.rows = self._skipped = self._n_shards = self._held = 0
        self._rows: ParquetRows | None = None
        self._names: list[str] = []
        while found := self._kept(len(self._names)):
            self._names.append(found)
            self.failures.update(folder.entries[found].facts["failures"])
            self.rows = folder.entries[found].facts["rows"]
        self._done = self.rows

    def _kept(self, number: int) -> str | None:
        """A finished shard of an earlier try, which may have got its last name."""
        start = f"{FOLDER}/data/{self.name}-{number:05d}"
        known = sorted(name for name in self._folder.entries if name.startswith((f"{start}.", f"{start}-of-")))
        return next((name for name in known if self._folder.holds(name)), None)

    def ahead(self, places: np.ndarray) -> np.ndarray:
        """Of the next rows of this part of the dataset, those that no finished shard has."""
        skip = min(len(places), self._done - self._skipped)
        self._skipped += skip
        return places[skip:]

    def write(self, table: pa.Table, n_bytes: int, failed: dict[str, str]) -> None:
        if self._rows is None:
            self._file = self._folder.create(f"{FOLDER}/data/{self.name}-{len(self._names):05d}.parquet")
            self._rows, self._held = ParquetRows(self._file, self.schema), 0
        self._rows.write(table)
        self._failed.update(failed)
        self.rows += table.num_rows
        self._held += n_bytes
        if self._held >= self._most:
            self._finish_shard()

    def _finish_shard(self) -> None:
        if self._rows is not None:
            self._rows.close()
            self._file.finish(rows=self.rows, failures=self._failed)
            self._names.append(f"{FOLDER}/data/{self.name}-{len(self._names):05d}.parquet")
            self._rows, self._failed = None, {}

    def finish(self) -> int:
        """Give all shards their last names; returns how many there are."""
        self._finish_shard()
        for number, name in enumerate(self._names):
            last = f"{FOLDER}/data/{self.name}-{number:05d}-of-{len(self._names):05d}.parquet"
            if name != last:
                self._folder.rename(name, last)
        return len(self._names)

    def close(self) -> None:
        if self._rows is not None:
            self._rows.close()  # or it would close itself, after the file that it writes to
            self._file.close()


class ImageFolderWriter:
    """``<split>/metadata.parquet`` beside the files of each part of the dataset, with `file_name` for each."""

    def __init__(self, folder: ExportFolder, parts: ManifestParts) -> None:
        self._parts = parts
        fields = [field for field in parts.schema if field.name != FILE_NAME]
        self._schema = pa.schema([pa.field(FILE_NAME, pa.string()), *fields])
        names = parts.contents.split_names
        self._files = [TableFile(folder, f"{IMAGES}/{name}/metadata.parquet", self._schema) for name in names]
        self.needed = any(file.needed for file in self._files)

    def write(self, part: Part) -> None:
        """Take the next rows; an item without a file is none of an image folder."""
        codes = self._parts.contents.split_of(part.tree_rows)
        there = part.table.column(self._parts.names["file"]).is_valid().to_numpy()
        for code, (name, file) in enumerate(zip(self._parts.contents.split_names, self._files, strict=True)):
            table = part.table.take(pa.array(np.flatnonzero((codes == code) & there)))
            below = len(f"{IMAGES}/{name}/")
            paths = [path[below:] for path in table.column(self._parts.names["file"]).to_pylist()]
            rest = table.drop_columns([FILE_NAME]) if FILE_NAME in table.column_names else table
            file.write_table(rest.add_column(0, FILE_NAME, pa.array(paths, pa.string())))

    def finish(self) -> None:
        """Put the tables in place."""
        for file in self._files:
            file.finish()

    def close(self) -> None:
        """Give up those that are not finished."""
        for file in self._files:
            file.close()


def require_file_names(contents: ExportContents) -> None:
    """Raise ConfigError when the user's items have a column `file_name` that says something else than their paths.

    An image folder needs the name for the file's place in it; one that holds the paths stands in `path` already.
    """
    if FILE_NAME not in contents.catalog.columns:
        return
    told = contents.catalog.metadata.column(FILE_NAME)
    same = (
        is_string(told.type) and pc.all(pc.equal(told.cast(pa.string()), contents.catalog.items.column("uri"))).as_py()
    )
    if not same:
        raise ConfigError(
            "the items have a column 'file_name' of their own, which an image folder needs for the file; choose "
            "datasets or webdataset"
        )


def _readme(splits: list[tuple[str, int]]) -> str:
    data = "".join(f"  - split: {name}\n    path: data/{name}-*.parquet\n" for name, _ in splits)
    told = "".join(f"- {name}: {rows:,} rows\n" for name, rows in splits)
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{data}---\n\n# A balanced draw\n\n{told}\n"
        "Drawn and written by Curation Studio. Each row tells why it is here (`reason`, `quota`) and where it came\n"
        "from (`path`, `sha256`); `run.json` beside this folder tells how it was made.\n"
    )
