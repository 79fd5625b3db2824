"""What is in hand: its name, count and share, what can be done with all of it, and its pictures."""

from typing import Literal

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import deciding, show, state
from curation_app.boundary import escaped
from curation_app.chips import selection_label
from curation_app.cluster_card import cluster_facts
from curation_app.compare_view import pin_button
from curation_app.found import item_ids
from curation_app.scene import Scene
from curation_core.decisions import Verdict
from curation_core.errors import CurationError
from curation_core.picked_items import PickedItems
from curation_core.selection import Selection

MOST_LINKED = 500  # picked items that a link carries itself; it names a list in the workspace where there are more


def title(scene: Scene) -> str:
    """What is in hand, in words."""
    if scene.selection.kind != "none":
        return selection_label(scene.selection, scene)
    return "All that match" if scene.filters else "The whole pool"


def header(scene: Scene) -> None:
    """Name, count, share, drawn and dropped."""
    rows = scene.rows if _narrowed(scene) else None
    n = scene.n if rows is None else len(rows)
    drawn = int((scene.drawn if rows is None else scene.drawn[rows]).sum())
    dropped = n - int((scene.decided.eligible if rows is None else scene.decided.eligible[rows]).sum())
    st.markdown(f"**{escaped(title(scene))}**")
    parts = [show.count(n, "item"), f"{show.percent(n, scene.n)} of the pool"]
    parts += [f"{drawn:,} drawn"] if scene.plan is not None else []
    parts += [f"{dropped:,} dropped"] if dropped else []
    st.caption(" · ".join([*parts, *cluster_facts(scene)]))


def actions(scene: Scene, picked: np.ndarray) -> None:
    """Drop, keep, undo and pin, for what is picked, else for all of it; the number is on the button."""
    rows = picked if len(picked) else scene.rows
    what = show.count(len(rows), "picked item" if len(picked) else "item")
    share = show.percent(len(rows), scene.n)
    nothing = not len(rows)

    chosen = scene.selection
    is_whole = chosen.kind == "cluster" and not len(picked) and not scene.filters

    def decide(verdict: Verdict) -> None:
        if is_whole:
            deciding.decide_cluster(scene.ws, chosen.level, chosen.cluster, verdict)
        else:
            deciding.decide_items(scene.ws, rows, verdict)
        state.say(f"{what} ({share}): {verdict}. Undo takes it back.")

    keep = f"Keep {what}, whatever was decided on a coarser cluster."
    keep += "" if is_whole else " Single items that are kept are in the draw at every size."
    with st.container(horizontal=True, gap="small", key="hand-actions"):
        label = f"Drop {what} ({share})" if not nothing else "Drop"
        show.act(label, "explore-drop", "close", decide, "drop", type="primary", disabled=nothing)
        show.act("Keep", "explore-keep", "check", decide, "keep", help=keep, disabled=nothing)
        place = (chosen.level, chosen.cluster) if is_whole else None
        deciding.more_verdicts(scene.ws, rows, what, key="explore", place=place)
        deciding.undo_buttons(scene.ws, "explore")
        if len(picked):
            show.act("Select these", "explore-these", "select_check_box", _take, scene, picked)
            show.act("More like these", "explore-like", "image_search", _like, scene, picked)
        pin_button(scene, key="explore-pin")


def _like(scene: Scene, picked: np.ndarray) -> None:
    _name_them("nearest", scene, picked)


def _take(scene: Scene, picked: np.ndarray) -> None:
    _name_them("items", scene, picked)


def _name_them(kind: Literal["items", "nearest"], scene: Scene, picked: np.ndarray) -> None:
    try:
        state.select(naming(kind, scene, picked))
    except CurationError as error:  # the disk is full, or may not be written
        state.say(str(error)[:1].upper() + str(error)[1:])


def naming(kind: Literal["items", "nearest"], scene: Scene, picked: np.ndarray) -> Selection:
    """A selection that names some rows one by one, by a list that the workspace keeps where they are many."""
    ids = item_ids(scene.ws, scene.pool).take(pa.array(picked))
    if len(ids) <= MOST_LINKED:
        return Selection(kind, items=tuple(ids.to_pylist()))
    return Selection(kind, kept=PickedItems(scene.ws.path).keep(ids))


def _narrowed(scene: Scene) -> bool:
    return scene.selection.kind != "none" or bool(scene.filters)
