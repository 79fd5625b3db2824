"""Review: the queue on the left, the deck beside it; suggestions, decisions, agreement and what was carried over.

All of it is one fragment. The deck itself speaks to the server by its own routes and only says when something was
decided, so that a key never waits for a rerun.
"""

from urllib.parse import quote

import streamlit as st

from curation_app import decisions_view, loaders, review_figures, show, state
from curation_app.agreement_view import agreement
from curation_app.boundary import show_error
from curation_app.components.deck import DeckData, mount
from curation_app.items import is_cluster
from curation_app.map_columns import map_points
from curation_app.pool import Pool
from curation_app.suggestions_view import suggestions
from curation_app.thumbs import thumbs_prefix
from curation_core.review import ReviewDecisions
from curation_core.review_queue import ReviewQueue
from curation_core.workspace import Workspace

DECK, SUGGESTIONS, DECISIONS, AGREEMENT, CARRY = "Deck", "Suggestions", "Decisions", "Agreement", "Carry over"
MOST_SENT, MOST_LISTED = 400, 2_000  # clusters of the queue: to the deck, in the list
MOST_NAME = 60
_WIDTHS = {
    "": st.column_config.TextColumn(width=26),
    "cluster": st.column_config.TextColumn(width=96),
    "items": st.column_config.NumberColumn(width=48, format="localized"),
}


@st.fragment
def review(ws: Workspace) -> None:
    """The whole view; an error ends in a sentence here, since a fragment has no page around it."""
    try:
        _review(ws)
    except Exception as error:
        show_error(error)


def _review(ws: Workspace) -> None:
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    state.write_link()
    show.notice()
    lost = len(loaders.reattached(ws).found) if decided.lost else 0
    view = _view(ws, pool, decided, lost)
    if view == DECK:
        _deck(ws, pool, decided)
    elif view == SUGGESTIONS:
        suggestions(ws, pool, decided, level_of(pool))
    elif view == DECISIONS:
        decisions_view.decisions(ws, pool, decided)
    elif view == AGREEMENT:
        agreement(ws, pool, decided)
    else:
        decisions_view.carry_over(ws, pool)


def _view(ws: Workspace, pool: Pool, decided: ReviewDecisions, lost: int) -> str:
    """Which part is shown; in the link as every other choice."""
    views = [DECK, SUGGESTIONS, DECISIONS, AGREEMENT, *([CARRY] if lost else [])]
    now = state.app_state().review
    shown = now[0] if now[0] in views else DECK
    counts = {
        SUGGESTIONS: len(review_figures.suggested(ws, pool, decided, level_of(pool))),
        DECISIONS: len(loaders.standing_events(ws)),
        CARRY: lost,
    }
    if state.widget("review-view") != shown:
        state.set_widget("review-view", shown)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="review-bar"):
        st.segmented_control(
            "View",
            views,
            key="review-view",
            required=True,
            label_visibility="collapsed",
            format_func=lambda one: f"{one} · {counts[one]:,}" if counts.get(one) else one,
            on_change=_seen,
        )
        st.space("stretch")
        _reviewer()
    return shown


def _reviewer() -> None:
    """Who decides.

    The field has the name in its key, and an empty field changes nothing: when the server comes back, browsers send
    what their fields held before, and nobody's name is to be lost by that.
    """
    now = state.app_state().reviewer
    key = f"reviewer-{now}"

    def signed() -> None:
        name = " ".join(str(state.widget(key)).split())
        if name:
            state.update(reviewer=name)

    st.text_input(
        "Who decides",
        now,
        key=key,
        max_chars=MOST_NAME,
        placeholder="Who decides? Your name",
        label_visibility="collapsed",
        icon=":material/person:",
        width=220,
        help="Stands beside your decisions. Undo takes back your own; two people with names of their own can be held "
        "against each other.",
        on_change=signed,
    )


def _seen() -> None:
    state.update(review=(state.widget("review-view"), *state.app_state().review[1:]))


def level_of(pool: Pool) -> int:
    """The level whose clusters are judged: the coarsest unless another was chosen."""
    chosen = state.app_state().review[1]
    return chosen if 1 <= chosen <= pool.hierarchy.n_levels else pool.hierarchy.n_levels


