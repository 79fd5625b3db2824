"""Lists of images as other tools import them: samples of FiftyOne, COCO images, a subset of a COCO file."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ConfigError, IngestError
from curation_core.export_folder import ExportFolder, OutputFile
from curation_core.manifest_files import paths_of
from curation_core.manifest_parts import ManifestParts, Part, taken
from curation_core.table_text import data_of, json_column, json_rows
from curation_core.unchanged import Originals

_RESERVED = ("id", "filepath", "tags", "metadata", "sample_id", "created_at", "last_modified_at")
_COCO_FEW = 50  # .json files of a source that are looked into
_COCO_MOST = 1 << 31  # bytes of a COCO file that is read whole


class FiftyOneWriter:
    """``fiftyone/samples.json`` and ``metadata.json``, read by ``fiftyone.Dataset.from_dir`` with FiftyOneDataset.

    A sample has filepath, tags (its part of the dataset), size, and every column as a field. Files of the export are
    named relative to the folder, others as they lie below the source. A column whose name FiftyOne keeps for itself, or
    cannot store, is told as ``user_<name>``; metadata.json lists these.
    """

    def __init__(self, folder: ExportFolder, parts: ManifestParts) -> None:
        self.needed = not folder.holds("fiftyone/metadata.json")
        self._folder, self._parts, self._array = folder, parts, None
        self._fields = {name: _field(name) for name in parts.schema.names}
        if self.needed:
            self._array = _ObjectList(folder.create("fiftyone/samples.json"), '{"samples": [')

    def write(self, part: Part) -> None:
        """Take the next rows."""
        if self._array is not None:
            paths, contents = paths_of(part.table, self._parts.names), self._parts.contents
            if "file" in self._parts.names:
                is_copy = part.table.column(self._parts.names["file"]).combine_chunks().is_valid()
                paths = pc.if_else(is_copy, pc.binary_join_element_wise("../", paths, ""), paths)
            tags = pa.array([json.dumps([name]) for name in contents.split_names])
            raw = {
                "filepath": json_column(pa.chunked_array([paths])),
                "tags": tags.take(pa.array(contents.split_of(part.tree_rows))),
                "metadata": _sizes(part, self._parts, '{"_cls": "ImageMetadata", "width": ', ', "height": ', "}"),
            }
            self._array.add(part.table.rename_columns([self._fields[name] for name in part.table.column_names]), raw)

    def finish(self) -> None:
        """Put the samples in place, then what is said of all of them."""
        if self._array is not None:
            self._array.finish("]}\n")
            other = {ours: name for name, ours in self._fields.items() if ours != name}
            info = {"source": self._parts.contents.provenance.get("source", {}).get("source", ""), "columns": other}
            told = {"media_type": "image", "info": info}
            self._folder.write("fiftyone/metadata.json", (json.dumps(told, indent=2, sort_keys=True) + "\n").encode())

    def close(self) -> None:
        """Give it up unless it is finished."""
        if self._array is not None:
            self._array.close()


class LightlyWriter:
    """``lightly/<split>.json``: COCO images without annotations, read by LightlyStudio's ``add_samples_from_coco``."""

    def __init__(self, folder: ExportFolder, parts: ManifestParts) -> None:
        self._parts, self._last = parts, -1
        names = [f"lightly/{name}.json" for name in parts.contents.split_names]
        self.needed = not all(folder.holds(name) for name in names)
        self._lists = [_ObjectList(folder.create(name), '{"images": [') for name in names] if self.needed else []

    def write(self, part: Part) -> None:
        """Take the next rows; an image drawn twice is one image."""
        once = np.diff(part.catalog_rows, prepend=self._last) != 0
        self._last = int(part.catalog_rows[-1])
        codes = self._parts.contents.split_of(part.tree_rows)
        for code, images in enumerate(self._lists):
            rows = np.flatnonzero(once & (codes == code))
            some = Part(part.table.take(pa.array(rows)), part.tree_rows[rows], part.catalog_rows[rows], part.start)
            images.add(pa.table({}), _images(some, self._parts))

    def finish(self) -> None:
        """Put the lists in place."""
        for images in self._lists:
            images.finish('], "annotations": [], "categories": []}\n')

    def close(self) -> None:
        """Give up what is not finished."""
        for images in self._lists:
            images.close()


class CocoWriter:
    """``coco.json``: the drawn images; of the user's own COCO file their entries and annotations, ids unchanged.

    Without a COCO file images are numbered by their place in the source and there are no annotations.
    """

    def __init__(
        self, folder: ExportFolder, parts: ManifestParts, originals: Originals | None, wanted: str | None
    ) -> None:
        self.needed = not folder.holds("coco.json")
        self._folder, self._parts = folder, parts
        self._given = _find_coco(originals, wanted) if self.needed else None
        self._paths: dict[str, str] = {}  # uri -> where its file is named
        self._rows: list[dict[str, Any]] = []

    def write(self, part: Part) -> None:
        """Take the next rows."""
        names = self._parts.names
        paths = paths_of(part.table, names).to_pylist()
        self._paths.update(zip(part.table.column(names["path"]).to_pylist(), paths, strict=True))
        if self._given is None:
            seen = {image["id"] for image in self._rows[-1:]}
            for row in json_rows(pa.table({}), raw=_images(part, self._parts), end="}").to_pylist():
                image = json.loads(row)
                if image["id"] not in seen:
                    seen.add(image["id"])
                    self._rows.append(image)

    def finish(self) -> None:
        """Put the file in its place."""
        told = _subset(self._given, self._paths) if self._given else _without(self._rows)
        self._folder.write("coco.json", (json.dumps(told, ensure_ascii=False) + "\n").encode())

    def close(self) -> None:
        """Nothing is open."""


