"""Explore as one linked view: the tree on the left, map or tree or sizes in the middle, what is in hand on the right.

All of it is one fragment: whatever a person does reruns this and not the page.
"""

from dataclasses import replace

import numpy as np
import streamlit as st

from curation_app import compare_view, distributions_view, finder, hand, map_view, scenes, show, state, tree_view
from curation_app.boundary import escaped, show_error
from curation_app.cluster_card import name_form
from curation_app.gallery_view import gallery, picked_now
from curation_app.items_table import items_table, picked_in_table
from curation_app.scene import Found, Scene
from curation_core.selection import Selection
from curation_core.workspace import Workspace

TREES = ("Icicle", "Treemap", "Sunburst")
VIEWS = ("Map", "Split", *TREES, "Table", "Sizes", "Compare")


@st.fragment
def explore(ws: Workspace) -> None:
    """The whole view; an error ends in a sentence here, since a fragment has no page around it."""
    try:
        _explore(ws)
    except Exception as error:
        show_error(error)


def _explore(ws: Workspace) -> None:
    scene, notes = scenes.scene(ws)
    state.write_link()
    with st.container(gap="small", key="explore-bar"):  # always there: what comes and goes in it moves nothing below
        show.notice()
        finder.bar(scene, key="finder")
        for note in notes:
            st.warning(escaped(note), icon=":material/info:")
    picked = _picked(scene)
    left, centre, right = st.columns([1.5, 2.6, 1.6], gap="small")
    with centre, show.panel("view"):  # first: it answers the lasso
        _view(scene, picked)
    with left, show.panel("tree"):
        if _shown(scene) not in (*TREES, "Split"):  # the picture of the tree has its own
            tree_view.breadcrumb(scene)
        tree_view.tree_list(scene, key="tree-list")
    with right, show.panel("hand"):
        hand.header(scene)
        hand.actions(scene, picked)
        name_form(scene)
        gallery(scene, key="gallery", on_like=lambda row: finder.like((scene.pool.item_ids[row],)))


def _picked(scene: Scene) -> np.ndarray:
    """Rows that are picked in the gallery or the table, ascending."""
    picked = picked_now(scene, key="gallery")
    if _shown(scene) == "Table":
        picked = np.union1d(picked, picked_in_table(scene, key="items-table"))
    return picked


def _view(scene: Scene, picked: np.ndarray) -> None:
    kind = _choice(scene)
    if kind == "Map":
        map_view.map_view(_lit(scene, picked), key="map")
    elif kind == "Split":
        with st.container(height="stretch", key="split-tree", gap="small"):
            tree_view.tree_picture(scene, "icicle", key="split-picture", table=False)
        with st.container(height="stretch", key="split-map", gap="small"):
            map_view.map_view(_lit(scene, picked), key="map")
    elif kind == "Table":
        items_table(scene, key="items-table")
    elif kind == "Sizes":
        distributions_view.sizes(scene, key="sizes")
    elif kind == "Compare":
        pinned = state.app_state().pinned
        rows = scenes.rows_of(scene, pinned).rows if pinned else np.zeros(0, dtype=np.int64)
        compare_view.compare(scene, rows, key="compare")
    else:
        tree_view.tree_picture(scene, kind.lower(), key="tree-picture")  # type: ignore[arg-type]


def _lit(scene: Scene, picked: np.ndarray) -> Scene:
    """The scene with what is picked in front, so that the map shows where it lies."""
    if not len(picked):
        return scene
    chosen = scene.selection if scene.selection.kind != "none" else Selection("items")
    return replace(scene, selection=chosen, found=Found(picked))


def _choice(scene: Scene) -> str:
    """Which view the middle shows; in the link as every other choice."""
    shown = _shown(scene)
    if state.widget("explore-view") != shown:
        state.set_widget("explore-view", shown)
    kind = st.segmented_control(  # type: ignore[call-overload]
        "View",
        VIEWS,
        key="explore-view",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.update(view=state.widget("explore-view")),
    )
    return kind or shown


def _shown(scene: Scene) -> str:
    linked = state.app_state().view
    return linked if linked in VIEWS else "Map" if scene.xy is not None else "Treemap"
