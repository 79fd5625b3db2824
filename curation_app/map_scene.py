"""The map of a scene as the browser gets it: addresses of columns and masks, colours with a legend, cluster names."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import streamlit as st

from curation_app import show, state
from curation_app.charts import clipped
from curation_app.colouring import (
    Colouring,
    Sizing,
    colour_by,
    colourings,
    column_of,
    default_colouring,
    size_by,
    sizings,
)
from curation_app.components.scatter import (
    MapClass,
    MapColour,
    MapLabel,
    MapMasks,
    MapSize,
    ScatterData,
    label_bytes,
)
from curation_app.map_columns import map_points, ready_codes, ready_mask
from curation_app.map_labels import Places, label_places, names_of
from curation_app.published import publish
from curation_app.scene import Scene
from curation_core.map_points import CHUNK

LONGEST_NAME = 80  # characters of a name from data
_MOST_KEPT = 8
_CAMERA = "map-camera"  # of the tab: where the map was told to look, and what it last reported
_LOOKED_AT = 8 * CHUNK  # points, a fair sample, among which the places of names are found


def colour_name(scene: Scene) -> str:
    """The name of what the map is coloured by now: as chosen, else the first that fits."""
    wanted = state.app_state().colour
    known = {choice.name for choice in colourings(scene.columns)}
    return wanted if wanted in known else default_colouring(scene.columns, scene.pool.hierarchy)


def colouring(scene: Scene) -> Colouring:
    """How the scene is coloured; what did not change since the last time is not made again."""
    name, root = colour_name(scene), state.app_state().root
    source = column_of(name, scene.columns).values()
    held = source[0] if isinstance(source, tuple) else source
    made_of = (str(scene.ws.path), scene.pool.key, name, root, _labels(scene))
    made: Colouring = _kept(
        made_of, held, lambda: colour_by(name, scene.columns, scene.pool.hierarchy, root, scene.pool.name)
    )
    return made


def size_name(scene: Scene) -> str:
    """The name of what points are sized by now, "" for nothing."""
    wanted = state.app_state().size
    return wanted if wanted in {choice.name for choice in sizings(scene.columns)} else ""


def sizing(scene: Scene) -> Sizing | None:
    """How large points are, None where all are equally large; kept as colours are."""
    name = size_name(scene)
    if not name:
        return None
    made_of = ("size", str(scene.ws.path), scene.pool.key, name)
    made: Sizing = _kept(made_of, scene.columns[name].values(), lambda: size_by(name, scene.columns))
    return made


def map_data(scene: Scene, coloured: Colouring) -> ScatterData:
    """What the component gets: addresses, counts, labels. Equal scenes give equal data."""
    folder, key = scene.ws.path, scene.map_key
    points, name = map_points(folder, key), quote(folder.name, safe="")
    unplaced = f"{show.count(points.n_unplaced, 'item')} without a place on the map" if points.n_unplaced else ""
    return ScatterData(
        n=len(points),
        positions=f"/api/map/{name}/{key}/positions",
        order=f"/api/map/{name}/{key}/order",
        density=f"/api/map/{name}/{key}/density.png",
        box=points.box,
        colour=map_colour(scene, coloured),
        masks=map_masks(scene),
        size=map_size(scene),
        labels=_ready(scene, publish(folder.name, label_bytes(map_labels(scene)))),
        inside=f"/api/map/{name}/{key}/inside",
        areas=scene.selection.areas if scene.selection.kind == "area" else (),
        camera=_camera(),
        item=f"/api/item/{name}/{scene.pool.key}/",
        thumbs=f"/api/thumb/{name}/",
        note=unplaced,
    )


def map_colour(scene: Scene, coloured: Colouring) -> MapColour:
    """Published codes with their palette and legend."""
    token = ready_codes(scene.ws.path, scene.map_key, coloured.codes)
    kind: Literal[1, 2] = 1 if coloured.codes.itemsize == 1 else 2
    first = len(coloured.colours) - len(coloured.names)
    chosen = coloured.counts(scene.found.rows) if selecting(scene) else np.zeros_like(coloured.totals)
    legend = zip(
        [clipped(name, LONGEST_NAME) for name in coloured.names],
        coloured.colours[first:],
        coloured.totals[first:].tolist(),
        chosen[first:].tolist(),
        strict=True,
    )
    return MapColour(
        url=_ready(scene, token),
        bytes=kind,
        palette=coloured.colours,
        kind=coloured.kind,
        title=clipped(coloured.title, LONGEST_NAME),
        low=coloured.low,
        high=coloured.high,
        classes=[MapClass(*row) for row in legend],
    )


def map_size(scene: Scene) -> MapSize | None:
    """Published sizes, None where all are equally large."""
    sized = sizing(scene)
    if sized is None:
        return None
    token = ready_codes(scene.ws.path, scene.map_key, sized.codes)
    return MapSize(_ready(scene, token), clipped(sized.title, LONGEST_NAME), sized.low, sized.high)


def map_masks(scene: Scene) -> MapMasks:
    """Published masks; none for what holds for no item, or for matching where all match."""
    decided = scene.decided
    spoken = decided.decided_by != 0
    masks = {
        "selected": scene.in_hand if selecting(scene) else None,
        "matching": None if scene.matching.all() else scene.matching,
        "dropped": spoken & ~decided.eligible,
        "drawn": scene.drawn,
        "kept": spoken & decided.eligible,
    }
    return MapMasks(**{name: _mask(scene, name, mask) for name, mask in masks.items()})


def map_labels(scene: Scene) -> list[MapLabel]:
    """Names of the largest clusters of each level, at a member in the densest place of each."""
    assert scene.xy is not None
    places = _places(str(scene.ws.path), scene.pool.key, scene.map_key, scene)
    said = names_of(places, scene.pool.names.names)
    rows = zip(places.level.tolist(), places.cluster.tolist(), places.size.tolist(), places.xy.tolist(), strict=True)
    return [
        MapLabel(f"{level}:{cluster}", text, rounded(x), rounded(y), size, level)
        for text, (level, cluster, size, (x, y)) in zip(said, rows, strict=True)
    ]


def _mask(scene: Scene, name: str, mask: np.ndarray | None) -> str:
    if mask is None or (name not in ("selected", "matching") and not mask.any()):
        return ""
    return _ready(scene, ready_mask(scene.ws.path, scene.map_key, mask))


def _ready(scene: Scene, token: str) -> str:
    return f"/api/ready/{quote(scene.ws.path.name, safe='')}/{token}"


def selecting(scene: Scene) -> bool:
    """Whether anything is in hand: a selection, even one of nothing, or items that were picked one by one."""
    return scene.selection.kind != "none" or len(scene.found) > 0


def _camera() -> tuple[float, ...]:
    """Where the map is told to look: where the link said, until something other than the map itself moves it.

    What the map reported it knows; to send that back would send all its data again.
    """
    now = state.app_state().camera
    told, reported = state.widget(_CAMERA) or ((), None)
    if now not in (told, reported):
        told = now
        state.set_widget(_CAMERA, (told, reported))
    return told


def looked_at(camera: tuple[float, ...]) -> None:
    """The map reported where it is looked at."""
    told, _ = state.widget(_CAMERA) or ((), None)
    state.set_widget(_CAMERA, (told, camera))
    state.update(camera=camera)


def _labels(scene: Scene) -> tuple[frozenset[tuple[int, str]], ...]:
    return tuple(frozenset(level.items()) for level in scene.decided.labels)


def rounded(value: float) -> float:
    """A place of the map with five significant digits."""
    return float(f"{value:.5g}")


# ---- kept between reruns, for all tabs: by key, and for what moves by the very arrays it was made of

_lock = threading.Lock()
_looks: OrderedDict[tuple[Any, ...], tuple[Any, Colouring | Sizing]] = OrderedDict()


def _kept(made_of: tuple[Any, ...], source: Any, make: Callable[[], Colouring | Sizing]) -> Any:
    with _lock:
        held, known = _looks.get(made_of, (None, None))
    if known is not None and held is source:
        return known
    made = make()
    with _lock:
        _looks[made_of] = (source, made)
        _looks.move_to_end(made_of)
        while len(_looks) > _MOST_KEPT:
            _looks.popitem(last=False)
    return made


@st.cache_resource(max_entries=4, show_spinner=False)
def _places(path: str, pool_key: str, map_key: str, _scene: Scene) -> Places:  # noqa: ARG001 - they are the cache's key
    assert _scene.xy is not None
    sample = map_points(_scene.ws.path, map_key).order[:_LOOKED_AT]
    return label_places(_scene.pool.hierarchy, _scene.xy, among=sample.astype(np.int64))
