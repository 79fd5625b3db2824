"""Long work on screen: stage, counts, rate, time left, figures, log, cancel and resume; polls only while it runs."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from curation_app import show
from curation_app.boundary import escaped
from curation_app.loaders import current
from curation_app.state import say
from curation_core import jobs
from curation_core.jobs import Job, JobState
from curation_core.workspace import Workspace

_DOING = {
    "ingest": "Reading items",
    "embed": "Embedding",
    "duplicates": "Looking for duplicates",
    "quality": "Scoring items",
    "outliers": "Looking for outliers",
    "faces": "Looking for faces",
    "thumbnails": "Writing thumbnails",
    "prepare": "Preparing vectors",
    "cluster": "Clustering",
    "project": "Laying out the map",
    "preview": "Placing items around centroids",
    "neighbours": "Looking for neighbours",
    "layout": "Laying out the map",
    "sample": "Drawing",
    "yardstick": "Preparing the yardstick",
    "advise": "Trying settings",
    "exam": "Holding items out",
    "use": "Training probes",
    "reference": "Reading the examples",
    "export": "Exporting",
    "repro": "Making an export again",
    "run": "Running all steps",
}


def newest(ws: Workspace, verbs: Sequence[str]) -> Job | None:
    """The last job of these verbs, None when there was none."""
    return next((job for job in jobs.list_jobs(ws.path) if job.id.rsplit("-", 1)[-1] in verbs), None)


def running(ws: Workspace) -> list[Job]:
    """Jobs at work now, newest first; only the last twenty are looked at."""
    return [job for job in jobs.list_jobs(ws.path)[:20] if job.state().active]


def panel(ws: Workspace, verbs: Sequence[str], key: str) -> bool:
    """Show the last job of these verbs while it matters (until it is done); returns whether it is at work."""
    job = newest(ws, verbs)
    if job is None:
        return False
    state = job.state()
    if state.status == "done":
        return False
    with st.container(border=True, key=f"job-{key}"):
        st.fragment(_watch, run_every=1 if state.active else None)(str(job.folder), state.stage, state.active, key)
    return state.active


def start(verb: str, **options: object) -> None:
    """Start a job of the current workspace; for a button's on_click."""
    ws = current()
    if ws is not None and not running(ws):
        jobs.start(ws.path, verb, options)


def badges(ws: Workspace) -> None:
    """The running jobs at the foot of the sidebar."""
    found = running(ws)
    if found:
        st.fragment(_badge, run_every=3)([str(job.folder) for job in found])


def fraction(state: JobState) -> float:
    """Share of the stage that is done, in [0, 1]."""
    return min(1.0, max(0.0, state.done / state.total)) if state.total else 0.0


def sentence(state: JobState) -> str:
    """Stage, counts, rate and time left in one line."""
    parts = [_DOING.get(state.stage, state.stage.capitalize()) or "Starting"]
    if state.total:
        parts.append(f"{state.done:,} of {state.total:,}")
    if state.active and state.rate:
        parts.append(f"{state.rate:,.0f}/s" if state.rate >= 10 else f"{state.rate:.1f}/s")
    if state.active and state.seconds_left is not None:
        parts.append(f"{show.duration(state.seconds_left)} left in this stage")
    return " · ".join(parts)


def _watch(folder: str, stage: str, active: bool, key: str) -> None:
    job = Job(Path(folder))
    state = job.state()
    if state.status == "done":
        say(f"{_DOING.get(job.spec['verb'], 'The job')} is done.")
        st.rerun()
    if (state.stage, state.active) != (stage, active):
        st.rerun()  # what the last stage made can be shown now, and the timer starts or stops
    st.progress(fraction(state), text=escaped(sentence(state)))
    said = [f"{name.replace('_', ' ')} {value:,.4g}" for name, value in state.figures.items() if name != "items_per_s"]
    if said:
        st.caption(escaped(" · ".join(said)))
    if state.error:
        _end(state)
    with st.container(horizontal=True, vertical_alignment="center"):
        if state.active:
            st.button(
                "Cancel",
                key=f"{key}-cancel",
                icon=":material/stop_circle:",
                on_click=job.cancel,
                help="Stops at the next batch; what is finished is kept.",
            )
        else:
            st.button(
                "Resume", key=f"{key}-resume", type="primary", icon=":material/resume:", on_click=_resume, args=(job,)
            )
    with st.expander("Log", type="compact", key=f"{key}-log"):
        st.code(job.log(20) or "nothing yet", language=None)


def _resume(job: Job) -> None:
    job.resume()


def _end(state: JobState) -> None:
    said = escaped(state.error[:1].upper() + state.error[1:])
    if state.status in ("cancelled", "interrupted"):
        st.info(said, icon=":material/pause_circle:")
    else:
        st.error(said, icon=":material/error:")


def _badge(folders: list[str]) -> None:
    for folder in folders:
        state = Job(Path(folder)).state()
        if not state.active:
            st.rerun()
        st.progress(fraction(state), text=escaped(sentence(state)))
