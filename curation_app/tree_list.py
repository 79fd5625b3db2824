"""The tree as a list: clusters of a level, or of what is open, to sort, search and pick; the twin of the picture."""

import zlib
from typing import Any

import numpy as np
import streamlit as st

from curation_app import show, state, tree_figures
from curation_app.boundary import escaped
from curation_app.chart_tree import figure_text
from curation_app.palette import CONTEXT
from curation_app.scene import Scene
from curation_app.tree_places import MARKS, Root, cluster_names, open_at, open_cluster, selected_cluster
from curation_core.children import below
from curation_core.node_figures import NodeFigure

MOST_ROWS = 500  # sent to the browser
_PER_CENT = "%.1f %%"
_SORT, _UP, _SKIP, _FIRST = "tree-sort", "tree-sort-up", "tree-skip", "tree-first"


def tree_list(scene: Scene, *, key: str = "tree-list") -> None:
    """Clusters of one level inside what is open; picking a row selects the cluster everywhere."""
    level = _level(scene, open_at(scene))
    state.update(list_level=level)
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="list-search",
            placeholder="Search names",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        with st.popover("", icon=":material/swap_vert:", help="Sort the list; choose its last column"):
            _settings(scene, key)
    clusters, n_fitting = _clusters(scene, level, words)
    _said(scene, level, len(clusters), n_fitting, words)
    _rows(scene, level, clusters, key)


def show_smaller(parent: Root, n_larger: int) -> None:
    """Open the list at the children of a cluster (None: the root) that come after its n_larger largest."""
    open_cluster(parent)
    state.set_widget(_SKIP, (parent, n_larger))
    state.set_widget(_SORT, "items")
    state.set_widget(_UP, False)


def _level(scene: Scene, root: Root) -> int:
    """The level listed: that of the selection, the children of what is open, or the one listed before."""
    now, chosen = state.app_state(), selected_cluster(scene)
    most = root[0] - 1 if root else scene.pool.hierarchy.n_levels
    wanted = chosen[0] if chosen and chosen != root else most if root else now.list_level
    default = wanted if 1 <= wanted <= most else most
    return show.level_choice(most, f"list-level-{scene.pool.key}-{root}-{now.list_epoch}", default=default)


def _settings(scene: Scene, key: str) -> None:
    chosen = tree_figures.chosen(scene)
    kinds = ["items", "name", "number", "drawn", *(["figure"] if chosen else [])]
    kinds = ["in hand", *kinds] if _is_spread(scene) else kinds
    # set on every run: what is inside a closed popover is drawn anew when it opens, without what it was told before
    state.set_widget(f"{key}-sort", state.widget(_SORT) if state.widget(_SORT) in kinds else kinds[0])
    state.set_widget(f"{key}-up", bool(state.widget(_UP)))
    st.segmented_control(
        "Sort by", kinds, key=f"{key}-sort", required=True, on_change=_keep, args=(_SORT, f"{key}-sort")
    )
    st.toggle("Reverse order", key=f"{key}-up", on_change=_keep, args=(_UP, f"{key}-up"))
    tree_figures.choice(scene, f"{key}-figure")


def _keep(name: str, widget: str) -> None:
    state.set_widget(name, state.widget(widget))


def _clusters(scene: Scene, level: int, words: str) -> tuple[np.ndarray, int]:
    """The clusters to list, in order, at most MOST_ROWS; and how many fit."""
    root, sizes = open_at(scene), scene.pool.hierarchy.sizes(level)
    found = below(scene.pool.hierarchy, root, level)
    fits = sizes[found] > 0
    if words.strip():
        with st.spinner("Reading the names of all clusters"):
            fits &= cluster_names(scene).matching(level, words)[found]
    found = found[fits]
    skipped, n_larger = state.widget(_SKIP) or (None, 0)
    skip = n_larger if skipped == root and _is_next(root, level, scene) and not words.strip() else 0
    order = _ordered(found, _sort_key(scene, level)[found], MOST_ROWS + skip)[skip:]
    return _with_first(scene, level, words, order, found), len(found)


def _is_next(root: Root, level: int, scene: Scene) -> bool:
    return level == (root[0] - 1 if root else scene.pool.hierarchy.n_levels)


def _sort_key(scene: Scene, level: int) -> np.ndarray:
    """What the list is sorted by, small before large: (k,) float64; what has none comes last either way."""
    kind, tree = _sort_kind(scene), scene.pool.hierarchy
    turned = bool(state.widget(_UP))
    if kind == "name":
        with st.spinner("Reading the names of all clusters"):
            values = cluster_names(scene).alphabetical(level)
        return -values if turned else values
    if kind == "number":
        values = np.arange(tree.n_clusters[level - 1], dtype=np.float64)
        return -values if turned else values
    figure = tree_figures.chosen(scene)
    if kind == "figure" and figure is not None:
        values = tree_figures.of_levels(scene, figure)[level - 1].values
    elif kind == "in hand":
        values = in_hand(scene, level) + tree.sizes(level) / (tree.n_items + 1)  # equals by size
    else:
        values = (tree_figures.drawn_counts(scene)[level - 1] if kind == "drawn" else tree.sizes(level)).astype(float)
    keys = values if turned else -values
    return np.where(np.isnan(keys), np.inf, keys)


def _ordered(clusters: np.ndarray, keys: np.ndarray, most: int) -> np.ndarray:
    """The `most` clusters of the smallest keys, in order, equals by number."""
    if len(keys) > most:
        last = np.partition(keys, most - 1)[most - 1]
        near = np.flatnonzero(keys <= last)
        clusters, keys = clusters[near], keys[near]
    found: np.ndarray = clusters[np.lexsort((clusters, keys))][:most]
    return found


