"""Filters and the selection as chips: what narrows the view and what is in hand, each with a cross."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.found import item_ids
from curation_app.scene import Scene
from curation_core.finding import is_cluster, rows_of
from curation_core.links import write_filters
from curation_core.selection import Filter, Selection

_MOST = 60  # characters of a chip
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NUMBERS = (25, 100, 300, 1_000, 3_000)


def chips(scene: Scene, *, key: str) -> None:
    """The row of chips, with how much matches and what can be done about it; nothing where nothing is set.

    What means nothing here (an old link) is a chip too, so that it can be let go.
    """
    selection, filters = state.app_state().selection, state.app_state().filters
    if not filters and selection.kind == "none":
        return
    st.html(f"<style>{_style(key)}</style>")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key=f"{key}-chips"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key=f"{key}-scroll"):
            if selection.kind != "none":
                _selection_chip(selection, scene, key)
            for one in filters:
                _chip(filter_label(one), f"{key}-filter-{_digest(one)}", "Remove this filter", state.drop_filter, one)
        if scene.filters:
            _matching(scene, key)
        if len(filters) + (selection.kind != "none") > 1:
            st.button("Clear all", key=f"{key}-clear", type="tertiary", on_click=clear_all)


def _selection_chip(selection: Selection, scene: Scene, key: str) -> None:
    _chip(selection_label(selection, scene), f"{key}-selection", "Let go of this selection", state.clear_selection)
    if selection.kind == "nearest":
        _how_many(selection, f"{key}-n-{selection.n}")


def clear_all() -> None:
    """Take every filter away and let go of the selection."""
    state.update(filters=())
    state.clear_selection()


def filter_label(one: Filter) -> str:
    """A filter in a few words, as plain text."""
    if one.kind == "where":
        said = one.text
    elif one.kind == "contains":
        said = f"{one.column} contains “{one.text}”"
    elif one.kind == "between":
        said = _range_label(one)
    else:
        return _plain(_class_label(one))
    return _plain(f"not: {said}" if one.inverted else said)


def selection_label(selection: Selection, scene: Scene) -> str:
    """A selection in a few words, as plain text."""
    pool = scene.pool
    match selection.kind:
        case "cluster" if is_cluster(pool.hierarchy, selection.level, selection.cluster):
            return _plain(f"Cluster {pool.name(selection.level, selection.cluster)}")
        case "cluster":
            return "A cluster of another tree"
        case "area":
            n = len(selection.areas)
            return "Outline on the map" if n == 1 else f"{n} outlines on the map"
        case "items":
            return _plain(_items_label(selection.items, scene))
        case "nearest":
            return _plain(f"Nearest to {_example_label(selection, scene)}")
    return ""


def _class_label(one: Filter) -> str:
    names = [value or "empty" for value in one.values]
    if len(names) == 1 and names[0] in (one.column, f"not {one.column}"):  # a flag
        return names[0] if not one.inverted else f"not: {names[0]}"
    said = ", ".join(names) if len(names) <= 3 else f"one of {len(names):,}"
    return f"{one.column} is {'not ' if one.inverted else ''}{said}"


def _range_label(one: Filter) -> str:
    low, high = (None if end is None else f"{end:,.6g}" for end in (one.low, one.high))
    if low is not None and high is not None:
        return f"{one.column} {low} – {high}"
    if low is None and high is None:
        return f"{one.column} has a number"
    return f"{one.column} ≥ {low}" if high is None else f"{one.column} ≤ {high}"


def _items_label(items: tuple[str, ...], scene: Scene) -> str:
    if len(items) == 1:
        for row in rows_of(items, item_ids(scene.ws, scene.pool)).tolist():
            return scene.pool.captions[row] or "1 item"
    return show.count(len(items), "item")


def _example_label(selection: Selection, scene: Scene) -> str:
    if selection.text:
        return f"“{selection.text}”"
    return "your picture" if selection.image else _items_label(selection.items, scene)


def _matching(scene: Scene, key: str) -> None:
    kept = int(scene.matching.sum())
    st.markdown(f"**{kept:,}** of {scene.n:,} match", width="content")
    if scene.selection.kind != "none" and kept:
        label = f"Select all {kept:,}"
        st.button(label, key=f"{key}-all", type="tertiary", on_click=state.clear_selection, help=_ALL)


_ALL = "Lets go of the selection; actions then work on everything that matches."


def _how_many(selection: Selection, field: str) -> None:
    numbers = sorted({*_NUMBERS, selection.n})
    st.selectbox(
        "How many",
        numbers,
        index=numbers.index(selection.n),
        key=field,
        format_func=lambda n: f"{n:,} nearest",
        label_visibility="collapsed",
        width=140,
        on_change=lambda: state.select(replace(selection, n=int(state.widget(field)))),
    )


def _chip(label: str, key: str, help: str, on_click: Callable[..., None], *args: object) -> None:
    st.button(
        escaped(label) or "empty",
        key=key,
        help=help,
        icon=":material/close:",
        icon_position="right",
        on_click=on_click,
        args=args,
    )


def _plain(text: str) -> str:
    """One short line without characters that turn the direction of what follows."""
    shown = "".join(" " if character in _TURNING or ord(character) < 32 else character for character in text[:400])
    tidy = " ".join(shown.split())
    return tidy if len(tidy) <= _MOST else tidy[: _MOST - 1] + "…"


def _digest(one: Filter) -> str:
    return hashlib.blake2b(write_filters([one]).encode(errors="replace"), digest_size=8).hexdigest()


def _style(key: str) -> str:
    return (
        f".st-key-{key}-chips [data-testid=stBaseButton-secondary]"
        "{min-height:1.85rem;padding:0 .55rem 0 .7rem;border-radius:999px;max-width:26rem}"
        f".st-key-{key}-chips [data-testid=stBaseButton-tertiary]{{min-height:1.85rem}}"
        f".st-key-{key}-scroll{{overflow-x:auto;padding:2px;scrollbar-width:thin}}"  # room for the focus ring
        f".st-key-{key}-scroll>*{{flex:none}}"
        f".st-key-{key}-chips p{{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}"
        f".st-key-{key}-chips [data-testid=stSelectbox] div{{min-height:0;height:auto}}"
        f".st-key-{key}-chips [data-testid=stSelectbox] [role=group]{{height:1.85rem}}"
    )
