"""GeoTIFFs: opened, read by windows, stretched to eight bits, and where on earth they lie; needs rasterio."""

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.errors import IngestError, MissingExtra

Place = tuple[float | None, float | None, str | None]  # longitude, latitude, crs
_STRETCH_SIDE = 1024  # pixels: of the reduced picture that percentiles are measured on
_MASK_SIDE = 4096  # pixels: of the reduced mask that tells which tiles hold data
_N_OPEN = 4
NOWHERE: Place = (None, None, None)


def stored_png(rgb: np.ndarray) -> bytes:
    """A PNG of (h, w, 3) uint8 without compression: the same bytes whatever the machine's compressor is."""
    height, width, _ = rgb.shape
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = rgb.reshape(height, -1)
    raw = lines.tobytes()
    blocks = [raw[start : start + 65_535] for start in range(0, len(raw), 65_535)]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    stream = b"\x78\x01" + body + struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", stream) + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def import_rasterio() -> Any:
    """The package; raises MissingExtra where it is not installed."""
    try:
        import rasterio
    except ImportError:
        raise MissingExtra("GeoTIFF scenes need rasterio; run pip install 'curation-studio[geo]'") from None
    return rasterio


def _open(path: Path) -> Any:
    rasterio = import_rasterio()
    try:
        with _quiet():
            return rasterio.open(path, driver="GTiff")
    except (rasterio.errors.RasterioError, OSError) as error:
        raise IngestError(f"cannot be read as GeoTIFF ({str(error)[:120]})") from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A GeoTIFF as a rasterio dataset; raises IngestError with a short reason."""
    with contextlib.closing(_open(path)) as dataset:
        yield dataset


@contextlib.contextmanager
def in_memory(data: bytes) -> Iterator[Any]:
    """The same for the bytes of a file."""
    rasterio = import_rasterio()
    try:
        with _quiet(), rasterio.MemoryFile(data) as file, file.open(driver="GTiff") as dataset:
            yield dataset
    except rasterio.errors.RasterioError as error:
        raise IngestError(f"cannot be read as GeoTIFF ({str(error)[:120]})") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of pictures that no one has placed on earth, no lines of GDAL on the terminal, no sidecar files."""
    rasterio = import_rasterio()
    with warnings.catch_warnings(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        warnings.simplefilter("ignore")
        yield


class Datasets:
    """The scenes that were read last, kept open; no context of GDAL, which would belong to one thread, is held."""

    def __init__(self) -> None:
        self._open: dict[Path, Any] = {}

    def get(self, path: Path) -> Any:
        """The dataset of a scene, opened when it is not."""
        if path not in self._open:
            if len(self._open) >= _N_OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = _open(path)
        return self._open[path]

    def close(self) -> None:
        """Close all of them."""
        for dataset in self._open.values():
            dataset.close()
        self._open.clear()


def _reduced(height: int, width: int, side: int) -> tuple[int, int]:
    factor = max(1.0, max(height, width) / side)
    return max(1, round(height / factor)), max(1, round(width / factor))


def limits_of(dataset: Any, bands: Sequence[int], percentiles: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Per band the values at two percentiles of its valid values: (bands,) float64 each."""
    shape = _reduced(dataset.height, dataset.width, _STRETCH_SIDE)
    values, valid = _read(dataset, bands, out_shape=(len(bands), *shape))
    limits = [
        np.percentile(values[band][valid[band]], percentiles) if valid[band].any() else np.array([0.0, 1.0])
        for band in range(len(bands))
    ]
    low, high = np.array(limits, dtype=np.float64).T
    return low, np.where(high > low, high, low + 1.0)


def _read(dataset: Any, bands: Sequence[int], **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values (bands, h, w) float64 and where they are valid; raises IngestError for torn files."""
    import rasterio

    try:
        with _quiet():
            values = dataset.read(list(bands), **options)
            masks = dataset.read_masks(list(bands), **options)
    except (rasterio.errors.RasterioError, ValueError, MemoryError) as error:
        raise IngestError(f"cannot be read as GeoTIFF ({str(error)[:120]})") from None
    if np.iscomplexobj(values):
        values = np.abs(values)
    values = values.astype(np.float64)
    return values, (masks > 0) & np.isfinite(values)


def read_window(
    dataset: Any, bands: Sequence[int], top: int, left: int, height: int, width: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A window of a scene, padded with invalid pixels where it reaches over the edge."""
    from rasterio.windows import Window

    width = height if width is None else width
    rows, columns = min(height, dataset.height - top), min(width, dataset.width - left)
    values = np.zeros((len(bands), height, width))
    valid = np.zeros(values.shape, dtype=bool)
    found = _read(dataset, bands, window=Window(left, top, columns, rows))
    values[:, :rows, :columns], valid[:, :rows, :columns] = found
    return values, valid


def stretched(values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8: each band between its limits, black where nothing is valid."""
    shares = (np.where(valid, values, 0.0) - low[:, None, None]) / (high - low)[:, None, None]
    shown = np.where(valid, np.clip(shares, 0.0, 1.0) * 255.0 + 0.5, 0.0).astype(np.uint8)  # (bands, h, w)
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(shown, (3, *shown.shape[1:])), 0, -1))


def valid_shares(dataset: Any, side: int) -> np.ndarray:
    """Share of each tile that holds data: (rows, columns) float64; measured on a mask of at most 4096 pixels a side."""
    import rasterio

    shape = _reduced(dataset.height, dataset.width, _MASK_SIDE)
    try:
        with _quiet():
            mask = dataset.dataset_mask(out_shape=shape) > 0
            if dataset.dtypes[0].startswith("float"):
                mask &= np.isfinite(dataset.read(1, out_shape=shape))
    except (rasterio.errors.RasterioError, ValueError, MemoryError) as error:
        raise IngestError(f"cannot be read as GeoTIFF ({str(error)[:120]})") from None
    n_rows, n_columns = -(-dataset.height // side), -(-dataset.width // side)
    # where each pixel of the mask lies in the grid; its weight is the pixels of the scene that it stands for
    rows = np.minimum((np.arange(shape[0]) + 0.5) * dataset.height / shape[0] // side, n_rows - 1).astype(np.int64)
    columns = np.minimum((np.arange(shape[1]) + 0.5) * dataset.width / shape[1] // side, n_columns - 1).astype(np.int64)
    by_row = np.zeros((n_rows, shape[1]))
    np.add.at(by_row, rows, mask)
    counts = np.zeros((n_columns, n_rows))
    np.add.at(counts, columns, by_row.T)
    weight = (dataset.height / shape[0]) * (dataset.width / shape[1])
    shares: np.ndarray = np.minimum(counts.T * weight / side**2, 1.0)
    return shares


def on_earth(dataset: Any, points: Sequence[tuple[float, float]]) -> list[Place]:
    """Longitude and latitude (WGS 84) and the crs of points (column, row) of a scene."""
    import rasterio.warp

    if dataset.crs is None or dataset.transform.is_identity:
        return [NOWHERE] * len(points)
    here = dataset.transform  # multiplied by hand: its operators changed between versions
    xs = [here.a * column + here.b * row + here.c for column, row in points]
    ys = [here.d * column + here.e * row + here.f for column, row in points]
    crs = dataset.crs.to_string()
    try:
        longitudes, latitudes = rasterio.warp.transform(dataset.crs, "EPSG:4326", xs, ys)
    except Exception:  # GDAL raises many kinds for systems it cannot leave
        return [(None, None, crs)] * len(points)
    return [
        (round(longitude, 7), round(latitude, 7), crs)
        if np.isfinite((longitude, latitude)).all()
        else (None, None, crs)
        for longitude, latitude in zip(longitudes, latitudes, strict=True)
    ]
