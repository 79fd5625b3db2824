"""A grid of items: thumbnails by URL or text cards, click and shift-click to pick, arrow keys to move.

Only ids, content hashes and short strings travel over the socket; the browser fetches and caches the pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from curation_app.thumbs import thumbs_prefix

_HERE = Path(__file__).resolve().parent
PICTURE_SIZE, TEXT_SIZE = 96, 184  # pixels, least width of a cell
LIMIT = 300  # cells in one grid; more are a page of their own


@dataclass(frozen=True)
class Cell:
    """One cell: a picture when hash or src is set, else a card of text. mark: keep, drop or none.

    src: a small WebP in base64, for pictures that are made for the moment and have no address.
    """

    id: str
    caption: str = ""
    note: str = ""
    hash: str = ""
    text: str = ""
    mark: Literal["", "keep", "drop"] = ""
    src: str = ""


@dataclass(frozen=True)
class Section:
    """Cells under a title."""

    cells: Sequence[Cell]
    title: str = ""
    note: str = ""


def grid_data(
    workspace: str,
    sections: Sequence[Section],
    *,
    height: int | None,
    mode: str,
    toolbar: bool,
    empty: str,
    flow: bool = False,
) -> dict[str, Any]:
    """What the browser gets: at most LIMIT cells, empty fields left out."""
    left, shown = LIMIT, []
    for section in sections:
        cells = list(section.cells)[:left]
        left -= len(cells)
        items = [{name: value for name, value in asdict(cell).items() if value != ""} for cell in cells]
        shown.append({"title": section.title, "note": section.note, "items": items})
    pictures = any(cell.hash or cell.src for section in sections for cell in section.cells)
    return {
        "thumbs": thumbs_prefix(workspace),
        "sections": shown,
        "height": height,
        "size": PICTURE_SIZE if pictures else TEXT_SIZE,
        "mode": mode,
        "toolbar": toolbar,
        "empty": empty,
        "flow": flow,
    }


def grid(
    workspace: str,
    sections: Sequence[Section],
    *,
    key: str,
    height: int | None = None,
    mode: Literal["multi", "single", "none"] = "multi",
    toolbar: bool = True,
    empty: str = "Nothing to show.",
    flow: bool = False,
    on_change: Callable[[], None] = lambda: None,
) -> list[str]:
    """Mount a grid; returns the ids that are picked now. flow: small sections stand side by side."""
    data = grid_data(workspace, sections, height=height, mode=mode, toolbar=toolbar, empty=empty, flow=flow)
    result = _component()(key=key, data=data, default={"selected": []}, on_selected_change=on_change)
    return [str(picked) for picked in result.selected or []]


@cache
def _component() -> Any:
    css, js = ((_HERE / name).read_text(encoding="utf-8") for name in ("grid.css", "grid.js"))
    return st.components.v2.component("curation_grid", css=css, js=js)
