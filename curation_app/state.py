"""What one browser tab is looking at. The only file that touches st.session_state and the query parameters.

Only names, ids and small values: the truth is in the workspace folder. Workspace and cluster travel in the link.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st

from curation_core import links
from curation_core.selection import Area, Filter, Selection

_KEPT = ("webgl",)  # of the address as it came: webgl=off asks for the map without it
_MOST_LINKED = 2_000  # characters of one of the smaller parts of a link

_NOTHING = Selection()
_KEY = "curation"
_HEARD = "curation-heard"  # outlives a change of workspace, as the door does


@dataclass(frozen=True)
class AppState:
    """The tab's state.

    selection, filters: what is in hand and what narrows it. root: the cluster (level, cluster) the tree is opened at,
    None for all of it. colour, size: the columns the map is coloured and sized by, "" for the first that fits and for
    none. view: what the middle of Explore shows, "" for the first that fits. camera: centre and width of the map's
    view in its own units, () for all of it. pinned: what is compared with what is in hand.
    list_level: the level listed in Explore. list_epoch, map_epoch: grow when something else changed the selection, so
    that list and map forget their own marks.
    source: the door chosen on the Data page and what was chosen there. reviewer: who decides. review: the view of the
    review, the level and the order of its queue, "" and 0 for the first; review_at: the (level, cluster) looked at.
    notice: said once, on the next run. turn_to: the page to open on the next run.
    """

    workspace: str = ""
    selection: Selection = _NOTHING
    filters: tuple[Filter, ...] = ()
    root: tuple[int, int] | None = None
    colour: str = ""
    size: str = ""
    view: str = ""
    camera: tuple[float, ...] = ()
    pinned: Selection | None = None
    list_epoch: int = 0
    list_level: int = 0
    map_epoch: int = 0
    source: tuple[str, ...] = ()
    reviewer: str = ""
    review: tuple[str, int, str] = ("", 0, "")
    review_at: tuple[int, int] | None = None
    notice: str = ""
    turn_to: str = ""


def app_state() -> AppState:
    """The state of this tab; on the first run of a session it starts from the link."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _linked(st.query_params.to_dict())
    found: AppState = st.session_state[_KEY]
    return found


def update(**changes: Any) -> AppState:
    """Replace some fields of the state."""
    st.session_state[_KEY] = replace(app_state(), **changes)
    return app_state()


def use_workspace(name: str) -> None:
    """Turn to another workspace; what was selected in the last one is forgotten."""
    if name != app_state().workspace:
        st.session_state[_KEY] = AppState(workspace=name, reviewer=app_state().reviewer)


def select_cluster(level: int, cluster: int, *, by: Literal["list", "map", "other"] = "other") -> None:
    """Select a cluster everywhere; `by` is the widget that was used and keeps its own mark."""
    _select(Selection("cluster", level, cluster), by)


def select_area(areas: Iterable[Area]) -> None:
    """Select what lies in areas of the map; no area clears the selection."""
    found = tuple(areas)
    _select(Selection("area", areas=found) if found else Selection(), "map")


def select(selection: Selection, *, by: Literal["list", "map", "other"] = "other") -> None:
    """Select whatever is described."""
    _select(selection, by)


def open_review(view: str, place: tuple[int, int] | None = None) -> None:
    """Turn the review to one of its views, and its deck to a cluster."""
    _, level, order = app_state().review
    now = app_state().review_at
    update(review=(view, place[0] if place else level, order), review_at=place or now)


def add_filter(new: Filter) -> None:
    """Narrow what is shown; the same filter twice is once."""
    if new not in app_state().filters:
        update(filters=(*app_state().filters, new))


def drop_filter(old: Filter) -> None:
    """Take one filter away."""
    update(filters=tuple(one for one in app_state().filters if one != old))


def clear_selection(*, by: Literal["list", "map", "other"] = "other") -> None:
    """Select nothing."""
    _select(Selection(), by)


