"""The tree as icicle, treemap or sunburst, of which a browser is never sent more than it can draw."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import CATEGORIES, CONTEXT, MARKED, colorscale, lightened, sequential, text_on
from curation_app.palette import DECISIONS as DECIDED
from curation_core.children import children
from curation_core.hierarchy import Hierarchy
from curation_core.node_figures import DECISIONS, LevelFigure, NodeFigure

MOST_NODES = 1_500
DEPTH = 3  # levels below the one that is open
FEWEST = 200  # clusters shown of a level, however small they are
TreeKind = Literal["icicle", "treemap", "sunburst"]
_EDGE = "rgba(60, 75, 105, 0.35)"  # shows between pale tiles and between deep ones
_THIN = 0.012  # share of the root below which edges of an icicle would hide the colour between them
Names = Callable[[int, np.ndarray], Sequence[str]]
_DECISION_COLOURS = (CONTEXT, "#efb118", DECIDED["keep"], DECIDED["drop"])  # in the order of node_figures.DECISIONS


class Node(NamedTuple):
    """One tile. id is "level:cluster", "root", or "rest:" and the parent's id for its folded children.

    value: the figure it is coloured by, NaN for none. note: what the value is of, such as the commonest class.
    """

    id: str
    label: str
    parent: str
    size: int
    drawn: int
    value: float = float("nan")
    note: str = ""


class _Level(NamedTuple):
    """What is known of all clusters of one level: their number, sizes, items drawn, and the chosen figure."""

    number: int
    size: np.ndarray
    drawn: np.ndarray
    figure: LevelFigure | None

    def node(self, cluster: int, label: str, parent: str) -> Node:
        value, note = float("nan"), ""
        if self.figure is not None:
            value = float(self.figure.values[cluster])
            if self.figure.classes is not None:
                note = self.figure.names[int(self.figure.classes[cluster])] or "(empty)"
        name = f"{self.number}:{cluster}"
        return Node(name, label, parent, int(self.size[cluster]), int(self.drawn[cluster]), value, note)

    def fold(self, clusters: np.ndarray, parent: str) -> Node:
        size = self.size[clusters]
        value = float("nan") if self.figure is None else self.figure.together(clusters, size)
        drawn = int(self.drawn[clusters].sum())
        return Node(f"rest:{parent}", f"+ {len(clusters):,} smaller", parent, int(size.sum()), drawn, value)


def shown_nodes(
    hierarchy: Hierarchy,
    drawn: Sequence[np.ndarray],
    names: Names,
    *,
    figures: Sequence[LevelFigure] | None = None,
    root: tuple[int, int] | None = None,
    most: int = MOST_NODES,
    least: float = 0.0,
) -> list[Node]:
    """Nodes of the tree or of the part below a cluster, top down, largest first; the small tail is folded.

    drawn: per level (k,) items in the draw. names: of clusters of a level. figures: per level, to colour by. root:
    (level, cluster). most: nodes in all. least: share of the root's items below which a cluster is folded. A node's
    children and their fold sum to the node. Looks at the clusters below shown ones only.
    """
    numbers = range(1, hierarchy.n_levels + 1)
    levels = [_Level(n, hierarchy.sizes(n), drawn[n - 1], figures[n - 1] if figures else None) for n in numbers]
    if root is None:  # the root holds the top level
        nodes = [Node("root", "all items", "", hierarchy.n_items, int(drawn[-1].sum()))]
        top, shown = hierarchy.n_levels, np.zeros(1, np.int64)
    else:
        nodes = [levels[root[0] - 1].node(root[1], names(root[0], np.array([root[1]]))[0], "")]
        top, shown = root[0] - 1, np.array([root[1]])
    for number in range(top, max(0, top - DEPTH), -1):
        parents = [nodes[0].id] if number == top else [f"{number + 1}:{p}" for p in shown.tolist()]
        room = most - len(nodes) - len(shown)  # every parent may need a fold
        if room < len(shown):
            break
        clusters, owner = children(hierarchy, number + 1).of_all(shown)
        keep = _largest(levels[number - 1].size[clusters], owner, room, max(1, int(np.ceil(least * nodes[0].size))))
        folds = _folds(levels[number - 1], clusters, owner, keep, parents)
        shown = clusters[keep]
        labels = names(number, shown)
        nodes += [
            levels[number - 1].node(c, label, parents[p])
            for c, label, p in zip(shown.tolist(), labels, owner[keep].tolist(), strict=True)
        ]
        nodes += folds
    return nodes


def _largest(size: np.ndarray, owner: np.ndarray, room: int, least: int) -> np.ndarray:
    """Places of the clusters to show, largest first; a cluster that would be folded alone is shown as well."""
    order = np.flatnonzero(size >= least)
    if len(order) < min(room, FEWEST):  # where all are tiny the largest stand for them
        order = np.flatnonzero(size > 0)
        room = min(room, FEWEST)
    if len(order) > room:
        order = order[np.argpartition(-size[order], room)[:room]]
    folded = size > 0
    folded[order] = False
    alone = np.bincount(owner[folded], minlength=int(owner.max(initial=0)) + 1) == 1
    order = np.union1d(order, np.flatnonzero(folded & alone[owner]))
    return order[np.lexsort((order, -size[order]))]


def _folds(level: _Level, clusters: np.ndarray, owner: np.ndarray, keep: np.ndarray, parents: list[str]) -> list[Node]:
    """One node for what is left out of each parent."""
    folded = level.size[clusters] > 0
    folded[keep] = False
    places = np.flatnonzero(folded)  # by parent, as children are
    starts = np.searchsorted(owner[places], np.arange(len(parents) + 1))
    return [
        level.fold(clusters[places[starts[p] : starts[p + 1]]], parent)
        for p, parent in enumerate(parents)
        if starts[p + 1] > starts[p]
    ]


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


def _by_figure(nodes: list[Node], figure: NodeFigure) -> tuple[list[str], dict[str, Any]]:
    """Colour of every node, and the scale that explains it; grey where there is no value."""
    values = np.array([node.value for node in nodes])
    there = np.isfinite(values)
    title = {"text": plain(_short(figure.title) + (", %" if figure.is_share else "")), "side": "right"}
    bar: dict[str, Any] = {"title": title, "thickness": 10, "outlinewidth": 0, "len": 0.85}
    if figure.kind == "decision":
        colours = [_DECISION_COLOURS[round(v)] if ok else CONTEXT for v, ok in zip(values, there, strict=True)]
        return colours, _decision_scale(bar)
    low, high = _bounds(values[there], figure)
    scaled = (np.where(there, values, low) - low) / (high - low)
    colours = [colour if ok else CONTEXT for colour, ok in zip(sequential(scaled), there, strict=True)]
    factor = 100 if figure.is_share else 1
    scale = {"colorscale": colorscale(), "cmin": low * factor, "cmax": high * factor}
    return colours, {**scale, "showscale": True, "colorbar": bar}


def _decision_scale(bar: dict[str, Any]) -> dict[str, Any]:
    steps = len(DECISIONS)
    scale = [[(i + side) / steps, colour] for i, colour in enumerate(_DECISION_COLOURS) for side in (0, 1)]
    bar |= {"tickvals": list(range(steps)), "ticktext": list(DECISIONS), "ticklen": 0, "len": 0.5}
    return {"colorscale": scale, "cmin": -0.5, "cmax": steps - 0.5, "showscale": True, "colorbar": bar}


def _bounds(values: np.ndarray, figure: NodeFigure) -> tuple[float, float]:
    """Ends of the scale: of shares 0 and the largest, of purity and cohesion 0 and 1, of numbers the middle 96 %."""
    if figure.kind in ("purity", "cohesion"):
        return 0.0, 1.0
    if figure.is_share:
        return 0.0, float(values.max(initial=0.0)) or 1.0
    low, high = (float(v) for v in np.percentile(values, (2, 98))) if len(values) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def tree_figure(
    nodes: list[Node],
    kind: TreeKind,
    title: str,
    *,
    n_items: int,
    figure: NodeFigure | None = None,
    selected: str = "",
    height: int | None = None,
) -> Chart:
    """Area is items; colour a figure, or the branch without one. A click returns the id. n_items: of the pool."""
    import plotly.graph_objects as go

    colours, scale = (_by_branch(nodes), {}) if figure is None else _by_figure(nodes, figure)
    said = [_said(node, figure) for node in nodes]
    trace = {"icicle": go.Icicle, "treemap": go.Treemap, "sunburst": go.Sunburst}[kind](
        ids=[node.id for node in nodes],
        labels=[plain(_short(node.label)) for node in nodes],
        parents=[node.parent for node in nodes],
        values=[node.size for node in nodes],
        customdata=[
            [node.drawn, round(100 * node.size / max(1, n_items), 2), plain(text)]
            for node, text in zip(nodes, said, strict=True)
        ],
        branchvalues="total",
        marker={"colors": colours, **scale, "line": _edges(nodes, colours, kind, selected)},
        textfont={"color": text_on(colours)},
        text=_tile_texts(nodes, kind),
        textinfo="text",
        sort=False,  # as given: largest first, the fold last
        hovertemplate="%{label}<br>%{value:,} items (%{customdata[1]:.1f} % of all)"
        "<br>%{customdata[0]:,} drawn%{customdata[2]}<extra></extra>",
    )
    if kind != "treemap":
        trace.update(leaf={"opacity": 1})  # a see-through leaf would take its text below the contrast it was chosen for
    if kind == "icicle":
        trace.update(tiling={"orientation": "h"}, pathbar={"visible": False})
    if kind == "treemap":
        trace.update(pathbar={"visible": False}, marker={"cornerradius": 3, "pad": {"t": 18, "l": 2, "r": 2, "b": 2}})
    made = framed(go.Figure(trace), title, height=height)
    made.update_layout(uniformtext={"minsize": 9, "mode": "hide"})
    about = f"{title}. {len(nodes):,} nodes, {nodes[0].size:,} items, {nodes[0].drawn:,} of them drawn."
    return Chart(made, _table(nodes, n_items, figure), about)


def _edges(nodes: list[Node], colours: list[str], kind: TreeKind, selected: str) -> dict[str, list[Any]]:
    """Edges of all tiles, a strong one around what is selected; those of thin tiles have the tile's own colour."""
    thin = _THIN * nodes[0].size if kind == "icicle" else 0
    own = [_EDGE if node.size > thin else colour for node, colour in zip(nodes, colours, strict=True)]
    chosen = [node.id == selected for node in nodes]
    return {
        "width": [3 if is_it else 0.5 for is_it in chosen],
        "color": [MARKED if is_it else colour for is_it, colour in zip(chosen, own, strict=True)],
    }


