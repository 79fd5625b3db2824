"""The deck of Review: one cluster after the other, judged by keys as fast as a person can look.

Which clusters wait, and in what order, comes over the socket; cards, pictures and the effect of a drop come from the
app's routes, and decisions go there from an outbox in the browser that loses none and sends none twice. What comes back
over the socket is only what is shown now, and that something has been decided.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from curation_app import state
from curation_app.components.scripts import by_address
from curation_core.selection import is_text

_HERE = Path(__file__).resolve().parent
# joined into one module in this order; a later file uses the names of the earlier ones
SOURCES = (
    "parts.js",
    "signature.js",
    "keys.js",
    "outbox.js",
    "cards.js",
    "queue.js",
    "minimap.js",
    "header.js",
    "bands.js",
    "side.js",
    "bar.js",
    "field.js",
    "picker.js",
    "sheet.js",
    "judge.js",
    "deck.js",
    "mount.js",
)
MOST_NAME = 60  # characters of a reviewer's name
MOST_WAITING = 400  # clusters that the browser gets
_MOST_NUMBER = 1 << 31  # of a level or a cluster


@dataclass(frozen=True)
class DeckData:
    """What the browser gets.

    queue: clusters of the level that wait, in the order to judge them. place: the (level, cluster) to show first, None
    for the first of the queue; another one moves the deck. reviewer: who decides, "" where nobody said so. version:
    number of the last decision event. thumbs: prefix of the addresses of thumbnails. density: address of the map's
    picture, "" for none; box: (x0, y0, x1, y1) of the map. progress: clusters decided, all, share of the items decided.
    """

    workspace: str
    pool_key: str
    level: int
    queue: Sequence[int]
    place: tuple[int, int] | None
    reviewer: str
    version: int
    modality: str
    thumbs: str
    density: str
    box: tuple[float, float, float, float]
    progress: tuple[int, int, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the addresses to fetch from."""
        workspace, key = quote(self.workspace, safe=""), quote(self.pool_key, safe="")
        decided, every, share = self.progress
        reviewer = quote(self.reviewer, safe="")
        return {
            "workspace": self.workspace,
            "pool_key": self.pool_key,
            "level": int(self.level),
            "queue": [int(cluster) for cluster in self.queue[:MOST_WAITING]],
            "place": None if self.place is None else [int(number) for number in self.place],
            "reviewer": self.reviewer,
            "version": int(self.version),
            "modality": self.modality,
            "thumbs": self.thumbs,
            "density": self.density,
            "box": [float(value) for value in self.box],
            "progress": [int(decided), int(every), float(share)],
            "cards": f"/api/deck/{workspace}/{key}/~{reviewer}/",
            "effects": f"/api/effect/{workspace}/{key}/",
            "find": f"/api/clusters/{workspace}/{key}/",
            "decide": f"/api/decide/{workspace}",
            "news": f"/api/decisions/{workspace}",
        }


def mount(
    data: DeckData,
    *,
    key: str,
    on_decided: Callable[[], None] = lambda: None,
    on_place: Callable[[int, int], None] = lambda _level, _cluster: None,
    on_reviewer: Callable[[str], None] = lambda _name: None,
) -> str:
    """Mount the deck; returns the name that the browser signed with last, "" where it told none.

    on_decided: decisions were saved, here or by others. on_place: level and cluster shown now. on_reviewer: the name
    that this browser signed with last, told where nobody has said who decides: on a first visit, or after the server
    was started anew.
    """

    def known() -> None:
        name = read_name(_told(key, "reviewer"))
        if name:
            on_reviewer(name)

    def moved() -> None:
        place = read_place(_told(key, "place"))
        if place is not None:
            on_place(*place)

    result = _component()(
        key=key,
        data=data.as_json(),
        height="stretch",
        default={"place": None, "reviewer": None},
        on_decided_change=on_decided,
        on_place_change=moved,
        on_reviewer_change=known,
    )
    return read_name(result.reviewer)


def _told(key: str, name: str) -> Any:
    held = state.widget(key)
    return held.get(name) if isinstance(held, Mapping) else getattr(held, name, None)


def read_name(told: Any) -> str:
    """A name that the browser told, "" when that is not what our page sends."""
    is_name = isinstance(told, str) and len(told) <= MOST_NAME and is_text(told)
    return " ".join(told.split()) if is_name else ""


def read_place(told: Any) -> tuple[int, int] | None:
    """Level and cluster that the browser told, None when that is not what our page sends."""
    if not isinstance(told, list | tuple) or len(told) != 2:
        return None
    level, cluster = told
    if type(level) is not int or type(cluster) is not int:  # a bool is no number here
        return None
    return (level, cluster) if 1 <= level < _MOST_NUMBER and 0 <= cluster < _MOST_NUMBER else None


@cache
def source() -> str:
    """The component's JavaScript and its stylesheet as one module, so that neither travels with every message."""
    style = f"const STYLE = {json.dumps((_HERE / 'deck.css').read_text(encoding='utf-8'))};"
    return "\n".join([style, *((_HERE / name).read_text(encoding="utf-8") for name in SOURCES)])


@cache
def _component() -> Any:
    return st.components.v2.component("curation_deck", js=by_address(source()))
