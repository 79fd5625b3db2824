"""Choosing a reference set: a folder or file below a root, an upload, or items of the pool."""

from typing import Any

import numpy as np
import streamlit as st

from curation_app import jobs_panel, places, scenes, show, upload_limits, upload_store
from curation_app.boundary import escaped, show_error
from curation_app.chips import selection_label
from curation_app.components.upload import upload
from curation_app.pool import Pool
from curation_core.errors import CurationError
from curation_core.saved_selections import SavedSelections, refusal
from curation_core.workspace import Workspace

MOST_ITEMS = 5_000  # as ReferenceConfig takes them
_WAYS = ("A mounted folder", "An upload", "Items of this pool")
_NOW, _WHERE = "what is in hand in Explore", "a condition on the columns"


def form(ws: Workspace, pool: Pool) -> None:
    """Where the examples come from, and the button that reads them."""
    way = st.segmented_control("Examples from", _WAYS, default=_WAYS[0], key="reference-way", required=True)
    try:
        if way == _WAYS[0]:
            options = _mounted()
        elif way == _WAYS[1]:
            options = _uploaded()
        else:
            options = _picked(ws, pool)
        if options and "source" in options and pool.catalog.modality == "text":
            column = st.text_input("Column that holds the text", key="reference-text", placeholder="found by itself")
            options |= {"text_column": column.strip()} if column.strip() else {}
    except CurationError as error:  # a path with a typo must leave the form usable
        show_error(error)
        return
    n = len(options.get("items", ())) if options else 0
    label = f"Use {show.count(n, 'item')} as examples" if n else "Read the examples"
    show.act(
        label,
        "reference-read",
        "verified",
        lambda: jobs_panel.start("reference", **(options or {})),
        type="primary",
        disabled=not options,
    )


def _mounted() -> dict[str, Any] | None:
    known = places.roots()
    if not known:
        st.caption("No folder is mounted. Start the server with one: `curate app --root trusted=/data/trusted`.")
        return None
    left, right = st.columns([1, 2])
    root = left.selectbox("Root", list(known), key="reference-root") or ""
    relative = right.text_input(
        "Path below it", key="reference-path", placeholder="a folder, an archive, a table or vectors of the same kind"
    )
    return {"source": places.source_below(root, relative.strip())} if relative.strip() else None


def _uploaded() -> dict[str, Any] | None:
    limits = upload_limits.limits()
    if not limits.max_upload:
        st.caption("Uploads are off on this server. Mount a folder, or pick items of this pool.")
        return None
    upload_id, _ = upload(limits, key="reference-upload")
    finished = {one.id: one.files[0].path.partition("/")[0] for one in upload_store.finished()}
    if not finished:
        return None
    ids = list(finished)
    chosen = st.selectbox(
        "Finished upload",
        ids,
        index=ids.index(upload_id) if upload_id in finished else 0,
        format_func=lambda one: finished.get(one, one),
        key=f"reference-uploaded-{upload_id}",
    )
    return {"source": str(upload_store.source(str(chosen)))}


def _picked(ws: Workspace, pool: Pool) -> dict[str, Any] | None:
    """Items that are in hand in Explore, a saved selection, or what a condition picks."""
    scene, _ = scenes.scene(ws)
    mapped = scene.map_key
    saved = {one.name: one for one in SavedSelections(ws.path).all() if not refusal(one, tree=pool.tree, map=mapped)}
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    chosen = left.selectbox("Items", [_NOW, *saved, _WHERE], key="reference-items")
    if chosen == _WHERE:
        text = right.text_input("Condition", key="reference-where", placeholder="group = 'Animals' and width > 200")
        return {"where": text.strip()} if text.strip() else None
    one = saved.get(str(chosen))
    if one is None:
        right.caption(escaped(selection_label(scene.selection, scene) or "Nothing: pick something in Explore first."))
        rows = scene.found.rows
    else:
        rows = scenes.rows_of_saved(scene, one.selection, one.filters)
    if len(rows) > MOST_ITEMS:
        right.caption(
            f"{show.count(len(rows), 'item')} are too many for a list; {MOST_ITEMS:,} at most, or a condition."
        )
        return None
    return {"items": _ids(pool, rows)} if len(rows) else None


def _ids(pool: Pool, rows: np.ndarray) -> list[str]:
    return [pool.item_ids[row] for row in np.sort(rows).tolist()]
