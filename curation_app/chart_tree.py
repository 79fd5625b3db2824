"""The tree as icicle, treemap or sunburst, of which a browser is never sent more than it can draw."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import colorscale, sequential, text_on
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
    counts = [
        np.bincount(a[drawn], minlength=k) for a, k in zip(hierarchy.assignments, hierarchy.n_clusters, strict=True)
    ]
    if root is None:
        nodes = [Node("root", "all items", "", hierarchy.n_items, int(drawn.sum()))]
        top, shown = hierarchy.n_levels, np.zeros(1, np.int64)  # parents() of the top level are zeros: one root
    else:
        level, cluster = root
        nodes = [
            Node(
                f"{level}:{cluster}",
                name(level, cluster),
                "",
                int(hierarchy.sizes(level)[cluster]),
                int(counts[level - 1][cluster]),
            )
        ]
        top, shown = level - 1, np.array([cluster])
    for level in range(top, 0, -1):
        parents, size = hierarchy.parents(level), hierarchy.sizes(level)
        candidates = np.flatnonzero(np.isin(parents, shown) & (size > 0))
        candidates = candidates[np.argsort(-size[candidates], kind="stable")]
        room = max(0, most - len(nodes) - len(shown))
        parent_ids = {int(p): nodes[0].id if level == top else f"{level + 1}:{p}" for p in shown}
        for c in candidates[:room].tolist():
            nodes.append(
                Node(
                    f"{level}:{c}", name(level, c), parent_ids[int(parents[c])], int(size[c]), int(counts[level - 1][c])
                )
            )
        nodes += _folded(candidates[room:], parents, size, counts[level - 1], parent_ids)
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


def tree_figure(
    nodes: list[Node], kind: TreeKind, title: str, *, n_items: int, selected: str = "", height: int | None = None
) -> Chart:
    """Area is items, colour the share of them that is drawn; a click returns the node's id. n_items: the whole pool."""
    import plotly.graph_objects as go

    total = max(1, n_items)
    share = np.array([node.drawn / max(1, node.size) for node in nodes])
    scale = float(share[1:].max(initial=0.0)) or 1.0
    marker = {
        "colors": share * 100,
        "colorscale": colorscale(),
        "cmin": 0,
        "cmax": scale * 100,
        "showscale": True,
        "colorbar": {"title": {"text": "drawn, %", "side": "right"}, "thickness": 10, "outlinewidth": 0, "len": 0.8},
        "line": {
            "width": [3 if node.id == selected else 0.5 for node in nodes],
            "color": ["#ff725c" if node.id == selected else "#ffffff" for node in nodes],
        },
    }
    trace = {"icicle": go.Icicle, "treemap": go.Treemap, "sunburst": go.Sunburst}[kind](
        ids=[node.id for node in nodes],
        labels=[plain(node.label) for node in nodes],
        parents=[node.parent for node in nodes],
        values=[node.size for node in nodes],
        customdata=[[node.drawn, 100 * node.size / total, 100 * node.drawn / max(1, node.size)] for node in nodes],
        branchvalues="total",
        sort=True,
        marker=marker,
        textfont={"color": text_on(sequential(share / scale))},
        maxdepth=4,
        hovertemplate="%{label}<br>%{value:,} items (%{customdata[1]:.1f} % of all)"
        "<br>%{customdata[0]:,} drawn (%{customdata[2]:.1f} %)<extra></extra>",
    )
    if kind == "icicle":
        trace.update(tiling={"orientation": "h"}, pathbar={"visible": False})
    if kind == "treemap":
        trace.update(pathbar={"visible": False}, marker={"cornerradius": 3, "pad": {"t": 18, "l": 2, "r": 2, "b": 2}})
    figure = framed(go.Figure(trace), title, height=height)
    table: dict[str, Sequence[Any]] = {
        "node": [node.id for node in nodes],
        "name": [node.label for node in nodes],
        "items": [node.size for node in nodes],
        "share, %": [round(100 * node.size / total, 2) for node in nodes],
        "drawn": [node.drawn for node in nodes],
    }
    return Chart(
        figure, table, f"{title}. {len(nodes):,} nodes, {nodes[0].size:,} items, {nodes[0].drawn:,} of them drawn."
    )
