"""Satellite scenes cut into tiles, and folders of ready tiles, with where on earth each lies; needs rasterio.

A band is stretched between two percentiles of its valid values, measured on a reduced picture of the whole scene, so
that all tiles of a scene look alike and the same scene gives the same bytes anywhere.
"""

import functools
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError, MissingExtra
from curation_core.media import FolderMedia, check_listed, file_fingerprint
from curation_core.rasters import (
    NOWHERE,
    Datasets,
    Place,
    import_rasterio,
    in_memory,
    limits_of,
    on_earth,
    opened,
    read_window,
    stored_png,
    stretched,
    valid_shares,
)

TIFF_SUFFIXES = (".tif", ".tiff")
_MAX_TILES = 5_000_000
_LOOKED_AT = 20
_PLACE = pa.schema([("longitude", pa.float64()), ("latitude", pa.float64()), ("crs", pa.string())])


def is_tiff_name(name: str) -> bool:
    """Whether a name ends like a TIFF."""
    return name.lower().endswith(TIFF_SUFFIXES)


def are_scenes(paths: Sequence[Path], tile_size: int) -> bool:
    """Whether TIFFs are scenes to cut: larger than a tile, and placed on earth, of 16 bits or of many bands.

    Of many files the first ones are looked at. False where rasterio is missing and nothing places them on earth.
    """
    return any(_is_scene(path, tile_size) for path in paths[:_LOOKED_AT])


def are_placed(paths: Sequence[Path]) -> bool:
    """Whether the first of some TIFFs says where on earth it lies; False where rasterio is missing."""
    try:
        with opened(paths[0]) as dataset:
            return dataset.crs is not None
    except (IngestError, MissingExtra):
        return False


@dataclass(frozen=True)
class _Scene:
    """What is measured once of a scene. low, high: (bands,) float64, the values that become black and white."""

    path: Path
    bands: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class _Tile:
    scene: int
    row: int
    column: int
    valid_share: float


