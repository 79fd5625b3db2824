"""Data › Duplicates: find near-duplicates, set the threshold by example, draw one per group."""

from typing import get_args

import numpy as np
import streamlit as st

from curation_app import findings, jobs_panel, loaders, show, state
from curation_app.components.grid import Section, grid
from curation_app.items import catalog_cells
from curation_app.naming import item_captions
from curation_core.catalog import Catalog
from curation_core.config import Keeper, SampleConfig
from curation_core.grouping import NearDuplicates
from curation_core.workspace import Workspace

_EXAMPLES = 6  # pairs shown on each side of the threshold
_GROUPS = 20  # groups shown on one page
_MEMBERS = 14  # members shown of one group
_RULES = {"largest": "the largest", "first": "the first", "central": "the one nearest its cluster's centre"}


def duplicates_tab(ws: Workspace, catalog: Catalog) -> None:
    """Everything about duplicates in a workspace."""
    st.markdown(
        "Copies make a pile look larger than it is. Items with the same bytes, and items that look or read nearly the "
        "same, are put in groups; a draw can take **one item per group**. Nothing is deleted."
    )
    working = jobs_panel.panel(ws, ("duplicates",), "duplicates")
    found = findings.pairs(ws)
    if found is None:
        _search(ws, catalog, working)
        return
    threshold = _threshold(ws, found)
    grouped = findings.groups(ws, threshold)
    if grouped is None:
        return
    _figures(grouped)
    _settings(ws, threshold)
    _both_sides(ws, catalog, found, threshold)
    _largest_groups(ws, catalog, grouped)


def _search(ws: Workspace, catalog: Catalog, working: bool) -> None:
    needed = loaders.check(ws, "duplicates")
    ready = loaders.done(ws, "embed") is not None
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="duplicates-start"):
        st.markdown("Not looked for yet." if ready else "Needs vectors: embed the items first (Cluster).")
        if ready and needed.state == "stale":
            st.caption("The items or vectors changed since the last search.")
        st.space("stretch")
        mirror = ws.settings.duplicates.mirror
        if catalog.modality == "image":
            mirror = st.toggle("Mirror images are copies too", mirror, key="duplicates-mirror")
        st.button(
            f"Compare {show.count(len(catalog), 'item')}",
            type="primary",
            key="duplicates-run",
            icon=":material/difference:",
            disabled=working or not ready,
            on_click=jobs_panel.start,
            args=("duplicates",),
            kwargs={"mirror": mirror},
        )


def _threshold(ws: Workspace, found: NearDuplicates) -> float:
    low = float(np.ceil(found.threshold * 200) / 200)
    if low >= 1.0:
        st.caption("Only identical items were looked for.")
        return 1.0
    value: float = st.slider(
        "Similarity from which two items are the same",
        low,
        1.0,
        min(1.0, max(low, ws.duplicate_threshold())),
        0.005,
        format="%.3f",
        key=f"duplicates-threshold-{ws.path.name}",
        help="Move it until the pairs on the left are the same to you, and those on the right are not.",
    )
    return value


def _figures(grouped: NearDuplicates) -> None:
    n_grouped, n_groups = int(grouped.sizes().sum()), grouped.n_groups
    exact = int((grouped.similarity >= 1.0).sum())
    largest = int(grouped.sizes().max(initial=0))
    show.figures(
        {
            "Groups": (f"{n_groups:,}", "Of two items or more."),
            "Items in groups": (f"{n_grouped:,} · {show.percent(n_grouped, len(grouped))}", "Share of all items."),
            "Left out by one per group": (f"{n_grouped - n_groups:,}", "All members but the one that stays."),
            "Exact copies": (f"{exact:,}", "Items with the same content as an earlier one."),
            "Largest group": (f"{largest:,}", "Members of the largest group."),
        }
    )


def _settings(ws: Workspace, threshold: float) -> None:
    config, rules = ws.settings.duplicates, list(get_args(Keeper))
    saved = ws.settings.sample
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="duplicates-settings"):
        keeper = st.selectbox(
            "Which item stays",
            rules,
            rules.index(config.keeper),
            format_func=lambda rule: _RULES[rule],
            key="duplicates-keeper",
            width=300,
        )
        on = st.toggle("Draw one item per group", bool(saved and saved.one_per_group), key="duplicates-on")
        current = (
            abs(threshold - ws.duplicate_threshold()) < 1e-6
            and keeper == config.keeper
            and on == bool(saved and saved.one_per_group)
        )
        if current:
            st.badge("applied", icon=":material/check:", color="gray")
        else:
            show.act("Apply to draws", "duplicates-apply", "check", _apply, ws, threshold, keeper, on, type="primary")


def _apply(ws: Workspace, threshold: float, keeper: Keeper, on: bool) -> None:
    size = loaders.wanted_draw(ws, len(loaders.catalog(ws))).target_size
    before = ws.settings.sample or SampleConfig(target_size=size)
    ws.configure(
        duplicates={"threshold": round(threshold, 3), "keeper": keeper},
        sample={**before.model_dump(), "one_per_group": on},
    )
    state.say("Draws take one item per group now." if on else "Saved; draws take all items.")


def _both_sides(ws: Workspace, catalog: Catalog, found: NearDuplicates, threshold: float) -> None:
    above, below = np.flatnonzero(found.similarity >= threshold), np.flatnonzero(found.similarity < threshold)
    near = found.similarity[above] < 1.0
    above = above[near] if near.any() else above
    left, right = st.columns(2)
    with left:
        _pairs(ws, catalog, found, above[np.argsort(found.similarity[above], kind="stable")], "Just above: one group")
    with right:
        _pairs(ws, catalog, found, below[np.argsort(-found.similarity[below], kind="stable")], "Just below: kept apart")


def _pairs(ws: Workspace, catalog: Catalog, found: NearDuplicates, order: np.ndarray, title: str) -> None:
    st.markdown(f"**{title}**")
    rows, captions = findings.tree_rows(ws), item_captions(catalog)
    sections = [
        Section(
            catalog_cells(catalog, rows[found.pairs[place]], captions),
            f"{float(found.similarity[place]):.4f}",
        )
        for place in order[:_EXAMPLES].tolist()
    ]
    grid(
        ws.path.name,
        sections,
        key=f"pairs-{title}",
        mode="none",
        toolbar=False,
        height=330,
        flow=True,
        empty="No such pair.",
    )


def _largest_groups(ws: Workspace, catalog: Catalog, grouped: NearDuplicates) -> None:
    sizes = grouped.sizes()
    if not len(sizes):
        return
    order, rows, captions = np.argsort(-sizes, kind="stable"), findings.tree_rows(ws), item_captions(catalog)
    pages = -(-len(order) // _GROUPS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("Groups, largest first", anchor=False)
        page = (
            int(st.number_input(f"Page of {pages:,}", 1, pages, key="duplicates-page", width=140)) if pages > 1 else 1
        )
    sections = []
    for group in order[(page - 1) * _GROUPS : page * _GROUPS].tolist():
        members = grouped.members(group)
        more = f", {_MEMBERS} shown" if len(members) > _MEMBERS else ""
        cells = catalog_cells(catalog, rows[members[:_MEMBERS]], captions)
        sections.append(Section(cells, f"{len(members):,} items{more}"))
    grid(ws.path.name, sections, key=f"groups-{page}", mode="none", height=520, flow=True)
