"""Search by words and by a picture: the workspace's own embedder, loaded once per process and only when it is asked."""

import threading
from collections.abc import Callable

import numpy as np
import streamlit as st

from curation_app import loaders
from curation_core.embedders import Embedder, open_embedder
from curation_core.search import rank_by_text, text_side
from curation_core.workspace import Workspace

_one_at_a_time = threading.Lock()  # models are not asked from two tabs at once


def why_not(ws: Workspace) -> str:
    """Why items cannot be searched by words, "" when they can; looks at files, loads no weights."""
    return _why_not(ws.settings.embed.embedder, loaders.catalog(ws).modality)


def embedder(ws: Workspace) -> Embedder:
    """The embedder that made the vectors; loading it takes seconds, once per process."""
    config = ws.settings.embed
    return _embedder(config.embedder, loaders.catalog(ws).modality, config.device)


def embed_one(ws: Workspace, item: object) -> np.ndarray:
    """The vector of one item that is not in the workspace, as embedded: (d,) float32."""
    model = embedder(ws)
    with _one_at_a_time:
        found: np.ndarray = np.asarray(model([item]), dtype=np.float32)[0]
    return found


def text_scores(ws: Workspace) -> Callable[[str], np.ndarray]:
    """Words -> cosine of every item of the tree with them, (n,) float32, kept for the last few words."""
    key = loaders.key_of(ws, "embed")
    return lambda words: _text_scores(str(ws.path), key, words)


@st.cache_resource(max_entries=64, show_spinner=False)
def _why_not(name: str, modality: str) -> str:
    if modality == "vector":
        return "These vectors were brought along; nothing here turns words into such vectors."
    if not text_side(name, modality):  # type: ignore[arg-type]
        return "This embedder knows pictures, not words; embed with a CLIP or SigLIP model to search by meaning."
    return ""


@st.cache_resource(max_entries=2, show_spinner="Loading the embedder")
def _embedder(name: str, modality: str, device: str) -> Embedder:
    return open_embedder(name, modality, device=device)  # type: ignore[arg-type]


@st.cache_resource(max_entries=8, show_spinner="Searching")
def _text_scores(path: str, key: str, words: str) -> np.ndarray:  # noqa: ARG001 - the key is the cache's key
    ws = Workspace(path)
    model = embedder(ws)
    with _one_at_a_time:
        return rank_by_text(words, model, ws.embeddings().vectors)
