"""What a raster process runs: it opens sources of GeoTIFFs and reads windows, within limits of memory and time.

GDAL parses what nobody vouches for, so it never does in the process that serves people. Questions come as JSON and
answers go back as numbers and bytes, in the frames of curation_core.decoder: nothing is unpickled on either side.
"""

import contextlib
import functools
import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.config import IngestConfig
from curation_core.decoder import DONE, REFUSED, _limit, _own_streams, _received, _write
from curation_core.errors import ConfigError, CurationError, IngestError, MissingExtra
from curation_core.images import OUT_OF_MEMORY
from curation_core.origins import Origin, find_origin, open_origin
from curation_core.rasters import stored_png
from curation_core.tile_pictures import tile_picture, tile_view

READ, VIEW, PICTURE = range(3)  # what is wanted
SETTINGS = "\x1e"  # before a reason that lies in what was asked for, not in the file
_CACHE_MEGABYTES = "64"  # of blocks that GDAL holds

Reply = tuple[int, int, int, bytes]
Source = tuple[str, str]  # settings as JSON, and what names the state that the source was listed in


def serve(memory: int, seconds: float) -> None:
    """Answer until the other side closes; dies of SIGPROF when one question takes more processor time."""
    requests, replies = _own_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    os.environ["GDAL_CACHEMAX"] = _CACHE_MEGABYTES
    with contextlib.suppress(ImportError):  # loaded before the limits hold; without it the answer names the extra
        import rasterio.warp  # noqa: F401
    _limit(memory)
    _write(replies, (DONE, 0, 0, b""))  # ready
    for wanted, _, data in _received(requests):
        signal.setitimer(signal.ITIMER_PROF, seconds)
        reply = answer(wanted, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(replies, reply)


def answer(wanted: int, data: bytes) -> Reply:
    """(how it went, width, height, bytes): a file's or a tile's bytes, a view as JSON, or pixels as RGB."""
    try:
        asked = json.loads(data)
        return _ANSWERS[wanted]((asked["config"], asked["state"]), asked["uri"], asked)
    except MemoryError:
        return _refused(OUT_OF_MEMORY)
    except (ConfigError, MissingExtra) as error:
        return _refused(f"{SETTINGS}{error}")
    except IngestError as error:
        return _refused(_without_folder(str(error), asked["config"]))
    except Exception as error:  # GDAL raises many kinds; none may end the process
        return _refused(f"cannot be read as GeoTIFF ({type(error).__name__})")


def _refused(reason: str) -> Reply:
    return REFUSED, 0, 0, reason.encode(errors="replace")


def _without_folder(reason: str, config: str) -> str:
    """A reason as a browser may read it: GDAL names files with the folders they lie in."""
    source = Path(IngestConfig.model_validate_json(config).source).expanduser()
    for folder in (source, source.parent):
        reason = reason.replace(f"{folder}{os.sep}", "")
    return reason


def _read(source: Source, uri: str, _: dict[str, Any]) -> Reply:
    origin, asked = _origin(source)
    if origin.form != "scenes":
        return DONE, 0, 0, _reader(source)(uri)
    # the very tile that ingest made, without a list of all tiles of all scenes, which may take minutes
    return DONE, 0, 0, stored_png(np.asarray(tile_picture(origin, asked, uri)))


def _view(source: Source, uri: str, _: dict[str, Any]) -> Reply:
    found = tile_view(*_origin(source), uri)
    return DONE, 0, 0, json.dumps(None if found is None else asdict(found)).encode()


def _picture(source: Source, uri: str, asked: dict[str, Any]) -> Reply:
    origin, settings = _origin(source)
    if origin.form not in ("scenes", "tiles"):
        raise ConfigError("only tiles of satellite scenes have bands to choose from")
    image = tile_picture(origin, settings, uri, bands=tuple(asked["bands"]), stretch=asked["stretch"])
    return DONE, *image.size, image.tobytes()


_ANSWERS: dict[int, Callable[[Source, str, dict[str, Any]], Reply]] = {READ: _read, VIEW: _view, PICTURE: _picture}


@functools.lru_cache(maxsize=4)
def _origin(source: Source) -> tuple[Origin, IngestConfig]:
    asked = IngestConfig.model_validate_json(source[0])
    try:
        return find_origin(asked), asked
    except (CurationError, OSError):
        raise IngestError("the source cannot be opened; look at the Data page") from None


@functools.lru_cache(maxsize=4)
def _reader(source: Source) -> Callable[[str], bytes]:
    return contextlib.ExitStack().enter_context(open_origin(*_origin(source))).read
