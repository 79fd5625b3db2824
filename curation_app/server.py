"""Build the ASGI app and run it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from curation_app.boundary import show_error
from curation_app.places import ROOTS, WORKSPACES, parse_root, streamlit_options
from curation_app.routes import routes

_SHELL = Path(__file__).resolve().parent / "shell.py"


def build() -> st.App:
    """The app over shell.py, with thumbnails and downloads served by the same process."""
    return st.App(_SHELL, routes=routes(), on_script_error=show_error)


def prepare(workspaces: Path, roots: Sequence[str]) -> None:
    """Tell this process which folders may be used; raises ConfigError for a root that must not be mounted."""
    named = [f"{name}={path}" for name, path in map(parse_root, roots)]
    workspaces.mkdir(parents=True, exist_ok=True)
    os.environ[WORKSPACES] = str(workspaces.resolve())
    os.environ[ROOTS] = "\n".join(named)


def options(port: int, address: str, headless: bool) -> Mapping[str, Any]:
    """Streamlit's options: the app's config.toml, then what was asked for on the command line."""
    asked = {"server.port": port, "server.address": address, "server.headless": headless}
    return {**streamlit_options(), **asked}


app = build()
