"""The three panels of Explore: the tree as a list, the map or the tree as a picture, and what is selected."""

from typing import Any

import numpy as np
import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.chart_map import map_figure, polygons_of
from curation_app.chart_tree import tree_figure, tree_nodes
from curation_app.components.grid import LIMIT, Section, grid
from curation_app.items import cells, is_cluster
from curation_app.loaders import Pool, drawn_mask
from curation_app.palette import ACCENT, CONTEXT, DECISIONS
from curation_core.review import ReviewDecisions, Verdict
from curation_core.sampling import SamplingPlan
from curation_core.selection import Area
from curation_core.workspace import Workspace

MARKS = {0: "", 1: "✓ ", -1: "✕ "}  # kept, dropped


def tree_list(pool: Pool, decided: ReviewDecisions, drawn: np.ndarray) -> None:
    """Clusters of one level with size, share drawn and decision; picking a row selects the cluster everywhere."""
    tree, now = pool.hierarchy, state.app_state()
    wanted = now.selection.level if now.selection.kind == "cluster" else now.list_level
    default = wanted if 1 <= wanted <= tree.n_levels else tree.n_levels
    level = show.level_choice(tree.n_levels, f"list-level-{pool.key}-{now.list_epoch}", default=default)
    state.update(list_level=level)
    words = st.text_input(
        "Search", key="list-search", placeholder="Search names", label_visibility="collapsed", icon=":material/search:"
    ).lower()
    sizes = tree.sizes(level)
    taken = np.bincount(tree.point_assignment(level)[drawn], minlength=len(sizes))
    order = [c for c in np.argsort(-sizes, kind="stable").tolist() if sizes[c] and words in pool.name(level, c).lower()]
    columns = {
        "cluster": [MARKS[int(decided.verdicts[level - 1][c])] + pool.name(level, c) for c in order],
        "items": sizes[order].tolist(),
        "drawn": taken[order].tolist(),
    }
    _rows(columns, level, order, f"tree-list-{level}-{words}-{now.list_epoch}")


def _rows(columns: dict[str, list[Any]], level: int, order: list[int], key: str) -> None:
    chosen, most = state.app_state().selection, max(columns["items"], default=1)
    mine = chosen.kind == "cluster" and chosen.level == level and chosen.cluster in order
    default: Any = {"selection": {"rows": [order.index(chosen.cluster)] if mine else [], "columns": []}}
    bars = st.column_config.ProgressColumn(format="%d", min_value=0, max_value=most, width=64, color=CONTEXT)
    st.dataframe(
        columns,
        hide_index=True,
        height="stretch",
        key=key,
        selection_mode="single-row",
        selection_default=default,
        on_select=lambda: _row_picked(key, level, order),
        column_config={
            "cluster": st.column_config.TextColumn(width=98),
            "items": bars,
            "drawn": st.column_config.NumberColumn(width=46),
        },
        alt=f"Clusters of level {level} with items, items drawn and decision.",
    )


def _row_picked(key: str, level: int, order: list[int]) -> None:
    rows = state.widget(key)["selection"]["rows"]
    if rows and rows[0] < len(order):
        state.select_cluster(level, order[rows[0]], by="list")
    else:
        state.clear_selection(by="list")


def views(
    pool: Pool, xy: np.ndarray | None, rows: np.ndarray, decided: ReviewDecisions, plan: SamplingPlan | None
) -> None:
    """Map, icicle, treemap or sunburst, with what is selected lit."""
    kinds = ["Map", "Icicle", "Treemap", "Sunburst"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "View",
            kinds,
            default="Map" if xy is not None else "Treemap",
            key="explore-view",
            required=True,
            label_visibility="collapsed",
        )
        st.space("stretch")
        if kind == "Map" and xy is not None:
            colour = st.selectbox(
                "Colour by",
                _colourings(pool, plan),
                key="explore-colour",
                width=210,
                label_visibility="collapsed",
                icon=":material/palette:",
            )
    if kind != "Map":
        _tree_view(pool, kind.lower(), drawn_mask(pool, plan))
    elif xy is None:
        show.needs("project", "", "explore-map")
    else:
        _map_view(pool, xy, rows, colour, decided, plan)


def _map_view(
    pool: Pool, xy: np.ndarray, rows: np.ndarray, colour: str, decided: ReviewDecisions, plan: SamplingPlan | None
) -> None:
    codes, names = _coded(pool, colour, decided, plan)
    lit = None
    if state.app_state().selection.kind == "cluster":
        lit = np.zeros(len(xy), dtype=bool)
        lit[rows] = True
    key = f"map-{pool.key}-{state.app_state().map_epoch}"
    fixed = {
        "drawn": ACCENT,
        "not drawn": CONTEXT,
        "dropped": DECISIONS["drop"],
        "kept": DECISIONS["keep"],
        "undecided": CONTEXT,
    }
    made = map_figure(xy, codes, names, f"Map by {colour}", selected=lit, colours=fixed, captions=pool.captions)
    show.chart(made, key, on_select=lambda: _area_picked(key), modes=("points", "box", "lasso"), height="stretch")


