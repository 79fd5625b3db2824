"""Whether balancing pays at the size that is chosen: a quick look at evenness alone, beside random draws."""

import numpy as np
import streamlit as st

from curation_app import balancing, loaders
from curation_app.balancing import Groups
from curation_core.config import SampleConfig
from curation_core.metrics import balance
from curation_core.retention import Retention, advice
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

_N_SEEDS = 5
_SMALL = 0.1  # of what may be drawn: where balancing pays if it pays at all


def doubt(ws: Workspace, groups: Groups, config: SampleConfig, plan: SamplingPlan) -> str:
    """One sentence where balancing does not pay at this size, measured over the groups; "" where it does."""
    allowed = loaders.drawing(ws, config).allowed
    n = int(allowed.sum())
    if not n or not len(plan.indices):
        return ""
    shuffled = _shuffled(f"{loaders.made_of(ws, config)}:{groups.level}:{groups.key}", groups, allowed)
    pool = np.bincount(shuffled[0], minlength=groups.n_groups)
    found = measured(groups, plan, shuffled, pool)
    if found.pays()[0]:
        return ""
    size = max(1, round(_SMALL * n))
    if size != len(plan.indices):
        other = measured(groups, loaders.draw(ws, config.model_copy(update={"target_size": size})), shuffled, pool)
        found = joined(*((other, found) if size < len(plan.indices) else (found, other)))
    return advice(found, len(plan.indices), groups.title)


def measured(groups: Groups, plan: SamplingPlan, shuffled: list[np.ndarray], pool: np.ndarray) -> Retention:
    """Evenness of a draw and of as many items at random. shuffled: groups of what may be drawn, in random orders."""
    size = len(plan.indices)
    mine = balance(np.minimum(balancing.drawn(groups, plan), pool * plan.multiplier), pool=pool).entropy
    random = [balance(np.bincount(one[:size], minlength=len(pool)), pool=pool).entropy for one in shuffled]
    figures = {"entropy": np.array([mine])}, {"entropy": np.array([[one] for one in random])}
    return Retention(np.array([size]), *figures, len(shuffled[0]), 0)


def joined(first: Retention, second: Retention) -> Retention:
    """Two measurements as one, the smaller draw first."""
    return Retention(
        np.concatenate([first.sizes, second.sizes]),
        {name: np.concatenate([first.drawn[name], second.drawn[name]]) for name in first.drawn},
        {name: np.concatenate([first.random[name], second.random[name]], axis=1) for name in first.random},
        first.n_items,
        0,
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _shuffled(named: str, _groups: Groups, _allowed: np.ndarray) -> list[np.ndarray]:  # noqa: ARG001 - it is the cache's key
    codes = np.asarray(_groups.codes)[_allowed].astype(np.int32)
    return [np.random.default_rng([seed, 7]).permutation(codes) for seed in range(_N_SEEDS)]
