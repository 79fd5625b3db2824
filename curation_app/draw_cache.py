"""What draws have in common, kept between two positions of a slider: one copy per process, keyed by what made it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from curation_core.budgets import target_of_budget
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig, SampleConfig
from curation_core.hierarchy import Hierarchy
from curation_core.item_costs import ItemCosts, Unit
from curation_core.review import ReviewDecisions
from curation_core.sampling import ColumnOrder, Drawing, DrawOrder, SamplingPlan
from curation_core.sampling import drawing as core_drawing
from curation_core.workspace import Workspace


@st.cache_resource(max_entries=4, show_spinner=False)
def order(path: str, key: str, seed: int, _tree: Hierarchy) -> DrawOrder:  # noqa: ARG001 - they are the cache's key
    """The random orders of a tree, by its key and a seed."""
    return DrawOrder(_tree, seed)


@st.cache_resource(max_entries=2, show_spinner="Looking at the column")
def column_order(made_of: str, _tree: Hierarchy, _groups: np.ndarray, _seed: int) -> ColumnOrder:  # noqa: ARG001
    """The tree within each value of a column, and its orders. made_of: names tree, column and seed."""
    return ColumnOrder.of(_tree, _groups, _seed)


@st.cache_resource(max_entries=6, show_spinner=False)
def drawing(made_of: str, recipe: str, _make: Callable[[], Drawing]) -> Drawing:  # noqa: ARG001
    """A draw but for its size. made_of: names tree, decisions and columns; recipe: names all other settings."""
    return _make()


@st.cache_resource(max_entries=16, show_spinner=False)
def plan(made_of: str, recipe: str, target_size: int, _drawing: Drawing) -> SamplingPlan:  # noqa: ARG001
    """A draw of so many items."""
    return _drawing.plan(target_size)


def draw_under(
    ws: Workspace,
    config: SampleConfig,
    decided: ReviewDecisions,
    may: np.ndarray,
    orders: DrawOrder,
    along: str,
    groups: np.ndarray | None,
) -> Drawing:
    """The draws that decisions allow. along: names the tree and the column that groups are of."""
    return core_drawing(
        decided.tree,
        config,
        eligible=may,
        rules=decided.rules,
        vectors=ws.vectors() if config.strategy == "diverse" else None,
        order=orders,
        along=None if groups is None else column_order(along, decided.tree, groups, config.seed),
        retrieved=ws.retrieved() if config.reference_share else None,
    )


def gone(config: SampleConfig, columns: Sequence[str], *, has_reference: bool) -> dict[str, Any]:
    """What must be left out of a draw because it is there no more: a column that went with the last ingest."""
    found: dict[str, Any] = {}
    if config.column is not None and config.column not in columns:
        found["column"] = None
    if config.reference_share and not has_reference:
        found["reference_share"] = 0.0
    return found


def recipe_of(config: SampleConfig) -> str:
    """All settings of a draw but its size, as a text to name it by."""
    told: dict[str, Any] = {name: value for name, value in config.recipe().items() if name != "target_size"}
    return repr(sorted(told.items()))


@st.cache_resource(max_entries=4, show_spinner="Counting what items cost")
def costs(path: str, ingest: str, tree: str, unit: Unit) -> ItemCosts:  # noqa: ARG001 - keys of what it is read from
    """Tokens or bytes of every item of the tree."""
    return Workspace(path).costs(unit)


@st.cache_resource(max_entries=64, show_spinner=False)
def target_of(made_of: str, recipe: str, unit: str, budget: float, _drawing: Drawing, _costs: ItemCosts) -> int:  # noqa: ARG001
    """The largest draw that costs at most a budget."""
    return target_of_budget(_drawing, _costs, budget)


@st.cache_resource(max_entries=2, show_spinner="Making the tree without resampling for comparison")
def unresampled(path: str, key: str, _ws: Workspace) -> Hierarchy:  # noqa: ARG001 - they are the cache's key
    """The tree that the same settings make without resampling steps."""
    config = ClusterConfig(**{**_ws.plans.meta("cluster")["config"], "n_resamples": 0})
    return cluster(_ws.vectors(), config)
