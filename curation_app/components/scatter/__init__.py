"""A map of points drawn by the graphics card: pan, zoom, lasso, hover, legend, labels; made for millions of points.

Positions, colours and masks come over HTTP as bytes, in map order; only addresses, names and counts travel over the
socket. What was drawn around goes back as outlines, never as a list of points; the server says at once what lies in
them (`inside`), beside the rerun that makes a selection of it.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from curation_app import state
from curation_app.components.scripts import by_address
from curation_core.selection import Area

_HERE = Path(__file__).resolve().parent
# joined into one module in this order; a later file uses the names of the earlier ones
SOURCES = (
    "parts.js",
    "scaffold.js",
    "camera.js",
    "bytes.js",
    "shaders.js",
    "painter.js",
    "density.js",
    "picture.js",
    "index.js",
    "outline.js",
    "labels.js",
    "legend.js",
    "hover.js",
    "toolbar.js",
    "quick.js",
    "gestures.js",
    "scatter.js",
    "mount.js",
)
MOST_AREAS, MOST_VERTICES = 64, 200  # of one selection; more is not from our own page


@dataclass(frozen=True)
class MapClass:
    """One row of the legend: total items of the class, and how many of them are selected."""

    name: str
    colour: str
    total: int
    selected: int = 0


@dataclass(frozen=True)
class MapColour:
    """How points are coloured. url: codes (n,) uint8 or uint16 as bytes; palette: a colour per code.

    classes: legend rows in code order, code == index. low, high: ends of a scale, as they are to be read.
    """

    url: str
    bytes: Literal[1, 2]
    palette: Sequence[str]
    kind: Literal["classes", "scale"]
    title: str
    low: str = ""
    high: str = ""
    classes: Sequence[MapClass] = ()


@dataclass(frozen=True)
class MapSize:
    """How large points are. url: a byte a point, 0 the smallest. low, high: what the smallest and the largest mean."""

    url: str
    title: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class MapMasks:
    """Addresses of masks, one bit a point, least first; "": none of that kind (matching: all match)."""

    selected: str = ""
    matching: str = ""
    dropped: str = ""
    drawn: str = ""
    kept: str = ""


@dataclass(frozen=True)
class MapLabel:
    """A cluster's name at a place of the map. id: "level:cluster"; size: its items."""

    id: str
    text: str
    x: float
    y: float
    size: int
    level: int


@dataclass(frozen=True)
class ScatterData:
    """What the map shows. n points; box: (x0, y0, x1, y1) of the positions, square, in map units.

    positions, order, density, labels, inside: addresses; labels: of `label_bytes`; inside: is asked what lies in
    outlines. size: None where all points are equally large. areas: outlines of what is selected now. camera: where to
    look first, centre x, y and width in map units, () for all of it; another one moves the map. item, thumbs: prefixes
    of addresses. note: a line to show.
    """

    n: int
    positions: str
    order: str
    density: str
    box: tuple[float, float, float, float]
    colour: MapColour
    masks: MapMasks = field(default_factory=MapMasks)
    size: MapSize | None = None
    labels: str = ""
    inside: str = ""
    areas: Sequence[Area] = ()
    camera: tuple[float, ...] = ()
    item: str = ""
    thumbs: str = ""
    note: str = ""


def _nothing(*_: Any) -> None:
    pass


def scatter_data(data: ScatterData) -> dict[str, Any]:
    """What the browser gets; equal data are equal bytes, so that nothing is sent twice.

    Rows of the legend go as lists, their colours are the end of the palette.
    """
    made = asdict(data)
    rows = made["colour"]["classes"]
    made["colour"]["classes"] = {name: [row[name] for row in rows] for name in ("name", "total", "selected")}
    if data.size is None:
        del made["size"]
    return {
        **made,
        "box": [float(value) for value in data.box],
        "areas": [{"polygon": [list(point) for point in area.polygon], "adds": area.adds} for area in data.areas],
        "camera": list(data.camera),
    }


