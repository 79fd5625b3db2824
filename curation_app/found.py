"""The rows that a selection means in a pool, kept while the selection stays the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from curation_app import dropped, meaning
from curation_app.pool import Pool
from curation_app.scene import Found
from curation_core.errors import CurationError
from curation_core.finding import find, nearest, scores_of
from curation_core.links import write_selection
from curation_core.selection import Selection
from curation_core.workspace import Workspace

_NOTHING = np.zeros(0, dtype=np.int64)


def found(
    ws: Workspace, pool: Pool, xy: np.ndarray | None, map_key: str, selection: Selection, matching: np.ndarray
) -> tuple[Found, str]:
    """What is selected among the rows that match, (n,) bool, and a sentence where it cannot be said, else "".

    The n nearest are the nearest of those that match.
    """
    said = write_selection(replace(selection, n=0))  # scores are the same for any n
    if not said:
        return Found(_NOTHING), ""
    try:
        if selection.kind == "nearest":
            scores = _scores(str(ws.path), pool.key, said, pool, selection)
            rows, score = nearest(scores, selection.n, matching)
            return Found(rows, score), ""
        rows = _rows(str(ws.path), pool.key, map_key if selection.kind == "area" else "", said, pool, xy, selection)
    except CurationError as error:
        return Found(_NOTHING), str(error)[:1].upper() + str(error)[1:]
    return Found(rows[matching[rows]]), ""


@st.cache_resource(max_entries=8, show_spinner=False)
def _scores(path: str, key: str, said: str, _pool: Pool, _selection: Selection) -> np.ndarray:  # noqa: ARG001 - the cache's key
    ws = Workspace(path)
    return scores_of(
        _selection,
        vectors=_pool.vectors,
        item_ids=_ids(path, key, _pool),
        text_scores=None if meaning.why_not(ws) else meaning.text_scores(ws),
        image_vector=dropped.vector_of(ws),
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _rows(path: str, key: str, map_key: str, said: str, _pool: Pool, _xy: Any, _selection: Selection) -> np.ndarray:  # noqa: ARG001
    rows, _ = find(
        _selection, hierarchy=_pool.hierarchy, vectors=_pool.vectors, item_ids=_ids(path, key, _pool), xy=_xy
    )
    return rows


def item_ids(ws: Workspace, pool: Pool) -> Any:
    """Ids of the tree's rows as a pyarrow array, (n,), in which one is found faster than in a list."""
    return _ids(str(ws.path), pool.key, pool)


@st.cache_resource(max_entries=4, show_spinner=False)
def _ids(path: str, key: str, _pool: Pool) -> Any:  # noqa: ARG001 - they are the cache's key
    return _pool.catalog.items.column("item_id").take(_pool.rows).combine_chunks()
