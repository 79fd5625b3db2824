"""The draw: how evenly it spreads, what it is compared with, what every cluster gives, plans side by side."""

import numpy as np
import streamlit as st

from curation_app import balancing, chart_balance, charts, loaders, node_panel, paying, plans_panel, show
from curation_app.balancing import Groups
from curation_app.boundary import escaped
from curation_app.navigation import go
from curation_app.pool import Pool
from curation_core.config import SampleConfig
from curation_core.metrics import Balance, balance
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:
    """Figures, curves and clusters of a draw, and the button that keeps it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        _keep(ws, config, plan)
        groups = balancing.choose_groups(pool)
    raw, reviewed = balancing.counts(ws, groups)
    drawn = balancing.drawn(groups, plan)
    _strip(plan, pool, groups, balance(raw, pool=raw), balance(drawn, pool=raw))
    if said := paying.doubt(ws, groups, config, plan):
        st.info(escaped(said), icon=":material/info:")
    _charts(ws, plan, groups, raw, reviewed, drawn)
    if groups.level:
        st.subheader("Who gives, and who receives what was freed", anchor=False)
        node_panel.panel(ws, pool, plan)
    else:
        st.subheader(f"Every value of {escaped(groups.key)}", anchor=False)
        show.table(value_table(groups, raw, reviewed, drawn), key=f"values-{groups.key}", column_config=_VALUES)
    plans_panel.panel(ws, pool, config, groups)


def value_table(
    groups: Groups, raw: np.ndarray, reviewed: np.ndarray, drawn: np.ndarray
) -> dict[str, list[str] | list[int] | list[float]]:
    """Per value of a column, the largest first: items, after review, drawn, and against an even share."""
    order = np.argsort(-raw, kind="stable")[: node_panel.MOST_NODES]
    even = drawn.sum() / max(1, int((raw > 0).sum()))
    return {
        "value": [groups.name(one) for one in order.tolist()],
        "items": raw[order].tolist(),
        "available": reviewed[order].tolist(),
        "drawn": drawn[order].tolist(),
        "drawn, %": (100 * drawn[order] / max(1, drawn.sum())).round(1).tolist(),
        "short": np.rint(np.maximum(0, even - reviewed[order])).astype(np.int64).tolist(),
        "over even": np.rint(np.maximum(0, drawn[order] - even)).astype(np.int64).tolist(),
    }


_VALUES = {
    "drawn, %": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.1f %%"),
    "short": st.column_config.NumberColumn(help="How far what it has stays below an even share of the draw."),
    "over even": st.column_config.NumberColumn(help="How far it goes above an even share of the draw."),
}


def _keep(ws: Workspace, config: SampleConfig, plan: SamplingPlan) -> None:
    step = loaders.status(ws)["sample"]
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        if step.state == "done" and ws.settings.sample == config:
            if st.button(
                f"Export {len(plan.indices):,} items", type="primary", key="to-export", icon=":material/output:"
            ):
                go("export")
            st.badge("kept", color="gray", icon=":material/check:", help="This draw is on disk, ready to be exported.")
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


def _strip(plan: SamplingPlan, pool: Pool, groups: Groups, before: Balance, after: Balance) -> None:
    """Drawn, entropy, Gini, coverage, largest share and shortfall, before and after."""
    n, what = pool.hierarchy.n_items, groups.title
    told = {
        "Drawn": (f"{len(plan.indices):,}", show.percent(len(plan.indices), n), f"Of the {n:,} items in the tree."),
        "Entropy": (f"{after.entropy:.3f}", f"pool {before.entropy:.3f}", f"How evenly over the {what}: 1 is even."),
        "Gini": (f"{after.gini:.2f}", f"pool {before.gini:.2f}", f"Inequality of the {what}: 0 is equal."),
        "Covered": (
            f"{100 * after.coverage:.0f} %",
            f"of {after.n_groups:,}",
            f"Share of the {what} with at least one item in the draw.",
        ),
        "Largest": (
            f"{100 * after.largest_share:.1f} %",
            f"pool {100 * before.largest_share:.1f} %",
            f"Share of items in the largest of the {what}.",
        ),
        "Shortfall": (f"{plan.shortfall:,}", "items", "Items missing to the target: no more may be drawn."),
    }
    for column, (label, (value, beside, meaning)) in zip(st.columns(len(told)), told.items(), strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off", help=meaning, border=True)


def _charts(
    ws: Workspace, plan: SamplingPlan, groups: Groups, raw: np.ndarray, reviewed: np.ndarray, drawn: np.ndarray
) -> None:
    left, right = st.columns(2)
    with left:
        others = balancing.baselines(ws, plan, groups)
        show.chart(chart_balance.curves(raw, reviewed, drawn, others, groups.title), "rank")
    with right:
        kind = st.segmented_control(
            "Chart",
            ["Shares", "Lorenz"],
            default="Shares",
            key="balance-chart",
            required=True,
        )
        if kind == "Lorenz":
            title = f"How much the smaller groups hold, {groups.title}"
            show.chart(charts.lorenz({"pool": raw, "drawn": drawn}, title, height=chart_balance.HEIGHT), "lorenz")
        else:
            show.chart(chart_balance.shares(groups.name, raw, drawn, groups.title), "shares")
