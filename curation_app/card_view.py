"""The dataset card on the Export page: what only people know, a look at the finished card, and the lines that load."""

import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote

import streamlit as st

from curation_app import loaders, state
from curation_app.forms import bounds, label_of
from curation_core.card_config import PEOPLE_SAY, CardConfig
from curation_core.card_words import load_lines
from curation_core.footprints import place_columns
from curation_core.workspace import Workspace

_LONG = 1_000  # characters from which a field is an area
_GROUPS = {
    "About": ("title", "description", "motivation", "collection"),
    "Use": ("intended_use", "out_of_scope", "social_impact", "limitations"),
    "Terms": ("license", "creator", "creator_type", "url", "citation", "version", "published", "maintenance"),
    "Shown": ("pictures",),
}
_TILES = ("spatial_resolution", "band_names")


def form(ws: Workspace) -> None:
    """What stands in the cards of all exports from now on; one button keeps it."""
    said = ws.settings.card
    blank = sum(not getattr(said, name) for name in PEOPLE_SAY)
    title = f"Dataset card · {blank} of {len(PEOPLE_SAY)} to fill in" if blank else "Dataset card · filled in"
    with (
        st.expander(title, icon=":material/description:", key=f"card-{ws.path.name}"),
        st.form(f"card-form-{ws.path.name}", border=False),
    ):
        st.caption("Only people know this. What is empty stands in the card as a blank with its name.")
        values: dict[str, Any] = {}
        groups = {**_GROUPS, "Tiles": _TILES} if _has_places(ws) else _GROUPS
        for tab, names in zip(st.tabs(list(groups)), groups.values(), strict=True):
            with tab:
                for name in names:
                    values[name] = _field(name, getattr(said, name), key=f"card-{ws.path.name}-{name}")
        if st.form_submit_button("Keep", icon=":material/check:"):
            ws.card(**values)
            state.say("Kept. The next export's card says it.")
            st.rerun()


def open_card(ws: Workspace, folder: Path) -> None:
    """A button that opens the card of a finished export in a tab of its own."""
    if (folder / "card.html").is_file():
        address = f"/api/card/{quote(ws.path.name)}/{quote(folder.name)}"
        st.link_button("Open the card", address, icon=":material/description:")


def load_it(folder: Path) -> None:
    """The lines that load a finished export, where its folder lies beside them."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except ValueError:
        return  # the checks above name the file
    files = {path.name + ("/" if path.is_dir() else ""): 0 for path in folder.iterdir()}
    for lines in load_lines(
        folder.name, run.get("modality", "image"), files, has_splits="split" in run.get("columns", {})
    ):
        st.code(lines, language="python", wrap_lines=True)


def _field(name: str, value: Any, *, key: str) -> Any:
    """The widget that fits a field of the card."""
    info = CardConfig.model_fields[name]
    label, about, annotation = label_of(name), info.description, info.annotation
    if get_origin(annotation) is Literal:
        choices = list(get_args(annotation))
        return st.segmented_control(label, choices, default=value, required=True, help=about, key=key)
    if annotation is int:
        low, high = bounds(info)
        return int(st.number_input(label, int(low or 0), int(high or 100), value, help=about, key=key))
    if get_origin(annotation) is tuple:
        text = st.text_input(label, ", ".join(value), help=about, key=key)
        return tuple(part.strip() for part in text.split(",") if part.strip())
    most = next((rule.max_length for rule in info.metadata if hasattr(rule, "max_length")), None)
    if most is not None and most > _LONG:
        return st.text_area(label, value, max_chars=most, height=80, help=about, key=key)
    return st.text_input(label, value, max_chars=most, help=about, key=key)


def _has_places(ws: Workspace) -> bool:
    items = loaders.catalog(ws)
    return items.modality == "image" and place_columns(items) is not None
