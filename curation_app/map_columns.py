"""Columns of the map for the browser: points, codes and masks in map order, each made once for its content.

What is here belongs to the process, not to a tab, and knows no Streamlit: pages publish, routes fetch in threads of
their own. Points hang on the map's key alone, published columns on the map's key and their own bytes.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from curation_app.published import publish, published
from curation_core.artifacts import ArtifactStore, read_array
from curation_core.map_points import MapPoints
from curation_core.polygons import in_areas
from curation_core.selection import Area

_MOST_MAPS, _MOST_TOKENS = 4, 1_024

_lock = threading.Lock()
_making: dict[tuple[str, str], threading.Lock] = {}
_points: OrderedDict[tuple[str, str], MapPoints] = OrderedDict()
_tokens: OrderedDict[tuple[str, ...], str] = OrderedDict()


def map_points(folder: Path, map_key: str) -> MapPoints:
    """The points of a map, made once in this process. folder: the workspace's. Raises StepMissing without the map."""
    name = (str(folder), map_key)
    with _lock:
        if (known := _points.get(name)) is not None:
            _points.move_to_end(name)
            return known
        making = _making.setdefault(name, threading.Lock())
    with making:  # the page and several routes ask at once; one makes it, the others wait
        try:
            return _made(name, folder, map_key)
        finally:
            with _lock:
                _making.pop(name, None)


def _made(name: tuple[str, str], folder: Path, map_key: str) -> MapPoints:
    with _lock:
        known = _points.get(name)
    made = known if known is not None else MapPoints.of(map_places(folder, map_key))
    with _lock:
        _points[name] = made
        while len(_points) > _MOST_MAPS:
            _points.popitem(last=False)
    return made


def map_places(folder: Path, map_key: str) -> np.ndarray:
    """The places themselves, (n, 2) float32, memory-mapped. Raises StepMissing without the map."""
    return read_array(ArtifactStore(folder / "steps").folder("project", map_key) / "xy.npy")


def ready_codes(folder: Path, map_key: str, codes: np.ndarray) -> str:
    """Publish a column of colours or sizes; codes (n,) uint8 or uint16 in rows of the tree. Returns its token."""
    little = np.ascontiguousarray(codes, dtype=codes.dtype.newbyteorder("<"))
    digest = hashlib.blake2b(little.data, digest_size=16).hexdigest()
    made_of = (str(folder), map_key, f"codes-{little.itemsize}", digest)
    return _ready(folder, made_of, lambda: map_points(folder, map_key).taken(little).tobytes())


def ready_mask(folder: Path, map_key: str, mask: np.ndarray) -> str:
    """Publish a mask, (n,) bool in rows of the tree, as bits in map order. Returns its token."""
    digest = hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=16).hexdigest()
    made_of = (str(folder), map_key, "mask", digest)
    return _ready(folder, made_of, lambda: map_points(folder, map_key).bits(mask))


def ready_inside(folder: Path, map_key: str, areas: Iterable[Area], within: str = "") -> tuple[str, bytes] | None:
    """Publish which points lie in areas, as `ready_mask` would publish the rows that a selection of them means.

    within: the token of a published mask, of what all filters let through; "" for everything. Returns token and bits,
    None when that mask is not here. Raises StepMissing without the map, ShapeError for an outline that is none.
    """
    points = map_points(folder, map_key)
    passing = published(folder.name, within) if within else None
    if within and (passing is None or len(passing) != (len(points) + 7) // 8):
        return None
    mask = in_areas(map_places(folder, map_key), areas)
    if passing is None:
        token = ready_mask(folder, map_key, mask)
        return token, published(folder.name, token) or points.bits(mask)
    both = np.frombuffer(points.bits(mask), np.uint8) & np.frombuffer(passing, np.uint8)
    return publish(folder.name, both.tobytes()), both.tobytes()


def _ready(folder: Path, made_of: tuple[str, ...], make: Callable[[], bytes]) -> str:
    """The token of what was made of this before and is still there, else of what is made now."""
    with _lock:
        token = _tokens.get(made_of, "")
    if not token or published(folder.name, token) is None:
        token = publish(folder.name, make())
    with _lock:
        _tokens[made_of] = token
        _tokens.move_to_end(made_of)
        while len(_tokens) > _MOST_TOKENS:
            _tokens.popitem(last=False)
    return token
