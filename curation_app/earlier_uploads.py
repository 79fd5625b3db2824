"""Uploads that are there already: use one again, or remove one that no workspace reads."""

import contextlib
import tomllib
from pathlib import Path

import streamlit as st

from curation_app import places, show, state, upload_store
from curation_app.boundary import escaped
from curation_app.upload_store import Upload

_KEY = "earlier-upload"
_MOST = 50  # listed, newest first


def earlier_uploads() -> None:
    """A list of finished uploads with what can be done about them; nothing where there is none."""
    found = {upload.id: upload for upload in upload_store.finished()[:_MOST]}
    if not found:
        return
    readers = used_by()
    with st.expander(f"Earlier uploads: {len(found)}", type="compact", key="earlier"):
        chosen = st.selectbox("Upload", list(found), format_func=lambda name: _said(found[name], readers), key=_KEY)
        upload = found[chosen or next(iter(found))]
        names = readers.get(upload.id, [])
        with st.container(horizontal=True):
            show.act("Look inside", "earlier-use", "visibility", state.choose_source, "upload", upload.id)
            show.act(
                f"Remove {show.file_size(upload.total)}",
                "earlier-remove",
                "delete",
                _remove,
                upload,
                disabled=bool(names),
                help=f"Read by the workspace {escaped(', '.join(names))}." if names else "Its files are deleted.",
            )


def used_by() -> dict[str, list[str]]:
    """Names of the workspaces that read each upload, by the upload's id."""
    folder, found = upload_store.uploads_folder(), dict[str, list[str]]()
    for name in places.workspace_names():
        with contextlib.suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            settings = tomllib.loads((places.workspaces_folder() / name / "workspace.toml").read_text())
            for place in map(str, (settings.get("ingest") or {}).values()):
                if Path(place).is_relative_to(folder):
                    found.setdefault(Path(place).relative_to(folder).parts[0], []).append(name)
    return found


def _remove(upload: Upload) -> None:
    if upload.id in used_by():  # a workspace was made from it since the button was drawn
        return
    upload_store.remove(upload)
    if state.app_state().source == ("upload", upload.id):
        state.update(source=())
    state.say(f"Removed {upload.files[0].path.partition('/')[0]}.")


def _said(upload: Upload, readers: dict[str, list[str]]) -> str:
    name = upload.files[0].path.partition("/")[0]
    used = f" · read by {', '.join(readers[upload.id])}" if upload.id in readers else ""
    return f"{name} · {show.count(len(upload.files), 'file')} · {show.file_size(upload.total)}{used}"
