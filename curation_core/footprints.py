"""Where on earth items lie, by columns of longitude and latitude in degrees that the user or a scene brought."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curation_core.catalog import Catalog

LONGITUDE, LATITUDE = ("longitude", "lon", "lng", "long"), ("latitude", "lat")
MOST = 2_000


def place_columns(catalog: Catalog) -> tuple[str, str] | None:
    """Names of the columns of longitude and latitude, None where there are not both as numbers."""
    found = _named(catalog, LONGITUDE), _named(catalog, LATITUDE)
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def place_of(catalog: Catalog, row: int) -> tuple[float, float] | None:
    """Longitude and latitude of a catalog row, None where it has none."""
    columns = place_columns(catalog)
    if columns is None:
        return None
    values = [catalog.metadata.column(name)[int(row)].as_py() for name in columns]
    if any(value is None for value in values):
        return None
    placed = np.array(values, dtype=np.float64)[None]
    return (float(placed[0, 0]), float(placed[0, 1])) if _on_earth(placed)[0] else None


def footprint(catalog: Catalog, rows: np.ndarray, *, most: int = MOST, seed: int = 0) -> np.ndarray:
    """Places of at most `most` of the catalog rows given, drawn by the seed: (k, 2) float64, longitude and latitude."""
    columns = place_columns(catalog)
    if columns is None or not len(rows):
        return np.zeros((0, 2))
    chosen = np.asarray(rows)
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng([seed, most]).choice(chosen, most, replace=False))
    values = [
        catalog.metadata.column(name).cast(pa.float64()).to_numpy().astype(np.float64)[chosen] for name in columns
    ]
    stacked = np.stack(values, axis=1)
    placed: np.ndarray = stacked[_on_earth(stacked)]
    return placed


def _on_earth(placed: np.ndarray) -> np.ndarray:
    """(k,) bool: finite degrees; longitudes may be given to 360."""
    with np.errstate(invalid="ignore"):
        inside: np.ndarray = (np.abs(placed[:, 1]) <= 90) & (placed[:, 0] >= -180) & (placed[:, 0] <= 360)
    return inside


def _named(catalog: Catalog, names: Sequence[str]) -> str | None:
    by_name = {column.lower(): column for column in reversed(catalog.columns)}
    for name in names:
        if name in by_name:
            kind = catalog.metadata.schema.field(by_name[name]).type
            if pa.types.is_floating(kind) or pa.types.is_integer(kind):
                return by_name[name]
    return None
