"""Suggestions with their reasons: looked at, picked, accepted together; nothing is applied by itself."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from curation_app import items, loaders, review_figures, show, state
from curation_app.components.grid import Section, grid
from curation_app.pool import Pool
from curation_app.wording import MARKS
from curation_core.decisions import Decision
from curation_core.review import ReviewDecisions
from curation_core.suggestions import Suggestion
from curation_core.workspace import Workspace

MOST_SHOWN = 60  # clusters in the preview


def suggestions(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int) -> None:
    """What is suggested for the clusters of a level, and a preview of what is picked."""
    found = _largest_first(pool, level, review_figures.suggested(ws, pool, decided, level).values())
    if not found:
        show.empty(
            f"Nothing to suggest on level {level}",
            "Suggestions come from near-duplicates and quality flags (look for them on the Data page), and from the "
            "nearest items that you have decided on: judge a few clusters, some to keep and some to drop.",
            "Go to the deck",
            key="no-suggestions",
            act=partial(state.open_review, "Deck"),
            icon=":material/rule:",
        )
        return
    left, right = st.columns([2, 3], gap="small")
    with left, show.panel("suggestions"):
        chosen = _pick(pool, level, found)
        _accept(ws, pool, level, chosen)
    with right, show.panel("preview"):
        _preview(ws, pool, decided, level, chosen or found)


def _largest_first(pool: Pool, level: int, found: Iterable[Suggestion]) -> list[Suggestion]:
    sizes = pool.hierarchy.sizes(level)
    return sorted(found, key=lambda one: (-int(sizes[one.cluster]), one.cluster))


def _pick(pool: Pool, level: int, found: Sequence[Suggestion]) -> list[Suggestion]:
    columns = {
        "suggestion": [f"{MARKS[one.verdict]} {one.value}".strip() for one in found],
        "cluster": [pool.name(level, one.cluster) for one in found],
        "items": pool.hierarchy.sizes(level)[[one.cluster for one in found]].tolist(),
        "because": [one.reason for one in found],
    }
    picked = show.table(
        columns,
        key=f"suggested-{pool.key}-{level}-{len(found)}",
        height="stretch",
        on_select="rerun",
        selection_mode="multi-row",
        alt="Suggestions, the largest cluster first; pick rows to accept them.",
    )
    return [found[row] for row in picked.selection.rows if row < len(found)]


def _accept(ws: Workspace, pool: Pool, level: int, chosen: Sequence[Suggestion]) -> None:
    sizes, n = pool.hierarchy.sizes(level), pool.hierarchy.n_items
    total = int(sum(sizes[one.cluster] for one in chosen))
    counts = Counter(one.verdict for one in chosen)
    told = ", ".join(f"{verdict} {number}" for verdict, number in counts.items())
    label = f"Accept {len(chosen)}: {told} · {total:,} items ({show.percent(total, n)})" if chosen else "Accept"
    show.act(label, "accept", "done_all", _write, ws, level, chosen, disabled=not chosen, type="primary")


def _write(ws: Workspace, level: int, chosen: Sequence[Suggestion]) -> None:
    """All of it as one action, which one undo takes back."""
    anchors, batch = loaders.anchors(ws), uuid.uuid4().hex
    ws.reviews.append(
        Decision(
            anchors.target(level, one.cluster),
            one.verdict,
            state.app_state().reviewer,
            op_id=f"{batch}/{number}",
            value=one.value,
        )
        for number, one in enumerate(chosen)
    )
    state.say(f"{show.count(len(chosen), 'suggestion')} accepted. Undo takes all of them back.")


def _preview(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int, shown: Sequence[Suggestion]) -> None:
    """Four members of every cluster that is concerned: the two nearest to its centroid and the two farthest."""
    sections = []
    for one in shown[:MOST_SHOWN]:
        order = pool.by_distance(level, one.cluster)
        rows = order if len(order) <= 4 else np.r_[order[:2], order[-2:]]
        title = f"{MARKS[one.verdict]} {one.value} · {pool.name(level, one.cluster)}"
        sections.append(Section(items.cells(pool, rows.tolist(), decided), title, one.reason))
    more = f", the largest {MOST_SHOWN} of {len(shown):,}" if len(shown) > MOST_SHOWN else ""
    st.caption(f"Nearest and farthest members of {show.count(min(len(shown), MOST_SHOWN), 'cluster')}{more}.")
    grid(ws.path.name, sections, key="suggested-preview", mode="none", flow=True)