class SceneMedia:
    """Tiles of GeoTIFF scenes as PNGs. n_left_out: tiles with less data than asked for, which are no items."""

    others: tuple[str, ...] = ()

    def __init__(self, paths: Sequence[Path], names: Sequence[str], config: IngestConfig) -> None:
        self._rasterio = import_rasterio()
        self._paths, self._scene_names, self._config = list(paths), list(names), config
        self._opened, self._lock = Datasets(), threading.Lock()
        self._tiles: dict[str, _Tile] = {}
        self._refused: dict[str, str] = {}
        self._scenes: dict[int, _Scene] = {}
        self.n_left_out = 0
        for number in range(len(paths)):
            self._list(number)
        self.names = tuple(sorted({*self._tiles, *self._refused}))

    @functools.cached_property
    def columns(self) -> pa.Table | None:
        """Scene, tile_row, tile_column, valid_share, and the centre's longitude, latitude and the scene's crs."""
        tiles = [self._tiles.get(name) for name in self.names]
        places = self._places()
        return pa.table(
            {
                "scene": pa.array(
                    [None if tile is None else self._scene_names[tile.scene] for tile in tiles], pa.string()
                ),
                "tile_row": pa.array([None if tile is None else tile.row for tile in tiles], pa.int32()),
                "tile_column": pa.array([None if tile is None else tile.column for tile in tiles], pa.int32()),
                "valid_share": pa.array([None if tile is None else tile.valid_share for tile in tiles], pa.float64()),
                "longitude": pa.array([places.get(name, NOWHERE)[0] for name in self.names], pa.float64()),
                "latitude": pa.array([places.get(name, NOWHERE)[1] for name in self.names], pa.float64()),
                "crs": pa.array([places.get(name, NOWHERE)[2] for name in self.names], pa.string()),
            }
        )

    def read(self, uri: str) -> bytes:
        """A tile as PNG: stretched bands as red, green, blue; black where there is no data."""
        check_listed(uri, self._tiles, self._refused)
        tile, side = self._tiles[uri], self._config.tile_size
        with self._lock:  # a dataset of GDAL must not be read by two threads
            scene = self._scene(tile.scene)
            values, valid = read_window(
                self._opened.get(scene.path), scene.bands, tile.row * side, tile.column * side, side
            )
        return stored_png(stretched(values, valid, scene.low, scene.high))

    def stamp(self, uri: str) -> str:
        """Size and time of the tile's scene."""
        tile = self._tiles.get(uri)
        try:
            return file_fingerprint(self._paths[tile.scene]) if tile else ""
        except IngestError:  # gone since the listing
            return ""

    def fingerprint(self) -> str:
        """16 hex digits over the scenes' names, sizes and times."""
        parts = "\n".join(file_fingerprint(path) for path in self._paths)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close the scenes."""
        self._opened.close()

    def _list(self, number: int) -> None:
        path, name, side = self._paths[number], self._scene_names[number], self._config.tile_size
        try:
            with opened(path) as dataset:
                chosen_bands(dataset.count, self._config, name)
                if -(-dataset.height // side) * -(-dataset.width // side) > _MAX_TILES:
                    raise IngestError(f"{name} would give more than {_MAX_TILES:,} tiles; set a larger tile_size")
                shares = valid_shares(dataset, side)
        except IngestError as error:
            self._refused[name] = str(error)
            return
        rows, columns = np.nonzero(shares >= max(self._config.tile_min_valid, 1e-9))
        self.n_left_out += int(shares.size - len(rows))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            uri = f"{name}#{row:04d}-{column:04d}"
            self._tiles[uri] = _Tile(number, row, column, round(float(shares[row, column]), 4))

    def _scene(self, number: int) -> _Scene:
        if number not in self._scenes:
            dataset = self._opened.get(self._paths[number])
            bands = chosen_bands(dataset.count, self._config, self._scene_names[number])
            low, high = limits_of(dataset, bands, self._config.tile_stretch)
            self._scenes[number] = _Scene(self._paths[number], bands, low, high)
        return self._scenes[number]

    def _places(self) -> dict[str, Place]:
        """Longitude, latitude and crs of the middle of each tile, by name."""
        side = self._config.tile_size
        found: dict[str, Place] = {}
        of_scene: dict[int, list[str]] = {}
        for name, tile in self._tiles.items():
            of_scene.setdefault(tile.scene, []).append(name)
        for number, names in of_scene.items():
            middles = [((self._tiles[n].column + 0.5) * side, (self._tiles[n].row + 0.5) * side) for n in names]
            with opened(self._paths[number]) as dataset:
                found.update(zip(names, on_earth(dataset, middles), strict=True))
        return found


class ReadyTiles:
    """A folder of small GeoTIFFs, one item each, with where they lie; those no picture reader knows are stretched."""

    def __init__(self, folder: Path, config: IngestConfig) -> None:
        self._rasterio = import_rasterio()
        self._folder, self._config, self._files = folder, config, FolderMedia(folder)
        self.names, self.others = self._files.names, self._files.others

    @functools.cached_property
    def columns(self) -> pa.Table | None:
        """The centre's longitude, latitude and the crs of each tile; null where a file states none."""
        places = [self._place(name) for name in self.names]
        return pa.table([pa.array(list(values)) for values in zip(*places, strict=True)], names=_PLACE.names).cast(
            _PLACE
        )

    def read(self, uri: str) -> bytes:
        """The file as it is, or as a stretched PNG where it has more than four bands or several of 16 bits."""
        data = self._files.read(uri)  # also checks that the file may be read
        if not is_tiff_name(uri) or not _needs_stretch(data):
            return data
        with in_memory(data) as dataset:
            bands = chosen_bands(dataset.count, self._config, uri)
            if max(dataset.shape) > self._config.tile_size * 16:
                raise IngestError("a large scene among small tiles; give it as a source of its own")
            low, high = limits_of(dataset, bands, self._config.tile_stretch)
            values, valid = read_window(dataset, bands, 0, 0, *dataset.shape)
            return stored_png(stretched(values, valid, low, high))

    def stamp(self, uri: str) -> str:
        """Size and time of one file."""
        return self._files.stamp(uri)

    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and times; reads no file."""
        return self._files.fingerprint()

    def _place(self, name: str) -> Place:
        try:
            with in_memory(self._files.read(name)) as dataset:
                return on_earth(dataset, [(dataset.width / 2, dataset.height / 2)])[0]
        except IngestError:  # reading the item says why
            return NOWHERE


def chosen_bands(n_bands: int, config: IngestConfig, name: str) -> tuple[int, ...]:
    """Numbers of the three bands shown, or of one; raises ConfigError when the scene does not have them."""
    bands = config.tile_bands
    if bands is None:
        return (1, 2, 3) if n_bands >= 3 else (1,)
    if len(bands) not in (1, 3) or min(bands) < 1 or max(bands) > n_bands:
        raise ConfigError(
            f"tile_bands is {bands}, but {name} has {n_bands} bands; give three of 1 to {n_bands} as red, green and "
            "blue, or one"
        )
    return tuple(bands)


def _is_scene(path: Path, tile_size: int) -> bool:
    try:
        with opened(path) as dataset:
            is_placed = dataset.crs is not None or not dataset.transform.is_identity
            is_deep = dataset.count > 4 or any(kind != "uint8" for kind in dataset.dtypes)
            return max(dataset.shape) > tile_size and (is_placed or is_deep)
    except IngestError:
        return False
    except MissingExtra:
        return _states_a_place(path, tile_size)


def _states_a_place(path: Path, tile_size: int) -> bool:
    """As above without rasterio: the TIFF's own tags; a scene then ends in the error that names the extra."""
    from PIL import Image

    try:
        with Image.open(path, formats=["TIFF"]) as image:
            tags = getattr(image, "tag_v2", {})
            return max(image.size) > tile_size and (33550 in tags or 34735 in tags)
    except Exception:  # whatever it is, it is no scene that we can tell
        return False


def _needs_stretch(data: bytes) -> bool:
    with in_memory(data) as dataset:
        several = dataset.count > 1 and any(kind != "uint8" for kind in dataset.dtypes)
        return bool(dataset.count > 4 or several)