def _with_first(scene: Scene, level: int, words: str, order: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The order with what is selected on top, so that it is in view; a pick in the list itself moves nothing."""
    list_is = (state.app_state().list_epoch, level, words, _sort_kind(scene), state.widget(_UP))
    kept = state.widget(_FIRST)
    if kept is None or kept[0] != list_is:
        kept = (list_is, selected_cluster(scene))
        state.set_widget(_FIRST, kept)
    first = kept[1]
    if first is None or first[0] != level or first[1] in order[:8] or first[1] not in found:
        return order
    found = np.r_[first[1], order[order != first[1]]][:MOST_ROWS]
    return np.asarray(found)


def _said(scene: Scene, level: int, n_shown: int, n_fitting: int, words: str) -> None:
    skipped, n_larger = state.widget(_SKIP) or (None, 0)
    root = open_at(scene)
    if n_larger and skipped == root and _is_next(root, level, scene) and not words.strip():
        label = f"After the {n_larger:,} largest of {n_fitting:,} · show all"
        show.act(label, "tree-all", "vertical_align_top", state.set_widget, _SKIP, None, type="tertiary")
    elif n_shown < n_fitting:
        st.caption(f"{n_shown:,} of {n_fitting:,} shown: search or sort to see others")
    else:  # always a line: the table's own toolbar appears over what stands above it
        how = "found" if words.strip() else f"by {_sorting(scene)}"
        st.caption(f"{show.count(n_fitting, 'cluster')} {how}")


def in_hand(scene: Scene, level: int) -> np.ndarray:
    """How many of the rows in hand lie in each cluster of a level: (k,) int64."""
    tree = scene.pool.hierarchy
    counts: np.ndarray = np.bincount(tree.point_assignment(level)[scene.rows], minlength=tree.n_clusters[level - 1])
    return counts


def _is_spread(scene: Scene) -> bool:
    """Whether what is in hand may lie in several clusters."""
    return scene.selection.kind not in ("none", "cluster") or bool(scene.filters)


def _sort_kind(scene: Scene) -> str:
    chosen, spread = state.widget(_SORT), _is_spread(scene)
    if chosen is None or (chosen == "in hand" and not spread):
        return "in hand" if spread else "items"
    return str(chosen)


def _sorting(scene: Scene) -> str:
    kind, figure = _sort_kind(scene), tree_figures.chosen(scene)
    return escaped(figure.title) if kind == "figure" and figure is not None else kind


def _rows(scene: Scene, level: int, order: np.ndarray, key: str) -> None:
    tree, figure = scene.pool.hierarchy, tree_figures.chosen(scene)
    sizes = tree.sizes(level)[order]
    verdicts = scene.decided.verdicts[level - 1][order]
    columns: dict[str, Any] = {" ": [MARKS[mark] for mark in verdicts.tolist()]} if verdicts.any() else {}
    columns["cluster"] = cluster_names(scene).names(level, order)
    if _is_spread(scene):
        columns["in hand"] = in_hand(scene, level)[order].tolist()
    columns |= {
        "items": sizes.tolist(),
        "drawn": tree_figures.drawn_counts(scene)[level - 1][order].tolist(),
    }
    if figure is not None:
        columns[figure.title] = _figures(scene, figure, level, order)
    columns["share"] = (100 * sizes / max(1, scene.n)).tolist()
    chosen = selected_cluster(scene)
    mine = np.flatnonzero(order == chosen[1]).tolist() if chosen and chosen[0] == level else []
    name = f"{key}-{level}-{zlib.crc32(order.tobytes())}-{state.app_state().list_epoch}"
    listed = order.tolist()
    st.dataframe(
        columns,
        hide_index=True,
        height="stretch",
        key=name,
        selection_mode="single-row",
        selection_default={"selection": {"rows": mine, "columns": []}},
        on_select=lambda: _row_picked(name, level, listed),
        column_config=_column_config(columns, figure),
        alt=f"Clusters of level {level} with decision, items, items drawn, {figure.title if figure else ''} and share.",
    )


def _figures(scene: Scene, figure: NodeFigure, level: int, order: np.ndarray) -> list[Any]:
    values = tree_figures.of_levels(scene, figure)[level - 1].values[order]
    if figure.kind == "decision":
        return [figure_text(value, figure) for value in values.tolist()]
    values = 100 * values if figure.is_share else values
    return [None if np.isnan(value) else value for value in values.tolist()]


def _column_config(columns: dict[str, Any], figure: NodeFigure | None) -> dict[str, Any]:
    most = max(columns["items"], default=1)
    found: dict[str, Any] = {
        " ": st.column_config.TextColumn(width=26, help="✓ kept, ✕ dropped"),
        "cluster": st.column_config.TextColumn(width=104),
        "items": st.column_config.ProgressColumn(
            format="localized", min_value=0, max_value=most, width=66, color=CONTEXT
        ),
        "in hand": st.column_config.NumberColumn(
            format="localized", width=54, help="Items of the selection that lie in this cluster."
        ),
        "drawn": st.column_config.NumberColumn(format="localized", width=52),
        "share": st.column_config.NumberColumn(format=_PER_CENT, width=60),
    }
    if figure is not None and figure.kind != "decision":
        shown = _PER_CENT if figure.is_share else "compact"
        found[figure.title] = st.column_config.NumberColumn(format=shown, width=72, help=figure.about)
    return found


def _row_picked(key: str, level: int, order: list[int]) -> None:
    rows = state.widget(key)["selection"]["rows"]
    if rows and rows[0] < len(order):
        state.select_cluster(level, order[rows[0]], by="list")
    else:
        state.clear_selection(by="list")
