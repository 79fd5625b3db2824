"""What was decided, by whom and when: take back, look, bring in; and decisions of earlier trees."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from curation_app import loaders, show, state
from curation_app.boundary import escaped
from curation_app.navigation import go
from curation_app.pool import Pool
from curation_app.wording import meant, n_items, place_name, said
from curation_core.decisions import Decision, ItemTarget, UndoTarget
from curation_core.errors import CurationError
from curation_core.reattach import Reattached
from curation_core.review import ReviewDecisions
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace

MOST_LISTED = 5_000
_STATES = {"attached": "✓ attached", "split": "÷ split", "lost": "✕ lost"}


def decisions(ws: Workspace, pool: Pool, decided: ReviewDecisions) -> None:
    """All decisions that stand, the newest first, with what can be done about them."""
    standing = loaders.standing_events(ws)[::-1]
    _summary(pool, decided, len(standing))
    if not standing:
        show.empty(
            "Nothing decided yet",
            "Every decision stands here with who made it and when, and can be taken back at any time.",
            "Go to the deck",
            key="no-decisions",
            act=partial(state.open_review, "Deck"),
            icon=":material/rule:",
        )
    else:
        _table(ws, pool, decided, standing[:MOST_LISTED])
    _other_machine(ws)


def _summary(pool: Pool, decided: ReviewDecisions, n: int) -> None:
    n_items, dropped, kept = pool.hierarchy.n_items, decided.n_dropped, int(decided.kept.sum())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{show.count(n, 'decision')}** · {show.count(dropped, 'item')} dropped "
            f"({show.percent(dropped, n_items)}) · {kept:,} kept by themselves"
        )
        if dropped:
            label = f"Look at {show.count(dropped, 'dropped item')}"
            about = "In Explore; take back any of them there."
            if st.button(label, key="see-dropped", icon=":material/visibility:", help=about):
                _filter_dropped()
                go("explore")


def _filter_dropped() -> None:
    state.select(Selection())
    state.update(filters=(Filter("one_of", "decision", values=("dropped",)),), view="")


def _table(ws: Workspace, pool: Pool, decided: ReviewDecisions, listed: Sequence[Decision]) -> None:
    key = f"decisions-{ws.reviews.version()}"
    columns: dict[str, Sequence[Any]] = {
        "decision": [said(event) for event in listed],
        "of": [meant(event, pool, decided) for event in listed],
        "items": [n_items(event.target) for event in listed],
        "by": [event.reviewer or "–" for event in listed],
        "when": [show.ago(event.time) for event in listed],
        "state": [_state(event, decided) for event in listed],
    }
    about = "Decisions that stand, newest first; pick rows to take them back."
    found = show.table(
        columns, key=key, height=420, on_select="rerun", selection_mode="multi-row", alt=about, width="stretch"
    )
    chosen = [listed[row] for row in found.selection.rows if row < len(listed)]
    total = sum(n_items(event.target) for event in chosen)
    with st.container(horizontal=True, gap="small"):
        what = f"Take back {show.count(len(chosen), 'decision')} · {total:,} items" if chosen else "Take back"
        show.act(what, "take-back", "undo", _take_back, ws, chosen, disabled=not chosen, type="primary")
        place = decided.where.get(chosen[0].op_id) if len(chosen) == 1 else None
        show.act("Look at it", "look-at", "visibility", _look, place or (0, 0), disabled=place is None)


def _state(event: Decision, decided: ReviewDecisions) -> str:
    in_force = isinstance(event.target, ItemTarget) or event.op_id in decided.where
    return "" if in_force else "not in this tree"


def _take_back(ws: Workspace, chosen: Sequence[Decision]) -> None:
    """One undo per decision; of a bulk action all of it goes."""
    reviewer = state.app_state().reviewer
    batches = dict.fromkeys(event.op_id for event in chosen)
    ws.reviews.append([Decision(UndoTarget(op_id), "undo", reviewer) for op_id in batches])
    state.say(f"{show.count(len(batches), 'decision')} taken back.")


def _look(place: tuple[int, int]) -> None:
    state.open_review("Deck", place)


def _other_machine(ws: Workspace) -> None:
    with st.expander("Take decisions to another machine, or bring some in", icon=":material/swap_horiz:"):
        lines = "".join(f"{event.as_json()}\n" for event in loaders.events(ws))
        st.download_button(
            f"Download decisions.jsonl · {show.count(len(loaders.events(ws)), 'event')}",
            lines.encode("utf-8", "replace"),
            "decisions.jsonl",
            "application/jsonl",
            on_click="ignore",
            disabled=not lines,
            icon=":material/download:",
        )
        given = st.file_uploader("decisions.jsonl of an export or of another machine", type=["jsonl"], key="bring-in")
        if given is not None and st.button("Add what is new", key="bring-in-add", icon=":material/add:"):
            try:
                n = ws.import_text(given.name, given.getvalue().decode("utf-8"))
            except (CurationError, UnicodeDecodeError) as error:
                st.error(escaped(f"Nothing was added: {error}"), icon=":material/error:")
            else:
                state.say(f"{show.count(n, 'event')} added; those that were here stay as they are.")
                st.rerun()


# ---- decisions of earlier trees


def carry_over(ws: Workspace, pool: Pool) -> None:
    """Where the decisions of earlier trees lie now; used only when a person says so."""
    found = loaders.reattached(ws)
    ready = found.count("attached") + found.count("split")
    st.markdown(
        f"**{show.count(len(found.found), 'decision')} of an earlier tree**: {found.count('attached')} on a cluster "
        f"that is the same, {found.count('split')} whose cluster was parted, {found.count('lost')} lost. "
        "Overlap is estimated from 64 items of each. Nothing of it is used until you say so."
    )
    columns = {
        "state": [_STATES[one.state] for one in found.found],
        "decision": [said(one.event) for one in found.found],
        "was": [f"{meant(one.event)} · {n_items(one.event.target):,} items" for one in found.found],
        "now": [_now(pool, one) for one in found.found],
        "overlap": [f"{100 * one.overlap:.0f} %" if one.overlap else "" for one in found.found],
        "by": [one.event.reviewer or "–" for one in found.found],
        "why not": [one.why for one in found.found],
    }
    show.table(columns, key="carry-over", height=420, width="stretch")
    n = len({event.op_id.partition(".")[2] for event in found.carried})
    label = f"Use {show.count(n, 'decision')}" if ready else "None can be used"
    show.act(label, "carry-use", "check", _use, ws, n, disabled=not n, type="primary")


def _now(pool: Pool, one: Reattached) -> str:
    names = [place_name(pool, place) for place in one.places[:3]]
    more = f", and {len(one.places) - 3} more" if len(one.places) > 3 else ""
    return ", ".join(names) + more


def _use(ws: Workspace, n: int) -> None:
    ws.use_reattached()
    state.say(f"{show.count(n, 'decision')} taken over. They stand under Decisions and can be taken back.")
