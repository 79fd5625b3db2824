"""The three doors by which data comes in: a bundled sample, a folder below a mounted root, a small upload."""

import uuid
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from curation_app import places, show, state
from curation_app.boundary import escaped, show_error
from curation_app.navigation import go
from curation_app.samples import SAMPLES, sample_path
from curation_core import jobs, sources
from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, CurationError
from curation_core.sources import SourcePreview
from curation_core.workspace import Workspace

UPLOAD_MB = 500
SUFFIXES = ["zip", "csv", "jsonl", "parquet", "npy"]


def new_workspace() -> None:
    """Choose a source, look at it, name the workspace, ingest."""
    for column, door in zip(st.columns(3), (_sample_door, _folder_door, _upload_door), strict=True):
        with column.container(border=True, height="stretch"):
            door()
    if not state.app_state().source:
        return
    try:
        _look_and_ingest()
    except CurationError as error:  # a path with a typo must leave the doors usable
        show_error(error)


def _sample_door() -> None:
    st.markdown(":material/category: **A bundled sample**")
    st.caption("Ready without a network; the quickest way to see what this does.")
    for sample in SAMPLES:
        st.button(
            sample.title,
            key=f"sample-{sample.file}",
            help=sample.description,
            width="stretch",
            on_click=state.choose_source,
            args=("sample", sample.file),
        )


def _folder_door() -> None:
    st.markdown(":material/folder_open: **A mounted folder**")
    known = list(places.roots())
    if not known:
        st.caption("No folder is mounted. Start the server with a root to read data of any size in place:")
        st.code("curate app --root photos=/data/photos", language=None, wrap_lines=True)
        return
    st.caption("For data of any size: read in place, never copied.")
    root = st.selectbox("Root", known, key="door-root")
    relative = st.text_input(
        "Path below it", key="door-path", placeholder="a folder, a zip, a table or a .npy file; empty: the root itself"
    )
    st.button(
        "Look inside",
        key="door-look",
        icon=":material/visibility:",
        on_click=state.choose_source,
        args=("folder", root or "", relative or "."),
    )


def _upload_door() -> None:
    st.markdown(":material/upload: **An upload**")
    st.caption(f"For small data: up to {UPLOAD_MB} MB passes through memory. Mount a folder for more.")
    file = st.file_uploader(
        "A zip of pictures, a table of texts, or vectors", SUFFIXES, max_upload_size=UPLOAD_MB, key="door-upload"
    )
    if file is not None and st.button("Use this file", key="door-use-upload", icon=":material/visibility:"):
        state.choose_source("upload", str(_stored(file.name, file.getvalue())))
        st.rerun()


def _stored(name: str, data: bytes) -> Path:
    """Keep an upload beside the workspaces, in a folder of its own; its name is used only where it is harmless."""
    wanted = PurePosixPath(name.replace("\\", "/")).name
    safe = wanted if places.valid_name(wanted) else f"upload.{wanted.rsplit('.', 1)[-1].lower()}"
    folder = places.workspaces_folder() / ".uploads" / uuid.uuid4().hex[:12]
    folder.mkdir(parents=True)
    (folder / safe).write_bytes(data)
    return folder / safe


def _chosen() -> tuple[Path, dict[str, Any]]:
    """Path and fixed options of the chosen door."""
    door, *rest = state.app_state().source
    if door == "sample":
        column = next((s.text_column for s in SAMPLES if s.file == rest[0]), None)
        return sample_path(rest[0]), {"text_column": column} if column else {}
    if door == "folder":
        return places.below_root(rest[0], rest[1]), {}
    path = Path(rest[0])
    if not path.resolve().is_relative_to(places.workspaces_folder() / ".uploads") or not path.is_file():
        raise ConfigError("the upload is not there any more; upload it again")
    return path, {}


def _look_and_ingest() -> None:
    path, options = _chosen()
    with st.container(border=True, key="preview"):
        try:
            config = IngestConfig(source=str(path), **options)
            seen = sources.preview(config)
        except ConfigError as error:
            show_error(error)
            chosen = _choose_columns(path, options)
            if chosen is None:
                return
            config, seen = chosen, sources.preview(chosen)
        _show_preview(path, seen)
        _name_and_start(config, seen)


def _choose_columns(path: Path, options: dict[str, Any]) -> IngestConfig | None:
    """Ask for what cannot be guessed: which column holds the text or the vectors."""
    if path.suffix.lower() not in (".csv", ".jsonl", ".parquet"):
        return None
    kind = st.segmented_control(
        "What does the table hold?", ["text", "vectors"], default="text", key="preview-kind", required=True
    )
    column = st.text_input("Name of that column", key="preview-column")
    if not column:
        return None
    return IngestConfig(
        source=str(path), **{**options, "kind": kind, f"{'text' if kind == 'text' else 'vector'}_column": column}
    )


def _show_preview(path: Path, seen: SourcePreview) -> None:
    st.markdown(f"**{escaped(path.name)}** · {seen.n_items:,} {escaped(seen.kind)}")
    if seen.names:
        st.text("First: " + ", ".join(seen.names))
    if seen.columns:
        shown = {
            "column": [c.name for c in seen.columns],
            "type": [c.type for c in seen.columns],
            "examples": [", ".join(c.examples[:3]) for c in seen.columns],
        }
        show.table(shown, key="preview-columns")
    else:
        st.caption("No columns come with it; balancing works on the tree alone.")
    if seen.unmatched_rows:
        st.caption(f":material/warning: {seen.unmatched_rows:,} rows of metadata name no item.")


def _name_and_start(config: IngestConfig, seen: SourcePreview) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the workspace", _free_name(Path(config.source).stem), key=f"name-{config.source}", width=260
        )
        onward = st.toggle("then embed, cluster and lay out the map", value=True, key="door-onward")
    if st.button(f"Ingest {seen.n_items:,} items", type="primary", icon=":material/play_arrow:", key="ingest"):
        given = config.model_dump(exclude={"source"}, exclude_none=True)
        ws = Workspace.init(places.new_workspace_path(name), config.source, **given)
        jobs.start(ws.path, "run" if onward else "ingest")
        state.use_workspace(ws.path.name)
        state.say(f"Workspace {name} is made; its items are being read.")
        go("overview")


def _free_name(wanted: str) -> str:
    base = (
        "".join(
            letter if (letter.isalnum() and letter.isascii()) or letter in "._-" else "-" for letter in wanted
        ).lstrip("._-")[:60]
        or "workspace"
    )
    taken = set(places.workspace_names())
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 1_000))) if name not in taken)
