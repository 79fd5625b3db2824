"""Cached read-only access to a workspace: one copy per process, keyed by the artefact's key, so nothing goes stale."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import draw_cache
from curation_app.map_columns import map_places
from curation_app.places import workspace_path
from curation_app.pool import Pool
from curation_app.state import app_state
from curation_core.anchors import Anchors
from curation_core.catalog import Catalog
from curation_core.column_groups import column_groups as core_groups
from curation_core.config import SampleConfig
from curation_core.decisions import Decision, active
from curation_core.errors import StepMissing
from curation_core.folding import fold
from curation_core.lineage import STEPS, StepStatus, step_status
from curation_core.reattach import Reattachment, reattach
from curation_core.review import ReviewDecisions
from curation_core.review_log import ReviewTail
from curation_core.sampling import Drawing, SamplingPlan
from curation_core.workspace import Workspace

DEFAULT_SHARE = 0.15  # of the items, where no target was chosen yet
PREVIEW = "preview"  # of the map; beside the steps
SAMPLE = "sample"  # the one step that hangs on decisions


def current() -> Workspace | None:
    """The workspace this tab looks at, None when there is none."""
    name = app_state().workspace
    return Workspace.open(workspace_path(name)) if name else None


def status(ws: Workspace) -> dict[str, StepStatus]:
    """How every step stands, by name."""
    return {**_steps(str(ws.path), _steps_stamp(ws)), SAMPLE: _sample(str(ws.path), stamp(ws))}


def _step(ws: Workspace, step: str) -> StepStatus:
    """One step's state; all but the draw stand whatever is decided, so a decision costs none of them a look."""
    return _sample(str(ws.path), stamp(ws)) if step == SAMPLE else _steps(str(ws.path), _steps_stamp(ws))[step]


def done(ws: Workspace, step: str) -> StepStatus | None:
    """The state of a step when its result is there and current, else None."""
    found = _step(ws, step)
    return found if found.state == "done" else None


def check(ws: Workspace, name: str) -> StepStatus:
    """How a check stands: duplicates, quality, outliers or faces."""
    return _checks(str(ws.path), _steps_stamp(ws))[name]


def key_of(ws: Workspace, step: str) -> str:
    """The key of a step's current result; raises StepMissing with the reason when there is none."""
    found = _step(ws, step)
    if found.state != "done":
        raise StepMissing(f"{step} is {found.state}: {found.reason or 'it has not been run'}")
    return found.key


def catalog(ws: Workspace) -> Catalog:
    """The items; raises StepMissing before ingest."""
    return _catalog(str(ws.path), key_of(ws, "ingest"))


def pool(ws: Workspace) -> Pool:
    """The items with their tree as people have merged and split it; raises StepMissing before cluster."""
    built, decided = _built(ws), decisions(ws)
    found = _edited(str(ws.path), built.tree, decided.structure, built, decided) if decided.structure else built
    found.names.given = decided.labels
    return found


def xy(ws: Workspace) -> np.ndarray:
    """The map, (n, 2), or its preview; raises StepMissing before project."""
    found = mapped(ws)
    return map_places(ws.path, found.key if found else key_of(ws, "project"))


def mapped(ws: Workspace) -> StepStatus | None:
    """The map there is to look at: the current one, its preview while that is missing, None without either."""
    return done(ws, "project") or done(ws, PREVIEW)


def decisions(ws: Workspace) -> ReviewDecisions:
    """All decisions folded onto the current tree."""
    built = _built(ws)
    return _decisions(str(ws.path), built.tree, ws.reviews.stamp(), built)


def events(ws: Workspace) -> list[Decision]:
    """All events of the review as they are now, read once and then only what is new."""
    return _tail(str(ws.path)).read()[1]


def standing_events(ws: Workspace) -> list[Decision]:
    """The events that nobody took back, oldest first."""
    return active(events(ws))


def is_written(ws: Workspace, op_id: str) -> bool:
    """Whether an event of that id is in the log."""
    return _tail(str(ws.path)).knows(op_id)


def anchors(ws: Workspace) -> Anchors:
    """By what clusters are found again, of the tree as it is after merges and splits."""
    items, decided = pool(ws), decisions(ws)
    built = _anchors(str(ws.path), items.tree, _built(ws))
    return _edited_anchors(str(ws.path), items.key, built, decided) if decided.structure else built


