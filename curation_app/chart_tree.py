"""The tree as icicle, treemap or sunburst, of which a browser is never sent more than it can draw."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import CATEGORIES, CONTEXT, MARKED, colorscale, lightened, sequential, text_on
from curation_core.hierarchy import Hierarchy

MOST_NODES = 1_500
TreeKind = Literal["icicle", "treemap", "sunburst"]


class Node(NamedTuple):
    """One tile. id is "level:cluster", "root", or "rest:" and the parent's id for its folded children."""

    id: str
    label: str
    parent: str
    size: int
    drawn: int


def tree_nodes(
    hierarchy: Hierarchy,
    drawn: np.ndarray,
    name: Callable[[int, int], str],
    *,
    root: tuple[int, int] | None = None,
    most: int = MOST_NODES,
) -> list[Node]:
    """Nodes of the tree or of the part below a cluster, top down, largest first; what exceeds `most` is folded.

    drawn: (n,) bool, items in the draw. root: (level, cluster). A node's children and their fold sum to the node.
    """
    drawn_of = [
        np.bincount(a[drawn], minlength=k) for a, k in zip(hierarchy.assignments, hierarchy.n_clusters, strict=True)
    ]

    def node(level: int, c: int, parent: str) -> Node:
        return Node(f"{level}:{c}", name(level, c), parent, int(hierarchy.sizes(level)[c]), int(drawn_of[level - 1][c]))

    if root is None:  # parents() of the top level are zeros: one root
        nodes = [Node("root", "all items", "", hierarchy.n_items, int(drawn.sum()))]
        top, shown = hierarchy.n_levels, np.zeros(1, np.int64)
    else:
        nodes, top, shown = [node(*root, "")], root[0] - 1, np.array([root[1]])
    for level in range(top, 0, -1):
        parents, size = hierarchy.parents(level), hierarchy.sizes(level)
        candidates = np.flatnonzero(np.isin(parents, shown) & (size > 0))
        candidates = candidates[np.argsort(-size[candidates], kind="stable")]
        room = most - len(nodes) - len(shown)  # every parent may need a fold
        if room < 0:
            break
        ids = {int(p): nodes[0].id if level == top else f"{level + 1}:{p}" for p in shown}
        nodes += [node(level, c, ids[int(parents[c])]) for c in candidates[:room].tolist()]
        nodes += _folded(candidates[room:], parents, size, drawn_of[level - 1], ids)
        shown = candidates[:room]
    return nodes


def _folded(
    clusters: np.ndarray, parents: np.ndarray, size: np.ndarray, drawn: np.ndarray, parent_ids: dict[int, str]
) -> list[Node]:
    found = []
    for parent in np.unique(parents[clusters]).tolist():
        mine = clusters[parents[clusters] == parent]
        found.append(
            Node(
                f"rest:{parent_ids[parent]}",
                f"+ {len(mine):,} smaller",
                parent_ids[parent],
                int(size[mine].sum()),
                int(drawn[mine].sum()),
            )
        )
    return found


def _by_share(share: np.ndarray) -> tuple[list[str], dict[str, Any]]:
    """Pale to deep by the share drawn, and the scale that says so, from none to the largest share of a cluster."""
    most = float(share[1:].max(initial=0.0)) or 1.0
    bar = {"title": {"text": "drawn, %", "side": "right"}, "thickness": 10, "outlinewidth": 0, "len": 0.8}
    scale = {"colorscale": colorscale(), "cmin": 0, "cmax": most * 100, "showscale": True, "colorbar": bar}
    return sequential(share / most), scale


def _by_branch(nodes: list[Node]) -> list[str]:
    """A hue per branch of the root, paler with depth; grey for the root."""
    colours = {nodes[0].id: CONTEXT}
    branches = 0
    for node in nodes[1:]:
        if node.parent == nodes[0].id:
            colours[node.id] = lightened(CATEGORIES[branches % len(CATEGORIES)], 0.25)
            branches += 1
        else:
            colours[node.id] = lightened(colours[node.parent], 0.35)
    return [colours[node.id] for node in nodes]


def tree_figure(
    nodes: list[Node], kind: TreeKind, title: str, *, n_items: int, selected: str = "", height: int | None = None
) -> Chart:
    """Area is items; colour the share drawn, or the branch while nothing is. A click returns the id. n_items: all."""
    import plotly.graph_objects as go

    share = np.array([node.drawn / max(1, node.size) for node in nodes])
    colours, scale = _by_share(share) if nodes[0].drawn else (_by_branch(nodes), {})
    lines = [(3, MARKED) if node.id == selected else (0.5, "#ffffff") for node in nodes]
    trace = {"icicle": go.Icicle, "treemap": go.Treemap, "sunburst": go.Sunburst}[kind](
        ids=[node.id for node in nodes],
        labels=[plain(node.label) for node in nodes],
        parents=[node.parent for node in nodes],
        values=[node.size for node in nodes],
        customdata=[[node.drawn, 100 * node.size / max(1, n_items)] for node in nodes],
        branchvalues="total",
        marker={"colors": colours, **scale, "line": {"width": [w for w, _ in lines], "color": [c for _, c in lines]}},
        textfont={"color": text_on(colours)},
        maxdepth=4,
        hovertemplate="%{label}<br>%{value:,} items (%{customdata[1]:.1f} % of all)"
        "<br>%{customdata[0]:,} drawn<extra></extra>",
    )
    if kind != "treemap":
        trace.update(leaf={"opacity": 1})  # a see-through leaf would take its text below the contrast it was chosen for
    if kind == "icicle":
        trace.update(tiling={"orientation": "h"}, pathbar={"visible": False})
    if kind == "treemap":
        trace.update(pathbar={"visible": False}, marker={"cornerradius": 3, "pad": {"t": 18, "l": 2, "r": 2, "b": 2}})
    figure = framed(go.Figure(trace), title, height=height)
    figure.update_layout(uniformtext={"minsize": 9, "mode": "hide"})
    about = f"{title}. {len(nodes):,} nodes, {nodes[0].size:,} items, {nodes[0].drawn:,} of them drawn."
    return Chart(figure, _table(nodes, n_items), about)


def _table(nodes: list[Node], n_items: int) -> dict[str, Sequence[Any]]:
    return {
        "node": [node.id for node in nodes],
        "name": [node.label for node in nodes],
        "items": [node.size for node in nodes],
        "share, %": [round(100 * node.size / max(1, n_items), 2) for node in nodes],
        "drawn": [node.drawn for node in nodes],
    }
