"""What a source is, told from its files: images, texts or vectors in any of their forms; and its metadata."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from curation_core.archives import TarMedia, expand_braces, is_tar_name
from curation_core.config import IngestConfig, Modality
from curation_core.errors import ConfigError, IngestError
from curation_core.hub import is_saved_dataset
from curation_core.lance_table import is_lance
from curation_core.matrices import is_matrix_name, vector_columns
from curation_core.media import Media, open_media
from curation_core.metadata import Metadata as Metadata
from curation_core.metadata import find_metadata as find_metadata
from curation_core.remote import RemoteMedia, RemoteStore, is_remote, open_store
from curation_core.streams import StreamTable
from curation_core.table_columns import list_names
from curation_core.table_media import (
    CellMedia,
    PathMedia,
    WebLinks,
    cell_column,
    has_image_structs,
    is_cell_column,
    path_column,
)
from curation_core.tables import TABLE_SUFFIXES, TableFile, is_table_name, open_table, random_table, table_files
from curation_core.tiles import ReadyTiles, SceneMedia, are_placed, are_scenes, is_tiff_name
from curation_core.web import is_web

_IMAGES = "jpg, png, webp, gif, bmp, tiff"
_MODALITY: dict[str, Modality] = {"images": "image", "text": "text", "vectors": "vector"}


Form = Literal["files", "tar", "cells", "paths", "scenes", "tiles", "table", "matrix", "remote"]


@dataclass(frozen=True)
class Origin:
    """Where the items really are, and how they lie there. path: on this machine, a copy where the source is remote.

    form: files of a folder or zip, members of tars, images in cells of a table, images at paths that a table names,
    scenes to cut into tiles, ready tiles, rows of texts, rows of vectors, or files of a remote store. files: the
    tables, archives or scenes, where they are not simply all of the path. root: the folder that paths must not leave.
    """

    path: Path
    modality: Modality
    form: Form = "files"
    files: tuple[Path, ...] = ()
    root: Path | None = None


def find_origin(config: IngestConfig) -> Origin:
    """Tell what a source holds; raises IngestError when it holds nothing, ConfigError when `kind` does not fit."""
    if is_remote(config.source):
        with open_store(config.source, allow_http=config.allow_http) as store:
            if _is_remote_folder_of_images(store, config):
                return Origin(Path(store.name), "image", "remote")
            return _local_origin(store.local_copy(), config)
    return _local_origin(Path(config.source).expanduser(), config)


@contextlib.contextmanager
def open_items(config: IngestConfig) -> Iterator[Media]:
    """Open the images of whatever source the config names; raises IngestError when it holds none."""
    with open_origin(find_origin(config), config) as media:
        yield media


@contextlib.contextmanager
def open_origin(origin: Origin, config: IngestConfig) -> Iterator[Media]:
    """Open the images of an origin; raises IngestError when its items are no images."""
    if origin.modality != "image":
        raise IngestError(f"{origin.path.name} holds {origin.modality} items, no images; choose another source")
    if origin.form == "files":
        with open_media(origin.path) as media:
            yield media
    elif origin.form == "scenes":
        names = _names_below(origin)
        with contextlib.closing(SceneMedia(origin.files, names, config)) as scenes:
            yield scenes
    elif origin.form == "remote":
        with open_store(config.source, allow_http=config.allow_http) as store:
            yield RemoteMedia(store)
    else:
        yield _open_plain(origin, config)


def _local_origin(path: Path, config: IngestConfig) -> Origin:
    if not path.exists() and len(names := expand_braces(path.name)) > 1:
        return _shards([path.with_name(name) for name in names], config)
    if not path.exists():
        raise IngestError(f"{path} does not exist; check the path")
    if path.is_dir() and not is_lance(path):
        return _in_folder(path, config)
    if path.suffix.lower() == ".zip":
        return _in_zip(path, config)
    if not path.is_file() and not is_lance(path):
        raise IngestError(f"{path.name} is not a regular file; give a folder, archive, table or file of vectors")
    return _in_file(path, config)


def _in_folder(path: Path, config: IngestConfig) -> Origin:
    if is_saved_dataset(path):
        return _table_origin(path, config)
    lance = [place for place in path.iterdir() if is_lance(place)]
    with open_media(path) as media:
        names, others = media.names, media.others
    tables = [name for name in others if is_table_name(name)]
    names_column = config.image_column or config.text_column or config.vector_column
    if config.kind in ("auto", "images", "tiles") and names and not lance and not (names_column and tables):
        return _pictures(path, names, config)
    tars = tuple(path / name for name in others if is_tar_name(name))
    if config.kind in ("auto", "images") and tars:
        return Origin(path, "image", "tar", tars)
    matrices = [name for name in others if is_matrix_name(name)]
    beside = [name for name in tables if PurePosixPath(name).stem.lower() == "metadata"]
    if lance or (matrices and len(tables) == len(beside) <= 1 and config.kind in ("auto", "vectors")):
        return Origin(path / matrices[0] if len(matrices) == 1 else path, "vector", "matrix")
    _check_data_files(path, [*tables, *matrices], others, config)
    if len(tables) + len(matrices) == 1:
        return _in_file(path / (*tables, *matrices)[0], config, path)
    return _table_origin(path, config)


def _check_data_files(path: Path, files: Sequence[str], others: Sequence[str], config: IngestConfig) -> None:
    if config.kind in ("images", "tiles") and not files:
        raise IngestError(f"{path.name} holds no image ({_IMAGES}); choose another source")
    if not files:
        zips = [name for name in others if name.lower().endswith(".zip")]
        hint = (
            f"; it holds archives ({list_names(zips, 5)}), which are not opened inside a folder: give one"
            if zips
            else ""
        )
        raise IngestError(
            f"{path.name} holds no image ({_IMAGES}), tar, table or file of vectors{hint or '; choose another source'}"
        )
    if len({PurePosixPath(name).suffix.lower() for name in files}) > 1:
        raise IngestError(
            f"{path.name} holds no image and {len(files)} data files ({list_names(files, 5)}); give one of them"
        )


def _in_zip(path: Path, config: IngestConfig) -> Origin:
    with open_media(path) as media:
        if config.kind in ("auto", "images") and media.names:
            return Origin(path, "image")
        inner = [name for name in media.others if is_tar_name(name) or name.lower().endswith(".zip")]
    what = f"; it holds archives ({list_names(inner, 5)}), which are not opened inside an archive" if inner else ""
    raise IngestError(f"{path.name} holds no image ({_IMAGES}){what}; unpack it and give what is inside")


def _pictures(path: Path, names: Sequence[str], config: IngestConfig) -> Origin:
    """A folder of images, of scenes to cut, or of ready tiles."""
    files = tuple(path / name for name in names if is_tiff_name(name))
    if config.kind == "tiles" and not files:
        raise ConfigError(f"kind is 'tiles', but {path.name} holds no .tif; set kind to auto")
    all_tiff = len(files) == len(names)
    if config.kind == "tiles" or (config.kind == "auto" and all_tiff and are_scenes(files, config.tile_size)):
        return Origin(path, "image", "scenes", files)
    if config.kind == "auto" and all_tiff and are_placed(files):
        return Origin(path, "image", "tiles")
    return Origin(path, "image")


def _shards(paths: Sequence[Path], config: IngestConfig) -> Origin:
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        raise IngestError(f"shard {missing.name} does not exist; check the numbers in braces")
    if not all(is_tar_name(path.name) for path in paths) or config.kind not in ("auto", "images"):
        raise IngestError(f"numbers in braces name shards of images in .tar files, got {paths[0].name}; give a folder")
    return Origin(paths[0].parent, "image", "tar", tuple(paths))


def _in_file(path: Path, config: IngestConfig, root: Path | None = None) -> Origin:
    if is_tar_name(path.name):
        if config.kind not in ("auto", "images"):
            raise ConfigError(f"kind is {config.kind!r}, but {path.name} can only hold images; set kind to auto")
        return Origin(path, "image", "tar", (path,))
    if is_tiff_name(path.name) and config.kind in ("auto", "tiles"):
        return Origin(path, "image", "scenes", (path,))
    if is_matrix_name(path.name) or is_lance(path):
        if config.kind not in ("auto", "vectors"):
            raise ConfigError(f"kind is {config.kind!r}, but {path.name} can only hold vectors; set kind to auto")
        return Origin(path, "vector", "matrix")
    if not is_table_name(path.name):
        raise IngestError(
            f"{path.name} is no source; expected a folder, zip or tar of images, {', '.join(TABLE_SUFFIXES)}, .npy, "
            ".npz, .lance or a GeoTIFF"
        )
    return _table_origin(path, config, root)


def _table_origin(path: Path, config: IngestConfig, root: Path | None = None) -> Origin:
    """A table, or a folder of tables: of images, vectors or texts, as asked for or as its columns look."""
    table = open_table(path)
    files = tuple(file for _, file in table_files(path)) if path.is_dir() else (path,)
    home = path if path.is_dir() else path.parent
    origin = Origin(path, _table_modality(table, path, files, config), files=files, root=root or home)
    if origin.modality == "image":
        is_cells = is_cell_column(table.schema, _image_column_of(origin, table, config), table.name)
        return replace(origin, form="cells" if is_cells else "paths")
    return replace(origin, form="matrix" if origin.modality == "vector" else "table")


def _table_modality(table: TableFile, path: Path, files: Sequence[Path], config: IngestConfig) -> Modality:
    fits_vectors = not isinstance(table, StreamTable)
    if config.kind == "tiles" or (config.kind == "vectors" and not fits_vectors):
        fitting = "images, vectors or text" if fits_vectors else "images or text"
        raise ConfigError(f"kind is {config.kind!r}, but {path.name} can only hold {fitting}; set kind to auto")
    if config.kind != "auto":
        return _MODALITY[config.kind]
    if config.image_column is not None:
        return "image"
    if config.text_column is not None:
        return "text"
    if config.vector_column is not None and fits_vectors:
        return "vector"
    if has_image_structs(table.schema):
        return "image"
    if fits_vectors and vector_columns(table.schema):
        return "vector"
    return "image" if _image_column(table, files, config) is not None else "text"


def _image_column(table: TableFile, files: Sequence[Path], config: IngestConfig) -> str | None:
    if config.image_column is not None:
        return config.image_column
    if (found := cell_column(table.schema)) is not None:
        return found
    is_on_web = is_web(config.source)  # then the images are not beside the copy of the table
    return path_column(table, files, WebLinks(config.allow_http, config.source if is_on_web else None))


def _image_column_of(origin: Origin, table: TableFile, config: IngestConfig) -> str:
    column = _image_column(table, origin.files, config)
    if column is None:
        raise ConfigError(
            f"{table.name} holds no image and no paths of images that lie beside it; set image_column to one of "
            f"{list_names(table.schema.names)}"
        )
    return column


def _open_plain(origin: Origin, config: IngestConfig) -> Media:
    """Media that need not be closed."""
    if origin.form == "tar":
        names = _names_below(origin)
        return TarMedia(origin.files, [""] if len(names) == 1 else [f"{name}/" for name in names])
    if origin.form == "tiles":
        return ReadyTiles(origin.path, config)
    table = open_table(origin.path)
    column = _image_column_of(origin, table, config)
    if origin.form == "cells":
        return CellMedia(random_table(table), column, origin.files)
    links = WebLinks(config.allow_http, config.source if is_web(config.source) else None)
    return PathMedia(table, column, origin.root or origin.path.parent, origin.files, links)


def _names_below(origin: Origin) -> list[str]:
    folder = origin.path if origin.path.is_dir() else origin.path.parent
    return [file.relative_to(folder).as_posix() for file in origin.files]


def _is_remote_folder_of_images(store: RemoteStore, config: IngestConfig) -> bool:
    return store.is_folder and config.kind in ("auto", "images") and bool(store.images)
