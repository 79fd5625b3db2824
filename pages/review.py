"""Keep this cluster, or drop it?"""

import streamlit as st

from curation_app import items, jobs_panel, loaders, show, state
from curation_app.boundary import escaped
from curation_app.components.grid import grid
from curation_app.review import effect_of_drop, queue
from curation_core.config import SampleConfig


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "review"):
            show.needs("cluster", steps["cluster"].reason, "review")
        return
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    left, centre, right = st.columns([1.4, 2.6, 1.1], gap="small")
    with left, show.panel("queue"):
        waiting = choose(pool, decided)
    current = waiting.current
    with centre, show.panel("deck"):
        deck(ws, pool, decided, waiting)
    with right, show.panel("effect"):
        effect(ws, pool, decided, waiting)
    with st.bottom:
        verdicts(ws, pool, waiting.level, current)


def choose(pool, decided):
    levels = list(range(pool.hierarchy.n_levels, 0, -1))
    level = st.segmented_control(
        "Level",
        levels,
        default=levels[0],
        key="review-level",
        required=True,
        persist_state="session",
        help="1 is the finest; a verdict on a finer cluster wins.",
    )
    waiting = queue(pool, decided, level, state.app_state().skipped)
    total, settled = len(waiting.order), len(waiting.order) - len(waiting.pending)
    st.progress(
        waiting.share_decided, text=f"{settled:,} of {total:,} clusters · {100 * waiting.share_decided:.0f} % of items"
    )
    sizes = pool.hierarchy.sizes(level)
    verdict = decided.verdicts[level - 1]
    marks = [
        "✓ keep" if verdict[c] > 0 else "✕ drop" if verdict[c] < 0 else "• now" if c == waiting.current else ""
        for c in waiting.order
    ]
    table = {"cluster": [pool.name(level, c) for c in waiting.order], "items": sizes[waiting.order].tolist(), "": marks}
    config = {
        "cluster": st.column_config.TextColumn(width=130),
        "items": st.column_config.NumberColumn(width=56),
        "": st.column_config.TextColumn(width=58),
    }
    show.table(
        table,
        key=f"queue-{level}",
        height="stretch",
        column_config=config,
        alt="The queue: clusters with items and verdict, largest first.",
    )
    return waiting


def deck(ws, pool, decided, waiting):
    level, cluster = waiting.level, waiting.current
    if cluster is None:
        st.subheader("Every cluster of this level is decided", anchor=False)
        st.markdown("Go on with a finer level, or see what the decisions do on the Balance page.")
        return
    size = int(pool.hierarchy.sizes(level)[cluster])
    st.markdown(
        f"**Cluster {escaped(pool.name(level, cluster))}** · {size:,} items · "
        f"{show.percent(size, pool.hierarchy.n_items)}{place(pool, level, cluster)}"
    )
    sections = items.bands(pool, level, cluster, decided)
    grid(
        ws.path.name,
        sections,
        key="deck",
        mode="none",
        size=88 if pool.catalog.modality == "image" else 176,
    )


def place(pool, level, cluster):
    if level == pool.hierarchy.n_levels:
        return ""
    parent = int(pool.hierarchy.parents(level)[cluster])
    return f" · in {escaped(pool.name(level + 1, parent))} of level {level + 1}"


def effect(ws, pool, decided, waiting):
    level, cluster = waiting.level, waiting.current
    st.markdown("**What dropping does**")
    if cluster is None:
        st.caption(
            f"{decided.n_dropped:,} of {pool.hierarchy.n_items:,} items are dropped; "
            f"{int(decided.eligible.sum()):,} may be drawn."
        )
        return
    config = ws.settings.sample or SampleConfig(target_size=max(1, round(0.15 * pool.hierarchy.n_items)))
    plan = loaders.draw(ws, config)
    change = effect_of_drop(pool, decided, plan, level, cluster)
    size = int(pool.hierarchy.sizes(level)[cluster])
    st.metric(
        "Available → drawn now", f"{size:,} → {change.drawn_here:,}", help=f"Of a draw of {config.target_size:,} items."
    )
    st.metric(
        "Drawn elsewhere instead",
        f"{change.moved:,}",
        help="Freed places go to the clusters that have items left, as evenly as they can take them.",
    )
    st.caption(
        f"{change.receivers:,} other clusters of level {level} receive them."
        if change.receivers
        else "No other cluster receives any."
    )
    if change.shortfall:
        st.caption(f":material/warning: The draw would fall short by {change.shortfall:,} items.")
    st.caption(
        f"{decided.n_dropped:,} items are dropped so far."
        + (f" {len(decided.lost)} decisions name clusters that this tree does not have." if decided.lost else "")
    )


def verdicts(ws, pool, level, cluster):
    def decide(verdict):
        ws.decide_cluster(level, cluster, verdict)

    none = cluster is None
    size = 0 if none else int(pool.hierarchy.sizes(level)[cluster])
    name = "" if none else f" cluster {cluster} · {size:,} items ({show.percent(size, pool.hierarchy.n_items)})"
    with st.container(horizontal=True, gap="small", key="verdicts"):
        st.button(
            f"Keep{name}",
            key="keep",
            icon=":material/check:",
            shortcut="K",
            on_click=decide,
            args=("keep",),
            disabled=none,
            type="primary",
        )
        st.button(
            f"Drop{name}",
            key="drop",
            icon=":material/close:",
            shortcut="X",
            on_click=decide,
            args=("drop",),
            disabled=none,
        )
        st.button(
            "Skip",
            key="skip",
            icon=":material/skip_next:",
            shortcut="N",
            on_click=put_off,
            args=(level, cluster),
            disabled=none,
        )
        st.space("stretch")
        st.button(
            "Undo",
            key="undo",
            icon=":material/undo:",
            shortcut="U",
            on_click=ws.reviews.undo,
            disabled=not ws.reviews.version(),
        )


def put_off(level, cluster):
    state.update(skipped=state.app_state().skipped | {(level, cluster)})


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
