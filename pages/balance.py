"""How many items, and how evenly?"""

import numpy as np
import streamlit as st

from curation_app import balancing, charts, jobs_panel, loaders, show
from curation_app.navigation import go
from curation_core.metrics import balance


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "balance"):
            show.needs("cluster", steps["cluster"].reason, "balance")
        return
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    config = balancing.settings(ws, pool.hierarchy.n_items)
    plan = loaders.draw(ws, config)
    keep(ws, config, plan, steps["sample"])
    group = balancing.choose_groups(pool)
    drawn = np.bincount(group.codes[plan.indices], minlength=len(group.names))
    before = np.bincount(group.codes, minlength=len(group.names))
    show.balance_figures(balance(before, pool=before), balance(drawn, pool=before), group.title)
    curves(ws, pool, plan, group, before, drawn)
    nodes(pool, plan, decided)


def keep(ws, config, plan, step):
    short = plan.shortfall
    with st.container(horizontal=True, vertical_alignment="center"):
        current = step.state == "done" and ws.settings.sample == config
        if current:
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
        if short > 0:
            st.markdown(
                f":material/warning: {short:,} fewer than asked: no more may be drawn. Oversample, or drop less."
            )


def curves(ws, pool, plan, group, before, drawn):
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
            show.chart(
                charts.lorenz({"pool": before, "drawn": drawn}, f"How much the smaller groups hold, {group.title}"),
                "lorenz",
            )
        else:
            show.chart(
                charts.share_bars(group.names, before, drawn, f"Shares before and after, {group.title}"), "shares"
            )


def nodes(pool, plan, decided):
    st.subheader("Every cluster", anchor=False)
    level = show.level_choice(pool.hierarchy.n_levels, "node-level")
    show.table(
        balancing.node_table(pool, plan, decided, level),
        key=f"nodes-{level}",
        height=320,
        column_config=balancing.NODE_COLUMNS,
    )


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
