"""Sources that are kept open for the next picture: listing a million files takes seconds, reading one of them none."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from curation_app import loaders
from curation_core.config import IngestConfig
from curation_core.errors import CurationError, IngestError
from curation_core.origins import find_origin, open_origin
from curation_core.raster_reading import RasterSource
from curation_core.remote import is_remote, open_store
from curation_core.workspace import Workspace

_GEOTIFF = r"(?i)\.tiff?(#\d+-\d+)?$"  # a file, or a tile of one


@dataclass(frozen=True)
class OpenSource:
    """A source of pictures. read: uri -> bytes, from any thread; raises IngestError with a short reason.

    rasters: the same source, asked for tiles in other bands and another stretch; None where nothing in it is a GeoTIFF.
    """

    config: IngestConfig
    read: Callable[[str], bytes]
    close: Callable[[], None]
    rasters: RasterSource | None = None


def open_source(ws: Workspace) -> OpenSource:
    """The source of a workspace of pictures as it was listed when it was first asked for since the last ingest.

    GeoTIFFs are read in processes of their own. Raises IngestError without naming a path where it cannot be opened.
    """
    key = loaders.key_of(ws, "ingest")
    return _open(str(ws.path), key, ws.plans.source.model_dump_json(), loaders.catalog(ws).items.column("uri"))


def _close(source: OpenSource) -> None:
    source.close()


@st.cache_resource(max_entries=4, show_spinner=False, on_release=_close)
def _open(path: str, key: str, config: str, _uris: pa.ChunkedArray) -> OpenSource:  # noqa: ARG001 - path is part of the cache's key
    asked = IngestConfig.model_validate_json(config)
    try:
        here = _at_hand(asked) if _are_geotiffs(_uris) else None
        if here is not None:
            rasters = RasterSource(here.model_dump_json(), key)
            return OpenSource(asked, rasters.read, lambda: None, rasters)
        with contextlib.ExitStack() as stack:
            media = stack.enter_context(open_origin(find_origin(asked), asked))
            return OpenSource(asked, media.read, stack.pop_all().close)
    except (CurationError, OSError) as error:
        raise IngestError("the source cannot be opened; look at the Data page") from error


def _are_geotiffs(uris: pa.ChunkedArray) -> bool:
    """Whether opening the source would have GDAL look into it: it does where every file is a TIFF."""
    return len(uris) > 0 and bool(pc.all(pc.match_substring_regex(uris, _GEOTIFF)).as_py())


def _at_hand(config: IngestConfig) -> IngestConfig | None:
    """The same source on this machine: a raster process holds no key of anybody's store.

    None for a remote folder of pictures, which is neither copied nor looked into by GDAL.
    """
    if not is_remote(config.source):
        return config
    with open_store(config.source, allow_http=config.allow_http) as store:
        if store.is_folder and config.kind != "tiles":
            return None
        return config.model_copy(update={"source": str(store.local_copy())})