def _tile_texts(nodes: list[Node], kind: TreeKind) -> list[str]:
    """What stands on the tiles: short, in lines where a tile is as high as it is wide."""
    parents = {node.parent for node in nodes}
    found = []
    for node in nodes:
        text = plain(_short(node.label, 44))
        if kind == "treemap" and node.id not in parents:
            text = "<br>".join(text.replace(" · ", ", ", 1).split(", ")[:3])  # its number and two words
        found.append(text if kind == "treemap" else plain(_short(node.label.split(", ")[0], 24)))
    return found


def figure_text(value: float, figure: NodeFigure) -> str:
    """A figure's value as people read it, "" for none."""
    if not np.isfinite(value):
        return ""
    if figure.kind == "decision":
        return DECISIONS[round(value)]
    return f"{100 * value:.1f} %" if figure.is_share else f"{value:,.4g}"


def _said(node: Node, figure: NodeFigure | None) -> str:
    """The line of a node's hover card about the figure; without markup, it is escaped where it is used."""
    if figure is None or figure.kind == "drawn" or not np.isfinite(node.value):
        return ""
    return f" · {figure.title}: {figure_text(node.value, figure)}{f' {node.note}' if node.note else ''}"


def _table(nodes: list[Node], n_items: int, figure: NodeFigure | None) -> dict[str, Sequence[Any]]:
    table: dict[str, Sequence[Any]] = {
        "node": [node.id for node in nodes],
        "name": [node.label for node in nodes],
        "items": [node.size for node in nodes],
        "share, %": [round(100 * node.size / max(1, n_items), 2) for node in nodes],
        "drawn": [node.drawn for node in nodes],
    }
    if figure is not None and figure.kind != "drawn":
        table[figure.title] = [figure_text(node.value, figure) for node in nodes]
    return table


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
