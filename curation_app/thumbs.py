"""Which thumbnail may be shown now, and under which address: one that was fetched before blurring is never seen after.

An address holds a version of everything that decides what thumbnails show. A browser may keep what it got under the
version of the moment for good; under any other it gets what is right now and keeps nothing. Where faces are to be
blurred, a thumbnail leaves only when it is known to be as it should: its content was searched, and what is blurred in
it is what settings and people's words ask for now.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow.compute as pc
import streamlit as st

from curation_app import loaders
from curation_app.places import workspace_path
from curation_core.artifacts import read_table
from curation_core.config import FacesConfig
from curation_core.errors import CurationError
from curation_core.face_corrections import Correction, fold, judged
from curation_core.face_results import Faces, make_faces, read_faces
from curation_core.face_thumbnails import is_current
from curation_core.thumbnails import thumbnail_path
from curation_core.workspace import Workspace

PLAIN = "0"  # the version of thumbnails where nothing is blurred
_NAMED = 16  # leading hex digits of a content hash, 64 bits, by which contents are looked up


@dataclass(frozen=True)
class Shown:
    """A thumbnail's bytes. settled: they stay what they are for as long as the version does."""

    data: bytes
    settled: bool


def thumbs_prefix(workspace: str) -> str:
    """Where a workspace's thumbnails lie now for a browser: this, then a content hash, then ".webp"."""
    return f"/api/thumb/{quote(workspace, safe='')}/{version(workspace)}/"


def version(workspace: str) -> str:
    """Names the state of a workspace's thumbnails; PLAIN where faces are not blurred, or there is no such workspace."""
    try:
        folder = workspace_path(workspace)
        config = _config(folder)
    except CurationError:
        return PLAIN
    if not config.blur:
        return PLAIN
    ws = Workspace(folder)
    made_of = f"{config.model_dump_json()} {_search(folder)} {ws.face_corrections.version()} {_written(folder)}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def shown_thumbnail(folder: Path, digest: str) -> Shown | None:
    """The thumbnail of a content in a workspace folder; None where there is none, or it may not be shown now."""
    try:
        return _shown(folder, digest, _config(folder))
    except (OSError, CurationError):  # gone, or nobody can say what it shows
        return None


def _shown(folder: Path, digest: str, config: FacesConfig) -> Shown | None:
    thumbnails = folder / "thumbnails"
    path = thumbnail_path(thumbnails, digest)
    if not path.resolve().is_relative_to(thumbnails.resolve()):
        return None
    is_blurred = path.with_suffix(".blurred").exists()
    if not config.blur:  # one that is still blurred will be written anew
        return _read(path, settled=not is_blurred)
    searched = _searched_in(folder)
    faces = None if searched is None or searched.floor > config.threshold else searched.faces_of(digest)
    if faces is None:  # a blurred one shows no face; of a plain one nobody can tell
        return _read(path, settled=False) if is_blurred else None
    if is_current(thumbnails, digest, faces, config):
        return _read(path, settled=True)
    return None if len(faces.above(config.threshold)) else _read(path, settled=False)


def _read(path: Path, *, settled: bool) -> Shown | None:
    data = path.read_bytes()
    return Shown(data, settled) if data else None


# ---- what was searched


@dataclass(frozen=True)
class _Searched:
    """Contents that were searched for faces. names: (c,) S16, ascending; rows: (c,) of the search.

    floor: lowest score that was kept. standing: people's words by content.
    """

    names: np.ndarray
    rows: np.ndarray
    floor: float
    faces: Faces
    standing: Mapping[str, Sequence[Correction]]

    def faces_of(self, digest: str) -> Faces | None:
        """Detections in a content with people's verdicts; None when it was not searched."""
        name = np.bytes_(digest[:_NAMED].encode())
        place = int(np.searchsorted(self.names, name))
        if place == len(self.names) or self.names[place] != name:
            return None
        found = self.faces.of(int(self.rows[place]))
        if digest not in self.standing:
            return found
        said = judged(found, self.standing[digest])
        return make_faces(said.row, said.box, said.score, said.verdict)


def _searched_in(folder: Path) -> _Searched | None:
    search = _search(folder)
    return _searched(str(folder), search, Workspace(folder).face_corrections.version()) if search else None


@st.cache_resource(max_entries=4, show_spinner=False)
def _searched(path: str, search: str, version: int) -> _Searched:  # noqa: ARG001 - the version is the cache's key
    ws = Workspace(path)
    folder = ws.store.folder("faces", search)
    table = read_table(folder / "searched.parquet")
    names = np.asarray(pc.utf8_slice_codeunits(table.column("content_hash"), 0, _NAMED), dtype=f"S{_NAMED}")
    order = np.argsort(names)
    rows = table.column("row").to_numpy()
    floor = float((table.schema.metadata or {}).get(b"floor", b"inf"))
    return _Searched(names[order], rows[order], floor, read_faces(folder), fold(ws.face_corrections.read()))


def _search(folder: Path) -> str:
    """The key of the search for faces that holds now, else of the newest: it knows contents that are still here."""
    now = loaders.check(Workspace(folder), "faces")
    if now.state == "done":
        return now.key
    found = [
        (path.stat().st_mtime_ns, path.parent.name) for path in (folder / "steps" / "faces").glob("[0-9a-f]*/meta.json")
    ]
    return max(found)[1] if found else ""


def _written(folder: Path) -> int:
    """When a thumbnail was written or removed last, in ns; writing one changes the time of its folder."""
    try:
        with os.scandir(folder / "thumbnails") as found:
            return max((entry.stat().st_mtime_ns for entry in found), default=0)
    except OSError:
        return 0


# ---- settings


def _config(folder: Path) -> FacesConfig:
    told = (folder / "workspace.toml").stat()
    return _config_of(folder, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=64)
def _config_of(folder: Path, changed: int, size: int) -> FacesConfig:  # noqa: ARG001 - they are the cache's key
    return Workspace(folder).settings.faces
