"""Does the draw serve? What simple models learn from it, beside a random and a flat draw of the same size."""

import streamlit as st

from curation_app import chart_trials, jobs_panel, show, trials
from curation_app.pool import Pool
from curation_core.config import SampleConfig
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:  # noqa: ARG001 - as all parts
    """Reports of use of Balance, for the target size that is chosen above it."""
    if not pool.label_columns:
        st.caption(
            "Probes learn a column of labels, and this data has none: its columns have too many different values, or "
            "there are none. Join a table with labels in Data."
        )
        return
    status = trials.standing(ws, "use")
    found = trials.report(ws, status)
    saved = ws.settings.use
    left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom")
    with left:
        column = trials.column(
            "Labels to learn", pool, saved.column, f"use-column-{ws.path.name}", optional=False,
            fallback=pool.label_columns[-1],
        )  # fmt: skip
    with middle:
        group = trials.column(
            "Worst group also of", pool, saved.group_column, f"use-group-{ws.path.name}", optional=True
        )
    with right:
        options = {"target_size": config.target_size, "column": column, "group_column": group}
        label = f"Train probes on {config.target_size:,} items{' again' if found else ''}"
        is_primary = status.state != "done" and not trials.stopped(ws, ("use",))
        trials.start(ws, "use", label, options, primary=is_primary)
    st.caption(
        "k-NN and a linear probe learn from random, flat and our draw; both are tested on a quarter of the items that "
        f"no draw may take. {saved.n_seeds} seeds, the tree built anew for each."
    )
    if jobs_panel.panel(ws, ("use",), "use") or found is None:
        return
    trials.said(found, status)
    show.chart(chart_trials.use_chart(found), "use-chart")
    trials.notes(found)
