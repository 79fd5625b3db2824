"""Search by a picture that is dropped in: decoded apart, embedded like the items, its vector kept for later links."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from curation_app import loaders, meaning, state
from curation_app.boundary import escaped
from curation_app.scene import Scene
from curation_core.artifacts import read_array, write_array
from curation_core.config import Preset
from curation_core.decoding import decode_apart
from curation_core.errors import ConfigError, CurationError, StaleArtifact
from curation_core.query_vectors import preparing
from curation_core.selection import Selection
from curation_core.sources import PAYLOAD_SIDE
from curation_core.workspace import Workspace

MOST_MEGABYTES = 10
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TYPES = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff")


def door(scene: Scene, *, key: str) -> None:
    """A button that opens a place to drop one picture; what is most like it is then selected."""
    with st.popover("Picture", icon=":material/image_search:"):
        field = f"{key}-file-{scene.pool.key}"
        st.file_uploader(
            "Find items that look like a picture of yours",
            type=list(_TYPES),
            key=field,
            max_upload_size=min(MOST_MEGABYTES, int(st.get_option("server.maxUploadSize"))),
            on_change=lambda: _dropped(scene.ws, field, f"{key}-said"),
        )
        said = str(state.widget(f"{key}-said") or "")
        if said:
            st.error(escaped(said), icon=":material/error:")
        st.caption("The picture is not kept and not added to your items.")


def keep(ws: Workspace, data: bytes) -> str:
    """Embed a picture and keep its vector; returns its digest, which links name.

    Raises IngestError with the reason when the bytes are no picture that can be decoded, ConfigError when the items are
    no pictures.
    """
    if loaders.catalog(ws).modality != "image":
        raise ConfigError("the items are no pictures; search by words or by example")
    if len(data) > MOST_MEGABYTES << 20:
        raise ConfigError(f"the picture has {len(data) >> 20} MB, {MOST_MEGABYTES} MB are allowed; make it smaller")
    digest = hashlib.sha256(data).hexdigest()
    path = _path(ws, digest)
    if not path.is_file():
        image = decode_apart(data, max_side=getattr(meaning.embedder(ws), "image_side", PAYLOAD_SIDE))
        vector = meaning.embed_one(ws, image)
        write_array(path, _preparing(str(ws.path), path.parent.name)(vector[None])[0])
    return digest


def vector_of(ws: Workspace) -> Callable[[str], np.ndarray]:
    """Digest -> the kept vector of a picture in the tree's space, (d,) float32; raises ConfigError when it is gone."""

    def read(digest: str) -> np.ndarray:
        if not _DIGEST.fullmatch(digest) or not _path(ws, digest).is_file():
            raise ConfigError("that picture is not known here with this embedder; drop it in again")
        try:
            return read_array(_path(ws, digest))
        except StaleArtifact:
            _path(ws, digest).unlink(missing_ok=True)
            raise ConfigError("what was kept of that picture is damaged; drop it in again") from None

    return read


def _dropped(ws: Workspace, field: str, said: str) -> None:
    state.set_widget(said, "")
    file = state.widget(field)
    if file is None:
        return
    try:
        digest = keep(ws, file.getvalue())
    except CurationError as error:
        sentence = str(error)
        state.set_widget(said, sentence[:1].upper() + sentence[1:])
    else:
        state.select(Selection("nearest", image=digest))


def _path(ws: Workspace, digest: str) -> Path:
    """Where a vector lies: below the key of the prepared vectors, since in another space it means nothing."""
    return ws.path / "searches" / str(ws.plans.plan("prepare").key) / f"{digest}.npy"


@st.cache_resource(max_entries=2, show_spinner="Looking how vectors are prepared")
def _preparing(path: str, key: str) -> Callable[[np.ndarray], np.ndarray]:  # noqa: ARG001 - the key is the cache's key
    ws = Workspace(path)
    preset: Preset = ws.plans.plan("prepare").config["preset"]
    return preparing(ws.embeddings().vectors, ws.vectors(), preset)
