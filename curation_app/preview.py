"""A source before it is read: what was understood, its first items, its columns; all of it can be corrected."""

from pathlib import Path
from typing import Any, get_args

import streamlit as st

from curation_app import glimpses, places, show, state
from curation_app.boundary import escaped, show_error
from curation_app.navigation import go
from curation_app.source_settings import Chosen, look, source_config, source_stamp
from curation_core import jobs
from curation_core.config import ColumnType, IngestConfig
from curation_core.errors import CurationError
from curation_core.sources import SourcePreview
from curation_core.workspace import Workspace

_MEANINGS = get_args(ColumnType)


def look_and_ingest(chosen: Chosen) -> None:
    """Show what a source holds, let a person correct it, and start reading it."""
    with st.container(border=True, key="preview"):
        head, settings, looks = st.container(), st.container(), st.container()
        config = source_config(chosen, settings)
        try:
            seen = look(config)
        except CurationError as error:
            with head:
                show_error(error)
            return
        with head:
            _headline(chosen.source, seen)
            action = st.container()  # in sight without scrolling; filled when the columns are known
            blur = _blur_switch(seen)
        with looks:
            _first_items(config, seen, blur)
            config = config.model_copy(update={"column_types": _columns(config, seen)})
        with action:
            try:
                look(config)  # do the values fit what they are said to mean?
            except CurationError as error:
                show_error(error)
                return
            _name_and_start(config, seen, blur)


def _headline(source: str, seen: SourcePreview) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(escaped(source.rstrip("/").rsplit("/", 1)[-1]), anchor=False, width="content")
        noun = _noun(seen)
        st.badge(f"{seen.n_items:,} {noun.removesuffix('s') if seen.n_items == 1 else noun}", color="blue")
        if seen.columns:
            st.badge(show.count(len(seen.columns), "column"), color="gray")
    if seen.unmatched_rows:
        st.caption(f":material/warning: {seen.unmatched_rows:,} rows of metadata name no item.")


def _noun(seen: SourcePreview) -> str:
    cut = {"scene", "tile_row", "tile_column"} <= {column.name for column in seen.columns}
    return "tiles" if cut else "texts" if seen.kind == "text" else escaped(seen.kind)


def _blur_switch(seen: SourcePreview) -> bool:
    if seen.modality != "image":
        return False
    return st.toggle(
        "Blur faces before anything is shown",
        key="door-blur",
        help="Faces are found and blurred in every thumbnail and copied export; the source itself is never changed.",
    )


def _first_items(config: IngestConfig, seen: SourcePreview, blur: bool) -> None:
    if blur:
        st.caption(":material/visibility_off: The first pictures are shown after their faces are blurred.")
        return
    try:
        found = _glimpses(config.model_dump_json(), source_stamp(config), seen.modality)
    except CurationError as error:  # one unreadable start must not hide the rest
        st.caption(f":material/warning: {escaped(error)}")
        return
    if found:
        st.html(glimpses.as_html(found))


def _columns(config: IngestConfig, seen: SourcePreview) -> dict[str, ColumnType]:
    """The table of columns; returns the meanings that a person changed."""
    if not seen.columns:
        st.caption("No columns come with it; balancing works on the tree alone.")
        return {}
    found = [column.meaning for column in seen.columns]
    shown: dict[str, list[Any]] = {
        "column": [column.name for column in seen.columns],
        "meaning": found,
        "type": [column.type for column in seen.columns],
        "examples": [", ".join(column.examples[:3]) for column in seen.columns],
        "distinct": [column.n_distinct for column in seen.columns],
        "missing": [column.n_missing for column in seen.columns],
    }
    edited: Any = st.data_editor(
        shown,
        hide_index=True,
        disabled=[name for name in shown if name != "meaning"],
        column_config={
            "meaning": st.column_config.SelectboxColumn(
                "means", options=_MEANINGS, required=True, help="What the values stand for; click to correct it."
            ),
            "examples": st.column_config.TextColumn(width="large"),
        },
        key=f"preview-columns-{config.source}-{'/'.join(shown['column'])}",  # other columns, other corrections
        height="auto" if len(found) < 9 else 320,
        alt="Columns of the source with their meaning, type and examples.",
    )
    said = list(edited["meaning"])
    return {column.name: new for column, old, new in zip(seen.columns, found, said, strict=True) if new != old}


def _name_and_start(config: IngestConfig, seen: SourcePreview, blur: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = Path(config.source.rstrip("/")).stem
        name = st.text_input("Name of the workspace", free_name(wanted), key=f"name-{config.source}", width=260)
        pressed = _ingest_button(seen)
        onward = st.toggle("then embed, cluster and lay out the map", value=True, key="door-onward")
    if pressed:
        start(config, name, blur=blur, onward=onward)
        go("overview")


def _ingest_button(seen: SourcePreview) -> bool:
    label = f"Ingest {show.count(seen.n_items, 'item')}"
    return st.button(label, type="primary", icon=":material/play_arrow:", key="ingest")


def start(config: IngestConfig, name: str, *, blur: bool, onward: bool) -> None:
    """Make the workspace and start reading its source; raises ConfigError when the name or a setting is wrong."""
    given = config.model_dump(exclude={"source"}, exclude_defaults=True)
    ws = Workspace.init(places.new_workspace_path(name), config.source, **given)
    if blur:
        ws.configure(faces={"blur": True})  # before the first thumbnail is made
    jobs.start(ws.path, "run" if onward else "ingest")
    state.use_workspace(ws.path.name)
    state.say(f"Workspace {name} is made; its items are being read.")


def free_name(wanted: str) -> str:
    """A name for a new workspace: the source's own, plain, with a number where it is taken."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in wanted)
    base = plain.strip("._-")[:60] or "workspace"
    taken = set(places.workspace_names())
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 1_000))) if name not in taken)


@st.cache_resource(max_entries=16, ttl=600, show_spinner=False)
def _glimpses(config: str, stamp: int, modality: str) -> tuple[glimpses.Glimpse, ...]:  # noqa: ARG001 - the stamp is part of the cache's key
    return glimpses.first_items(IngestConfig.model_validate_json(config), modality)
