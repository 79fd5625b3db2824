"""The scene of the moment: what this tab has chosen, resolved on what the workspace holds now, each part cached."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation_app import loaders
from curation_app.columns import item_columns
from curation_app.found import found
from curation_app.scene import Found, Scene
from curation_app.state import app_state
from curation_core.filters import fitting, matching
from curation_core.item_columns import ItemColumns
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace


def scene(ws: Workspace) -> tuple[Scene, tuple[str, ...]]:
    """Everything Explore shows now, and a sentence for each thing of the link that does not fit this workspace.

    Raises StepMissing before cluster.
    """
    pool, decided, plan = loaders.pool(ws), loaders.decisions(ws), loaders.current_draw(ws)
    drawn = loaders.drawn_mask(pool, plan)
    columns = item_columns(ws, pool, decided, drawn)
    mapped, now = loaders.mapped(ws), app_state()
    filters, notes = fitting(now.filters, columns)
    passing = _matching(str(ws.path), loaders.stamp(ws), filters, columns)
    xy, key = (loaders.xy(ws), mapped.key) if mapped else (None, "")
    rows, said = found(ws, pool, xy, key, now.selection, passing)
    made = Scene(
        ws=ws,
        pool=pool,
        xy=xy,
        map_key=key,
        decided=decided,
        plan=plan,
        drawn=drawn,
        columns=columns,
        selection=Selection() if said else now.selection,
        filters=filters,
        matching=passing,
        found=rows,
        preview=mapped is not None and not mapped.meta.get("refined", True),
    )
    return made, (*notes, said) if said else notes


def rows_of(scene: Scene, selection: Selection) -> Found:
    """The rows of another selection that match the scene's filters; none where it does not fit."""
    return found(scene.ws, scene.pool, scene.xy, scene.map_key, selection, scene.matching)[0]


def rows_of_saved(scene: Scene, selection: Selection, filters: Sequence[Filter]) -> np.ndarray:
    """Tree rows that a saved selection means with its own filters: int64; all that match where nothing is selected."""
    kept, _ = fitting(filters, scene.columns)
    passing = _matching(str(scene.ws.path), loaders.stamp(scene.ws), kept, scene.columns)
    if selection.kind == "none":
        return np.flatnonzero(passing)
    return found(scene.ws, scene.pool, scene.xy, scene.map_key, selection, passing)[0].rows


@st.cache_resource(max_entries=16, show_spinner=False)
def _matching(path: str, stamp: str, filters: tuple[Filter, ...], _columns: ItemColumns) -> np.ndarray:  # noqa: ARG001 - they are the cache's key
    return matching(filters, _columns)
