"""How many items, and how evenly?"""

import streamlit as st

from curation_app import balance_form, balance_parts, jobs_panel, loaders, show, splits_panel, target_form


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "balance"):
            show.needs("cluster", steps["cluster"].reason, "balance")
        return
    pool = loaders.pool(ws)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        part = balance_parts.choose()
        top = st.container(width="content")
    if part == "Draw":
        main, side = st.columns([3.2, 1], gap="medium")
        panel = side.container(border=True)
    else:
        main, side = st.container(), None
        panel = top.popover("How it is drawn", icon=":material/tune:")
    with main:
        target = st.container()
    with panel:
        config = balance_form.settings(ws, pool)
    with target:
        config = target_form.target(ws, pool, config)
    balance_form.chosen(ws, config)
    plan = loaders.draw(ws, config)
    if side:
        splits = side.expander("Splits", key="splits-panel", on_change="rerun")
        if splits.open:
            with splits:
                splits_panel.panel(ws, pool, plan)
    with main:
        balance_parts.show_part(part, ws, pool, config, plan)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
