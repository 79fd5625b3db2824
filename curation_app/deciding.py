"""Decisions made on a page: signed by who sits there, on a cluster or on items, and taken back by one button."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import loaders, show, state
from curation_app.wording import MARKS
from curation_core.decisions import MOST_LABEL, MOST_NOTE, Decision, ItemTarget, Verdict
from curation_core.errors import CurationError
from curation_core.workspace import Workspace


def decide_cluster(ws: Workspace, level: int, cluster: int, verdict: Verdict, value: str = "") -> None:
    """Record a verdict on a cluster of the tree."""
    target = loaders.anchors(ws).target(level, cluster)
    ws.reviews.append([Decision(target, verdict, state.app_state().reviewer, value=value)])


def decide_items(ws: Workspace, rows: np.ndarray | Sequence[int], verdict: Verdict, value: str = "") -> None:
    """Record a verdict on items, by their rows in the tree."""
    ids = loaders.anchors(ws).ids.take(pa.array(rows, pa.int64())).to_pylist()
    ws.reviews.append([Decision(ItemTarget(tuple(ids)), verdict, state.app_state().reviewer, value=value)])


def undo(ws: Workspace) -> None:
    """Take back the person's last decision."""
    found = ws.reviews.undo(state.app_state().reviewer)
    state.say("There is nothing of yours to take back." if found is None else f"Undone: {MARKS[found.verdict]}.")


def redo(ws: Workspace) -> None:
    """Bring back what the person took back last."""
    found = ws.reviews.redo(state.app_state().reviewer)
    state.say("There is nothing to bring back." if found is None else f"Done again: {MARKS[found.verdict]}.")


def undo_buttons(ws: Workspace, key: str) -> None:
    """Undo and redo of the person's own decisions, wherever they were made."""
    nothing = not ws.reviews.version()
    back = "Takes back your last decision, wherever it was made."
    show.act("Undo", f"{key}-undo", "undo", undo, ws, disabled=nothing, help=back)
    show.act("Redo", f"{key}-redo", "redo", redo, ws, disabled=nothing, help="Brings back what you took back last.")


def more_verdicts(
    ws: Workspace, rows: np.ndarray, what: str, *, key: str, place: tuple[int, int] | None = None
) -> None:
    """The other verdicts: on items clear, label, note; on a cluster cap and weight as well. what: "12 items"."""
    offered: list[Verdict] = ["clear", "label", "note"]
    if place is not None:
        offered = ["cap", "weight", *offered]
    with st.popover("More", icon=":material/more_horiz:", disabled=not len(rows), key=f"{key}-more"):
        verdict = st.segmented_control("Verdict", offered, default=offered[0], key=f"{key}-verdict", required=True)
        value = "" if verdict == "clear" else _value(verdict, f"{key}-{verdict}-value")
        label = f"{verdict.capitalize()}: {what}"
        show.act(label, f"{key}-apply", "check", _apply, ws, rows, place, verdict, value, what)


_ASKED = {
    "cap": ("At most", "120, or 10 % of its items", 20),
    "weight": ("Weight", "2: twice as high as its siblings", 10),
    "label": ("Name", "what it is; nothing takes the name away", MOST_LABEL),
    "note": ("Note", "for whoever looks next", MOST_NOTE),
}


def _value(verdict: Verdict, key: str) -> str:
    label, hint, most = _ASKED[verdict]
    return str(st.text_input(label, placeholder=hint, max_chars=most, key=key) or "").strip()


def _apply(
    ws: Workspace, rows: np.ndarray, place: tuple[int, int] | None, verdict: Verdict, value: str, what: str
) -> None:
    try:
        if place is not None:
            decide_cluster(ws, *place, verdict, value)
        else:
            decide_items(ws, rows, verdict, value)
    except CurationError as error:
        state.say(str(error)[:1].upper() + str(error)[1:])
    else:
        state.say(f"{what}: {verdict} {value}".strip() + ". Undo takes it back.")
