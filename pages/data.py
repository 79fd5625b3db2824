"""What came in, and from where?"""

import streamlit as st

from curation_app import doors, loaders, source_tab


def main(ws):
    if ws is None:
        st.markdown("Where are your items? Nothing leaves this machine, and nothing in the source is changed.")
        doors.new_workspace()
        return
    here, new = st.tabs(["This workspace", "New workspace"])
    with here:
        source_tab.this_workspace(ws)
    with new:
        doors.new_workspace()


main(loaders.current())
