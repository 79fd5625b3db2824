"""Keep this cluster, or drop it?"""

import streamlit as st

from curation_app import deck, jobs_panel, loaders, show


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "review"):
            show.needs("cluster", steps["cluster"].reason, "review")
        return
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    left, centre, right = st.columns([1.4, 2.6, 1.1], gap="small")
    with left, show.panel("queue"):
        waiting = deck.waiting_clusters(pool, decided)
    with centre, show.panel("deck"):
        deck.deck(ws, pool, decided, waiting)
    with right, show.panel("effect"):
        deck.effect(ws, pool, decided, waiting)
    with st.bottom:
        deck.verdicts(ws, pool, waiting)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
