"""Which tree suits this pool? Settings tried at the target size, side by side, and one click to use one."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from curation_app import chart_trials, jobs_panel, loaders, show, trials
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_app.state import say
from curation_core.advice_trial import Ahead
from curation_core.config import ClusterConfig, SampleConfig
from curation_core.embedders import embedder_names
from curation_core.errors import ConfigError, StepMissing
from curation_core.forecast import predict_cost
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

_JOBS = ("advise", "cluster", "run")


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:  # noqa: ARG001 - as all parts
    """The advisor of Balance, for the target size that is chosen above it."""
    status = trials.standing(ws, "advise")
    found = trials.report(ws, status)
    _ask(ws, pool, config, found, is_current=status.state == "done")
    if jobs_panel.panel(ws, _JOBS, "advise") or found is None:
        if found is None:
            st.caption("The table and the chart of what was tried appear here.")
        return
    trials.said(found, status)
    if found["target_size"] != config.target_size:
        told = f"These figures are for {found['target_size']:,} items drawn, not for {config.target_size:,}."
        st.caption(f":material/update: {told}")
    _adopt(ws, pool, found, is_primary=status.state == "done" and not trials.stopped(ws, _JOBS))
    _figures(found)
    trials.notes(found)


def _ask(ws: Workspace, pool: Pool, config: SampleConfig, found: Mapping[str, Any] | None, *, is_current: bool) -> None:
    left, middle, beside, right = st.columns([2, 1, 2, 2.4], vertical_alignment="bottom")
    saved = ws.settings.advise
    with left:
        last = saved.column if found else (pool.label_columns or [trials.NONE])[-1]
        column = trials.column("Labels to measure by", pool, last, f"advise-column-{ws.path.name}", optional=True)
    with middle:
        n_seeds = st.number_input("Seeds", 2, 50, saved.n_seeds, key=f"advise-seeds-{ws.path.name}")
    with beside:
        embed_with = _embedders(ws, pool, can_be_judged=column is not None)
    options = {"target_size": config.target_size, "column": column, "n_seeds": int(n_seeds), "embed_with": embed_with}
    with right:
        try:
            ahead = _ahead(str(ws.path), loaders.stamp(ws), tuple(options.items()))
        except ConfigError as error:
            st.caption(escaped(error))
            return
        again = " again" if found else ""
        label = f"Try {ahead.n_candidates} settings{again} · {show.duration(max(1.0, ahead.seconds))}"
        is_primary = not (is_current or trials.stopped(ws, _JOBS))
        trials.start(ws, "advise", label, options, primary=is_primary)
    part = "" if ahead.n_tried == pool.hierarchy.n_items else f" on {ahead.n_tried:,} of them, taken at random"
    st.caption(
        f"Trees of several shapes, random and flat k-means, each with {n_seeds} seeds: {ahead.n_draws:,} draws of "
        f"{config.target_size:,} from {pool.hierarchy.n_items:,} items{part}. "
        f"{'Embedding and trees of the other embedders come on top. ' if embed_with else ''}Nothing else changes."
    )


def _embedders(ws: Workspace, pool: Pool, *, can_be_judged: bool) -> tuple[str, ...]:
    """Embedders to try beside the one in use."""
    own = str(ws.plans.meta("embed")["model"])
    names = [name for name in embedder_names(pool.catalog.modality) if name != own]
    chosen = st.multiselect(
        "Other embedders",
        names,
        [name for name in ws.settings.advise.embed_with if name in names],
        key=f"advise-embedders-{ws.path.name}",
        disabled=not can_be_judged or not names,
        placeholder="none" if can_be_judged else "need labels",
        help="All items are embedded with them first. Their draws are compared by labels alone: distances of two "
        "spaces cannot be compared.",
    )
    return tuple(chosen) if can_be_judged else ()


def _adopt(ws: Workspace, pool: Pool, found: Mapping[str, Any], *, is_primary: bool) -> None:
    rows = {row["title"]: row for row in found["rows"] if row["adopt"]}
    order = sorted(rows, key=lambda title: (not rows[title]["front"], rows[title]["kind"] != "tree"))
    left, right = st.columns([3, 3], vertical_alignment="bottom")
    with left:
        about = (
            "Levels in shares of the target size B: (2B, B/3) has two leaves per item drawn, and a level of a third."
        )
        key = f"advise-row-{ws.path.name}-{found['target_size']}"
        chosen = rows[str(st.selectbox("Setting to use", order, key=key, help=about))]
    wanted = chosen["adopt"]
    with right:
        cost = predict_cost(pool.hierarchy.n_items, pool.vectors.shape[1], _cluster(wanted, found))
        st.button(
            f"Use it and cluster {pool.hierarchy.n_items:,} items · {show.duration(max(1.0, cost.seconds))}",
            key="adopt",
            type="primary" if is_primary else "secondary",
            icon=":material/account_tree:",
            disabled=bool(jobs_panel.running(ws)),
            on_click=_use,
            args=(wanted, found),
        )
    st.caption(escaped(f"{_told(wanted)} {_decisions(ws)}"))


def _use(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Take a row's settings over and build its tree."""
    ws = loaders.current()
    if ws is None or jobs_panel.running(ws):
        return
    before = _vectors_key(ws)
    chosen = _cluster(wanted, found)
    names = ("n_clusters", "resample_size", "n_resamples", "preset", "expected_target")
    changed = {"cluster": {name: getattr(chosen, name) for name in names}}
    if wanted["embedder"]:
        changed["embed"] = {"embedder": wanted["embedder"]}
    ws.configure(**changed)
    jobs_panel.start("cluster" if _vectors_key(ws) == before else "run")  # other vectors need their map as well
    say("The setting is taken over; the tree is being built.")