class _ObjectList:
    """A JSON list of objects, one a line, written part by part."""

    def __init__(self, file: OutputFile, head: str) -> None:
        self._file: OutputFile | None = file
        self._empty = True
        file.write(head.encode())

    def add(self, table: pa.Table, raw: dict[str, Any]) -> None:
        """Add an object per row."""
        data = data_of(json_rows(table, start=",\n{", end="}", raw=raw))
        if self._file is not None and len(data):
            self._file.write(data[1:] if self._empty else data)  # no comma before the first
            self._empty = False

    def finish(self, tail: str) -> None:
        if self._file is not None:
            self._file.write(tail.encode())
            self._file.finish()
            self._file = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _images(part: Part, parts: ManifestParts) -> dict[str, Any]:
    """COCO's image of each row, its values as JSON."""
    source_row = part.table.column(parts.names["source_row"]).combine_chunks()
    items = _sized(part, parts)
    return {
        "id": source_row.cast(pa.string()),
        "file_name": json_column(pa.chunked_array([paths_of(part.table, parts.names)])),
        "width": json_column(items.column("width")),
        "height": json_column(items.column("height")),
    }


def _sizes(part: Part, parts: ManifestParts, *around: str) -> pa.Array:
    items = _sized(part, parts)
    width, height = json_column(items.column("width")), json_column(items.column("height"))
    return pc.binary_join_element_wise(around[0], width, around[1], height, around[2], "")


def _sized(part: Part, parts: ManifestParts) -> pa.Table:
    return taken(parts.contents.catalog.items.select(["width", "height"]), part.catalog_rows)


def _field(name: str) -> str:
    """The name of a column as FiftyOne can store it."""
    bad = name in _RESERVED or name.startswith(("_", "$")) or "." in name or not name
    return f"user_{name.replace('.', '_').replace('$', '_')}" if bad else name


def _without(images: list[dict[str, Any]]) -> dict[str, Any]:
    return {"images": images, "annotations": [], "categories": []}


def _find_coco(originals: Originals | None, wanted: str | None) -> dict[str, Any] | None:
    """The user's COCO file: the one asked for, or the only one there is; raises ConfigError when it cannot be told."""
    others = () if originals is None else originals.others
    if wanted is not None and wanted not in others:
        raise ConfigError(f"coco_file is {wanted!r}, which is no file of the source; its files are {_some(others)}")
    names = [wanted] if wanted is not None else [name for name in others if name.lower().endswith(".json")]
    if len(names) > _COCO_FEW:
        return None  # one beside every picture: none of them lists them all
    found = {name: data for name in names if originals is not None and (data := _read_coco(originals, name))}
    if wanted is not None and not found:
        raise ConfigError(f"{wanted} is no COCO file: it needs lists of images, annotations and categories")
    if len(found) > 1:
        raise ConfigError(f"the source holds {len(found)} COCO files; set coco_file to one of {_some(tuple(found))}")
    return next(iter(found.values()), None)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"


def _read_coco(originals: Originals, name: str) -> dict[str, Any] | None:
    try:
        data = originals.read(name)
        told = json.loads(data) if len(data) <= _COCO_MOST else None
    except (IngestError, ValueError, RecursionError):
        return None
    lists = ("images", "annotations")
    return told if isinstance(told, dict) and all(isinstance(told.get(key), list) for key in lists) else None


def _subset(coco: dict[str, Any], paths: dict[str, str]) -> dict[str, Any]:
    """The entries of a COCO file that the drawn items are, in its own order; file names as they lie in the export."""
    by_end: dict[str, list[str]] = {}
    for uri in paths:
        by_end.setdefault(uri.rsplit("/", 1)[-1], []).append(uri)
    images = []
    for image in coco["images"]:
        name = str(image.get("file_name", ""))
        fits = [uri for uri in by_end.get(name.rsplit("/", 1)[-1], ()) if uri == name or uri.endswith(f"/{name}")]
        fits = [name] if name in fits else fits
        if len(fits) == 1:
            images.append({**image, "file_name": paths[fits[0]]} if paths[fits[0]] != fits[0] else image)
    if not images and paths:
        raise ConfigError("no image of the COCO file is a drawn item; set coco_file to the one of this source")
    ids = {image["id"] for image in images}
    return {**coco, "images": images, "annotations": [one for one in coco["annotations"] if one.get("image_id") in ids]}
