"""What a source is: images, a text table or vectors, told from its files; and how metadata is joined to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pyarrow as pa

from curation_core.config import IngestConfig, Modality
from curation_core.errors import ConfigError, IngestError
from curation_core.matrices import vector_columns
from curation_core.media import Media, open_media
from curation_core.tables import TABLE_SUFFIXES, is_table_name, list_names, open_table, parse_table

PATH_COLUMNS = ("file_name", "path", "file", "filename", "uri")
_MODALITY: dict[str, Modality] = {"images": "image", "text": "text", "vectors": "vector"}


@dataclass(frozen=True)
class Origin:
    """Where the items really are: a folder or zip of images, or one file of texts or vectors."""

    path: Path
    modality: Modality


def find_origin(config: IngestConfig) -> Origin:
    """Tell what a source holds; raises IngestError when it holds nothing, ConfigError when `kind` does not fit."""
    path = Path(config.source).expanduser()
    if not path.exists():
        raise IngestError(f"{path} does not exist; check the path")
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _in_container(path, config)
    if not path.is_file():
        raise IngestError(f"{path.name} is not a regular file; give a folder, zip, table or .npy file")
    return Origin(path, _file_modality(path, config))


def _in_container(path: Path, config: IngestConfig) -> Origin:
    with open_media(path) as media:
        if config.kind in ("auto", "images") and media.names:
            return Origin(path, "image")
        files = [name for name in media.others if is_table_name(name) or name.lower().endswith(".npy")]
    if config.kind == "images" or not files:
        raise IngestError(
            f"{path.name} holds no image (jpg, png, webp, gif, bmp, tiff), table or .npy file; choose another source"
        )
    if path.is_file():
        raise IngestError(f"{path.name} holds no image; unpack it and give the table or .npy file itself")
    if len(files) > 1:
        raise IngestError(
            f"{path.name} holds no image and {len(files)} data files ({list_names(files, 5)}); give one of them"
        )
    return Origin(path / files[0], _file_modality(path / files[0], config))


def _file_modality(path: Path, config: IngestConfig) -> Modality:
    suffix = path.suffix.lower()
    if suffix not in (*TABLE_SUFFIXES, ".npy"):
        raise IngestError(
            f"{path.name} is no source; expected a folder or zip of images, {', '.join(TABLE_SUFFIXES)} or .npy"
        )
    fitting = {".npy": ("vectors",), ".parquet": ("vectors", "text")}.get(suffix, ("text",))
    if config.kind != "auto":
        if config.kind not in fitting:
            raise ConfigError(
                f"kind is {config.kind!r}, but {path.name} can only hold {' or '.join(fitting)}; set kind to auto"
            )
        return _MODALITY[config.kind]
    if len(fitting) == 1 or config.vector_column is not None:
        return _MODALITY[fitting[0]]
    return "vector" if config.text_column is None and vector_columns(open_table(path).schema) else "text"


@dataclass(frozen=True)
class Metadata:
    """A table joined to images by path. name: its file; column: the one that holds paths; prefix: what they lack."""

    name: str
    table: pa.Table
    column: str
    prefix: str

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each path; of rows for the same path the first counts."""
        paths = self.table.column(self.column).cast(pa.string()).to_pylist()
        found: dict[str, int] = {}
        for row, path in enumerate(paths):
            if path:
                found.setdefault(self.prefix + _normal(path), row)
        return found

    def rows_for(self, names: Sequence[str]) -> pa.Table:
        """One row per image, nulls where the table has none: (len(names) rows), columns and types as they were."""
        rows = pa.array([self.row_of.get(name) for name in names], pa.int64())
        return self.table.take(rows)

    def n_unmatched(self, names: Sequence[str]) -> int:
        """Rows that name no image, or one that an earlier row named."""
        return int(self.table.num_rows) - len(self.row_of.keys() & set(names))


def find_metadata(media: Media, config: IngestConfig) -> Metadata | None:
    """The table given, else a metadata.csv, .jsonl or .parquet among the images; None when there is none.

    Raises ConfigError when the table given has no column of paths, or none of its paths is an image of the source.
    """
    if config.metadata is not None:
        return _given(Path(config.metadata).expanduser(), media, Path(config.source).expanduser())
    names = [name for name in media.others if PurePosixPath(name).stem.lower() == "metadata" and is_table_name(name)]
    for name in sorted(names, key=lambda name: (name.count("/"), name)):  # the one nearest the top
        table = parse_table(media.read(name), PurePosixPath(name).name)
        if "file_name" in table.column_names:
            prefix = name.rpartition("/")[0] + "/" if "/" in name else ""
            return Metadata(name, table, "file_name", prefix)
    return None


def _given(path: Path, media: Media, source: Path) -> Metadata:
    table = _whole_table(path)
    column = next((name for name in PATH_COLUMNS if name in table.column_names), None)
    if column is None:
        raise ConfigError(
            f"{path.name} has no column of paths; expected one of {', '.join(PATH_COLUMNS)}, "
            f"its columns are {list_names(table.column_names)}"
        )
    for prefix in _prefixes(path, media, source):
        metadata = Metadata(path.name, table, column, prefix)
        if metadata.n_unmatched(media.names) < table.num_rows:
            return metadata
    example = table.column(column)[0].as_py() if table.num_rows else None
    raise ConfigError(
        f"no path in column {column!r} of {path.name} is an image of the source: {example!r} against {media.names[0]!r}"
    )


def _prefixes(path: Path, media: Media, source: Path) -> list[str]:
    """Folders that paths may be relative to: the source, the table's own folder, the one folder that holds all."""
    found = [""]
    if source.is_dir() and path.resolve().is_relative_to(source.resolve()):
        found.append(path.resolve().parent.relative_to(source.resolve()).as_posix() + "/")
    tops = {name.partition("/")[0] for name in media.names}
    if len(tops) == 1 and "/" in media.names[0]:
        found.append(tops.pop() + "/")
    return found


def _whole_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise ConfigError(f"metadata {path} does not exist; check the path")
    opened = open_table(path)
    return pa.concat_tables(list(opened.slices(1 << 20))) if opened.n_rows else opened.schema.empty_table()


def metadata_by_row(config: IngestConfig, n_rows: int, taken: Sequence[str]) -> pa.Table | None:
    """The metadata of a table or of vectors, one row per row; raises ConfigError when it does not fit."""
    if config.metadata is None:
        return None
    table = _whole_table(Path(config.metadata).expanduser())
    if table.num_rows != n_rows:
        raise ConfigError(
            f"{Path(config.metadata).name} has {table.num_rows:,} rows for {n_rows:,} items; give one row per item"
        )
    clash = [name for name in table.column_names if name in taken]
    if clash:
        raise ConfigError(f"{Path(config.metadata).name} repeats the source's column {clash[0]!r}; rename one of them")
    return table


def _normal(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).as_posix()
