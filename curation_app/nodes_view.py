"""Two draws cluster by cluster: the largest changes first, and one click further down the tree."""

from typing import Any

import numpy as np
import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.draws import Compared
from curation_core.changes import NodeChanges
from curation_core.children import ancestors, below
from curation_core.comparison import Side
from curation_core.hierarchy import Hierarchy

MOST = 2_000  # clusters in one table
_AT = "compare-at"
COLUMNS = {
    "overlap": st.column_config.ProgressColumn(
        min_value=0, max_value=1, format="%.2f", help="Items in both draws over items in either."
    ),
    "quota A": st.column_config.NumberColumn(help="Draws that A gives the cluster."),
    "quota B": st.column_config.NumberColumn(help="Draws that B gives the cluster."),
}


def nodes(shown: Compared) -> None:
    """The table of clusters, on the tree of A or of B, from the top down."""
    found = shown.found
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Cluster by cluster", anchor=False)
        side: Side = "a" if found.trees.same else _side()
    tree = (found.a if side == "a" else found.b).hierarchy
    at = state.widget(_at(shown, side))
    root: tuple[int, int] | None = at if at and _is_there(tree, at) else None
    level = root[0] - 1 if root else tree.n_levels
    _path(shown, side, tree, root)
    changes = found.nodes[0 if side == "a" else 1][level - 1]
    order = _ordered(tree, root, level, changes)
    columns = _columns(shown, side, changes, order, level)
    key = f"compare-nodes-{side}-{root}-{found.a.name}-{found.b.name}"

    def clicked() -> None:
        picked = state.widget(key)["selection"]["rows"]
        if picked and level > 1:
            state.set_widget(_at(shown, side), (level, int(order[picked[0]])))

    about = f"Clusters of level {level}: items, quotas, taken, entered, left, stayed and overlap of both draws."
    picks = {"on_select": clicked, "selection_mode": "single-row"} if level > 1 else {}
    show.table(columns, key=key, height=360, column_config=COLUMNS, alt=about, **picks)
    if len(order) == MOST:
        st.caption(f"The {MOST:,} clusters with the most changes.")


def _side() -> Side:
    names: dict[Side, str] = {"a": "A's tree", "b": "B's tree"}
    chosen = st.segmented_control(
        "Tree", list(names), default="b", format_func=lambda side: names[side], key="compare-side", required=True
    )
    return "a" if chosen == "a" else "b"


def _path(shown: Compared, side: Side, tree: Hierarchy, root: tuple[int, int] | None) -> None:
    """Where one is in the tree, as buttons that lead up again."""
    places = [*ancestors(tree, *root), root] if root else []
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        key = _at(shown, side)
        st.button(
            "All", key="compare-up-all", type="tertiary", on_click=state.set_widget, args=(key, None), disabled=not root
        )
        for place in places:
            st.button(
                f"▸ {escaped(_name(shown, side, *place))}",
                key=f"compare-up-{place[0]}-{place[1]}",
                type="tertiary",
                on_click=state.set_widget,
                args=(key, place),
                disabled=place == root,
            )
        st.caption("Click a row to look inside." if not root or root[0] > 2 else f"Level {root[0] - 1}, the finest.")


def _columns(shown: Compared, side: Side, changes: NodeChanges, order: np.ndarray, level: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "cluster": [_name(shown, side, level, int(c)) for c in order.tolist()],
        "items": changes.items[order].tolist(),
    }
    for name, quota in zip("AB", changes.quota, strict=True):
        if len(quota) and quota[0] >= 0:
            columns[f"quota {name}"] = quota[order].tolist()
    columns |= {f"taken {name}": taken[order].tolist() for name, taken in zip("AB", changes.taken, strict=True)}
    columns |= {name: getattr(changes, name)[order].tolist() for name in ("entered", "left", "stayed")}
    overlap = changes.jaccard[order]
    return columns | {"overlap": [None if np.isnan(value) else float(value) for value in overlap]}


def _ordered(tree: Hierarchy, root: tuple[int, int] | None, level: int, changes: NodeChanges) -> np.ndarray:
    """Clusters that hold anything, those that changed most first: int64."""
    inside = below(tree, root, level)
    inside = inside[(changes.items[inside] > 0)]
    moved = changes.entered[inside] + changes.left[inside]
    found: np.ndarray = inside[np.lexsort((inside, -changes.items[inside], -moved))][:MOST]
    return found


def _name(shown: Compared, side: Side, level: int, cluster: int) -> str:
    """A cluster's name where it is one of the current tree, else its number."""
    one = shown.found.a if side == "a" else shown.found.b
    if (
        shown.pool is not None
        and one.hierarchy.n_clusters == shown.pool.hierarchy.n_clusters
        and _is_current(shown, one)
    ):
        return shown.pool.name(level, cluster)
    return f"cluster {cluster}"


def _is_current(shown: Compared, side: Any) -> bool:
    assert shown.pool is not None
    kept = vars(side).setdefault("_is_current", {})  # one look at all items a tree, not one a name
    if shown.pool.key not in kept:
        kept[shown.pool.key] = all(
            np.array_equal(mine.assignment, theirs.assignment)
            for mine, theirs in zip(side.hierarchy.levels, shown.pool.hierarchy.levels, strict=True)
        )
    return bool(kept[shown.pool.key])


def _is_there(tree: Hierarchy, place: tuple[int, int]) -> bool:
    level, cluster = place
    return 2 <= level <= tree.n_levels and 0 <= cluster < tree.n_clusters[level - 1]


def _at(shown: Compared, side: Side) -> str:
    return f"{_AT}-{shown.found.a.name}-{shown.found.b.name}-{side}"
