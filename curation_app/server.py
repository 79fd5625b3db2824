"""Build the ASGI app and run it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from curation_app.boundary import show_error
from curation_app.late_timers import guard as keep_clicks
from curation_app.places import ALLOW_HTTP, ROOTS, WORKSPACES, parse_root, streamlit_options
from curation_app.routes import routes
from curation_app.upload_limits import MAX_UPLOAD, limits, parse_size
from curation_app.upload_store import remove_stale

SCRIPT = Path(__file__).resolve().parent / "entry" / "script.py"
LOOPBACK = ("127.0.0.1", "localhost")


def build(address: str = "") -> st.App:
    """The app over the shell, with thumbnails and downloads served by the same process.

    On a loopback address it answers to this machine's names only, so that a page elsewhere cannot reach it through a
    name of its own that it points here.
    """
    keep_clicks()
    guard = [Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))] if address in LOOPBACK else []
    return st.App(SCRIPT, routes=routes(), middleware=guard, on_script_error=show_error)


def prepare(workspaces: Path, roots: Sequence[str], *, max_upload: str | None = None, allow_http: bool = False) -> None:
    """Tell this process which folders may be used and how much may be uploaded (20GB; 0: nothing).

    Raises ConfigError for a root that must not be mounted and for a size that is none.
    """
    if max_upload is not None:
        os.environ[MAX_UPLOAD] = str(parse_size(max_upload))
    if allow_http:
        os.environ[ALLOW_HTTP] = "1"
    limits()  # a wrong size in the environment is said now, not when someone uploads
    asked = roots or os.environ.get(ROOTS, "").splitlines()
    named = [f"{name}={path}" for name, path in map(parse_root, asked)]
    workspaces.mkdir(parents=True, exist_ok=True)
    os.environ[WORKSPACES] = str(workspaces.resolve())
    os.environ[ROOTS] = "\n".join(named)
    remove_stale()


def options(port: int, address: str, headless: bool) -> Mapping[str, Any]:
    """Streamlit's options: the app's config.toml, then what was asked for on the command line."""
    asked = {"server.port": port, "server.address": address, "server.headless": headless}
    return {**streamlit_options(), **asked}
