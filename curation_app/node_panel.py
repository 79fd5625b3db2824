"""Every cluster's part in a draw, one parent's children at a time: what it has, gives, lacks and receives."""

from typing import Any

import numpy as np
import streamlit as st

from curation_app import loaders, show
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_app.state import set_widget, widget
from curation_app.wording import MARKS
from curation_core.children import ancestors
from curation_core.review import Place, ReviewDecisions, Standing
from curation_core.sampling import SamplingPlan
from curation_core.sharing import sharing
from curation_core.workspace import Workspace

MOST_NODES = 200  # children shown at once; the smaller ones are one row
COLUMNS = {
    "items": st.column_config.NumberColumn(format="localized", help="In the pool."),
    "available": st.column_config.NumberColumn(format="localized", help="What it may give after review, with caps."),
    "quota": st.column_config.NumberColumn(
        format="localized", help="Its even share, as far as it has that many; the rest goes to its siblings."
    ),
    "given": st.column_config.ProgressColumn(
        min_value=0, max_value=100, format="%d %%", help="Quota over available: 100 % gives all it has."
    ),
    "short": st.column_config.NumberColumn(
        format="localized", help="How far what it has stays below an even share among its siblings: what it frees."
    ),
    "received": st.column_config.NumberColumn(
        format="localized", help="How far its quota goes above an even share: what others freed."
    ),
}


def panel(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    """The children of the cluster that was opened last, from the top; picking one with children opens it."""
    key = f"node-open-{pool.key}"
    opened: Place | None = widget(key)
    decided, tree = loaders.decisions(ws), pool.hierarchy
    _way(pool, opened, key)
    level = tree.n_levels if opened is None else opened[0] - 1
    children = _children(pool, opened)
    order = children[np.argsort(-tree.sizes(level)[children], kind="stable")]
    shown = order[:MOST_NODES]
    table = f"nodes-{opened}-{pool.key}"

    def open_picked() -> None:
        rows = widget(table)["selection"]["rows"]
        if rows and rows[0] < len(shown):
            set_widget(key, (level, int(shown[rows[0]])))

    options: dict[str, Any] = {"on_select": open_picked, "selection_mode": "single-row"} if level > 1 else {}
    show.table(
        node_table(pool, plan, decided, level, shown, order[MOST_NODES:]),
        key=table,
        height=min(420, 38 + 35 * (len(shown) + (len(order) > MOST_NODES))),
        column_config=COLUMNS,
        **options,
    )
    st.caption(_sum(pool, plan, decided, level, children))


def node_table(
    pool: Pool, plan: SamplingPlan, decided: ReviewDecisions, level: int, shown: np.ndarray, others: np.ndarray
) -> dict[str, list[Any]]:
    """Per cluster: items, available, quota, taken, what it lacks and receives, decision; all others in one row."""
    found = sharing(pool.hierarchy, plan, level, decided.rules.weights[level - 1])
    columns = {
        "items": pool.hierarchy.sizes(level),
        "available": plan.capacity[level - 1],
        "quota": plan.quotas[level - 1],
        "short": np.rint(found.short).astype(np.int64),
        "received": np.rint(found.received).astype(np.int64),
    }
    told: dict[str, list[Any]] = {"cluster": [pool.name(level, c) for c in shown.tolist()]}
    told |= {name: values[shown].tolist() for name, values in columns.items()}
    told["decision"] = [decision(decided, level, c) for c in shown.tolist()]
    if len(others):
        told["cluster"].append(f"{len(others):,} smaller clusters")
        for name, values in columns.items():
            told[name].append(int(values[others].sum()))
        told["decision"].append("")
    given = [round(100 * quota / max(1, room)) for quota, room in zip(told["quota"], told["available"], strict=True)]
    names = ("cluster", "items", "available", "quota", "given", "short", "received", "decision")
    return {name: {**told, "given": given}[name] for name in names}


def decision(decided: ReviewDecisions, level: int, cluster: int) -> str:
    """What people decided on a cluster, in short."""
    one = decided.standing.get((level, cluster), Standing())
    verdict = {1: MARKS["keep"], -1: MARKS["drop"]}.get(one.verdict, "")
    bounds = [f"{MARKS[name]} {value}" for name, value in (("cap", one.cap), ("weight", one.weight)) if value]
    return ", ".join([*([verdict] if verdict else []), *bounds])


def _way(pool: Pool, opened: Place | None, key: str) -> None:
    """From the whole pool down to the cluster that is open, each a way back."""
    places: list[Place] = [] if opened is None else [*ancestors(pool.hierarchy, *opened), opened]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        top = {"key": "node-way-top", "type": "tertiary", "disabled": not places}
        st.button("Whole pool", on_click=set_widget, args=(key, None), **top)  # type: ignore[arg-type]
        for place in places:
            st.markdown(":material/chevron_right:")
            st.button(
                escaped(pool.name(*place)),
                key=f"node-way-{place[0]}",
                type="tertiary",
                on_click=set_widget,
                args=(key, place),
                disabled=place == opened,
            )


def _children(pool: Pool, opened: Place | None) -> np.ndarray:
    tree = pool.hierarchy
    level = tree.n_levels if opened is None else opened[0] - 1
    found = np.arange(tree.n_clusters[-1]) if opened is None else tree.children(*opened)
    return found[tree.sizes(level)[found] > 0]


def _sum(pool: Pool, plan: SamplingPlan, decided: ReviewDecisions, level: int, children: np.ndarray) -> str:
    """In one sentence who lacked how much, and who got it."""
    more = " Pick a row to see the clusters in it." if level > 1 else ""
    if plan.config.is_mixed:
        return f"Only a share of this draw goes along the tree, so siblings differ for other reasons too.{more}"
    found = sharing(pool.hierarchy, plan, level, decided.rules.weights[level - 1])
    short, received = found.short[children], found.received[children]
    lacking, freed, takers = int((short > 0.5).sum()), round(float(short.sum())), int((received > 0.5).sum())
    if not lacking:
        return f"Every cluster here has enough for an even share.{more}"
    many = f"{lacking:,} of {len(children):,} clusters have less than an even share"
    return f"{many}: {freed:,} draws freed, received by {show.count(takers, 'sibling')}.{more}"
