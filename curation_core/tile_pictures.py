"""One tile of a satellite scene as a person asks to see it: other bands, another stretch; needs rasterio.

Only for looking. What was ingested, embedded and is exported keeps the bands and the stretch of the source's settings.
"""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.images import MAX_PIXELS
from curation_core.media import FolderMedia
from curation_core.origins import Origin
from curation_core.rasters import in_memory, limits_of, on_earth, opened, read_window, stretched
from curation_core.tiles import chosen_bands, is_tiff_name

if TYPE_CHECKING:
    from PIL.Image import Image

STRETCHES = (0.0, 1.0, 2.0, 5.0)  # percent of a band's values that become black, and as many white
_TILE = re.compile(r"(.+)#(\d{4,7})-(\d{4,7})", re.DOTALL)


@dataclass(frozen=True)
class TileView:
    """What can be chosen of a tile. bands: how many there are; shown: those that ingest shows, counted from 1.

    outline: (4, 2) longitude and latitude of its corners, None where the scene is not placed on earth.
    """

    bands: int
    is_deep: bool
    shown: tuple[int, ...]
    outline: tuple[tuple[float, float], ...] | None


@dataclass(frozen=True)
class _Window:
    """Where a tile lies in its dataset, in pixels; where: what names the file and its state, for limits kept."""

    top: int
    left: int
    height: int
    width: int
    path: Path | None


def tile_view(origin: Origin, config: IngestConfig, uri: str) -> TileView | None:
    """What can be chosen of an item; None where it is no tile of a raster. Raises IngestError like ingest."""
    if origin.form not in ("scenes", "tiles") or (origin.form == "tiles" and not is_tiff_name(uri)):
        return None
    with _dataset(origin, config, uri) as (dataset, window):
        deep = any(kind != "uint8" for kind in dataset.dtypes)
        corners = [
            (window.left + x * window.width, window.top + y * window.height)
            for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))
        ]
        placed = [(lon, lat) for lon, lat, _ in on_earth(dataset, corners) if lon is not None and lat is not None]
        shown = chosen_bands(dataset.count, config, uri)
        return TileView(int(dataset.count), deep, shown, tuple(placed) if len(placed) == len(corners) else None)


def tile_picture(
    origin: Origin, config: IngestConfig, uri: str, *, bands: tuple[int, ...] = (), stretch: float | None = None
) -> "Image":
    """A tile with the bands given as red, green, blue (or one as grey), between percentiles of the whole scene.

    bands: empty for those that ingest shows. stretch: percent cut off at either end, None as ingest cuts. Raises
    ConfigError for bands that are not there, IngestError like ingest.
    """
    from PIL import Image

    asked = config.model_copy(update={"tile_bands": bands}) if bands else config
    percentiles = config.tile_stretch if stretch is None else (stretch, 100.0 - stretch)
    with _dataset(origin, config, uri) as (dataset, window):
        chosen = chosen_bands(dataset.count, asked, "the scene")
        low, high = _limits(dataset, window, chosen, percentiles)
        values, valid = read_window(dataset, chosen, window.top, window.left, window.height, window.width)
        return Image.fromarray(stretched(values, valid, low, high))


@contextmanager
def _dataset(origin: Origin, config: IngestConfig, uri: str) -> Iterator[tuple[Any, _Window]]:
    if origin.form == "tiles":
        with in_memory(FolderMedia(origin.path).read(uri)) as dataset:
            if dataset.height * dataset.width > MAX_PIXELS:
                raise IngestError(f"has more than {MAX_PIXELS // 10**6} million pixels")
            yield dataset, _Window(0, 0, dataset.height, dataset.width, None)
        return
    path, row, column = _tile_of(origin, uri)
    side = config.tile_size
    with opened(path) as dataset:
        if row * side >= dataset.height or column * side >= dataset.width:
            raise IngestError("not a tile of this scene")
        yield dataset, _Window(row * side, column * side, side, side, path)


def _tile_of(origin: Origin, uri: str) -> tuple[Path, int, int]:
    found = _TILE.fullmatch(uri)
    folder = origin.path if origin.path.is_dir() else origin.path.parent
    scenes = {file.relative_to(folder).as_posix(): file for file in origin.files}
    if found is None or found[1] not in scenes:
        raise ConfigError(f"{uri[:80]!r} is no tile of this source; ingest again")
    return scenes[found[1]], int(found[2]), int(found[3])


def _limits(
    dataset: Any, window: _Window, bands: tuple[int, ...], percentiles: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    if window.path is None:
        return limits_of(dataset, bands, percentiles)
    return _limits_of_scene(window.path, window.path.stat().st_mtime_ns, bands, percentiles)


@functools.lru_cache(maxsize=64)
def _limits_of_scene(
    path: Path,
    changed: int,  # noqa: ARG001 - the time of the last change is the cache's key
    bands: tuple[int, ...],
    percentiles: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    with opened(path) as dataset:
        return limits_of(dataset, bands, percentiles)
