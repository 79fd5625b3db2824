"""Does the draw hold what you trust? A reference set beside pool and draw, and a share of the draw by retrieval."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation_app import chart_reference, jobs_panel, loaders, reference_form, show, state
from curation_app.boundary import escaped
from curation_app.components.grid import Section, grid
from curation_app.items import catalog_cells
from curation_app.naming import item_captions
from curation_app.pool import Pool
from curation_core.baselines import random_draw
from curation_core.config import SampleConfig
from curation_core.metrics import balance
from curation_core.reference_sets import ReferenceSet
from curation_core.retrieval import Coverage
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
_SHOWN = 24  # pictures of each kind
_AT_ONCE = 100_000  # items up to which the effect of shares is worked out without being asked
_NOTE = (
    "Published results favour a mix over either alone: in DINOv3 (Siméoni et al. 2025, arXiv 2508.10104, Table 1) "
    "retrieval to seed sets was better on tasks near the seeds (ImageNet k-NN 84.0 against 79.4), clustering on others "
    "(ObjectNet 72.3 against 70.7, Paris 85.2 against 82.7), and the mix of both with public data sets on all of them "
    "(84.6, 72.8, 85.9). That is one pool of pictures at a scale of its own; which share serves yours, only a test on "
    "your task tells."
)


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:
    """The reference part of Balance."""
    status = loaders.check(ws, "reference")
    if jobs_panel.panel(ws, ("reference",), "reference"):
        return
    if status.state != "done":
        _teach(ws, pool, status.reason if ws.settings.reference is not None else "")
        return
    found = _reference(str(ws.path), status.key, loaders.key_of(ws, "ingest"))
    _head(ws, found)
    named = f"{loaders.made_of(ws, config)}:{config.model_dump_json()}"
    by_draw = _covered(str(ws.path), status.key, named, found, pool, plan.indices)
    by_chance = _covered(
        str(ws.path),
        status.key,
        f"random:{len(plan.indices)}:{plan.seed}",
        found,
        pool,
        random_draw(pool.hierarchy.n_items, min(len(plan.indices), pool.hierarchy.n_items), seed=plan.seed),
    )
    _figures(found, by_draw, by_chance)
    _charts(found, by_draw, by_chance, plan)
    _share(ws, pool, config, status.key, found)
    _uncovered(ws, found, by_draw)


def _teach(ws: Workspace, pool: Pool, stale: str) -> None:
    with st.container(border=True, key="reference-form"):
        st.subheader("Examples that you trust", anchor=False)
        if stale:
            st.caption(f"The reference set is out of date: {escaped(stale)}.")
            show.act("Read it again", "reference-again", "sync", lambda: jobs_panel.start("reference"))
        st.markdown(
            "Pictures of the task that the data is for, texts of a textbook, the rare class that must not be lost. "
            "They are embedded as the items are. You see which of them pool and draw cover, and may take a share of "
            "the draw by retrieval from them."
        )
        reference_form.form(ws, pool)


def _head(ws: Workspace, found: ReferenceSet) -> None:
    config = ws.settings.reference
    named = "" if config is None else config.where or (config.source.rsplit("/", 1)[-1] if config.source else "items")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(named)}** · {show.count(len(found), 'example')}")
        st.space("stretch")
        show.act(
            "Read again", "reference-reread", "sync", lambda: jobs_panel.start("reference"), help="Where it changed."
        )
        show.act("Choose another", "reference-other", "swap_horiz", ws.forget_reference)


def _figures(found: ReferenceSet, by_draw: Coverage, by_chance: Coverage) -> None:
    within = f"within {found.gap:.3g}, the typical distance of an item to its nearest other one"
    own = " Examples that are items of the pool are covered by themselves." if found.in_pool else ""
    show.figures(
        {
            "Covered by the pool": (
                _percent(found.coverage),
                f"Share of the examples that have an item of the pool {within}.{own}",
            ),
            "Covered by this draw": (
                _percent(by_draw),
                f"The same by a drawn item. Fewer items lie less densely.{own}",
            ),
            "By a random draw": (_percent(by_chance), "As many items drawn at random."),
            "Nobody covers": (
                f"{int((~found.coverage.covered).sum()):,}",
                "Examples that not even the pool has anything like; the pictures are below.",
            ),
        }
    )


def _charts(found: ReferenceSet, by_draw: Coverage, by_chance: Coverage, plan: SamplingPlan) -> None:
    left, right = st.columns(2)
    curves = {"pool": found.coverage, "this draw": by_draw, "random, same size": by_chance}
    distances = {name: np.asarray(one.distance) for name, one in curves.items()}
    with left:
        made = chart_reference.coverage_curves(distances, found.gap, "Examples that have an item near them")
        show.chart(made, "reference-coverage")
    with right:
        nearest = np.asarray(found.found.nearest)
        sets = {"pool": nearest, "this draw": nearest[plan.indices]}
        show.chart(chart_reference.nearness(sets, "How near items lie to the examples"), "reference-nearness")


def _share(ws: Workspace, pool: Pool, config: SampleConfig, key: str, found: ReferenceSet) -> None:
    """The share of the target taken by retrieval, and what other shares would do."""
    widget = f"sample-{ws.path.name}-reference-share"  # the setting of the draw; both sliders move together

    def follow() -> None:
        state.set_widget(widget, state.widget("reference-share"))

    left, right = st.columns([2, 3])
    with left:
        state.set_widget("reference-share", round(100 * config.reference_share))
        st.slider(
            "Share of the draw taken by retrieval, %",
            0,
            100,
            key="reference-share",
            on_change=follow,
            help="The nearest item of every example first, then the second nearest of every one, and so on; the rest "
            "is balanced along the tree. Larger draws contain smaller ones all the same.",
        )
        st.caption(_NOTE)
    with right:
        if pool.hierarchy.n_items > _AT_ONCE and not st.toggle("Work out what other shares do", key="reference-shares"):
            return
        made = chart_reference.mix_curve(
            SHARES, _shares(ws, pool, config, key, found), config.reference_share, "What the share of retrieval changes"
        )
        show.chart(made, "reference-mix")


def _shares(
    ws: Workspace, pool: Pool, config: SampleConfig, key: str, found: ReferenceSet
) -> dict[str, Sequence[float]]:
    """Coverage, clusters covered and evenness of draws of this size at every share, in per cent."""
    covered, clusters, even = [], [], []
    sizes = pool.hierarchy.sizes(pool.hierarchy.n_levels)
    for share in SHARES:
        tried = config.model_copy(update={"reference_share": share, "multiplier": 1 if share else config.multiplier})
        plan = loaders.draw(ws, tried)
        named = f"{loaders.made_of(ws, tried)}:{tried.model_dump_json()}"
        covered.append(100 * _covered(str(ws.path), key, named, found, pool, plan.indices).share)
        told = balance(plan.quotas[-1], pool=sizes)
        clusters.append(100 * told.coverage)
        even.append(100 * told.entropy)
    return {"examples covered": covered, "top clusters covered": clusters, "entropy over top clusters": even}


def _uncovered(ws: Workspace, found: ReferenceSet, by_draw: Coverage) -> None:
    nobody = np.flatnonzero(~found.coverage.covered)
    missed = np.flatnonzero(found.coverage.covered & ~by_draw.covered)
    st.subheader("Examples that are not covered", anchor=False)
    if not len(nobody) and not len(missed):
        st.caption("The draw covers every example.")
        return
    captions, sections = item_captions(found.catalog), []
    for rows, distance, title in (
        (missed, by_draw.distance, "In the pool, not in the draw"),
        (nobody, found.coverage.distance, "Not even in the pool"),
    ):
        farthest = rows[np.argsort(-distance[rows], kind="stable")][:_SHOWN]
        note = f"{len(rows):,}" + (f", the {_SHOWN} farthest" if len(farthest) < len(rows) else "")
        cells = catalog_cells(found.catalog, np.asarray(found.rows)[farthest], captions)
        if len(cells):
            sections.append(Section(cells, title, note))
    if ws.settings.faces.blur and not found.in_pool and found.catalog.modality == "image":
        st.caption("Faces are to be blurred here, and examples are not searched for faces: their pictures stay hidden.")
    grid(ws.path.name, sections, key="reference-uncovered", mode="none", toolbar=False, height=420)


def _percent(found: Coverage) -> str:
    return f"{100 * found.share:.1f} %"


@st.cache_resource(max_entries=8, show_spinner=False)
def _reference(path: str, key: str, ingest: str) -> ReferenceSet:  # noqa: ARG001 - they are the cache's key
    return Workspace(path).reference_set()


@st.cache_resource(max_entries=128, show_spinner=False)
def _covered(path: str, key: str, named: str, _set: ReferenceSet, _pool: Pool, _rows: np.ndarray) -> Coverage:  # noqa: ARG001
    return _set.coverage_by(_pool.vectors, _rows)
