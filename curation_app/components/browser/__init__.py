"""A list of folders and files to click through, with the way back as a row of crumbs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """One line: its name, the path it stands for, whether it is a folder, and a note such as its size."""

    name: str
    path: str
    folder: bool
    note: str = ""


def browser(
    crumbs: Sequence[tuple[str, str]],
    entries: Sequence[Entry],
    *,
    picked: str,
    note: str,
    key: str,
    on_pick: Callable[[], None] = lambda: None,
) -> None:
    """Mount the list. crumbs: name and path, outermost first; picked: the path in use; note: what is not listed.

    The path that was clicked is in the component's state, see `picked_path`.
    """
    shown = [{"name": entry.name, "path": entry.path, "folder": entry.folder, "note": entry.note} for entry in entries]
    data = {"crumbs": [list(crumb) for crumb in crumbs], "entries": shown, "picked": picked, "note": note}
    _component()(key=key, data=data, default={"picked": None}, on_picked_change=on_pick)


def picked_path(value: Any) -> str:
    """The path that was clicked last, from the component's state; "" when there is none."""
    said = getattr(value, "picked", None) or {}
    return str(said.get("path", ""))


@cache
def _component() -> Any:
    css, js = ((_HERE / name).read_text(encoding="utf-8") for name in ("browser.css", "browser.js"))
    return st.components.v2.component("curation_browser", css=css, js=js)