def wanted_draw(ws: Workspace, n_items: int) -> SampleConfig:
    """The draw that was chosen, as far as its column and reference set are still there, else a share of the items."""
    chosen = ws.settings.sample
    if chosen is None:
        return SampleConfig(target_size=max(1, round(DEFAULT_SHARE * n_items)))
    gone = draw_cache.gone(chosen, catalog(ws).columns, has_reference=ws.settings.reference is not None)
    return chosen.model_copy(update=gone) if gone else chosen


def reattached(ws: Workspace) -> Reattachment:
    """Where decisions of earlier trees lie in the present one."""
    return _reattached(str(ws.path), pool(ws).key, ws.reviews.stamp(), ws)


def draw(ws: Workspace, config: SampleConfig) -> SamplingPlan:
    """A draw that is not kept: what the slider shows."""
    named = (made_of(ws, config), draw_cache.recipe_of(config))
    return draw_cache.plan(*named, config.target_size, drawing(ws, config))


def drawing(ws: Workspace, config: SampleConfig) -> Drawing:
    """The draw of a configuration for every size; its own is left out."""
    named, decided = (made_of(ws, config), draw_cache.recipe_of(config)), decisions(ws)
    return draw_cache.drawing(
        *named, lambda: draw_under(ws, config, decided, eligible(ws, one_per_group=config.one_per_group))
    )


def draw_under(ws: Workspace, config: SampleConfig, decided: ReviewDecisions, may: np.ndarray) -> Drawing:
    """The same under other decisions on the current tree, made afresh. may: (m,) bool, items that may be drawn."""
    path, key = str(ws.path), pool(ws).key
    groups = column_groups(ws, config.column)[0] if config.column and config.along_column else None
    along = f"{path}:{key}:{key_of(ws, 'ingest')}:{config.column}:{config.seed}"
    orders = draw_cache.order(path, key, config.seed, decided.tree)
    return draw_cache.draw_under(ws, config, decided, may, orders, along, groups)


def column_groups(ws: Workspace, column: str) -> tuple[np.ndarray, list[str]]:
    """Code of every item's value in rows of the tree, -1 without one, and the values."""
    return _column_groups(str(ws.path), key_of(ws, "ingest"), pool(ws).tree, column, pool(ws))


def made_of(ws: Workspace, config: SampleConfig) -> str:
    """Names everything that a draw hangs on beside its settings."""
    named = [str(ws.path), pool(ws).key, decisions(ws).fingerprint]
    named += [ws.plans.grouping()] if config.one_per_group else []
    named += [key_of(ws, "ingest")] if config.along_column else []
    named += [str(ws.plans.meta("reference")["key"])] if config.reference_share else []
    return ":".join(named)


def eligible(ws: Workspace, *, one_per_group: bool) -> np.ndarray:
    """Items that may be drawn, (m,) bool: after review and, if asked, one per group of near-duplicates."""
    decided = decisions(ws)
    return (
        _standing(str(ws.path), decided.fingerprint, ws.plans.grouping(), decided)
        if one_per_group
        else decided.eligible
    )


def kept_draw(ws: Workspace) -> SamplingPlan | None:
    """The kept draw if it is current, else None."""
    found = done(ws, "sample")
    return _kept(str(ws.path), found.key) if found else None


def current_draw(ws: Workspace) -> SamplingPlan | None:
    """The kept draw, or what its settings would draw now where decisions moved on; None before a size was chosen."""
    kept = kept_draw(ws)
    return kept if kept is not None or ws.settings.sample is None else draw(ws, wanted_draw(ws, 1))


def drawn_mask(items: Pool, plan: SamplingPlan | None) -> np.ndarray:
    """Which items are in a draw, (n,) bool."""
    mask = np.zeros(items.hierarchy.n_items, dtype=bool)
    if plan is not None:
        mask[plan.indices] = True
    return mask


def stamp(ws: Workspace) -> str:
    """Changes whenever the state of a step can have changed."""
    return f"{_steps_stamp(ws)}:{ws.reviews.stamp()}"


