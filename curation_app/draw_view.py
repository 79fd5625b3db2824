"""The draw: how evenly it spreads, what it is compared with, what every cluster gives."""

import numpy as np
import streamlit as st

from curation_app import balancing, charts, loaders, show
from curation_app.navigation import go
from curation_app.pool import Pool
from curation_core.config import SampleConfig
from curation_core.metrics import balance
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:
    """Figures, curves and clusters of a draw, and the button that keeps it."""
    _keep(ws, config, plan)
    group = balancing.choose_groups(pool)
    drawn = np.bincount(group.codes[plan.indices], minlength=len(group.names))
    before = np.bincount(group.codes, minlength=len(group.names))
    show.balance_figures(balance(before, pool=before), balance(drawn, pool=before), group.title)
    _curves(ws, pool, plan, group, before, drawn)
    _nodes(ws, pool, plan)


def _keep(ws: Workspace, config: SampleConfig, plan: SamplingPlan) -> None:
    step = loaders.status(ws)["sample"]
    with st.container(horizontal=True, vertical_alignment="center"):
        if step.state == "done" and ws.settings.sample == config:
            st.badge("kept", color="gray", icon=":material/check:", help="This draw is on disk, ready to be exported.")
            if st.button(
                f"Export {len(plan.indices):,} items", type="primary", key="to-export", icon=":material/output:"
            ):
                go("export")
        else:
            label = f"Keep this draw of {len(plan.indices):,} items"
            if st.button(label, type="primary", key="keep-draw", icon=":material/check:"):
                ws.sample(**config.model_dump())
                st.rerun()
        if plan.shortfall > 0:
            st.markdown(
                f":material/warning: {plan.shortfall:,} fewer than asked: no more may be drawn. Oversample, or drop "
                "less."
            )


def _curves(
    ws: Workspace, pool: Pool, plan: SamplingPlan, group: balancing.Groups, before: np.ndarray, drawn: np.ndarray
) -> None:
    left, right = st.columns(2)
    with left:
        series = {"pool": before, "drawn": drawn, **balancing.baselines(ws, pool, plan, group)}
        show.chart(
            charts.rank_curves(
                series, f"Items per group, {group.title}", what="group", dashed=list(series)[2:], height=440
            ),
            "rank",
        )
    with right:
        kind = st.segmented_control(
            "Chart",
            ["Shares", "Lorenz"],
            default="Shares",
            key="balance-chart",
            required=True,
            label_visibility="collapsed",
        )
        if kind == "Lorenz":
            title = f"How much the smaller groups hold, {group.title}"
            show.chart(charts.lorenz({"pool": before, "drawn": drawn}, title), "lorenz")
        else:
            title = f"Shares before and after, {group.title}"
            show.chart(charts.share_bars(group.names, before, drawn, title), "shares")


def _nodes(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    st.subheader("Every cluster", anchor=False)
    level = show.level_choice(pool.hierarchy.n_levels, "node-level")
    show.table(
        balancing.node_table(pool, plan, loaders.decisions(ws), level),
        key=f"nodes-{level}",
        height=320,
        column_config=balancing.NODE_COLUMNS,
    )
