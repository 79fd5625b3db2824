"""The three doors by which data comes in: a bundled sample, a mounted root, an upload."""

from pathlib import Path

import streamlit as st

from curation_app import browse, earlier_uploads, places, preview, show, state, upload_limits, upload_store
from curation_app.boundary import escaped, show_error
from curation_app.components.browser import Entry, browser, picked_path
from curation_app.components.upload import upload
from curation_app.samples import SAMPLES, sample_path
from curation_app.source_settings import Chosen, look_again
from curation_core.errors import ConfigError, CurationError

_PATH, _ROOT, _LIST = "door-path", "door-root", "door-list"


def new_workspace() -> None:
    """Choose a source, look at it, name the workspace, ingest."""
    for column, door in zip(st.columns(3), (_sample_door, _folder_door, _upload_door), strict=True):
        with column.container(border=True, height="stretch"):
            door()
    if not state.app_state().source:
        return
    try:
        preview.look_and_ingest(chosen())
    except CurationError as error:  # a path with a typo must leave the doors usable
        show_error(error)


def chosen() -> Chosen:
    """What the chosen door leads to; raises ConfigError when it is not there any more."""
    door, *what = state.app_state().source
    if door == "sample":
        column = next((sample.text_column for sample in SAMPLES if sample.file == what[0]), None)
        return Chosen(str(sample_path(what[0])), {"text_column": column} if column else {})
    if door == "folder":
        return Chosen(places.source_below(what[0], what[1]), {}, root=what[0])
    return Chosen(str(upload_store.source(what[0])))


def _sample_door() -> None:
    st.markdown(":material/category: **A bundled sample**")
    st.caption("Ready without a network; the quickest way to see what this does.")
    for sample in SAMPLES:
        st.button(
            sample.title,
            key=f"sample-{sample.file}",
            width="stretch",
            on_click=state.choose_source,
            args=("sample", sample.file),
        )
        st.caption(sample.description)


def _folder_door() -> None:
    st.markdown(":material/folder_open: **A mounted folder**")
    known = places.roots()
    if not known:
        st.caption("No folder is mounted. Start the server with a root to read data of any size in place:")
        st.code("curate app --root photos=/data/photos", language=None, wrap_lines=True)
        return
    st.caption("For data of any size: read in place, never copied.")
    root = st.selectbox("Root", list(known), key=_ROOT, on_change=_go_to, args=("",)) or ""
    relative = st.text_input(
        "Path below it", key=_PATH, placeholder="a folder, a zip, a table or a .npy file; empty: the root itself"
    )
    place = known[root]
    if isinstance(place, Path):
        _look_around(root, place, relative or "")
    st.button(
        "Look inside",
        key="door-look",
        icon=":material/visibility:",
        on_click=_look_inside,
        args=(root, relative or "."),
    )


def _look_inside(root: str, relative: str) -> None:
    look_again()
    state.choose_source("folder", root, relative)


def _look_around(root: str, place: Path, relative: str) -> None:
    """The folder that the path is in, to click through, and what the path holds."""
    try:
        path = places.below_root(root, relative)
    except ConfigError as error:
        st.caption(f":material/error: {escaped(error)}")
        return
    folder = path if path.is_dir() else path.parent
    found = browse.listing(place, folder)
    inside = folder.relative_to(place).parts
    crumbs = [(root, ""), *((name, "/".join(inside[: n + 1])) for n, name in enumerate(inside))]
    entries = [Entry(name, "/".join((*inside, name)), True) for name in found.folders]
    entries += [Entry(name, "/".join((*inside, name)), False, show.file_size(size)) for name, size in found.files]
    note = f"{found.more:,} more{'' if found.whole else ' at least'}: type the path" if found.more else ""
    if not entries:
        note = "Nothing to choose in here."
    picked = "" if path == folder else path.relative_to(place).as_posix()
    browser(crumbs, entries, picked=picked, note=note, key=_LIST, on_pick=_pick)
    st.caption(f"**{escaped(path.name)}**: {escaped(_holds(str(path), path.stat().st_mtime_ns))}")


@st.cache_data(ttl=60, max_entries=256, show_spinner=False)
def _holds(path: str, stamp: int) -> str:  # noqa: ARG001 - the stamp is part of the cache's key
    return browse.holds(Path(path))


def _pick() -> None:
    _go_to(picked_path(state.widget(_LIST)))


def _go_to(relative: str) -> None:
    state.set_widget(_PATH, relative)


def _upload_door() -> None:
    st.markdown(":material/upload: **An upload**")
    limits = upload_limits.limits()
    if not limits.max_upload:
        st.caption("Uploads are off on this server. Mount a folder to read data in place.")
        return
    st.caption("Sent in pieces and kept on this server's disk; an interrupted upload goes on where it stopped.")
    upload_id, number = upload(limits, key="door-upload")
    if upload_id and state.is_news(number):
        state.choose_source("upload", upload_id)
    earlier_uploads.earlier_uploads()
    with st.expander("More than that? Mount it", type="compact", key="door-mount"):
        st.caption("Nothing is copied then, and there is no limit. On the machine that has the data:")
        st.code("curate app --root mydata=/path/to/data", language=None, wrap_lines=True)
