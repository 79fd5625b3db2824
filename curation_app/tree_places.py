"""Where one is in the tree: what is open, what clusters are called, and the way from the root to them."""

import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.items import is_cluster
from curation_app.naming import ClusterNames
from curation_app.scene import Scene
from curation_core.children import ancestors

MARKS = {0: "", 1: "✓", -1: "✕"}  # kept, dropped
_CRUMB = 28  # characters of a name in the breadcrumb

Root = tuple[int, int] | None


def cluster_names(scene: Scene) -> ClusterNames:
    """The names of the pool's clusters, with what people called them now."""
    return scene.pool.names


def open_at(scene: Scene) -> Root:
    """The cluster that is open: the one in the state, unless what is selected lies outside of it."""
    root, chosen = state.app_state().root, selected_cluster(scene)
    if root is None or root[0] < 2 or not is_cluster(scene.pool, *root):
        return None
    inside = chosen is None or root in [*ancestors(scene.pool.hierarchy, *chosen), chosen]
    return root if inside else None


def open_cluster(root: Root) -> None:
    """Open a cluster and select it; None closes all, selects nothing and lists the coarsest level."""
    if root is None:
        state.clear_selection()
        state.update(list_level=0)
    else:
        state.select_cluster(*root)
    state.update(root=root if root is not None and root[0] > 1 else None)


def selected_cluster(scene: Scene) -> Root:
    """The cluster in hand, None when something else or nothing is; links may name clusters that are not there."""
    chosen = scene.selection
    if chosen.kind != "cluster" or not is_cluster(scene.pool, chosen.level, chosen.cluster):
        return None
    return chosen.level, chosen.cluster


def parent_of(scene: Scene, place: Root) -> Root:
    """The cluster above one, None above the top."""
    above = ancestors(scene.pool.hierarchy, *place) if place else []
    return above[-1] if above else None


def breadcrumb(scene: Scene) -> None:
    """The way from the root to what is open, every step a button; and one to open what is selected."""
    root, names, tree = open_at(scene), cluster_names(scene), scene.pool.hierarchy
    chosen = selected_cluster(scene)
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", width="stretch", key="tree-crumbs"):
        st.button(
            "All items", key="crumb-root", type="tertiary", disabled=root is None, on_click=open_cluster, args=(None,)
        )
        path = [*ancestors(tree, *root), root] if root else []
        for step in path:
            name = escaped(cut(names.name(*step)))
            st.button(
                f"› {name}",
                key=f"crumb-{step[0]}",
                type="tertiary",
                disabled=step == root,
                on_click=open_cluster,
                args=(step,),
            )
        if chosen is not None and chosen[0] > 1 and chosen != root:
            label = f"Open {escaped(cut(names.name(*chosen)))}"
            show.act(label, "crumb-open", "subdirectory_arrow_right", open_cluster, chosen, type="tertiary")


def cut(text: str) -> str:
    """The start of a name, where there is little room."""
    return text if len(text) <= _CRUMB else text[: _CRUMB - 1] + "…"