def _deck(ws: Workspace, pool: Pool, decided: ReviewDecisions) -> None:
    left, right = st.columns([1.05, 4], gap="small")
    with left, show.panel("queue"):
        waiting = _queue(ws, pool, decided)
    with right, show.panel("deck"):
        name = mount(
            _deck_data(ws, pool, waiting),
            key=f"deck-{pool.tree}",
            on_place=_at,
            on_reviewer=_known_as,
        )
    if name and not state.app_state().reviewer:  # a browser that was here before the server was
        state.update(reviewer=name)
        st.rerun()


def _at(level: int, cluster: int) -> None:
    state.update(review_at=(level, cluster))


def _known_as(name: str) -> None:
    if not state.app_state().reviewer:
        state.update(reviewer=name)


def _deck_data(ws: Workspace, pool: Pool, waiting: ReviewQueue) -> DeckData:
    mapped, at = loaders.mapped(ws), state.app_state().review_at
    box = map_points(ws.path, mapped.key).box if mapped else (0.0, 0.0, 1.0, 1.0)
    return DeckData(
        workspace=ws.path.name,
        pool_key=pool.tree,  # merges and splits do not start the deck anew
        level=waiting.level,
        queue=waiting.waiting[:MOST_SENT].tolist(),
        place=at if at is not None and at[0] == waiting.level and is_cluster(pool, *at) else None,
        reviewer=state.app_state().reviewer,
        version=ws.reviews.version(),
        modality=pool.catalog.modality,
        thumbs=thumbs_prefix(ws.path.name),
        density=f"/api/map/{quote(ws.path.name, safe='')}/{mapped.key}/density.png" if mapped else "",
        box=box,
        progress=(waiting.n_decided, len(waiting.order), waiting.share_decided),
    )


def _queue(ws: Workspace, pool: Pool, decided: ReviewDecisions) -> ReviewQueue:
    """Level, order and list; a click in the list takes the deck there."""
    level = _level(pool)
    waiting = review_figures.queue(ws, pool, decided, level, _order(ws, pool), state.app_state().reviewer)
    share = waiting.share_decided
    n_items = round(share * pool.hierarchy.n_items)
    told = f"{waiting.n_decided:,} of {len(waiting.order):,} · {n_items:,} items · {100 * share:.0f} %"
    st.progress(share, text=told)
    order = waiting.order[:MOST_LISTED].tolist()
    table = {
        "": [_mark(decided, level, c) for c in order],
        "cluster": [pool.name(level, c) for c in order],
        "items": pool.hierarchy.sizes(level)[order].tolist(),
    }
    key = f"queue-{pool.key}-{level}"

    def clicked() -> None:
        cells = state.widget(key)["selection"]["cells"]
        if cells and cells[0][0] < len(order):
            state.update(review_at=(level, order[cells[0][0]]))

    show.table(
        table,
        key=key,
        height="stretch",
        column_config=_WIDTHS,
        on_select=clicked,
        selection_mode="single-cell",
        alt="The queue: clusters with verdict and items, the next ones first.",
    )
    return waiting


def _level(pool: Pool) -> int:
    now = level_of(pool)
    if state.widget("review-level") != now:
        state.set_widget("review-level", now)

    def chosen() -> None:
        view, _, order = state.app_state().review
        state.update(review=(view, state.widget("review-level"), order), review_at=None)

    show.level_choice(
        pool.hierarchy.n_levels,
        "review-level",
        default=None,
        on_change=chosen,
        help="1 is the finest; finer verdicts win.",
    )
    return now


def _order(ws: Workspace, pool: Pool) -> str:
    offered = review_figures.orders(ws, pool)
    now = state.app_state().review[2]
    now = now if now in offered else offered[0]
    if state.widget("review-order") != now:
        state.set_widget("review-order", now)

    def chosen() -> None:
        view, level, _ = state.app_state().review
        state.update(review=(view, level, state.widget("review-order")), review_at=None)

    st.selectbox(
        "Order by",
        offered,
        key="review-order",
        on_change=chosen,
        label_visibility="collapsed",
        icon=":material/sort:",
        help="Effect: items times doubt (loose, duplicates, flagged, mixed labels, outliers). What would teach most: "
        "where the decisions so far disagree, or say nothing.",
    )
    return now


def _mark(decided: ReviewDecisions, level: int, cluster: int) -> str:
    one = decided.standing.get((level, cluster))
    if one is None or not one.is_decided:
        return "↷" if (level, cluster) in decided.skips else "•"
    return {1: "✓", -1: "✕"}.get(one.verdict, "▬" if one.cap else "⇅")
