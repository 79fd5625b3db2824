"""One run of the app: page frame, workspace picker, navigation, running jobs, and the one error boundary."""

from pathlib import Path

import streamlit as st

from curation_app import jobs_panel, loaders, places, show, state
from curation_app.boundary import escaped, show_error
from curation_app.navigation import go, sections
from curation_core.workspace import Workspace

_ICON = Path(__file__).resolve().parent / "icon.png"
# panels side by side need the width that Streamlit leaves empty, the panels its height
_STYLE = """
[data-testid=stMainBlockContainer] {padding-left: 1.5rem; padding-right: 1.5rem; padding-bottom: 1.5rem}
[data-testid=stBottomBlockContainer] {padding: 0.75rem 1.5rem}
[data-testid=stLayoutWrapper]:has(> [class*="st-key-panel-"]) {flex-basis: calc(100vh - var(--above, 10rem)) !important}
[data-testid=stSelectbox] input {text-overflow: ellipsis}
.st-key-panel-view > [data-testid=stElementContainer]:has(.stPlotlyChart) {min-height: 21rem}
.st-key-explore-view button {padding: 0 0.45rem; min-width: 0}
.js-plotly-plot :is(.xtick text, .ytick text, .xtitle, .ytitle, .cbaxis text, .cbtitle text) {
  fill: currentColor !important; opacity: 0.8
}
body:has(.st-key-review-bar) {--above: 7.8rem}
body:has(.st-key-finder-row) {--above: 8.6rem}
body:has(.st-key-finder-chips) {--above: 11.4rem}
"""
_DARK = "[data-testid=stBaseButton-primary] {color: #12161d}"  # white on the light blue of dark mode misses AA


def main() -> None:
    """Draw one run of the app."""
    st.set_page_config(page_title="Curation Studio", page_icon=str(_ICON), layout="wide")
    st.html(f"<style>{_STYLE}{_DARK if st.context.theme.type == 'dark' else ''}</style>")
    chosen = st.navigation(sections(), position="sidebar", expanded=True)
    try:
        wanted = state.take_turn()
        if wanted:
            go(wanted)
        ws = _workspace()
        _title(chosen.title, ws)
        state.write_link()
        chosen.run()
    except Exception as error:  # the one place where errors end: people read a sentence, the log keeps the rest
        show_error(error)


def _workspace() -> Workspace | None:
    names = places.workspace_names()
    asked = state.app_state().workspace
    if asked not in names:
        if asked:
            st.warning(f"There is no workspace {escaped(asked)} here any more.", icon=":material/info:")
        state.use_workspace(names[0] if names else "")
    ws = loaders.current()
    with st.sidebar:
        if names:
            _picker(names)
        if ws is not None:
            jobs_panel.badges(ws)
    return ws


def _picker(names: list[str]) -> None:
    shown = state.app_state().workspace
    if state.widget("workspace-picker") != shown:
        state.set_widget("workspace-picker", shown)
    st.selectbox(
        "Workspace",
        names,
        key="workspace-picker",
        on_change=lambda: state.use_workspace(state.widget("workspace-picker")),
    )


def _title(title: str, ws: Workspace | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="title-row"):
        st.title(title, anchor=False, width="content")
        st.space("stretch")
        if ws is not None:
            _badges(ws)
    show.notice()


def _badges(ws: Workspace) -> None:
    steps = loaders.status(ws)
    st.badge(escaped(ws.name), color="gray", icon=":material/folder:")
    if steps["ingest"].meta:
        st.badge(f"{steps['ingest'].meta['n_items']:,} items", color="gray")
    if steps["embed"].state == "done":
        st.badge(escaped(steps["embed"].meta["model"]), color="gray", help="The embedder: how items became vectors.")
    st.badge("saved", color="gray", icon=":material/cloud_done:", help="Every decision and result is on disk at once.")


if __name__ == "__main__":
    main()
