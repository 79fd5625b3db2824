"""GeoTIFFs read in processes of their own: a broken or hostile file costs one answer, never the server that asked."""

import atexit
import json
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation_core.decoder_process import Decoded, Job
from curation_core.decoding import Decoders, image_of
from curation_core.errors import ConfigError, IngestError
from curation_core.raster_worker import PICTURE, READ, SETTINGS, VIEW
from curation_core.tile_pictures import TileView

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY = 4 << 30  # bytes of address space, of which libraries take half a gigabyte
SECONDS = 30.0  # of processor time for one answer; the first of a large scene measures all of it
_PROCESSES = 2  # so that one slow scene leaves room for another

PROGRAM = """
import json, sys
paths, _, memory, seconds = json.loads(sys.argv[1])
sys.path[:0] = paths
from curation_core import raster_worker
raster_worker.serve(memory, seconds)
"""


@dataclass(frozen=True)
class RasterSource:
    """A source of GeoTIFFs by its settings, as JSON; every call asks a raster process and raises IngestError.

    state: changes when the source is to be listed anew. The reasons are those of ingest, that the process crashed, or
    that it took too long. What cannot be asked is a ConfigError.
    """

    config: str
    state: str = ""

    def read(self, uri: str) -> bytes:
        """The bytes that ingest takes for an item: a tile as PNG, or the file as it lies."""
        return self._ask(READ, uri).data

    def view(self, uri: str) -> TileView | None:
        """What can be chosen of an item; None where it is no tile of a raster."""
        found = json.loads(self._ask(VIEW, uri).data)
        if found is None:
            return None
        outline = found["outline"] and tuple((float(x), float(y)) for x, y in found["outline"])
        return TileView(int(found["bands"]), bool(found["is_deep"]), tuple(map(int, found["shown"])), outline)

    def picture(self, uri: str, *, bands: tuple[int, ...] = (), stretch: float | None = None) -> "Image":
        """A tile with other bands or another stretch, as `tile_pictures.tile_picture` makes it."""
        return image_of(self._ask(PICTURE, uri, bands=bands, stretch=stretch))

    def _ask(self, wanted: int, uri: str, **more: Any) -> Decoded:
        question = json.dumps({"config": self.config, "state": self.state, "uri": uri, **more}).encode()
        ((_, found),) = raster_processes().map([(0, Job(question, wanted))])
        if isinstance(found, Decoded):
            return found
        if found.startswith(SETTINGS):
            raise ConfigError(found.removeprefix(SETTINGS))
        raise IngestError(found)


_shared: dict[int, Decoders] = {}  # by process id: a forked copy must not talk to its parent's processes
_shared_lock = threading.Lock()


def raster_processes() -> Decoders:
    """The pool that this process shares; started on first use, ended with the process."""
    with _shared_lock:
        pool = _shared.get(os.getpid())
        if pool is None:
            pool = _shared[os.getpid()] = Decoders(_PROCESSES, memory=MEMORY, seconds=SECONDS, program=PROGRAM)
            atexit.register(pool.close)
        return pool
