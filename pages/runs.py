"""What was done, with which settings, and what is going on?"""

import streamlit as st

from curation_app import jobs_panel, loaders, show
from curation_app.boundary import escaped
from curation_core import jobs


def main(ws):
    parts = {"Results": results, "Compare": compare, "Jobs": all_jobs}
    part = st.segmented_control(
        "Part", list(parts), default="Results", key="runs-part", required=True, label_visibility="collapsed"
    )
    parts[part](ws)


def results(ws):
    from curation_app import results_view

    results_view.results(ws)


def compare(ws):
    from curation_app import draws_view  # the other parts need neither map nor charts

    draws_view.view(ws)


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
        with st.container(horizontal=True, gap="small"):
            if now.active:
                show.act("Cancel", f"cancel-{job.id}", "stop_circle", job.cancel)
            elif now.status != "done":
                show.act("Resume", f"resume-{job.id}", "resume", job.resume)
            if not now.active:
                show.act("Delete its log", f"delete-{job.id}", "delete", job.remove, help="What it made stays.")
        st.code(job.log(60) or "nothing yet", language=None)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
