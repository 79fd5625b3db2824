"""Where people agree and where they do not, and which finer decisions overrule coarser ones."""

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from curation_app import loaders, show, state
from curation_app.pool import Pool
from curation_app.wording import place_name
from curation_core.agreement import disagreements, judgements, overruled, pair_agreements
from curation_core.review import Place, ReviewDecisions
from curation_core.workspace import Workspace

_VERDICTS = {1: "✓ keep", -1: "✕ drop"}


def agreement(ws: Workspace, pool: Pool, decided: ReviewDecisions) -> None:
    """Double review, agreement of pairs of people, clusters judged differently, finer against coarser."""
    said = judgements(loaders.events(ws), decided)
    _share(ws)
    pairs = pair_agreements(said)
    st.subheader("Do people agree?", anchor=False)
    if pairs:
        columns: dict[str, Sequence[Any]] = {
            "people": [f"{pair.first or '–'} and {pair.second or '–'}" for pair in pairs],
            "clusters both judged": [pair.n for pair in pairs],
            "alike": [f"{100 * pair.observed:.0f} %" for pair in pairs],
            "Cohen's kappa": ["–" if math.isnan(pair.kappa) else f"{pair.kappa:.2f}" for pair in pairs],
        }
        show.table(columns, key="agreement-pairs", width="stretch")
        st.caption(
            "Kappa is agreement beyond chance: 1 is full, 0 what chance alone gives; – where chance explains all."
        )
    else:
        st.caption(
            "No cluster was judged by two people yet. Let a share be judged twice (above), and give everybody a name."
        )
    differing = [
        (one.place, ", ".join(f"{who or '–'}: {v}" for who, v in one.said.items())) for one in disagreements(said)
    ]
    _places(pool, decided, "Judged differently", "differing", differing, "The last decision counts.")
    finer = [(fine, _against(pool, decided, fine, coarse)) for fine, coarse in overruled(decided)]
    _places(pool, decided, "Finer against coarser", "overruled", finer, "The finer decision counts.")


def _against(pool: Pool, decided: ReviewDecisions, fine: Place, coarse: Place) -> str:
    own, above = (_VERDICTS[int(decided.verdicts[level - 1][cluster])] for level, cluster in (fine, coarse))
    return f"{own} inside {place_name(pool, coarse)}, which says {above}"


def _share(ws: Workspace) -> None:
    now = ws.settings.review.double_share
    key = "double-share"
    if state.widget(key) is None:
        state.set_widget(key, round(100 * now))

    def shared() -> None:
        ws.configure(review={"double_share": state.widget(key) / 100})

    st.slider(
        "Clusters that two people judge, per cent",
        0,
        100,
        key=key,
        step=5,
        width=420,
        on_change=shared,
        help="Chosen by their items, the same ones for everybody. The second person does not see what the first said.",
    )


def _places(
    pool: Pool, decided: ReviewDecisions, title: str, key: str, found: list[tuple[Place, str]], rule: str
) -> None:
    st.subheader(f"{title}: {show.count(len(found), 'cluster')}", anchor=False)
    if not found:
        st.caption("None.")
        return
    st.caption(f"{rule} Pick one to look at it again.")

    def clicked() -> None:
        rows = state.widget(f"agreement-{key}")["selection"]["rows"]
        if rows and rows[0] < len(found):
            state.open_review("Deck", found[rows[0]][0])

    columns: dict[str, Sequence[Any]] = {
        "cluster": [place_name(pool, place) for place, _ in found],
        "items": [int(decided.tree.sizes(level)[cluster]) for (level, cluster), _ in found],
        "said": [what for _, what in found],
    }
    show.table(columns, key=f"agreement-{key}", on_select=clicked, selection_mode="single-row", width="stretch")
