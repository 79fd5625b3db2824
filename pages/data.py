"""What came in, and from where?"""

import streamlit as st

from curation_app import doors, duplicates_tab, faces_tab, loaders, quality_tab, show, source_tab

CHECKS = {
    "Duplicates": duplicates_tab.duplicates_tab,
    "Quality": quality_tab.quality_tab,
    "Faces": faces_tab.faces_tab,
}


def main(ws):
    if ws is None:
        st.markdown("Where are your items? Nothing leaves this machine, and nothing in the source is changed.")
        doors.new_workspace()
        return
    titles = ["This workspace", *checks_for(ws), "New workspace"]
    for title, tab in zip(titles, st.tabs(titles, key="data-tab", on_change="rerun"), strict=True):
        if tab.open:  # what is not looked at costs nothing
            with tab:
                content(title, ws)


def checks_for(ws):
    ingest = loaders.status(ws)["ingest"]
    has_faces = not ingest.meta or ingest.meta["modality"] == "image"
    return [title for title in CHECKS if has_faces or title != "Faces"]


def content(title, ws):
    if title == "This workspace":
        source_tab.this_workspace(ws)
    elif title == "New workspace":
        doors.new_workspace()
    elif loaders.status(ws)["ingest"].state == "done":
        CHECKS[title](ws, loaders.catalog(ws))
    else:
        show.needs("ingest", "", "data")


main(loaders.current())
