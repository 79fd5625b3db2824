"""A gallery of any number of items: the browser holds the cells in view, and fetches them by page.

The socket carries a token of the ordered list and a few numbers; cells, cards and pictures come from the app's routes
(curation_app.item_routes). What is picked comes back as rows, or as all but a few.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from curation_app import state, thumbs
from curation_app.components.scripts import by_address

_HERE = Path(__file__).resolve().parent
_SCRIPTS = ("elements.js", "picks.js", "pages.js", "footprint.js", "fullview.js", "gallery.js")  # joined in this order
_MOST_NAMED = 2_000  # rows that come back as numbers; more come as one bit per row of the tree


@dataclass(frozen=True)
class GalleryData:
    """What the browser gets.

    token, scores: published lists of tree rows and of the numbers beside them ("" for none). n: items of the list, of
    `pool` in all. members: names the set of items, whatever their order; version: the marks on them. orders: (value,
    words). sheet_version: changes when thumbnails do (thumbs.version). height: pixels, None to fill what is there.
    """

    workspace: str
    pool_key: str
    token: str
    n: int
    pool: int
    members: str
    version: str
    modality: str
    order: str
    orders: tuple[tuple[str, str], ...]
    scores: str = ""
    sheet_version: str = thumbs.PLAIN
    is_ranked: bool = False
    has_places: bool = False
    height: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the addresses to fetch from."""
        workspace, key = quote(self.workspace, safe=""), quote(self.pool_key, safe="")
        return {
            **{
                name: getattr(self, name) for name in ("token", "scores", "n", "pool", "members", "version", "modality")
            },
            "order": self.order,
            "sheet_version": self.sheet_version,
            "sheets": f"/api/thumbs/{workspace}/{key}/",
            "orders": [list(order) for order in self.orders],
            "ranked": self.is_ranked,
            "places": f"/api/places/{workspace}/{key}" if self.has_places else "",
            "height": self.height,
            "cells": f"/api/cells/{workspace}/{key}/",
            "rows": f"/api/rows/{workspace}/",
            "items": f"/api/item/{workspace}/{key}/",
            "neighbours": f"/api/neighbours/{workspace}/{key}/",
            "pictures": f"/api/picture/{workspace}/{key}/",
            "thumbs": f"/api/thumb/{workspace}/{self.sheet_version}/",
            "most_named": _MOST_NAMED,
        }


@dataclass(frozen=True)
class Picks:
    """What a person picked of the set `members`: rows, or everything but the exceptions, (k,) int64 each."""

    members: str = ""
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    everything: bool = False
    exceptions: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def mount(data: GalleryData, *, key: str, on_like: Callable[[int], None] = lambda _: None) -> Picks:
    """Mount the gallery; returns what is picked now. on_like: called with the row that more is wanted like."""

    def liked() -> None:
        told = (state.widget(key) or {}).get("like")
        row = told.get("row") if isinstance(told, Mapping) else None
        if isinstance(row, int) and not isinstance(row, bool):
            on_like(row)

    result = _component()(
        key=key,
        data=data.as_json(),
        height=data.height or "stretch",
        default={"picked": {}, "order": {}},
        on_picked_change=lambda: None,
        on_order_change=lambda: None,
        on_like_change=liked,
        on_lost_change=lambda: None,  # a rerun publishes anew
    )
    return read_picks(result.picked)


def read_picks(told: Any) -> Picks:
    """Picks as the browser told them; what does not fit is nothing picked."""
    if not isinstance(told, Mapping) or not isinstance(told.get("members"), str):
        return Picks()
    if told.get("all") is True:
        return Picks(told["members"], everything=True, exceptions=_rows(told.get("except")))
    rows = _bits(told["bits"]) if isinstance(told.get("bits"), str) else _rows(told.get("rows"))
    return Picks(told["members"], rows)


def _rows(told: Any) -> np.ndarray:
    if isinstance(told, str):
        return _bits(told)
    named = told if isinstance(told, list) else []
    return np.array(
        [row for row in named if isinstance(row, int) and not isinstance(row, bool) and 0 <= row < 1 << 32],
        dtype=np.int64,
    )


def _bits(text: str) -> np.ndarray:
    """Rows whose bit is set, the lowest bit of the first byte being row 0."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"))


@cache
def _component() -> Any:
    js = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    css = (_HERE / "gallery.css").read_text(encoding="utf-8")
    return st.components.v2.component("curation_gallery", css=css, js=by_address(js))
