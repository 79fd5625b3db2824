"""The door for uploads: files, folders and archives, sent in chunks, paused, resumed and retried by the browser.

The bytes go to our own routes, never through the socket; Python only hears the id of an upload that is whole.
"""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from curation_app import upload_names, upload_store, uploads
from curation_app.upload_limits import Limits

_HERE = Path(__file__).resolve().parent


def upload_data(limits: Limits) -> dict[str, Any]:
    """What the browser gets: where to send, what is taken, and the token that says the request comes from our page."""
    return {
        "url": "/api/uploads",
        "token": uploads.issue_token(),
        "token_header": uploads.TOKEN,
        "checksum_header": uploads.CHECKSUM,
        "chunk": upload_store.CHUNK,
        "max_upload": limits.max_upload,
        "max_files": limits.max_files,
        "suffixes": upload_names.TAKEN,
    }


def upload(limits: Limits, *, key: str) -> tuple[str, int]:
    """Mount the door; returns id and number of the upload that was finished or chosen last, ("", 0) before.

    The number grows with every report of the browser, so that the same upload can be chosen again.
    """
    result = _component()(
        key=key, data=upload_data(limits), default={"finished": None}, on_finished_change=lambda: None
    )
    said = result.finished or {}
    return str(said.get("id", "")), int(said.get("seq", 0))


@cache
def _component() -> Any:
    css, js = ((_HERE / name).read_text(encoding="utf-8") for name in ("upload.css", "upload.js"))
    return st.components.v2.component("curation_upload", css=css, js=js)
