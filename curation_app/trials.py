"""What Advisor and Use share: how a trial stands, its report, the button that starts it, its notes."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from curation_app import jobs_panel, loaders
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_core.lineage import StepStatus, step_status
from curation_core.workspace import Workspace

NONE = "no column"


def standing(ws: Workspace, step: str) -> StepStatus:
    """How a trial stands under the settings as they are."""
    return _standing(str(ws.path), loaders.stamp(ws), step)


def report(ws: Workspace, status: StepStatus) -> Mapping[str, Any] | None:
    """The report that was made last, stale or not; None where there is none."""
    return _report(str(ws.path), status.step, str(status.meta["key"])) if status.meta else None


def column(label: str, pool: Pool, saved: str | None, key: str, *, optional: bool, fallback: str = NONE) -> str | None:
    """A column of classes, as chosen before, else the one that falls back."""
    columns = [*([NONE] if optional else []), *pool.label_columns]
    chosen = next((name for name in (saved, fallback) if name in columns), columns[0])
    found = st.selectbox(label, columns, columns.index(chosen), key=key)
    return None if found == NONE else found


def start(ws: Workspace, verb: str, label: str, options: Mapping[str, Any], *, primary: bool) -> None:
    """The button that starts a trial as a job."""
    st.button(
        label,
        key=f"start-{verb}",
        type="primary" if primary else "secondary",
        icon=":material/play_arrow:",
        disabled=bool(jobs_panel.running(ws)),
        on_click=partial(jobs_panel.start, verb, **options),
    )


def stopped(ws: Workspace, verbs: Sequence[str]) -> bool:
    """Whether the last job of these verbs is at work or waits to be resumed; the primary button is its own then."""
    job = jobs_panel.newest(ws, verbs)
    return job is not None and job.state().status != "done"


def said(found: Mapping[str, Any], status: StepStatus) -> None:
    """The report's sentence, and that it is stale where it is."""
    if status.state == "stale":
        st.caption(f":material/update: {escaped(f'Of earlier settings: {status.reason}.')}")
    st.markdown(escaped(found["sentence"]))


def notes(found: Mapping[str, Any]) -> None:
    """What one must know to read the figures."""
    lines: Sequence[str] = found["notes"]
    st.caption(escaped(" ".join(lines)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _standing(path: str, stamp: str, step: str) -> StepStatus:  # noqa: ARG001 - the stamp is the cache's key
    plans = Workspace(path).plans
    return step_status(plans.store, step, partial(plans.plan, step))


@st.cache_resource(max_entries=16, show_spinner=False)
def _report(path: str, step: str, key: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((Workspace(path).store.folder(step, key) / "report.json").read_text())
    return found
