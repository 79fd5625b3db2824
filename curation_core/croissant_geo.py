"""GeoCroissant of items that lie on earth: reference system, extent, bands, how they were drawn, what that skews.

Specification: docs.mlcommons.org/croissant/docs/croissant-geo-spec.html, version 1.0.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.card_blocks import percent
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_process import steps
from curation_core.manifest import ExportContents

_ZONES = ((-90, -60), (-60, -30), (-30, 0), (0, 30), (30, 60), (60, 90))  # degrees of latitude
_DEGREES = "EPSG:4326"  # what longitude and latitude in degrees are taken to be


def geo_fields(contents: ExportContents, facts: CardFacts, config: CardConfig) -> dict[str, Any]:
    """Fields by name; none where the items have no longitude and latitude. Extent and bias are of tile centres."""
    if facts.places is None or facts.modality != "image":
        return {}
    places = _places(contents, facts.places)
    drawn = places[contents.plan.indices]
    pool, drawn = places[np.isfinite(places).all(axis=1)], drawn[np.isfinite(drawn).all(axis=1)]
    if not len(drawn):
        return {}
    found: dict[str, Any] = {
        "geocr:coordinateReferenceSystem": _reference_system(contents),
        "spatialCoverage": {"@type": "Place", "geo": {"@type": "GeoShape", "box": _box(drawn)}},
        "geocr:samplingStrategy": dict(steps(facts))["Draw"],
        "geocr:spatialBias": _bias(pool, drawn),
        "geocr:spatialResolution": config.spatial_resolution,
        "geocr:bandConfiguration": _bands(facts, config),
    }
    return {name: value for name, value in found.items() if value}


def _places(contents: ExportContents, columns: tuple[str, str]) -> np.ndarray:
    """Longitude and latitude of every row of the tree: (m, 2) float64, NaN where there is none."""
    table = contents.personal[0].take(pa.array(np.asarray(contents.rows)))
    values = [table.column(name).cast(pa.float64()).to_numpy().astype(np.float64) for name in columns]
    places = np.stack(values, axis=1)
    places[:, 0] = np.where(places[:, 0] > 180, places[:, 0] - 360, places[:, 0])
    inside = (np.abs(places[:, 0]) <= 180) & (np.abs(places[:, 1]) <= 90)
    places[~inside] = np.nan
    return places


def _reference_system(contents: ExportContents) -> str:
    """The one of the scenes, where all drawn tiles agree on it; else that of the columns, which are in degrees."""
    table = contents.personal[0]
    if "crs" in table.column_names and pa.types.is_string(table.schema.field("crs").type):
        drawn = table.column("crs").take(pa.array(contents.drawn)).drop_null().unique().to_pylist()
        if len(drawn) == 1 and drawn[0]:
            return str(drawn[0])
    return _DEGREES


def _box(places: np.ndarray) -> str:
    """South, west, north, east of the centres."""
    west, south = places.min(axis=0)
    east, north = places.max(axis=0)
    return " ".join(f"{value:g}" for value in np.round([south, west, north, east], 6).tolist())


def _bands(facts: CardFacts, config: CardConfig) -> dict[str, Any] | None:
    """The bands that tiles show, where a scene was cut by them or a person named them."""
    chosen = facts.provenance.get("source", {}).get("tile_bands")
    names = list(config.band_names) or [f"band {number}" for number in chosen or ()]
    if not names:
        return None
    return {"@type": "geocr:BandConfiguration", "geocr:totalBands": len(names), "geocr:bandNameList": names}


def _bias(pool: np.ndarray, drawn: np.ndarray) -> str:
    parts = []
    for south, north in _ZONES:
        before, after = (float(_within(places[:, 1], south, north).mean()) for places in (pool, drawn))
        if before or after:
            parts.append(f"{south} to {north}: {percent(before)} of the pool, {percent(after)} of the draw")
    return f"Share of tile centres by degrees of latitude: {'; '.join(parts)}."


def _within(latitude: np.ndarray, south: int, north: int) -> np.ndarray:
    last = north == _ZONES[-1][1]
    found: np.ndarray = (latitude >= south) & ((latitude <= north) if last else (latitude < north))
    return found
