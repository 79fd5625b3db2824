"""Which items go out, and can anybody check them?"""

from typing import get_args

import streamlit as st

from curation_app import card_view, exporting, jobs_panel, loaders, show
from curation_app.boundary import escaped
from curation_core.config import ExportConfig, ManifestFormat


def main(ws):
    step = loaders.status(ws)["sample"]
    if step.state == "missing":
        show.needs("sample", "", "export")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        if step.state == "stale":
            stale(ws, step)
        else:
            write(ws, step)
        card_view.form(ws)
        jobs_panel.panel(ws, ("export",), "export")
    made = ws.exports()
    with right:
        if made:
            exporting.finished(ws, made)
        else:
            preview(ws)


def stale(ws, step):
    with st.container(border=True):
        st.markdown(f":material/update: The kept draw is older than its tree or the decisions: {escaped(step.reason)}.")
        if st.button("Draw again with the same settings", type="primary", icon=":material/refresh:", key="redraw"):
            ws.sample()
            st.rerun()


def write(ws, step):
    n, formats = step.meta["n_items"], list(get_args(ManifestFormat))
    with st.container(border=True):
        name = st.text_input(
            "Name of the export",
            f"{exporting.harmless(ws.path.name)}-{n}",
            key=f"export-name-{ws.path.name}-{n}",
            help=ExportConfig.model_fields["name"].description,
        )
        chosen = st.pills("Manifest formats", formats, selection_mode="multi", default=formats, key="export-formats")
        st.caption(
            "Beside the manifest: the tree, the rejected items with reasons, the decisions, the settings, checksums."
        )
        options = exporting.options(ws)
        busy = bool(jobs_panel.running(ws))
        if st.button(
            f"Export {n:,} items", type="primary", icon=":material/output:", key="export", disabled=not chosen or busy
        ):
            config = ExportConfig(name=name, formats=tuple(chosen), **options)
            jobs_panel.start("export", **config.model_dump(mode="json"))
            st.rerun()


def preview(ws):
    plan, pool = loaders.kept_draw(ws), loaders.pool(ws)
    if plan is None:
        return
    st.subheader("What goes out", anchor=False)
    exporting.first_rows(ws, pool, plan)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
