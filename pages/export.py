"""Which items go out, and can anybody check them?"""

import streamlit as st

from curation_app import card_view, export_form, export_preview, exporting, jobs_panel, loaders, show
from curation_app.boundary import escaped
from curation_core.config import ExportConfig


def main(ws):
    step = loaders.status(ws)["sample"]
    if step.state == "missing":
        show.needs("sample", "", "export")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        jobs_panel.panel(ws, ("export",), "export")
        if step.state == "stale":
            stale(ws, step)
        else:
            write(ws, step)
        card_view.form(ws)
    with right:
        results(ws)


def stale(ws, step):
    with st.container(border=True):
        st.markdown(f":material/update: The kept draw is older than its tree or the decisions: {escaped(step.reason)}.")
        if st.button("Draw again with the same settings", type="primary", icon=":material/refresh:", key="redraw"):
            ws.sample()
            st.rerun()


def write(ws, step):
    n = step.meta["n_items"]
    with st.container(border=True):
        name = st.text_input(
            "Name of the export",
            f"{exporting.harmless(ws.path.name)}-{n}",
            key=f"export-name-{ws.path.name}-{n}",
            help=ExportConfig.model_fields["name"].description,
        )
        chosen = export_form.choose(ws, n)
        label, off = f"Export {n:,} items", chosen is None or bool(jobs_panel.running(ws))
        if st.button(label, type="primary", icon=":material/output:", key="export", disabled=off):
            jobs_panel.start("export", **ExportConfig(name=name, **chosen).model_dump(mode="json"))
            st.rerun()
        st.caption("With the tree, the rejected items and why, the decisions, the settings, a card, checksums.")


def results(ws):
    made, plan = ws.exports(), loaders.kept_draw(ws)
    if made and plan is not None:
        done, before = st.tabs([f"Finished · {len(made)}", "What goes out"])
        with done:
            exporting.finished(ws, made)
        with before:
            export_preview.view(ws, loaders.pool(ws), plan)
    elif made:
        exporting.finished(ws, made)
    elif plan is not None:
        st.subheader("What goes out", anchor=False)
        export_preview.view(ws, loaders.pool(ws), plan)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