def _area_picked(key: str) -> None:
    picked = state.widget(key)["selection"]
    areas = polygons_of(picked)
    if areas or not picked.get("points"):
        state.select_area(Area(tuple((float(x), float(y)) for x, y in area.round(4))) for area in areas)


def _tree_view(pool: Pool, kind: Any, drawn: np.ndarray) -> None:
    chosen = state.app_state().selection
    focus = (
        (chosen.level, chosen.cluster)
        if chosen.kind == "cluster" and chosen.level > 1 and is_cluster(pool, chosen.level, chosen.cluster)
        else None
    )
    nodes = tree_nodes(pool.hierarchy, drawn, pool.name, root=focus)
    mine = f"{chosen.level}:{chosen.cluster}" if chosen.kind == "cluster" else ""
    key = f"tree-{kind}-{focus}"
    title = (
        f"Tree below {pool.name(*focus)}"
        if focus
        else "Tree: area is items, colour is the share drawn"
        if drawn.any()
        else "Tree: area is items"
    )
    show.chart(
        tree_figure(nodes, kind, title, n_items=pool.hierarchy.n_items, selected=mine),
        key,
        on_select=lambda: _node_picked(key),
        height="stretch",
    )
    if focus:
        st.button(
            "Back to the whole tree", key="tree-root", icon=":material/arrow_upward:", on_click=state.clear_selection
        )


def _node_picked(key: str) -> None:
    points = state.widget(key)["selection"].get("points", [])
    name = str(points[0].get("id", "")) if points else ""
    level, _, cluster = name.partition(":")
    if level.isdecimal() and cluster.isdecimal():
        state.select_cluster(int(level), int(cluster))


def _colourings(pool: Pool, plan: SamplingPlan | None) -> list[str]:
    levels = [f"cluster, level {level}" for level in range(pool.hierarchy.n_levels, 0, -1)]
    return [*pool.label_columns, *levels, *(["drawn"] if plan is not None else []), "decision"]


def _coded(
    pool: Pool, colour: str, decided: ReviewDecisions, plan: SamplingPlan | None
) -> tuple[np.ndarray, list[str]]:
    """Classes (n,) and their names for a way of colouring."""
    if colour == "drawn":
        return drawn_mask(pool, plan).astype(np.int64), ["not drawn", "drawn"]
    if colour == "decision":
        return np.where(decided.decided_by == 0, 0, np.where(decided.eligible, 1, 2)), ["undecided", "kept", "dropped"]
    if colour.startswith("cluster, level "):
        level = int(colour.rsplit(" ", 1)[1])
        return pool.hierarchy.point_assignment(level).astype(np.int64), [
            pool.name(level, c) for c in range(pool.hierarchy.n_clusters[level - 1])
        ]
    return pool.labels(colour)


def selected(ws: Workspace, pool: Pool, rows: np.ndarray, decided: ReviewDecisions, plan: SamplingPlan | None) -> None:
    """What is selected: count, share, pictures, and what can be done with all of it."""
    chosen = state.app_state().selection
    if not len(rows):
        st.markdown("**Nothing selected**")
        st.caption(
            "Pick a cluster in the list or the tree, or draw around points on the map. "
            "What lies inside appears here, with its pictures."
        )
        return
    title = f"Cluster {pool.name(chosen.level, chosen.cluster)}" if chosen.kind == "cluster" else "Selected on the map"
    st.markdown(f"**{escaped(title)}**")
    taken = int(drawn_mask(pool, plan)[rows].sum()) if plan is not None else 0
    dropped = int((~decided.eligible[rows]).sum())
    st.caption(
        f"{len(rows):,} items · {show.percent(len(rows), pool.hierarchy.n_items)} of the pool · "
        f"{taken:,} drawn · {dropped:,} dropped"
    )
    actions = st.container()
    if len(rows) > LIMIT:
        st.caption(f"The first {LIMIT} of {len(rows):,} are shown; actions work on all of them.")
    key = f"picked-{chosen.kind}-{chosen.level}-{chosen.cluster}-{hash(chosen.areas)}"
    picked = [int(name) for name in grid(ws.path.name, [Section(cells(pool, rows[:LIMIT], decided))], key=key)]
    with actions:
        _actions(ws, pool, rows, picked)


def _actions(ws: Workspace, pool: Pool, rows: np.ndarray, picked: list[int]) -> None:
    chosen = state.app_state().selection
    count = len(picked) or len(rows)
    what = show.count(count, "picked item" if picked else "item")
    share = show.percent(count, pool.hierarchy.n_items)

    def decide(verdict: Verdict) -> None:
        if chosen.kind == "cluster" and not picked:
            ws.decide_cluster(chosen.level, chosen.cluster, verdict)
        else:
            ws.decide_items(picked or rows, verdict)
        state.say(f"{what} ({share}): {verdict}. Undo takes it back.")

    keep = f"Keep {what}, whatever was decided on a coarser cluster."
    back = "Takes back the last decision, wherever it was made."
    with st.container(horizontal=True, gap="small"):
        show.act(f"Drop {what} ({share})", "explore-drop", "close", decide, "drop", type="primary")
        show.act("Keep", "explore-keep", "check", decide, "keep", help=keep)
        show.act("Undo", "explore-undo", "undo", ws.reviews.undo, disabled=not ws.reviews.version(), help=back)
