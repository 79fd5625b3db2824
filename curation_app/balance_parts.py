"""The parts of Balance: each one is a module with a function view, loaded when it is looked at."""

import importlib

import streamlit as st

from curation_app import state
from curation_app.pool import Pool
from curation_core.config import SampleConfig
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

PARTS = {
    "Draw": "curation_app.draw_view",
    "Retention": "curation_app.retention_view",
    "Bias": "curation_app.bias_view",
    "Reference": "curation_app.reference_view",
    "Use": "curation_app.use_view",
    "Advisor": "curation_app.advisor_view",
}


def choose() -> str:
    """Which part is looked at; remembered while the page shows something else, such as a tree being built."""
    kept = state.widget("balance-part-kept")
    first = kept if kept in PARTS else "Draw"
    chosen = st.segmented_control(
        "Part", list(PARTS), default=first, key="balance-part", required=True, label_visibility="collapsed"
    )
    state.set_widget("balance-part-kept", chosen)
    return str(chosen or "Draw")


def show_part(name: str, ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:
    """Show a part for the draw that is chosen above it."""
    importlib.import_module(PARTS[name]).view(ws, pool, config, plan)
