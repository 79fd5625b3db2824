"""What came in, and from where?"""

import numpy as np
import streamlit as st

from curation_app import doors, items, jobs_panel, loaders, naming, show
from curation_app.boundary import escaped
from curation_app.components.grid import Section, grid


def main(ws):
    if ws is None:
        st.markdown("Where are your items? Nothing leaves this machine, and nothing in the source is changed.")
        doors.new_workspace()
        return
    here, new = st.tabs(["This workspace", "New workspace"])
    with here:
        this_workspace(ws)
    with new:
        doors.new_workspace()


def this_workspace(ws):
    jobs_panel.panel(ws, ("ingest", "run"), "data")
    ingest = loaders.status(ws)["ingest"]
    source(ws, ingest)
    if ingest.state != "done":
        return
    catalog = loaders.catalog(ws)
    failures(catalog)
    left, right = st.columns([3, 2])
    with left:
        st.subheader("A look inside", anchor=False)
        captions = naming.item_captions(catalog)
        cells = items.catalog_cells(
            catalog, np.linspace(0, len(catalog) - 1, min(12, len(catalog))).astype(int), captions
        )
        grid(
            ws.path.name,
            [Section(cells)],
            key="data-first",
            mode="none",
            toolbar=False,
        )
    with right:
        st.subheader("Columns", anchor=False)
        columns(catalog)


def source(ws, ingest):
    config = ws.settings.ingest
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="source"):
        st.markdown(f"**Source** {escaped(config.source.rsplit('/', 1)[-1]) if config else 'none'}")
        if ingest.meta:
            st.badge(escaped(ingest.meta["modality"]), color="gray")
            st.caption(
                f"{show.count(ingest.meta['n_items'], 'item')} · {show.count(ingest.meta['n_failures'], 'failure')} · "
                f"read {show.ago(ingest.meta['finished'])}"
            )
        st.space("stretch")
        if st.button(
            "Look for changes",
            key="check-source",
            icon=":material/sync:",
            help="Compares the source's listing, sizes and times with the last read.",
        ):
            checked = ws.status(check_source=True)[0]
            st.toast(
                "The source changed: read it again." if checked.state == "stale" else "The source has not changed."
            )
        busy = bool(jobs_panel.running(ws))
        st.button(
            "Read again",
            key="reingest",
            icon=":material/refresh:",
            disabled=busy,
            on_click=jobs_panel.start,
            args=("ingest",),
        )


def failures(catalog):
    if catalog.failures.num_rows:
        with st.expander(
            f"{show.count(catalog.failures.num_rows, 'file')} could not be read",
            icon=":material/warning:",
            expanded=True,
        ):
            show.table(
                catalog.failures.to_pydict(), key="failures", height=200 if catalog.failures.num_rows > 4 else None
            )
    else:
        st.caption(":material/check: Every item could be read.")


def columns(catalog):
    names = catalog.columns
    if not names:
        st.caption("Items come without columns. A table with a path column (metadata) adds labels to balance by.")
        return
    values = [catalog.metadata.column(name) for name in names]
    table = {
        "column": names,
        "type": [str(column.type) for column in values],
        "distinct": [len(column.unique()) for column in values],
        "examples": [", ".join(str(value)[:30] for value in column.slice(0, 3).to_pylist()) for column in values],
    }
    show.table(table, key="columns")


main(loaders.current())
