"""What is in the pool, and what belongs together?"""

import numpy as np
import streamlit as st

from curation_app import charts, explore, jobs_panel, loaders, show, state
from curation_app.items import selected_rows


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "explore"):
            show.needs("cluster", steps["cluster"].reason, "explore")
        return
    pool, decided, plan = loaders.pool(ws), loaders.decisions(ws), loaders.current_draw(ws)
    xy = loaders.xy(ws) if steps["project"].state == "done" else None
    rows = selected_rows(pool, state.app_state().selection, xy)
    left, centre, right = st.columns([1.55, 2.25, 1.45], gap="small")
    with left, show.panel("tree"):
        explore.tree_list(pool, decided, loaders.drawn_mask(pool, plan))
    with centre, show.panel("view"):
        explore.views(pool, xy, rows, decided, plan)
    with right, show.panel("selected"):
        explore.selected(ws, pool, rows, decided, plan)
    with st.expander("Sizes per level", icon=":material/bar_chart:", key="explore-sizes"):
        sizes(pool, plan)


def sizes(pool, plan):
    columns = st.columns(pool.hierarchy.n_levels)
    for level, column in enumerate(columns, start=1):
        counts = {"pool": pool.hierarchy.sizes(level)}
        if plan is not None:
            counts["drawn"] = np.bincount(
                pool.hierarchy.point_assignment(level)[plan.indices], minlength=pool.hierarchy.n_clusters[level - 1]
            )
        with column:
            show.chart(charts.rank_curves(counts, f"Cluster sizes at level {level}"), f"explore-sizes-{level}")


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
