"""What was done, with which settings, and what is going on?"""

import streamlit as st

from curation_app import jobs_panel, loaders, show
from curation_app.boundary import escaped
from curation_core import jobs

FIGURES = {
    "ingest": ("n_failures", "modality"),
    "embed": ("model", "dim", "n_failures"),
    "cluster": ("n_clusters",),
    "project": ("method",),
    "sample": ("shortfall",),
}


def main(ws):
    made, running = st.tabs(["Results", "Jobs"])
    with made:
        results(ws)
    with running:
        all_jobs(ws)


def results(ws):
    steps = [name for name in ("cluster", "sample", "embed", "project", "ingest") if ws.store.all_meta(name)]
    if not steps:
        st.caption(
            "Nothing has been made yet. Every result of a step is kept here with its settings; "
            "an earlier one is taken up again when its settings come back."
        )
        return
    step = st.segmented_control("Step", steps, default=steps[0], key="runs-step", required=True)
    found, current = ws.store.all_meta(step), loaders.status(ws)[step]
    differing = varying([meta["config"] for meta in found])
    table = {
        "": ["current" if current.state == "done" and meta["key"] == current.key else "" for meta in found],
        "key": [meta["key"] for meta in found],
        "made": [show.ago(meta["finished"]) for meta in found],
        "items": [meta["n_items"] for meta in found],
        "took": [show.duration(meta["seconds"]) for meta in found],
        **{name.replace("_", " "): [shown(meta.get(name)) for meta in found] for name in FIGURES[step]},
        **{name.replace("_", " "): [shown(meta["config"].get(name)) for meta in found] for name in differing},
    }
    show.table(table, key=f"runs-{step}")
    if len(found) > 1:
        st.caption(f"Settings shown are those that differ: {escaped(', '.join(differing) or 'none')}.")
    with st.expander("All settings of one result", key="runs-settings"):
        key = st.selectbox("Result", [meta["key"] for meta in found], key=f"runs-key-{step}", width=260)
        chosen = next(meta for meta in found if meta["key"] == key)
        show.table(
            {"setting": list(chosen["config"]), "value": [shown(value) for value in chosen["config"].values()]},
            key="runs-config",
        )


def varying(configs):
    names = dict.fromkeys(name for config in configs for name in config)
    return [name for name in names if len({shown(config.get(name)) for config in configs}) > 1]


def shown(value):
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:,}" if isinstance(part, int) else str(part) for part in value)
    return "" if value is None else str(value)


def all_jobs(ws):
    found = jobs.list_jobs(ws.path)[:50]
    if not found:
        st.caption(
            "No jobs yet. Long work runs as a job of its own: it goes on when you close the browser, "
            "and can be cancelled and resumed."
        )
    for job in found:
        one_job(job)


def one_job(job):
    now, spec = job.state(), job.spec
    icon = {
        "done": ":material/check_circle:",
        "failed": ":material/error:",
        "running": ":material/sync:",
        "starting": ":material/sync:",
    }.get(now.status, ":material/pause_circle:")
    with st.expander(
        f"{spec['verb']} · {now.status} · {show.ago(spec['submitted'])}",
        icon=icon,
        expanded=now.active,
        key=f"job-{job.id}",
    ):
        st.markdown(escaped(now.error) if now.error else escaped(jobs_panel.sentence(now)))
        if spec["options"]:
            st.caption(escaped(", ".join(f"{name} {value}" for name, value in spec["options"].items())))
        if now.active:
            st.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop_circle:", on_click=job.cancel)
        elif now.status != "done":
            st.button("Resume", key=f"resume-{job.id}", icon=":material/resume:", on_click=job.resume)
        st.code(job.log(60) or "nothing yet", language=None)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
