"""Everything about two sets of a scene's rows that takes time to find out, kept while nothing it hangs on changes."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st

from curation_app import loaders, state
from curation_app.scene import Scene
from curation_core.contrast import (
    ClassContrast,
    NumberContrast,
    Places,
    TellingWords,
    class_contrast,
    n_shared,
    number_contrast,
    places,
    telling_words,
)

MOST_CLASSES = 1_000  # a column of more, such as a fine level, tells every set from every other


@dataclass(frozen=True)
class Compared:
    """Everything about two sets that takes time to find out. words: None where the items are no texts."""

    shared: int
    places: Places
    classes: dict[str, ClassContrast]
    numbers: dict[str, NumberContrast]
    words: TellingWords | None


def compared(scene: Scene, a: np.ndarray, b: np.ndarray) -> Compared:
    """Two sets of rows held against each other; kept for as long as nothing they hang on changes."""
    made_of = hashlib.blake2b(digest_size=16)
    for rows in (a, b):
        mask = np.zeros(scene.n, dtype=bool)
        mask[rows] = True
        made_of.update(np.packbits(mask).tobytes())
    made_of.update(np.packbits(scene.drawn).tobytes())
    made_of.update(f"{loaders.stamp(scene.ws)} {scene.ws.face_corrections.version()} {_of_clusters(scene)}".encode())
    return _compared(str(scene.ws.path), scene.pool.key, made_of.hexdigest(), scene, a, b)


@st.cache_resource(max_entries=16, show_spinner="Comparing")
def _compared(path: str, key: str, made_of: str, _scene: Scene, _a: np.ndarray, _b: np.ndarray) -> Compared:  # noqa: ARG001
    columns = _scene.columns
    classes = {}
    for name, column in columns.items():
        if column.is_class and not (column.group == "tree" and _of_clusters(_scene)):
            codes, names = columns.codes(name)
            if len(names) <= MOST_CLASSES:
                classes[name] = class_contrast(codes, names, _a, _b)
    numbers = {
        name: number_contrast(columns.numbers(name), _a, _b)
        for name, column in columns.items()
        if column.kind == "number"
    }
    texts = columns.texts("text") if _scene.pool.catalog.modality == "text" else None
    return Compared(
        n_shared(_a, _b, _scene.n),
        places(_scene.pool.vectors, _a, _b),
        dict(sorted(classes.items(), key=lambda pair: -pair[1].distance)),
        dict(sorted(numbers.items(), key=lambda pair: -abs(np.nan_to_num(pair[1].effect)))),
        telling_words(texts, _a, _b) if texts is not None else None,
    )


def _of_clusters(scene: Scene) -> bool:
    """Whether a cluster is compared; then the levels are not, they differ by construction."""
    chosen = (state.app_state().pinned, scene.selection)
    return any(one is not None and one.kind == "cluster" for one in chosen)