def _steps_stamp(ws: Workspace) -> str:
    """The same without what people decide."""
    toml = (ws.path / "workspace.toml").stat()
    try:  # a result is put into its step's folder whole, which changes the folder's time
        with os.scandir(ws.path / "steps") as found:
            folders = sorted((entry.name, entry.stat().st_mtime_ns) for entry in found)
    except OSError:
        folders = []
    return f"{toml.st_mtime_ns}:{toml.st_size}:{folders}"


@st.cache_resource(max_entries=32, show_spinner=False)
def _steps(path: str, stamp: str) -> Mapping[str, StepStatus]:  # noqa: ARG001 - the stamp is the cache's key
    plans = Workspace(path).plans
    steps = {step: step_status(plans.store, step, partial(plans.plan, step)) for step in STEPS if step != SAMPLE}
    return {**steps, PREVIEW: plans.preview_status()}


@st.cache_resource(max_entries=32, show_spinner=False)
def _sample(path: str, stamp: str) -> StepStatus:  # noqa: ARG001 - the stamp is the cache's key
    ws = Workspace(path)
    plans = replace(ws.plans, decisions=lambda: decisions(ws).fingerprint)
    return step_status(plans.store, SAMPLE, partial(plans.plan, SAMPLE))


@st.cache_resource(max_entries=32, show_spinner=False)
def _checks(path: str, stamp: str) -> Mapping[str, StepStatus]:  # noqa: ARG001 - the stamp is the cache's key
    return {step.step: step for step in Workspace(path).checks()}


@st.cache_resource(max_entries=8, show_spinner=False)
def _catalog(path: str, key: str) -> Catalog:  # noqa: ARG001 - the key is the cache's key
    return Workspace(path).catalog()


def _built(ws: Workspace) -> Pool:
    return _pool(str(ws.path), key_of(ws, "cluster"), key_of(ws, "ingest"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _pool(path: str, key: str, ingest_key: str) -> Pool:
    ws = Workspace(path)
    rows: np.ndarray = ws.embeddings().rows
    return Pool(path, key, key, _catalog(path, ingest_key), rows, ws.hierarchy(), ws.vectors())


@st.cache_resource(max_entries=4, show_spinner=False)
def _edited(path: str, key: str, structure: str, _built: Pool, _decided: ReviewDecisions) -> Pool:  # noqa: ARG001
    return replace(_built, key=f"{key}-{structure}", hierarchy=_decided.tree)


@st.cache_resource(max_entries=16, show_spinner=False)
def _tail(path: str) -> ReviewTail:
    return ReviewTail(Workspace(path).reviews)


@st.cache_resource(max_entries=4, show_spinner=False)
def _anchors(path: str, key: str, _pool: Pool) -> Anchors:  # noqa: ARG001 - path is part of the cache's key
    return Anchors(_pool.hierarchy, key, _pool.catalog.items.column("item_id").take(pa.array(_pool.rows)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _edited_anchors(path: str, key: str, _built: Anchors, _decided: ReviewDecisions) -> Anchors:  # noqa: ARG001
    return _built.of(_decided.tree)


@st.cache_resource(max_entries=4, show_spinner=False)
def _reattached(path: str, key: str, stamp: tuple[str, int], _ws: Workspace) -> Reattachment:  # noqa: ARG001
    return reattach(events(_ws), decisions(_ws), anchors(_ws))


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(path: str, key: str) -> SamplingPlan:  # noqa: ARG001 - the key is the cache's key
    return Workspace(path).sampling_plan()


@st.cache_resource(max_entries=8, show_spinner=False)
def _decisions(path: str, key: str, stamp: tuple[str, int], _built: Pool) -> ReviewDecisions:  # noqa: ARG001 - the stamp is the cache's key
    known = _anchors(path, key, _built)
    return fold(_tail(path).read()[1], _built.hierarchy, key, known.item_ids, vectors=_built.vectors, anchors=known)


@st.cache_resource(max_entries=8, show_spinner=False)
def _standing(path: str, decided: str, grouping: str, _decided: ReviewDecisions) -> np.ndarray:  # noqa: ARG001
    return Workspace(path).standing(_decided.eligible, _decided.kept)


@st.cache_resource(max_entries=8, show_spinner=False)
def _column_groups(path: str, ingest: str, key: str, column: str, _pool: Pool) -> tuple[np.ndarray, list[str]]:  # noqa: ARG001
    return core_groups(_pool.catalog, _pool.rows, column)