def _select(selection: Selection, by: str) -> None:
    now = app_state()
    update(selection=selection, list_epoch=now.list_epoch + (by != "list"), map_epoch=now.map_epoch + (by != "map"))


def choose_source(door: str, *what: str) -> None:
    """Choose where a new workspace's items come from: sample and file, folder with root and path, upload and its id."""
    update(source=(door, *what))


def is_news(number: int) -> bool:
    """Whether a report of the upload door has not been heard yet in this tab; hearing it makes it old."""
    new: bool = number > st.session_state.get(_HEARD, 0)
    if new:
        st.session_state[_HEARD] = number
    return new


def say(notice: str) -> None:
    """Say something once, on the next run."""
    update(notice=notice)


def take_notice() -> str:
    """What is to be said now; it is forgotten by asking."""
    notice = app_state().notice
    if notice:
        update(notice="")
    return notice


def turn(page: str) -> None:
    """Open another page on the next run; for callbacks, which may not turn pages themselves."""
    update(turn_to=page)


def take_turn() -> str:
    """The page to turn to now; it is forgotten by asking."""
    name = app_state().turn_to
    if name:
        update(turn_to="")
    return name


def widget(key: str) -> Any:
    """The value of a widget, None before it is drawn."""
    return st.session_state.get(key)


def set_widget(key: str, value: Any) -> None:
    """Give a widget a value; only from callbacks or before it is drawn."""
    st.session_state[key] = value


def write_link() -> None:
    """Put what is looked at into the address, so that a copied link shows the same."""
    now = app_state()
    wanted = links.write(now.selection, now.filters) if now.workspace else {}
    if now.workspace:
        wanted["ws"] = now.workspace
    extra = {
        "view": now.view,
        "colour": now.colour,
        "size": now.size,
        "open": ":".join(map(str, now.root or ())),
        "camera": ",".join(f"{value:.5g}" for value in now.camera),
        "pinned": links.write_selection(now.pinned) if now.pinned else "",
        "queue": "~".join(map(str, now.review)) if now.review != ("", 0, "") else "",
        "at": ":".join(map(str, now.review_at or ())),
    }
    wanted |= {name: value for name, value in extra.items() if value and len(value) <= _MOST_LINKED}
    wanted |= {name: value for name, value in st.query_params.to_dict().items() if name in _KEPT}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def _linked(asked: dict[str, str]) -> AppState:
    """The state that an address describes; what cannot be read is left out and said."""
    selection, filters, notice = links.read(asked)
    pinned = links.read_selection(asked.get("pinned", "")) or Selection()
    return AppState(
        workspace=asked.get("ws", ""),
        selection=selection,
        filters=filters,
        root=_linked_root(asked.get("open", "")),
        colour=asked.get("colour", "")[:_MOST_LINKED],
        size=asked.get("size", "")[:_MOST_LINKED],
        view=asked.get("view", "")[:40],
        camera=_linked_camera(asked.get("camera", "")),
        pinned=pinned if pinned.kind != "none" else None,
        review=_linked_queue(asked.get("queue", "")),
        review_at=_linked_root(asked.get("at", "")),
        notice=notice,
    )


def _linked_root(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{1,9})", text)
    return (int(found[1]), int(found[2])) if found else None


def _linked_queue(text: str) -> tuple[str, int, str]:
    view, level, order = [*text[:_MOST_LINKED].split("~", 2), "", "", ""][:3]
    return view, int(level) if re.fullmatch(r"[0-9]{1,2}", level) else 0, order


def _linked_camera(text: str) -> tuple[float, ...]:
    numbers = re.fullmatch(r"(-?[0-9.e+-]{1,12}),(-?[0-9.e+-]{1,12}),([0-9.e+-]{1,12})", text)
    try:
        found = tuple(map(float, numbers.groups())) if numbers else ()
    except ValueError:
        return ()
    return found if all(math.isfinite(value) for value in found) and (not found or found[2] > 0) else ()
