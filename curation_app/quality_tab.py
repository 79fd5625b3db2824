"""Data › Quality: scores with thresholds that a person moves, examples on both sides, decisions on the flagged."""

import numpy as np
import streamlit as st

from curation_app import deciding, findings, jobs_panel, loaders, show, state
from curation_app.chart_scores import score_histogram
from curation_app.components.grid import Section, grid
from curation_app.items import catalog_cells
from curation_app.naming import item_captions
from curation_core.catalog import Catalog
from curation_core.decisions import Verdict
from curation_core.quality import Flag, column, flagged, flags_of
from curation_core.workspace import Workspace

_SHOWN = 60  # flagged items shown at once
_EXAMPLES = 12  # items shown on the other side of the threshold


def quality_tab(ws: Workspace, catalog: Catalog) -> None:
    """Everything about the quality of the items of a workspace."""
    st.markdown(
        "Every item gets scores; a threshold turns a score into a flag. Flags only point: what is dropped, you drop, "
        "and one undo takes it back."
    )
    working = jobs_panel.panel(ws, ("quality",), "quality")
    scores = findings.scores(ws)
    _start(ws, catalog, scores.num_columns > 0, working)
    known = [flag for flag in flags_of(catalog.modality) if flag.column in scores.column_names]
    if not known:
        return
    counts = {name: int(marked.sum()) for name, marked in flagged(scores, ws.settings.quality.thresholds).items()}
    flag = _choose(known, counts)
    threshold = _threshold(ws, flag, column(scores, flag))
    _chart(flag, column(scores, flag), threshold)
    _both_sides(ws, catalog, flag, column(scores, flag), threshold)


def _start(ws: Workspace, catalog: Catalog, scored: bool, working: bool) -> None:
    quality, outliers = loaders.check(ws, "quality"), loaders.check(ws, "outliers")
    has_tree = loaders.done(ws, "cluster") is not None
    missing = (catalog.modality != "vector" and quality.state != "done") or (has_tree and outliers.state != "done")
    if catalog.modality == "vector" and not has_tree:
        st.caption("Vectors are scored against their clusters: build a tree first (Cluster).")
        return
    if not missing:
        return
    label = "Score the vectors as well" if scored and has_tree else f"Score {show.count(len(catalog), 'item')}"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="quality-start"):
        st.markdown(
            "There is a tree now: outliers can be found." if scored else "Not scored yet, or the items changed."
        )
        st.space("stretch")
        show.act(label, "quality-run", "speed", jobs_panel.start, "quality", type="primary", disabled=working)


def _choose(known: list[Flag], counts: dict[str, int]) -> Flag:
    by_name = {flag.name: flag for flag in known}
    chosen = st.pills(
        "Flag",
        list(by_name),
        default=max(by_name, key=lambda name: counts.get(name, 0)),
        format_func=lambda name: f"{name.replace('_', ' ')} · {counts.get(name, 0):,}",
        key="quality-flag",
        required=True,
    )
    flag = by_name[chosen]
    st.caption(flag.description)
    return flag


def _threshold(ws: Workspace, flag: Flag, score: np.ndarray) -> float:
    known = score[np.isfinite(score)]
    saved = ws.settings.quality.thresholds.get(flag.name, flag.threshold)
    low, high = float(min(known.min(initial=saved), saved)), float(max(known.max(initial=saved), saved))
    if high <= low:
        high = low + 1.0
    key = f"quality-threshold-{ws.path.name}-{flag.name}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        value = st.slider("Threshold", low, high, saved, (high - low) / 200, key=key, format="%.3g")
        changed = abs(value - saved) > 1e-9
        show.act("Save threshold", f"{key}-save", "check", _save, ws, flag.name, float(value), disabled=not changed)
        show.act("Default", f"{key}-default", "restart_alt", _restore, ws, flag, key, disabled=saved == flag.threshold)
    return float(value)


def _save(ws: Workspace, name: str, value: float) -> None:
    ws.configure(quality={"thresholds": {**ws.settings.quality.thresholds, name: value}})


def _restore(ws: Workspace, flag: Flag, key: str) -> None:
    kept = {name: value for name, value in ws.settings.quality.thresholds.items() if name != flag.name}
    ws.configure(quality={"thresholds": kept})
    state.set_widget(key, flag.threshold)


def _chart(flag: Flag, score: np.ndarray, threshold: float) -> None:
    title = f"{flag.column.replace('_', ' ').capitalize()} of all items"
    show.chart(
        score_histogram(score, threshold, title, flagged=flag.direction, x=flag.column.replace("_", " ")),
        f"score-{flag.name}",
    )


def _both_sides(ws: Workspace, catalog: Catalog, flag: Flag, score: np.ndarray, threshold: float) -> None:
    sign = 1.0 if flag.direction == "above" else -1.0
    known = np.flatnonzero(np.isfinite(score))
    over = flag.holds(score[known], threshold)
    inside = known[over][np.argsort(-sign * score[known[over]], kind="stable")]
    outside = known[~over][np.argsort(-sign * score[known[~over]], kind="stable")]
    captions = item_captions(catalog)
    left, right = st.columns([3, 1])
    with left:
        st.markdown(
            f"**{flag.name.replace('_', ' ').capitalize()}: {show.count(len(inside), 'item')}**, strongest first"
        )
        actions = st.container(horizontal=True)
        cells = catalog_cells(catalog, inside[:_SHOWN], captions)
        picked = grid(
            ws.path.name, [Section(cells)], key=f"flagged-{flag.name}", height=420, empty="Nothing is flagged."
        )
        with actions:
            _actions(ws, flag, [int(row) for row in picked] or inside.tolist(), bool(picked))
    with right:
        st.markdown("**Just outside**")
        near = catalog_cells(catalog, outside[:_EXAMPLES], captions)
        grid(ws.path.name, [Section(near)], key=f"near-{flag.name}", mode="none", toolbar=False, height=460)


def _actions(ws: Workspace, flag: Flag, rows: list[int], picked: bool) -> None:
    what = show.count(len(rows), "picked item" if picked else "flagged item")
    none = not rows
    show.act(
        f"Drop {what}", f"drop-{flag.name}", "close", _decide, ws, rows, "drop", what, type="primary", disabled=none
    )
    show.act("Keep", f"keep-{flag.name}", "check", _decide, ws, rows, "keep", what, disabled=none)
    show.act("Undo", f"undo-{flag.name}", "undo", deciding.undo, ws, disabled=not ws.reviews.version())


def _decide(ws: Workspace, rows: list[int], verdict: Verdict, what: str) -> None:
    ws.decide_catalog(rows, verdict, reviewer=state.app_state().reviewer)
    state.say(f"{what}: {verdict}. Undo takes it back.")
