"""Pictures of items as the browser gets them: thumbnails as they lie, originals decoded apart, blurred where asked."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import streamlit as st

from curation_app import findings, loaders
from curation_app.open_sources import open_source
from curation_app.pool import Pool
from curation_app.thumbs import Shown, shown_thumbnail
from curation_core import pictures, tile_pictures
from curation_core.artifacts import read_table
from curation_core.errors import ConfigError, CurationError, IngestError
from curation_core.face_results import Faces
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class Asked:
    """How a raster tile is wanted: percent cut off at either end, bands from 1; None and () as it was ingested."""

    stretch: float | None = None
    bands: tuple[int, ...] = ()


def parse_asked(stretch: str, bands: str) -> Asked:
    """From a query's words; raises ConfigError for what cannot be asked."""
    if stretch and stretch not in {f"{value:g}" for value in tile_pictures.STRETCHES}:
        raise ConfigError("a stretch is 0, 1, 2 or 5 percent")
    if bands and not re.fullmatch(r"[0-9]{1,4}(,[0-9]{1,4},[0-9]{1,4})?", bands):
        raise ConfigError("bands are one number, or three as red,green,blue")
    return Asked(float(stretch) if stretch else None, tuple(int(band) for band in bands.split(",")) if bands else ())


def thumbnail(ws: Workspace, pool: Pool, row: int) -> Shown | None:
    """A thumbnail as it may be shown now; None where it is missing, leads elsewhere or shows what it should not."""
    return shown_thumbnail(ws.path, _cell(pool, "content_hash", row))


def picture_bytes(ws: Workspace, pool: Pool, row: int, asked: Asked) -> bytes:
    """An item's picture as WebP, at most 1600 px; raises IngestError with the reason where it is not shown."""
    faces = _faces_to_blur(ws, pool, row)
    source, uri = open_source(ws), _cell(pool, "uri", row)
    data = pictures.original(source.read, uri, _cell(pool, "content_hash", row))
    if asked == Asked():
        image = pictures.upright(data)
    elif source.rasters is not None:
        image = source.rasters.picture(uri, bands=asked.bands, stretch=asked.stretch)
    else:
        raise ConfigError("only tiles of satellite scenes have bands to choose from")
    return pictures.as_webp(image if faces is None else pictures.without_faces(image, faces, ws.settings.faces))


def picture_mark(ws: Workspace, pool: Pool, row: int, asked: Asked) -> str:
    """An ETag that changes when the picture, or what is to be blurred in it, does; raises like picture_bytes."""
    faces = _faces_to_blur(ws, pool, row)
    boxes = b"" if faces is None else faces.box.tobytes() + faces.verdict.tobytes() + faces.score.tobytes()
    made_of = f"{ws.settings.faces.model_dump_json()} {asked} {_cell(pool, 'content_hash', row)}"
    return f'"{hashlib.sha256(made_of.encode() + boxes).hexdigest()[:24]}"'


def raster_view(ws: Workspace, pool: Pool, row: int) -> dict[str, Any] | None:
    """What can be chosen of a raster tile: bands, stretches, and its outline on earth; None where it is none."""
    if pool.catalog.modality != "image":
        return None
    try:
        source = open_source(ws)
        view = None if source.rasters is None else source.rasters.view(_cell(pool, "uri", row))
    except (CurationError, OSError):
        return None
    if view is None:
        return None
    shown = {"bands": view.bands, "deep": view.is_deep, "shown": view.shown, "outline": view.outline}
    low, high = source.config.tile_stretch
    return {**shown, "stretch": low if low == 100 - high else None, "stretches": tile_pictures.STRETCHES}


def _faces_to_blur(ws: Workspace, pool: Pool, row: int) -> Faces | None:
    """All detections of a picture where faces are to be blurred, None where they are not.

    Raises IngestError where nobody has looked for faces in it: then nothing but what is written blurred may leave.
    """
    if not ws.settings.faces.blur:
        return None
    found = findings.faces(ws)
    if found is None:
        raise IngestError("faces are to be blurred and have not been looked for; run faces")
    if _cell(pool, "uri", row) in _unsearched(str(ws.path), loaders.check(ws, "faces").key, ws):
        raise IngestError("it could not be searched for faces; run faces again")
    return found.of(int(pool.rows[row]))


@st.cache_resource(max_entries=4, show_spinner=False)
def _unsearched(path: str, key: str, _ws: Workspace) -> frozenset[str]:  # noqa: ARG001 - the key is the cache's key
    return frozenset(read_table(_ws.plans.folder("faces") / "failures.parquet").column("uri").to_pylist())


def _cell(pool: Pool, column: str, row: int) -> str:
    return str(pool.catalog.items.column(column)[int(pool.rows[row])].as_py())
