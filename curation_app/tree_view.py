"""The tree in Explore as a picture that opens where it is clicked, beside its twin, the list."""

import numpy as np
import streamlit as st

from curation_app import show, state, tree_figures
from curation_app.chart_tree import Node, TreeKind, shown_nodes, tree_figure
from curation_app.items import is_cluster
from curation_app.scene import Scene
from curation_app.tree_list import show_smaller
from curation_app.tree_list import tree_list as tree_list
from curation_app.tree_places import MARKS, Root, cluster_names, cut, open_at, open_cluster, parent_of, selected_cluster
from curation_app.tree_places import breadcrumb as breadcrumb

# share of what is open below which a tile is too small to see: a few pixels of area, or less than one of height
LEAST = {"treemap": 0.0004, "icicle": 0.002, "sunburst": 0.002}
_PICKED, _EPOCH = "tree-picked", "tree-epoch"


def tree_picture(scene: Scene, kind: TreeKind, *, key: str = "tree-picture", table: bool = True) -> None:
    """The tree below what is open; a click selects a cluster and opens it, on the open one it closes it again.

    table: offer its twin as a table, and files of both, below.
    """
    figure = tree_figures.chosen(scene)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        breadcrumb(scene)
        tree_figures.choice(scene, f"{key}-figure", width=190, label_visibility="collapsed")
    root, nodes = _nodes(scene, kind)
    chosen = selected_cluster(scene)
    mine = f"{chosen[0]}:{chosen[1]}" if chosen else ""
    below = f"below {cut(cluster_names(scene).name(*root))}" if root else f"of {scene.n:,} items"
    title = f"Tree {below}, colour: {cut(figure.title) if figure else 'branch'}"
    made = tree_figure(nodes, kind, title, n_items=scene.n, figure=figure, selected=mine)
    name = f"{key}-{kind}-{root}-{_epoch(scene)}"
    show.chart(made, name, on_select=lambda: _node_picked(name, scene, root, nodes), table=table, height="stretch")


def _nodes(scene: Scene, kind: TreeKind) -> tuple[Root, list[Node]]:
    """What is open, and its nodes; a selected cluster that would be folded is shown below its own parent."""
    root, chosen = open_at(scene), selected_cluster(scene)
    nodes = _nodes_below(scene, kind, root)
    if chosen is None or f"{chosen[0]}:{chosen[1]}" in {node.id for node in nodes}:
        return root, nodes
    above = parent_of(scene, chosen)
    return (above, _nodes_below(scene, kind, above)) if above else (root, nodes)


def _nodes_below(scene: Scene, kind: TreeKind, root: Root) -> list[Node]:
    figure, names, verdicts = tree_figures.chosen(scene), cluster_names(scene), scene.decided.verdicts

    def marked(level: int, clusters: np.ndarray) -> list[str]:
        marks = (MARKS[mark] for mark in verdicts[level - 1][clusters].tolist())
        return [f"{mark} {name}".strip() for mark, name in zip(marks, names.names(level, clusters), strict=True)]

    figures = tree_figures.of_levels(scene, figure) if figure else None
    counts = tree_figures.drawn_counts(scene)
    return shown_nodes(scene.pool.hierarchy, counts, marked, figures=figures, root=root, least=LEAST[kind])


def _epoch(scene: Scene) -> int:
    """Grows when something other than the picture changed the selection, so that a click there is always news."""
    epoch = state.widget(_EPOCH) or 0
    if state.widget(_PICKED) != scene.selection:
        state.set_widget(_PICKED, scene.selection)
        state.set_widget(_EPOCH, epoch + 1)
        return epoch + 1
    return epoch


def _node_picked(key: str, scene: Scene, root: Root, nodes: list[Node]) -> None:
    points = state.widget(key)["selection"].get("points", [])
    name = str(points[0].get("id", "")) if points else ""
    picked = _place(name.removeprefix("rest:"))
    if name.startswith("rest:"):
        here = name.removeprefix("rest:")
        show_smaller(picked, sum(node.parent == here and not node.id.startswith("rest:") for node in nodes))
    elif name == nodes[0].id:
        open_cluster(parent_of(scene, root))
    elif picked is not None and is_cluster(scene.pool, *picked):
        open_cluster(picked) if picked[0] > 1 else state.select_cluster(*picked)
    state.set_widget(_PICKED, state.app_state().selection)


def _place(name: str) -> Root:
    """The cluster of a node's id, None for the root."""
    level, _, cluster = name.partition(":")
    return (int(level), int(cluster)) if level.isdecimal() and cluster.isdecimal() else None
