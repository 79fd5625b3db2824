"""The columns beside the items: the source's own, a table joined by path or row, and what a person says they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pyarrow as pa

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError
from curation_core.media import Media
from curation_core.table_columns import list_names
from curation_core.tables import TABLE_SUFFIXES, is_table_name, parse_table, whole_table

PATH_COLUMNS = ("file_name", "path", "file", "filename", "uri")
FOLDER = "folder"  # the column that names the folder of each image, where nothing else describes the images


def image_metadata(media: Media, config: IngestConfig) -> "Metadata | None":
    """The table joined to the images; without one, and without columns of the source, the folder of each image.

    The folder is a column only where every image lies in one and there are several.
    """
    return find_metadata(media, config) or _folders(media)


def _folders(media: Media) -> "Metadata | None":
    folders = [name.rpartition("/")[0] for name in media.names]
    if len(set(folders)) < 2 or not all(folders) or media.columns is not None:
        return None
    table = pa.table({FOLDER: pa.array(folders, pa.string())})
    return Metadata("folders", table, FOLDER, "", {name: row for row, name in enumerate(media.names)})


@dataclass(frozen=True)
class Metadata:
    """A table joined to images by path. name: its file; column: the one that holds paths; prefix: what they lack."""

    name: str
    table: pa.Table
    column: str
    prefix: str
    rows: dict[str, int] | None = None  # where they are known: one per image

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each path; of rows for the same path the first counts."""
        if self.rows is not None:
            return self.rows
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
    return whole_table(path)


def row_metadata(config: IngestConfig) -> IngestConfig:
    """The settings with a metadata.csv, .jsonl or .parquet that lies beside the vectors of a folder, if none is set."""
    folder = Path(config.source).expanduser()
    if config.metadata is not None or not folder.is_dir():
        return config
    found = [path for suffix in TABLE_SUFFIXES if (path := folder / f"metadata{suffix}").is_file()]
    return config.model_copy(update={"metadata": str(found[0])}) if found else config


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
