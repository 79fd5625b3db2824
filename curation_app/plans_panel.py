"""Draws kept by name, side by side: their figures over the chosen groups, their curves, and what to do with them."""

from typing import Any

import numpy as np
import streamlit as st

from curation_app import balance_form, chart_balance, loaders, show
from curation_app.balancing import Groups
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_app.state import say, set_widget, widget
from curation_core.config import SampleConfig
from curation_core.errors import CurationError
from curation_core.metrics import balance
from curation_core.sampling import SamplingPlan
from curation_core.saved_plans import MOST_NAME, SavedPlan
from curation_core.workspace import Workspace

_SAID = "plans-said"


def panel(ws: Workspace, pool: Pool, config: SampleConfig, groups: Groups) -> None:
    """A field that keeps the present draw, and a table and curves of those that are kept."""
    st.subheader("Plans side by side", anchor=False)
    _save_form(ws, config)
    saved = ws.saved_plans.all()
    if not saved:
        st.caption("Give the draw a name to hold it against others: other sizes, columns, or rules.")
        return
    counted = {one.name: counts for one in saved if (counts := _counts(ws, pool, one, groups)) is not None}
    show.table(plan_table(saved, counted, pool), key="plans")
    st.caption(f"Entropy, Gini, covered and largest are over the {escaped(groups.title)}.")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _actions(ws, saved)
    with right:
        if counted:
            show.chart(chart_balance.plan_curves(counted, groups.title), "plan-curves")


def plan_table(saved: list[SavedPlan], counted: dict[str, np.ndarray], pool: Pool) -> dict[str, list[Any]]:
    """One row per plan: its settings, and how even it is over the groups; of another tree only what was noted."""
    found = {name: balance(counts) for name, counts in counted.items()}
    return {
        "plan": [one.name for one in saved],
        "items": [int(one.figures.get("items", 0)) for one in saved],
        "settings": [_told(one.config) for one in saved],
        "entropy": [round(found[one.name].entropy, 3) if one.name in found else None for one in saved],
        "Gini": [round(found[one.name].gini, 3) if one.name in found else None for one in saved],
        "covered, %": [round(100 * found[one.name].coverage, 1) if one.name in found else None for one in saved],
        "largest, %": [round(100 * found[one.name].largest_share, 1) if one.name in found else None for one in saved],
        "shortfall": [int(one.figures.get("shortfall", 0)) for one in saved],
        "saved": [show.ago(one.time) + ("" if one.tree == pool.tree else ", another tree") for one in saved],
    }


def _told(config: SampleConfig) -> str:
    """What differs from the plainest draw."""
    parts: list[str] = [config.strategy]
    if config.along_column:
        share = "" if config.column_share == 1 else f" {config.column_share:.0%}"
        parts.append(f"along {config.column}{share}")
    parts += [f"{config.reference_share:.0%} from the reference"] if config.reference_share else []
    parts += [f"covers {config.cover}"] if config.cover != "none" else []
    parts += [f"each up to {config.multiplier}×"] if config.multiplier > 1 else []
    parts += ["one per group"] if config.one_per_group else []
    return ", ".join([*parts, f"seed {config.seed}"])


def _counts(ws: Workspace, pool: Pool, one: SavedPlan, groups: Groups) -> np.ndarray | None:
    """Draws per group of a plan, None where it was drawn from another tree or is gone."""
    if one.tree != loaders.key_of(ws, "cluster"):
        return None
    plan = _drawn(str(ws.path), one.key, one.name)
    if plan is None or (len(plan.indices) and plan.indices[-1] >= pool.hierarchy.n_items):
        return None
    return np.bincount(groups.codes[plan.indices], minlength=groups.n_groups)


@st.cache_resource(max_entries=16, show_spinner=False)
def _drawn(path: str, key: str, name: str) -> SamplingPlan | None:  # noqa: ARG001 - the key names the draw
    try:
        return Workspace(path).saved_draw(name)
    except CurationError:
        return None


def _save_form(ws: Workspace, config: SampleConfig) -> None:
    def save() -> None:
        set_widget(_SAID, "")
        try:
            made = ws.save_plan(str(widget("plan-name") or ""), config)
        except CurationError as error:
            set_widget(_SAID, str(error))
            return
        set_widget("plan-name", "")
        say(f"Plan {made.name} is kept")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name of the present draw", key="plan-name", max_chars=MOST_NAME, width=280)
        st.button("Save as a plan", key="plan-save", icon=":material/bookmark_add:", on_click=save)
    if said := widget(_SAID):
        st.error(escaped(str(said)), icon=":material/error:")


def _actions(ws: Workspace, saved: list[SavedPlan]) -> None:
    """Take a plan's settings up again, or forget it."""
    by_name = {one.name: one for one in saved}

    def delete() -> None:
        ws.saved_plans.delete(str(widget("plan-chosen")))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Plan", list(by_name), key="plan-chosen", width=240)
        if chosen:
            config = by_name[chosen].config
            st.button("Use its settings", key="plan-use", on_click=balance_form.use, args=(ws, config))
            st.button("Delete", key="plan-delete", icon=":material/delete:", type="tertiary", on_click=delete)
