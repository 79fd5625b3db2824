"""The four panels of Review: the queue, the deck, what a drop would do, and the verdicts with their keys."""

import streamlit as st

from curation_app import items, loaders, show, state
from curation_app.boundary import escaped
from curation_app.components.grid import grid
from curation_app.loaders import Pool
from curation_app.review import Queue, effect_of_drop, queue
from curation_core.config import SampleConfig
from curation_core.review import ReviewDecisions, Verdict
from curation_core.workspace import Workspace

_WIDTHS = {
    "cluster": st.column_config.TextColumn(width=130),
    "items": st.column_config.NumberColumn(width=56),
    "": st.column_config.TextColumn(width=58),
}


def waiting_clusters(pool: Pool, decided: ReviewDecisions) -> Queue:
    """Choose the level and show its queue with progress."""
    level = show.level_choice(
        pool.hierarchy.n_levels, "review-level", persist_state="session", help="1 is the finest; finer verdicts win."
    )
    waiting = queue(pool, decided, level, state.app_state().skipped)
    total, settled = len(waiting.order), len(waiting.order) - len(waiting.pending)
    share = f"{100 * waiting.share_decided:.0f} % of items"
    st.progress(waiting.share_decided, text=f"{settled:,} of {total:,} clusters · {share}")
    marks = {1: "✓ keep", -1: "✕ drop", 0: ""}
    verdicts = [marks[int(decided.verdicts[level - 1][c])] for c in waiting.order]
    table = {
        "cluster": [pool.name(level, c) for c in waiting.order],
        "items": pool.hierarchy.sizes(level)[waiting.order].tolist(),
        "": ["• now" if c == waiting.current else mark for c, mark in zip(waiting.order, verdicts, strict=True)],
    }
    about = "The queue: clusters with items and verdict, largest first."
    show.table(table, key=f"queue-{level}", height="stretch", column_config=_WIDTHS, alt=about)
    return waiting


def deck(ws: Workspace, pool: Pool, decided: ReviewDecisions, waiting: Queue) -> None:
    """The cluster to judge: its nearest, random and farthest members."""
    level, cluster = waiting.level, waiting.current
    if cluster is None:
        st.subheader("Every cluster of this level is decided", anchor=False)
        st.markdown("Go on with a finer level, or see what the decisions do on the Balance page.")
        return
    size, n = int(pool.hierarchy.sizes(level)[cluster]), pool.hierarchy.n_items
    name = f"**Cluster {escaped(pool.name(level, cluster))}**"
    st.markdown(f"{name} · {size:,} items · {show.percent(size, n)}{_place(pool, level, cluster)}")
    grid(ws.path.name, items.bands(pool, level, cluster, decided), key="deck", mode="none")


def _place(pool: Pool, level: int, cluster: int) -> str:
    if level == pool.hierarchy.n_levels:
        return ""
    parent = int(pool.hierarchy.parents(level)[cluster])
    return f" · in {escaped(pool.name(level + 1, parent))} of level {level + 1}"


def effect(ws: Workspace, pool: Pool, decided: ReviewDecisions, waiting: Queue) -> None:
    """What dropping the cluster would do to the draw."""
    st.markdown("**What dropping does**")
    if waiting.current is not None:
        _change(ws, pool, decided, waiting.level, waiting.current)
    dropped, left = decided.n_dropped, int(decided.eligible.sum())
    st.caption(f"So far {show.count(dropped, 'item')} of {pool.hierarchy.n_items:,} dropped; {left:,} may be drawn.")
    if decided.lost:
        st.caption(f"{show.count(len(decided.lost), 'decision')} on clusters that this tree does not have.")


def _change(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int, cluster: int) -> None:
    config = ws.settings.sample or SampleConfig(target_size=max(1, round(0.15 * pool.hierarchy.n_items)))
    groups = (ws.standing,) if config.one_per_group else ()
    found = effect_of_drop(pool, decided, loaders.draw(ws, config), level, cluster, *groups)
    size = int(pool.hierarchy.sizes(level)[cluster])
    of_all = f"Of a draw of {config.target_size:,} items."
    st.metric("Available → drawn now", f"{size:,} → {found.drawn_here:,}", help=of_all)
    evenly = "Freed places go to clusters that have items left, as evenly as they can take them."
    st.metric("Drawn elsewhere instead", f"{found.moved:,}", help=evenly)
    receivers = show.count(found.receivers, "other cluster")
    st.caption(f"In {receivers} of level {level}." if found.receivers else "No other cluster receives any.")
    if found.shortfall:
        st.caption(f":material/warning: The draw would fall short by {show.count(found.shortfall, 'item')}.")


def verdicts(ws: Workspace, pool: Pool, waiting: Queue) -> None:
    """The buttons; each is bound to the cluster that was on screen when it was drawn."""
    level, cluster = waiting.level, waiting.current
    none, what = cluster is None, ""
    if cluster is not None:
        size = int(pool.hierarchy.sizes(level)[cluster])
        what = f" cluster {cluster} · {show.count(size, 'item')} ({show.percent(size, pool.hierarchy.n_items)})"

    def decide(verdict: Verdict) -> None:
        if cluster is not None:
            ws.decide_cluster(level, cluster, verdict)

    def put_off() -> None:
        if cluster is not None:
            state.update(skipped=state.app_state().skipped | {(level, cluster)})

    with st.container(horizontal=True, gap="small", key="verdicts"):
        show.act(f"Keep{what}", "keep", "check", decide, "keep", shortcut="K", disabled=none, type="primary")
        show.act(f"Drop{what}", "drop", "close", decide, "drop", shortcut="X", disabled=none)
        show.act("Skip", "skip", "skip_next", put_off, shortcut="N", disabled=none)
        st.space("stretch")
        show.act("Undo", "undo", "undo", ws.reviews.undo, shortcut="U", disabled=not ws.reviews.version())
