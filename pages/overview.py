"""Is the pool balanced, and what comes next?"""

import numpy as np
import streamlit as st

from curation_app import items, jobs_panel, loaders, show, state, wording
from curation_app.boundary import escaped
from curation_app.components.grid import LIMIT, Section, grid
from curation_core.metrics import balance

STEPS = {"ingest": "Ingest", "embed": "Embed", "cluster": "Cluster", "project": "Map", "sample": "Draw"}
ICONS = {
    "done": ":material/check_circle:",
    "stale": ":material/update:",
    "missing": ":material/radio_button_unchecked:",
}


def main(ws):
    steps = loaders.status(ws)
    strip(ws, steps)
    busy = jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "sample", "run"), "overview")
    if not busy:
        next_action(steps)
    if steps["cluster"].state == "done":
        pool = loaders.pool(ws)
        figures(ws, pool)
        contact_sheet(ws, pool)
    recent(ws)


def strip(ws, steps):
    tiles = st.columns(len(STEPS) + 1)
    for tile, (name, label) in zip(tiles, STEPS.items(), strict=False):
        step = steps[name]
        with tile.container(border=True, height="stretch", gap=None):
            st.markdown(f"{ICONS[step.state]} **{label}**")
            st.caption(said(step))
    with tiles[-1].container(border=True, height="stretch", gap=None):
        made = ws.exports()
        st.markdown(f"{ICONS['done' if made else 'missing']} **Export**")
        st.caption(f"{len(made)} · {escaped(made[0].name)}" if made else "none yet")


def said(step):
    if step.state == "missing":
        return "not yet"
    if step.state == "stale":
        return f"stale: {escaped(step.reason)}"
    count = show.count(step.meta["n_items"], "item")
    if step.step == "cluster":
        count = " → ".join(f"{k:,}" for k in step.meta["n_clusters"]) + " clusters"
    failed = f" · {step.meta['n_failures']:,} failed" if step.meta.get("n_failures") else ""
    return f"{count}{failed} · {show.duration(step.meta['seconds'])} · {show.ago(step.meta['finished'])}"


def next_action(steps):
    n = steps["ingest"].meta.get("n_items", 0)
    onward = "Does what is missing or stale; you can leave the page."
    if steps["ingest"].state != "done":
        show.act("Read the source", "next", "play_arrow", jobs_panel.start, "ingest", type="primary")
    elif any(steps[name].state != "done" for name in ("embed", "cluster", "project")):
        label = f"Embed, cluster and map {n:,} items"
        show.act(label, "next", "play_arrow", jobs_panel.start, "run", type="primary", help=onward)
    elif steps["sample"].state == "missing":
        show.act("Choose how many to draw", "next", "balance", state.turn, "balance", type="primary")
    elif steps["sample"].state == "stale":
        show.act("Look at the draw again", "next", "balance", state.turn, "balance", type="primary")
    else:
        label = f"Export the {steps['sample'].meta['n_items']:,} drawn items"
        show.act(label, "next", "output", state.turn, "export", type="primary")


def figures(ws, pool):
    top = pool.hierarchy.n_levels
    plan, sizes = loaders.current_draw(ws), pool.hierarchy.sizes(pool.hierarchy.n_levels)
    drawn = None
    if plan is not None:
        counts = np.bincount(pool.hierarchy.point_assignment(top)[plan.indices], minlength=len(sizes))
        drawn = balance(counts, pool=sizes)
    st.subheader("Is the draw balanced?" if drawn else "Is the pool balanced?", anchor=False)
    show.balance_figures(balance(sizes, pool=sizes), drawn, f"clusters of level {top}")


def contact_sheet(ws, pool):
    level = pool.hierarchy.n_levels
    sizes, verdicts = pool.hierarchy.sizes(level), loaders.decisions(ws).verdicts[level - 1]
    order = [c for c in np.argsort(-sizes, kind="stable").tolist() if sizes[c]]
    st.subheader("What is in the pool", anchor=False)
    more = f", the largest {LIMIT} of {len(order):,}" if len(order) > LIMIT else ""
    st.caption(f"One representative per cluster of level {level}, largest first{more}. Pick one to explore it.")
    shown = [items.cluster_cell(pool, level, c, verdicts[c]) for c in order[:LIMIT]]
    key = f"contact-{pool.key}"

    def explore():
        picked = state.widget(key)["selected"]
        if picked:
            state.select_cluster(level, int(picked[0].split(":")[1]))
            state.turn("explore")

    grid(ws.path.name, [Section(shown)], key=key, mode="single", height=420, on_change=explore)


def recent(ws):
    events = ws.reviews.events()[-5:][::-1]
    made = ws.exports()[:5]
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown("**Last decisions**")
        for event in events:
            st.text(f"{wording.said(event)} · {wording.meant(event)} · {show.ago(event.time)}")
        if not events:
            st.caption("None yet. Review shows clusters, largest first, and asks: keep or drop?")
    with right.container(border=True, height="stretch"):
        st.markdown("**Last exports**")
        for folder in made:
            st.text(folder.name)
        if not made:
            st.caption("None yet. An export is a manifest of the drawn items with checksums and provenance.")


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
