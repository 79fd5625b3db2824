"""Which writer each format has, and which formats fit which items."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curation_core.config import ExportConfig, ManifestFormat
from curation_core.errors import ConfigError
from curation_core.export_folder import ExportFolder
from curation_core.layout_annotations import CocoWriter, FiftyOneWriter, LightlyWriter
from curation_core.layout_datasets import DatasetsWriter, ImageFolderWriter, require_file_names
from curation_core.layout_webdataset import SelectionList, ShardWriter
from curation_core.manifest import ExportContents
from curation_core.manifest_files import IndexFile, PathList, TableFile, Writer
from curation_core.manifest_parts import ManifestParts
from curation_core.payloads import Outgoing
from curation_core.unchanged import Originals

_TABLES: tuple[ManifestFormat, ...] = ("parquet", "csv", "jsonl")
_OF_IMAGES: tuple[ManifestFormat, ...] = ("imagefolder", "fiftyone", "lightly", "coco")


@dataclass(frozen=True)
class Job:
    """All that the writers of an export need. tick: called between small pieces of work, raises Cancelled to stop."""

    folder: ExportFolder
    parts: ManifestParts
    config: ExportConfig
    originals: Originals | None
    outgoing: Outgoing | None
    tick: Callable[[], None]


def tables_of(config: ExportConfig) -> tuple[ManifestFormat, ...]:
    """The formats that are written: those asked for, and a Parquet table where none of them is a table to verify by."""
    return config.formats if set(config.formats) & set(_TABLES) else ("parquet", *config.formats)


def needs_files(config: ExportConfig, modality: str) -> bool:
    """Whether an export reads the items' files."""
    holding = {"webdataset", "coco", *(("datasets",) if config.embed_images else ())}
    return modality == "image" and (config.files != "reference" or bool(holding & set(config.formats)))


def require_fitting(contents: ExportContents, config: ExportConfig, originals: Originals | None) -> None:
    """Raise ConfigError for a format that these items cannot have."""
    modality = contents.catalog.modality
    of_images = [kind for kind in _OF_IMAGES if kind in config.formats]
    if modality != "image" and of_images:
        raise ConfigError(f"{of_images[0]} is for pictures, these items are of kind {modality!r}; leave it out")
    if "imagefolder" in config.formats:
        require_file_names(contents)
    if modality == "vector" and "webdataset" in config.formats:
        raise ConfigError("webdataset is for pictures and texts, these items are vectors; choose npy, parquet or lance")
    if modality != "image" and config.files != "reference":
        raise ConfigError(
            f"items of kind {modality!r} have no files to copy, their content is in the manifest or the source; export "
            "with files = reference"
        )
    if needs_files(config, modality) and originals is None:
        raise ConfigError("this export holds the items' files, but the source was not opened; give originals")


def open_writers(job: Job) -> Iterator[tuple[ManifestFormat, Writer]]:
    """The writers of the formats that are made part by part, in the order asked for."""
    for kind in tables_of(job.config):
        if kind in _WRITERS:
            yield kind, _WRITERS[kind](job)


def _table(kind: ManifestFormat) -> Callable[[Job], Writer]:
    return lambda job: TableFile(job.folder, f"manifest.{kind}", job.parts.schema)


def _datasets(job: Job) -> Writer:
    inside = job.outgoing if job.config.embed_images else None
    return DatasetsWriter(job.folder, job.parts, inside, job.config.shard_mb << 20, job.tick)


def _webdataset(job: Job) -> Writer:
    return ShardWriter(job.folder, job.parts.contents, job.outgoing, job.config.shard_mb << 20, job.tick)


def _selection(job: Job) -> Writer:
    source = job.parts.contents.provenance.get("source", {}).get("source", "")
    return SelectionList(job.folder, job.parts, source)


_WRITERS: dict[ManifestFormat, Callable[[Job], Writer]] = {
    **{kind: _table(kind) for kind in _TABLES},
    "npy": lambda job: IndexFile(job.folder, job.parts),
    "txt": lambda job: PathList(job.folder, job.parts),
    "datasets": _datasets,
    "imagefolder": lambda job: ImageFolderWriter(job.folder, job.parts),
    "webdataset": _webdataset,
    "wds-index": _selection,
    "fiftyone": lambda job: FiftyOneWriter(job.folder, job.parts),
    "lightly": lambda job: LightlyWriter(job.folder, job.parts),
    "coco": lambda job: CocoWriter(job.folder, job.parts, job.originals, job.config.coco_file),
}