def _vectors_key(ws: Workspace) -> str:
    """The key of the prepared vectors that settings ask for, "" where an earlier step is missing."""
    try:
        return ws.plans.plan("prepare").key
    except StepMissing:
        return ""


def _cluster(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> ClusterConfig:
    names = ("n_clusters", "resample_size", "n_resamples", "preset")
    return ClusterConfig(**{name: wanted[name] for name in names}, expected_target=found["target_size"])


def _told(wanted: Mapping[str, Any]) -> str:
    levels = " → ".join(f"{k:,}" for k in wanted["n_clusters"])
    embedder = f", vectors of {wanted['embedder']}" if wanted["embedder"] else ""
    return f"{levels} clusters, {wanted['n_resamples']} resampling steps, preset {wanted['preset']}{embedder}."


def _decisions(ws: Workspace) -> str:
    """What becomes of decisions when the tree changes."""
    n = len(loaders.decisions(ws).standing)
    if not n:
        return "Decisions on items stay."
    return (
        f"{show.count(n, 'cluster')} of the present tree {'has' if n == 1 else 'have'} decisions: Review will show "
        "which of them are found again in the new tree and carries those over when you say so. Decisions on items stay."
    )


def _figures(found: Mapping[str, Any]) -> None:
    names = {one["name"]: one["title"] for one in found["figures"]}
    shown = list(names)
    left, right = st.columns(2)
    with left:
        x = str(st.selectbox("Across", shown, shown.index("uncrowding"), format_func=names.__getitem__, key="advise-x"))
    with right:
        usual = "entropy" if "entropy" in names else "vendi"
        y = str(st.selectbox("Up", shown, shown.index(usual), format_func=names.__getitem__, key=f"advise-y-{usual}"))
    show.chart(chart_trials.settings_chart(found, x, y), f"advise-{x}-{y}", table=False)
    help_of = {one["title"]: one["meaning"] for one in found["figures"]}
    columns = {
        title: st.column_config.TextColumn(help=meaning, alignment="right") for title, meaning in help_of.items()
    }
    columns["front"] = st.column_config.TextColumn(help="No other row is as good in every figure and better in one.")
    show.table(
        chart_trials.settings_table(found), key="advise-table", height="content", column_config=columns, width="stretch"
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _ahead(path: str, stamp: str, options: tuple[tuple[str, Any], ...]) -> Ahead:  # noqa: ARG001 - the stamp is the cache's key
    return Workspace(path).advice_ahead(**dict(options))
