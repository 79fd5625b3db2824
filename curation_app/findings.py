"""Cached results of the checks (duplicates, quality, faces), keyed by artefact and by what people said since."""

import base64
import io

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import loaders
from curation_core.face_results import Faces
from curation_core.grouping import NearDuplicates
from curation_core.personal import scan
from curation_core.workspace import Workspace


def pairs(ws: Workspace) -> NearDuplicates | None:
    """All near-duplicates that were looked for, down to the floor; None before they were."""
    found = loaders.check(ws, "duplicates")
    return _pairs(str(ws.path), found.key) if found.state == "done" else None


def groups(ws: Workspace, threshold: float) -> NearDuplicates | None:
    """Near-duplicates grouped at a threshold."""
    found = loaders.check(ws, "duplicates")
    return _groups(str(ws.path), found.key, threshold) if found.state == "done" else None


def tree_rows(ws: Workspace) -> np.ndarray:
    """The catalog row of every vector, (m,)."""
    return _rows(str(ws.path), loaders.key_of(ws, "embed"))


def scores(ws: Workspace) -> pa.Table:
    """Every score there is as a column, n rows of the catalog; without columns before `quality`."""
    keys = [found.key for name in ("quality", "outliers") if (found := loaders.check(ws, name)).state == "done"]
    return _scores(str(ws.path), "-".join(keys)) if keys else pa.table({})


def personal(ws: Workspace) -> dict[str, int]:
    """How many mail addresses, phone numbers and so on the texts hold, by kind; `texts` counts the texts that do."""
    return _personal(str(ws.path), loaders.key_of(ws, "ingest"))


def faces(ws: Workspace) -> Faces | None:
    """All detections with people's words on them; None before faces were looked for."""
    found = loaders.check(ws, "faces")
    return _faces(str(ws.path), found.key, ws.face_corrections.version()) if found.state == "done" else None


def face_crops(ws: Workspace, shown: Faces) -> list[str]:
    """What each detection shows, cut from its original: WebP in base64."""
    wanted = tuple(zip(shown.row.tolist(), map(tuple, shown.box.round(5).tolist()), strict=True))
    return _crops(str(ws.path), loaders.key_of(ws, "ingest"), wanted, shown)


@st.cache_resource(max_entries=4, show_spinner=False)
def _pairs(path: str, key: str) -> NearDuplicates:  # noqa: ARG001 - the key is the cache's key, here and below
    return Workspace(path).near_duplicate_pairs()


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(path: str, key: str) -> np.ndarray:  # noqa: ARG001
    return np.asarray(Workspace(path).embeddings().rows)


@st.cache_resource(max_entries=32, show_spinner=False)
def _groups(path: str, key: str, threshold: float) -> NearDuplicates:
    found = _pairs(path, key)
    return found.at(max(threshold, found.threshold))


@st.cache_resource(max_entries=4, show_spinner=False)
def _scores(path: str, keys: str) -> pa.Table:  # noqa: ARG001
    return Workspace(path).scores()


@st.cache_resource(max_entries=4, show_spinner="Looking for personal data")
def _personal(path: str, key: str) -> dict[str, int]:  # noqa: ARG001
    found = scan(Workspace(path).catalog().text)
    counts = {kind: found.column(kind).to_numpy() for kind in found.column_names}
    held = {kind: int(column.sum()) for kind, column in counts.items() if column.any()}
    return {"texts": int(sum(counts.values()).astype(bool).sum()), **held} if held else {}


@st.cache_resource(max_entries=4, show_spinner=False)
def _faces(path: str, key: str, version: int) -> Faces:  # noqa: ARG001
    return Workspace(path).detected_faces()


@st.cache_resource(max_entries=2, show_spinner="Cutting out faces")
def _crops(path: str, key: str, wanted: tuple[object, ...], _shown: Faces) -> list[str]:  # noqa: ARG001
    made = []
    for crop in Workspace(path).face_crops(_shown):
        data = io.BytesIO()
        crop.save(data, "WEBP", quality=80, method=0)
        made.append(base64.b64encode(data.getvalue()).decode())
    return made