def label_bytes(labels: Sequence[MapLabel]) -> bytes:
    """Labels, coarse to fine, as the browser fetches them: a list a field, in JSON."""
    columns = {one.name: [getattr(label, one.name) for label in labels] for one in fields(MapLabel)}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def scatter(
    data: ScatterData,
    *,
    key: str,
    height: int | Literal["stretch"] = "stretch",
    on_area: Callable[[tuple[Area, ...], str], None] = _nothing,
    on_picked: Callable[[int, bool], None] = _nothing,
    on_label: Callable[[int, int], None] = _nothing,
    on_camera: Callable[[tuple[float, ...]], None] = _nothing,
    on_cleared: Callable[[], None] = _nothing,
    on_lost: Callable[[], None] = _nothing,
) -> None:
    """Mount the map. The callbacks run before the rerun that a gesture causes.

    on_area: all areas that are selected now, and how the last came: new, add or subtract. on_picked: row of the tree,
    and whether it is added to what is in hand. on_label: level and cluster. on_camera: centre and width, () for all.
    on_lost: published bytes are gone; the rerun publishes them again.
    """
    _component()(
        key=key,
        data=scatter_data(data),
        height=height,
        default={"area": None, "camera": None},
        on_area_change=lambda: _call(on_area, areas_of(_said(key, "area"))),
        on_picked_change=lambda: _call(on_picked, picked_of(_said(key, "picked"))),
        on_label_change=lambda: _call(on_label, label_of(_said(key, "label"))),
        on_camera_change=lambda: _call(on_camera, camera_of(_said(key, "camera"))),
        on_cleared_change=on_cleared,
        on_lost_change=on_lost,
    )


def areas_of(said: Any) -> tuple[tuple[Area, ...], str] | None:
    """Areas and mode that the browser reported, None when that is not what our page sends."""
    if not isinstance(said, Mapping) or said.get("mode") not in ("new", "add", "subtract"):
        return None
    areas = said.get("areas")
    if not isinstance(areas, list) or not 0 < len(areas) <= MOST_AREAS:
        return None
    found = [_area(area) for area in areas]
    return None if None in found else (tuple(area for area in found if area is not None), said["mode"])


def picked_of(said: Any) -> tuple[int, bool] | None:
    """Row of the tree that was clicked, and whether it is added."""
    if not isinstance(said, Mapping) or type(said.get("row")) is not int or said["row"] < 0:
        return None
    return said["row"], said.get("add") is True


def label_of(said: Any) -> tuple[int, int] | None:
    """Level and cluster of the label that was clicked."""
    name = said.get("id") if isinstance(said, Mapping) else None
    level, _, cluster = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (_is_number(level) and _is_number(cluster)):
        return None
    return int(level), int(cluster)


def camera_of(said: Any) -> tuple[tuple[float, ...]] | None:
    """Where the map is looked at: (centre x, y, width), or () for all of it; as the one argument of a callback."""
    if said == []:
        return ((),)
    if not isinstance(said, list) or len(said) != 3 or not all(map(_is_finite, said)) or said[2] <= 0:
        return None
    return (tuple(float(value) for value in said),)


@cache
def source() -> str:
    """The component's JavaScript and its stylesheet as one module, so that neither travels with every message."""
    style = f"const STYLE = {json.dumps((_HERE / 'scatter.css').read_text(encoding='utf-8'))};"
    return "\n".join([style, *((_HERE / name).read_text(encoding="utf-8") for name in SOURCES)])


@cache
def _component() -> Any:
    return st.components.v2.component("curation_scatter", js=by_address(source()))


def _said(key: str, name: str) -> Any:
    held = state.widget(key)
    return held.get(name) if isinstance(held, Mapping) else getattr(held, name, None)


def _call(callback: Callable[..., None], arguments: tuple[Any, ...] | None) -> None:
    if arguments is not None:
        callback(*arguments)


def _area(said: Any) -> Area | None:
    polygon = said.get("polygon") if isinstance(said, Mapping) else None
    if not isinstance(polygon, list) or not 3 <= len(polygon) <= MOST_VERTICES:
        return None
    if not all(isinstance(point, list) and len(point) == 2 and all(map(_is_finite, point)) for point in polygon):
        return None
    return Area(tuple((float(x), float(y)) for x, y in polygon), adds=said.get("adds") is not False)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
