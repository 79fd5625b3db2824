"""Buttons that save a chart of the page as PNG or SVG: the browser has it already, the server sends nothing."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).resolve().parent


def save(chart: str, file: str, *, key: str) -> None:
    """Mount the buttons. chart: the key that the chart was drawn with. file: a name without its ending."""
    _component()(key=key, data={"chart": chart, "file": file})


@cache
def _component() -> Any:
    css, js = ((_HERE / name).read_text(encoding="utf-8") for name in ("save.css", "save.js"))
    return st.components.v2.component("curation_save", css=css, js=js)
